#!/usr/bin/env bash
# Measures BrainMessenger beside what people would use instead: see bench/README.md. `--small` tries it out in minutes.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
. scripts/measurement.sh
measure main "$@"
