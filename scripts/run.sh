#!/usr/bin/env bash
# Sets up what is missing, builds, and becomes the server, so that Ctrl-C and every other signal reach it.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scripts/build.sh release run
exec "$target/release/brainmessenger" "$@"
