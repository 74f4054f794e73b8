-- One statement sees the table as it was: what it inserts is not what it deletes.
with old as (
  delete from brain.recovery_codes where user_id = $1
)
insert into brain.recovery_codes (user_id, code_mac)
select $1, fresh.code_mac
from unnest($2::bytea[]) as fresh (code_mac)
