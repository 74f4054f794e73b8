#!/usr/bin/env bash
# Watches the server's memory while 50 clients upload 1 GB each, one after another, and fails if it does not stay flat:
# see bench/README.md. SOAK_CLIENTS and SOAK_BYTES make it shorter.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
. scripts/measurement.sh
measure soak
