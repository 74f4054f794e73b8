-- Forgets what mailboxes sent more than 30 days before $1, in seconds since 1970.
delete from brain.mailbox_days
where day < (timestamp 'epoch' + $1::bigint * interval '1 second')::date - 30
