#!/usr/bin/env bash
# Checks formatting, lints and types. Whatever it finds is an error.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scripts/packages.sh build
use_node
cargo fmt --all -- --check
for folder in web tests bench; do
  npm_packages "$folder"
  npm run --prefix "$folder" --silent lint
  npm run --prefix "$folder" --silent check
done
# The server carries the built web client: without it nothing compiles.
web_client
cargo clippy "${locked[@]}" --workspace --all-targets -- -D warnings
