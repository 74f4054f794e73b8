-- Unless a line says by now where it is.
update storage.files f
set is_uploaded = false
where
  f.id = $1
  and f.is_uploaded
  and not exists (
    select 1
    from stored_objects o
    where o.file_id = f.id and o.role = 'content' and o.is_current
  )
