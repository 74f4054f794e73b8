-- Counts a letter from the mailbox $1 on the day of $2, in seconds since 1970.
insert into brain.mailbox_days as d (mailbox, day, letters)
values ($1::text, (timestamp 'epoch' + $2::bigint * interval '1 second')::date, 1)
on conflict (mailbox, day) do update
set letters = d.letters + 1
