#!/usr/bin/env bash
# Formats the sources of the server of the web client and of its tests.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scripts/packages.sh build
use_node
cargo fmt --all
for folder in web tests bench; do
  npm_packages "$folder"
  npm run --prefix "$folder" --silent format
done
