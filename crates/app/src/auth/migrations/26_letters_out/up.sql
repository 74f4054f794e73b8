-- Letters that a server handed over, and of whose answer nothing is written: it may have stopped while it waited.
alter table brain.letters add column is_out boolean not null default false;
comment on column brain.letters.is_out is
  'The letter is being handed over. Whoever finds it so after its lease cannot know whether it was sent.';
