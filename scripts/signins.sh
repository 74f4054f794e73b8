#!/usr/bin/env bash
# Prints what 2,000 sign-ins cost those who read meanwhile: rates and percentiles of this machine, and their ratio.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
exec cargo test --release -p app --test main auth::load -- --ignored --nocapture
