-- Letters of which nobody knows whether they were sent.
alter table brain.letters add column is_doubtful boolean not null default false;
comment on column brain.letters.is_doubtful is
  'A try ended so that the letter may have been sent. It is tried once more, and then no more.';
