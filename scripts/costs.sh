#!/usr/bin/env bash
# Writes database/COSTS.md anew: what the messenger's main steps cost a database of its own, started for this alone.
# BRAIN_PG_BIN names the folder of PostgreSQL's programs, where they are not on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${BRAIN_PG_BIN:-$(pg_config --bindir)}
folder=$(mktemp -d)
# PostgreSQL refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as=(runuser -u postgres --)
fi
stop() {
  (cd / && "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1) || true
  rm -rf "$folder"
}
trap stop EXIT

(
  cd /
  "${as[@]}" "$bin/initdb" -D "$folder/data" -U postgres -A trust --no-sync >/dev/null
  "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start \
    -o "-k $folder -c listen_addresses= -c fsync=off -c shared_buffers=512MB -c autovacuum=off" >/dev/null
)
run=("$bin/psql" -h "$folder" -U postgres -qX -v ON_ERROR_STOP=1)
"${run[@]}" -c 'create database search' postgres
for database in postgres search; do
  for file in crates/db/platform/*/up.sql database/schema.sql; do
    "${run[@]}" -1 -f "$file" $database 2>/dev/null
  done
done
{
  echo '# What the main steps cost'
  echo
  echo 'Made by `scripts/costs.sh`; do not edit. A person with 10,000 chats of 20 people, a channel of 100,000, and 110,000'
  echo "messages, warm, on $("${run[@]}" -At -c 'show server_version' postgres | cut -d' ' -f1). Triggers run within the statement: their time is in it, their"
  echo 'rows are not listed one by one. A message writes the same whether two or 100,000 read it. Times depend on the machine, and'
  echo 'on what else it does; pages and rows do not.'
  echo
  "${run[@]}" -f scripts/costs.sql postgres
  "${run[@]}" -f scripts/search_costs.sql search
} >database/COSTS.md.new
mv database/COSTS.md.new database/COSTS.md
