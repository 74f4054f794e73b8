-- Holds after any mixture of inserts, duplicates and edits that gives no numbers of its own. Returns rows only where broken.
select 'numbers' as broken, c.id::text as chat from chats c join (
  select chat_id, count(*) n, max(seq) last_seq, count(distinct seq) seqs, max(change) last_change, count(distinct change) changes from messages group by chat_id
) m on m.chat_id = c.id
where m.last_seq <> m.n or m.seqs <> m.n or m.changes <> m.n or c.last_seq <> m.last_seq or c.last_change <> m.last_change
union all
select 'members', c.id::text from chats c where c.member_count <> (select count(*) from chat_members m where m.chat_id = c.id and m.left_at is null)
union all
select 'time against place', chat_id::text from (select chat_id, created_at < lag(created_at) over (partition by chat_id order by seq) as b from messages) x where b
union all
select 'read beyond the end', m.chat_id::text from chat_members m join chats c on c.id = m.chat_id where m.last_read_seq > c.last_seq
union all
select 'own message unread', m.chat_id::text from chat_members m
  join (select chat_id, sender_id, max(seq) as seq from messages group by 1, 2) s on s.chat_id = m.chat_id and s.sender_id = m.user_id
where m.last_read_seq < s.seq
union all
select 'members', c.id::text from chats c
where c.member_count <> (select count(*) from chat_members m where m.chat_id = c.id and m.left_at is null)
union all
select 'mentions', m.chat_id::text from chat_members m
where m.left_at is null and m.unread_mentions <> (
  select count(*) from message_mentions x where x.user_id = m.user_id and x.chat_id = m.chat_id and x.seq > m.last_read_seq)
union all
select 'reactions', m.chat_id::text from messages m
where coalesce((select sum(value::int) from jsonb_each_text(m.reaction_counts)), 0)
  <> (select count(*) from message_reactions r where r.message_id = m.id);
