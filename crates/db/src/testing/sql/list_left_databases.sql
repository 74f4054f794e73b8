select datname::text
from pg_database
where datname ~ '^(test|making|template)_[0-9]+_'
  and extract(epoch from now()) - split_part(datname, '_', 2)::bigint
    > case split_part(datname, '_', 1) when 'test' then 0 when 'making' then 3600 else 14 * 86400 end
  and not exists (select from pg_stat_activity where pg_stat_activity.datname = pg_database.datname)
