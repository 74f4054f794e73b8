-- How many letters went out from a mailbox whose service counts them by the day.
create table brain.mailbox_days (
  mailbox text not null,
  day date not null,
  letters integer not null,
  primary key (mailbox, day)
);
comment on table brain.mailbox_days is
  'Letters sent from a mailbox in a day (UTC) by all servers, those that may have been sent among them.';
