select f.id, coalesce(f.name, '')
from storage.files f
where
  f.is_uploaded
  and f.id > $1
  and not exists (
    select 1
    from stored_objects o
    where o.file_id = f.id and o.role = 'content' and o.is_current
  )
order by f.id
limit $2
