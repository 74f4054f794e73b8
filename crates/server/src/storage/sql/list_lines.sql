-- In the order that stores list their objects in.
select key, size, role = 'content', case when is_current then file_id end
from stored_objects
where key collate "C" > $1
order by key collate "C"
limit $2
