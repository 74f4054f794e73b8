#!/usr/bin/env bash
# Kills the server while people put files, with files in a folder and in a bucket: `make chaos`, or `BRAIN_KILLS=1000
# make chaos` for another number of kills each.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scripts/packages.sh test
use_node
web_client
BRAIN_KILLS=${BRAIN_KILLS:-200} cargo test "${locked[@]}" -p brainmessenger --test workspace binary::kills -- --nocapture
