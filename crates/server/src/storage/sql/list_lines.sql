-- In the order that stores list their objects in.
select key, size, is_current and coalesce(expected_until < now(), true)
from stored_objects
where key collate "C" > $1
order by key collate "C"
limit $2
