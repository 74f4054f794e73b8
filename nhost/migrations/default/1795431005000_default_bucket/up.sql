-- Presigned addresses are good for an hour, as in the bucket of messages. Nhost's own default is half a minute; what an
-- operator has set is left alone.

update storage.buckets set download_expiration = 3600 where id = 'default' and download_expiration = 30;
