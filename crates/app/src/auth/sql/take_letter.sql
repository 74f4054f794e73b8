-- Takes the letter that waits longest, for $1 seconds: after them another server may take it. With it comes how many
-- the mailbox $2 has sent on the day of $3, in seconds since 1970.
-- Whoever had a letter out and left it so has left it in doubt; one that was in doubt before stays out, for the second
-- time: it is not to be sent.
-- A code that is good no more is left out of the variables.
update brain.letters l
set tries = l.tries + 1, next_try_at = now() + $1::float8 * interval '1 second',
  is_doubtful = l.is_doubtful or l.is_out, is_out = l.is_doubtful and l.is_out
where l.id = (
  select w.id
  from brain.letters w
  where w.next_try_at <= now()
  order by w.next_try_at
  limit 1
  for update skip locked
)
returning
  l.id, l.tries, l.template, l.locale, l.recipient, l.is_doubtful, l.is_out,
  case when nullif(l.variables->>'codeEndsAt', '')::timestamptz <= now() then l.variables - 'code' else l.variables end
    as variables,
  extract(epoch from l.created_at)::float8 as written_at,
  extract(epoch from l.deadline - now())::float8 as seconds_left,
  coalesce((
    select d.letters
    from brain.mailbox_days d
    where d.mailbox = $2::text
      and d.day = (timestamp 'epoch' + $3::bigint * interval '1 second')::date
  ), 0) as sent_today
