-- E-mail addresses compare without regard to case.
create extension if not exists citext with schema public;
-- Projects written for Nhost call its functions.
create extension if not exists pgcrypto with schema public;
