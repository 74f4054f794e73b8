-- Deletes the account $1, and tells its address, where it has one. No row: it is gone already.
with gone as (
  delete from auth.users where id = $1
  returning id, email::text as email, display_name, locale::text as locale
),
told as (
  insert into brain.letters (template, locale, recipient, variables, deadline)
  select
    'account-deleted', g.locale, g.email,
    jsonb_build_object('displayName', g.display_name, 'email', g.email, 'locale', g.locale),
    now() + interval '1 day'
  from gone g
  where g.email is not null
)
select g.id from gone g
