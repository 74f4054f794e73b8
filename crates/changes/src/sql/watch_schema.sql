-- Tells of changes of the schema in the log itself. Temporary things and publications are nobody's business.
create schema if not exists brain;

create or replace function brain.tell_of_schema_change() returns event_trigger language plpgsql as $$
begin
  if tg_event = 'sql_drop' then
    if not exists (select from pg_catalog.pg_event_trigger_dropped_objects() where not is_temporary) then
      return;
    end if;
  elsif not exists (
    select from pg_catalog.pg_event_trigger_ddl_commands()
    where schema_name is distinct from 'pg_temp' and object_type not like 'publication%'
  ) then
    return;
  end if;
  perform pg_catalog.pg_logical_emit_message(true, 'brainmessenger_schema', '');
end
$$;

create event trigger brainmessenger_schema_change on ddl_command_end
  execute function brain.tell_of_schema_change();

create event trigger brainmessenger_schema_drop on sql_drop
  execute function brain.tell_of_schema_change();
