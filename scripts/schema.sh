#!/usr/bin/env bash
# Writes database/schema.sql anew from the migrations.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scripts/packages.sh build
use_node
# The server carries the built web client: without it nothing compiles.
web_client
cargo run "${locked[@]}" --quiet --package brainmessenger -- schema >database/schema.sql.new
mv database/schema.sql.new database/schema.sql
