#!/usr/bin/env bash
# Fuzzes each target for some minutes: `make fuzz`, or `FUZZ_SECONDS=3600 make fuzz`. What it finds is in fuzz/artifacts.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

seconds=${FUZZ_SECONDS:-180}
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked --version 0.13.2
# Coverage counters are a compiler's inner affair; the program is without unsafe, so no sanitizer is needed.
export RUSTC_BOOTSTRAP=1
cd fuzz
for target in document grammar; do
  mkdir -p "corpus/$target"
  echo "== Fuzzing: $target, $seconds s"
  cargo fuzz run --fuzz-dir . --sanitizer none "$target" "corpus/$target" "seeds/$target" -- \
    -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=4096 -dict=words.dict -print_final_stats=1
done
