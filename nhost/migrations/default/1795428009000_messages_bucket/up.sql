-- Where attachments live. The largest size is the premium plan's, and fits the `integer` that Nhost Storage keeps it
-- in; smaller plans are held at upload. An operator's own settings for the bucket are left alone.

insert into storage.buckets (id, download_expiration, max_upload_file_size, presigned_urls_enabled, cache_control)
values ('messages', 3600, 2000000000, true, 'private, max-age=3600')
on conflict (id) do nothing;
