#!/usr/bin/env bash
# Makes sure that the system packages are there which a purpose needs: `packages.sh build`, `run`, `test` or `bench`.
# It installs what is missing where it may (as root, or with a sudo that asks nothing), and says in one line
# what to install where it may not. With nothing missing it is done at once.
set -euo pipefail

purpose=${1:?purpose: build, run, test or bench}
least_postgres=14
missing=()

need() { # package, and a command that shows whether it is there
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

has() {
  command -v "$1"
}

has_postgres() {
  local folder version
  for folder in "${BRAIN_PG_BIN:-}" "$(dirname "$(command -v postgres || echo /)")" /usr/lib/postgresql/*/bin; do
    if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ]; then
      version=$("$folder/postgres" --version | grep -oE '[0-9]+' | head -n 1)
      [ "$version" -lt "$least_postgres" ] || return 0
    fi
  done
  return 1
}

has_browser() {
  has chromium || has chromium-browser || has google-chrome
}

find_missing() {
  missing=()
  need build-essential has cc
  need ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
  need nodejs has node
  need npm has npm
  case $purpose in
    run) [ -n "${DATABASE_URL:-}" ] || need postgresql has_postgres ;;
    test)
      need postgresql has_postgres
      need chromium has_browser
      need python3-venv python3 -c 'import ensurepip, venv'
      ;;
    bench)
      need postgresql has_postgres
      need wrk has wrk
      ;;
  esac
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
  has apt-get && { [ "$(id -u)" = 0 ] || { has sudo && sudo -n true; }; }
}

# The package makes a database cluster of its own and starts it, which nobody here needs.
keep_postgres_from_starting() {
  local folder=/etc/postgresql-common/createcluster.d
  as_root mkdir -p "$folder"
  echo 'create_main_cluster = false' | as_root tee "$folder/brainmessenger.conf" >/dev/null
}

install_packages() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0) log
  echo "Installing system packages: $*"
  case " $* " in *' postgresql '*) keep_postgres_from_starting ;; esac
  # A source that cannot be reached matters only if a package is then not found.
  as_root "${apt[@]}" update >/dev/null 2>&1 || true
  if ! log=$(as_root "${apt[@]}" install --yes --no-install-recommends "$@" </dev/null 2>&1); then
    echo "$log" >&2
  fi
}

if ! has cargo >/dev/null; then
  echo "Rust is missing: install it from https://rustup.rs, then run this again." >&2
  exit 1
fi
find_missing
if [ ${#missing[@]} -gt 0 ] && may_install >/dev/null 2>&1; then
  install_packages "${missing[@]}"
  find_missing
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "Missing on this machine: ${missing[*]}. Install it first, for example with" \
    "'sudo apt-get install --no-install-recommends ${missing[*]}' (PostgreSQL $least_postgres or newer)." >&2
  exit 1
fi
