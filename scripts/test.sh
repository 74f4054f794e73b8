#!/usr/bin/env bash
# Runs all tests: of the crates, of the web client, and end to end with real browsers. It installs what they
# need. The last line is `N passed, N failed`; it fails if anything did.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

passed=0
failed=0
logs=$target/test-logs

# The sum of the counts in a log of cargo, vitest or node that follow (or precede) the word `$2`.
count() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk -v word="$2" -v node="$3" '
    /^test result: / || /^ *Tests  / {
      for (i = 2; i <= NF; i++) if ($i ~ "^" word "[;,]?$") sum += $(i - 1)
    }
    /^(#|ℹ) (pass|fail|cancelled) [0-9]+$/ { if (index(node, $2)) sum += $3 }
    END { print sum + 0 }'
}

# Runs the tests of one kind for at most some seconds, and adds up what they say of themselves.
suite() { # name, seconds, command
  local name=$1 seconds=$2 log=$logs/$1.log foreground=() status=0 good bad
  shift 2
  # In the foreground Ctrl-C reaches the tests; otherwise a time-out reaches all that they started.
  [ -z "${CI:-}" ] && foreground=(--foreground)
  echo "== Tests: $name"
  timeout "${foreground[@]}" --kill-after=20 "$seconds" "$@" 2>&1 | tee "$log" || status=$?
  good=$(count "$log" passed pass)
  bad=$(count "$log" failed 'fail cancelled')
  if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
    echo "The $name tests ended with status $status."
    bad=1
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

scripts/packages.sh test
use_node
mkdir -p "$logs"
web_client
npm_packages tests
scripts/moto.sh >/dev/null

# With the tests and in one go, so that nothing is compiled twice for them.
cargo build "${locked[@]}" --workspace --bins --tests
export BRAIN_BIN=$PWD/target/debug/brainmessenger
[ "$target" = target ] || BRAIN_BIN=$target/debug/brainmessenger

suite crates 900 cargo test "${locked[@]}" --workspace --no-fail-fast
suite web 180 npm run --prefix web --silent test
suite end-to-end 720 npm run --prefix tests --silent test

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
