#!/usr/bin/env bash
# Builds the web client and the server: `build.sh release` or `build.sh dev`.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

profile=${1:-release}
scripts/packages.sh "${2:-build}"
use_node
web_client
cargo build "${locked[@]}" --package brainmessenger --profile "$profile"
