with struck as (
  delete from stored_objects
  where key = $1 and is_current
  returning file_id, role
), without_content as (
  update storage.files f
  set is_uploaded = false
  from struck s
  where f.id = s.file_id and s.role = 'content'
)
update file_details d
set has_thumbnail = false
from struck s
where d.file_id = s.file_id and s.role = 'thumbnail'
