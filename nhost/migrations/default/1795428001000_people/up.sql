-- Other people, as anybody who is signed in may see them. A person's own row is `auth.users`, which only
-- that person reads; messages and members relate to this view, so that nothing else of an account can leak.
--
-- Anonymous visitors and disabled accounts are not people: nobody finds them or opens a chat with them. What such
-- an account has written stays, under its id; it then relates to nobody here, as after its deletion.
--
-- Nhost Auth makes the e-mail address the display name of who gives none. An address is not for
-- others to read, so of a name that looks like one only the part before the @ is shown.
create view public.people as
select
  u.id,
  case
    when u.display_name ~ '^[^\s@]+@[^\s@]+$' then split_part(u.display_name, '@', 1)
    else u.display_name
  end as display_name,
  u.avatar_url
from auth.users u
where not u.disabled and not u.is_anonymous;

comment on view public.people is 'Other people: who may be found, written to and shown beside a message';
