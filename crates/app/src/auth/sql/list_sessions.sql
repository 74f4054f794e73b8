select
  t.id, t.type as kind,
  to_char(t.created_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') as created_at,
  to_char(t.expires_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') as expires_at,
  concat_ws(', ', t.metadata->>'name', nullif(t.metadata->>'userAgent', ''), t.metadata->>'network') as device
from auth.refresh_tokens t
where t.user_id = $1 and t.expires_at > now()
order by t.created_at desc
limit 1000
