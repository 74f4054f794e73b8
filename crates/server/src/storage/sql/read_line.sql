select key, size, is_current and coalesce(expected_until < now(), true)
from stored_objects
where key = $1
