-- How much of each table's changes the log can carry.
select
  c.oid::bigint,
  n.nspname::text,
  c.relname::text,
  case
    when c.relpersistence <> 'p' or c.relkind not in ('r', 'p') then 'nothing'
    when c.relreplident = 'f'
      or exists (
        select from pg_catalog.pg_index i
        where i.indrelid = c.oid
          and ((c.relreplident = 'd' and i.indisprimary) or (c.relreplident = 'i' and i.indisreplident))
      ) then 'everything'
    else 'inserts'
  end
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid::bigint = any ($1)
order by n.nspname, c.relname
