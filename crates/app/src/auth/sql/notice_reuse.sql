-- What is known of a refresh token ($1, its hash) that is good no more. Two requests of one program may meet within
-- $2 seconds, which is no theft; else, where $3 says so, the session ends, for its thief and its owner alike, if it had
-- not ended before (`is_over`).
with reused as (
  select
    s.refresh_token_id as id, coalesce(t.user_id, s.user_id) as user_id, t.id is null as is_over,
    s.spent_at > now() - $2::float8 * interval '1 second' as is_race
  from brain.spent_refresh_tokens s
  left join auth.refresh_tokens t on t.id = s.refresh_token_id
  where s.refresh_token_hash = $1::text
),
ended as (
  delete from auth.refresh_tokens t
  using reused r
  where t.id = r.id and $3::boolean and not r.is_race
  returning t.id
)
select r.id, r.user_id, r.is_over, r.is_race, exists (select from ended) as ended
from reused r
