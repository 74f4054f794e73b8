#!/bin/sh
# Prints a Python that has moto, the store with rights that tests of setting up S3 run against. It comes from the Python
# package index into .tools, once for each list of packages.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
list=$root/crates/server/tests/storage/requirements.txt

fail() {
  echo "moto.sh: $1" >&2
  exit 1
}

command -v python3 >/dev/null || fail "python3 is missing: install the packages python3 and python3-venv"
# Under the list's own name: several runs may look for it at once, and none may meet another's half.
wanted=$( { cat "$list"; python3 --version; } | sha256sum | cut -c 1-16)
folder=$root/.tools/moto/$wanted
if [ ! -x "$folder/bin/python" ] || [ ! -e "$folder/complete" ]; then
  mkdir -p "$root/.tools/moto"
  exec 9>"$root/.tools/moto/lock"
  flock 9
  if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder"
    python3 -m venv "$folder" >&2 || fail "python3 cannot make a folder for packages: install the package python3-venv"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
      --require-hashes --requirement "$list" >&2 || fail "moto could not be fetched from the Python package index"
    touch "$folder/complete"
  fi
fi
echo "$folder/bin/python"
