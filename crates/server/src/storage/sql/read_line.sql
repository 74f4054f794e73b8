select key, size, role = 'content', case when is_current then file_id end
from stored_objects
where key = $1
