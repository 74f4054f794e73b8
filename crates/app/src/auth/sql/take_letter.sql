-- Takes the letter that waits longest, for $1 seconds: after them another server may take it.
update brain.letters l
set tries = l.tries + 1, next_try_at = now() + $1::float8 * interval '1 second'
where l.id = (
  select w.id
  from brain.letters w
  where w.next_try_at <= now()
  order by w.next_try_at
  limit 1
  for update skip locked
)
returning
  l.id, l.tries, l.template, l.locale, l.recipient, l.variables, l.is_doubtful,
  extract(epoch from l.created_at)::float8 as written_at
