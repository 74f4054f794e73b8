-- What the engine needs to know of a database, as one JSON document.
with namespaces as (
  select oid, nspname
  from pg_catalog.pg_namespace
  where nspname not in ('pg_catalog', 'information_schema') and nspname not like 'pg\_%'
),
relations as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relreplident, c.relpersistence
  from pg_catalog.pg_class c
  join namespaces n on n.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'm', 'f', 'p')
    -- what an extension brings along is its own business
    and not exists (
      select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
),
-- a view stands for the tables below it, through views over views
view_sources as (
  with recursive below as (
    select r.oid as view, d.refobjid as source
    from relations r
    join pg_catalog.pg_rewrite w on w.ev_class = r.oid
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> r.oid
    where r.relkind in ('v', 'm')
    union
    select b.view, d.refobjid
    from below b
    join pg_catalog.pg_class c on c.oid = b.source and c.relkind in ('v', 'm')
    join pg_catalog.pg_rewrite w on w.ev_class = c.oid
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> c.oid
  )
  select b.view, array_agg(distinct b.source::bigint) as sources
  from below b
  join pg_catalog.pg_class c on c.oid = b.source and c.relkind in ('r', 'p', 'f')
  group by b.view
),
columns as (
  select a.attrelid, json_agg(json_build_object(
      'number', a.attnum,
      'name', a.attname,
      'type', a.atttypid::bigint,
      'not_null', a.attnotnull,
      'has_default', a.atthasdef or a.attidentity <> '',
      'generated', a.attgenerated <> '' or a.attidentity = 'a',
      'comment', pg_catalog.col_description(a.attrelid, a.attnum)
    ) order by a.attnum) as list
  from pg_catalog.pg_attribute a
  join relations r on r.oid = a.attrelid
  where a.attnum > 0 and not a.attisdropped
  group by a.attrelid
),
keys as (
  select k.conrelid, json_agg(json_build_object(
      'name', k.conname,
      'kind', k.contype,
      'columns', k.conkey,
      'target', nullif(k.confrelid, 0)::bigint,
      'target_columns', k.confkey
    ) order by k.conname) as list
  from pg_catalog.pg_constraint k
  join relations r on r.oid = k.conrelid
  where k.contype in ('p', 'u', 'f')
  group by k.conrelid
),
identities as (
  select i.indrelid, array_agg(key.number) as columns
  from relations r
  join pg_catalog.pg_index i on i.indrelid = r.oid
  cross join unnest(i.indkey::smallint[]) as key(number)
  where (r.relreplident = 'd' and i.indisprimary) or (r.relreplident = 'i' and i.indisreplident)
  group by i.indrelid
)
select json_build_object(
  'tables', (select coalesce(json_agg(json_build_object(
      'oid', r.oid::bigint,
      'schema', r.nspname,
      'name', r.relname,
      'kind', r.relkind,
      'logged', r.relpersistence = 'p',
      'identity_full', r.relreplident = 'f',
      'identity', coalesce(i.columns, '{}'),
      'columns', coalesce(c.list, '[]'),
      'keys', coalesce(k.list, '[]'),
      'sources', coalesce(v.sources, '{}'),
      'insertable', pg_catalog.pg_relation_is_updatable(r.oid, true) & 8 = 8,
      'updatable', pg_catalog.pg_relation_is_updatable(r.oid, true) & 4 = 4,
      'deletable', pg_catalog.pg_relation_is_updatable(r.oid, true) & 16 = 16,
      'comment', pg_catalog.obj_description(r.oid, 'pg_class')
    ) order by r.oid), '[]')
    from relations r
    left join columns c on c.attrelid = r.oid
    left join keys k on k.conrelid = r.oid
    left join identities i on i.indrelid = r.oid
    left join view_sources v on v.view = r.oid),
  'types', (select coalesce(json_agg(json_build_object(
      'oid', t.oid::bigint,
      'schema', n.nspname,
      'name', t.typname,
      'kind', t.typtype,
      'category', t.typcategory,
      'base', nullif(t.typbasetype, 0)::bigint,
      'element', case when t.typcategory = 'A' then nullif(t.typelem, 0)::bigint end,
      'labels', (select array_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid)
    )), '[]')
    from pg_catalog.pg_type t
    join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where n.nspname not in ('information_schema', 'pg_toast') and t.typtype in ('b', 'd', 'e', 'r', 'm', 'c')),
  'functions', (select coalesce(json_agg(json_build_object(
      'schema', n.nspname,
      'name', p.proname,
      'argument_types', coalesce(p.proallargtypes, p.proargtypes::oid[])::bigint[],
      'argument_names', p.proargnames,
      'argument_modes', p.proargmodes,
      'defaults', p.pronargdefaults,
      'returns', p.prorettype::bigint,
      'returns_table', nullif(rt.typrelid, 0)::bigint,
      'returns_set', p.proretset,
      'volatility', p.provolatile,
      'comment', pg_catalog.obj_description(p.oid, 'pg_proc')
    ) order by p.oid), '[]')
    from pg_catalog.pg_proc p
    join namespaces n on n.oid = p.pronamespace
    join pg_catalog.pg_type rt on rt.oid = p.prorettype
    where p.prokind = 'f' and rt.typname <> 'trigger' and rt.typname <> 'event_trigger'
      and not exists (
        select from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      ))
)::text
