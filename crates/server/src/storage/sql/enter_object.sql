-- What a file says of itself decides whose the object is: its id ($3) stands in the key, and its size must be the object's.
insert into stored_objects (key, file_id, size, is_current)
select $1, f.id, $2::bigint, f.id is not null
from (values (1)) object
left join storage.files f
  on f.id = $3
  and f.is_uploaded
  and f.size = $2::bigint
  and not exists (
    select 1
    from stored_objects o
    where o.file_id = f.id and o.role = 'content' and o.is_current
  )
on conflict do nothing
returning file_id is not null
