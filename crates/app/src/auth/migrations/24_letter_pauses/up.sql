-- When each person last got a letter of each kind: the one row that letters asked for at once meet at.
create table brain.letter_pauses (
  user_id uuid not null references auth.users (id) on update cascade on delete cascade,
  kind text not null,
  sent_at timestamptz not null default now(),
  primary key (user_id, kind)
);
comment on table brain.letter_pauses is
  'When each person last got a letter with a link of each kind. The same is not sent again within a pause.';
