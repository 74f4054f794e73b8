-- Codes that ended long ago, when nothing is counted from them any more, and guesses at codes that are gone.
with old as (
  delete from brain.codes
  where expires_at < now() - interval '1 hour' and window_started_at < now() - interval '1 hour'
)
delete from brain.code_tries t
where not exists (select from brain.codes c where c.id = t.code_id)
