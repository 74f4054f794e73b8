#!/bin/sh
# Makes database/schema.sql: the header, then each migration in the order of its folder's name, after a line that names it.
set -eu
# Folders' names begin with numbers of one length: the order of bytes is theirs, in every locale.
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
{
  cat database/header.sql
  for folder in nhost/migrations/default/*/; do
    printf '\n-- migration: %s\n\n' "$(basename "$folder")"
    cat "${folder}up.sql"
  done
} > database/schema.sql.new
mv database/schema.sql.new database/schema.sql
