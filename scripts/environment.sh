# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: stand at the project's root, with Rust and a good Node on the PATH.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
# shellcheck source=scripts/stamp.sh
. scripts/stamp.sh

if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
  PATH=$HOME/.cargo/bin:$PATH
fi
# npm draws its progress over what other steps say.
export npm_config_progress=false npm_config_update_notifier=false
target=${CARGO_TARGET_DIR:-target}

# Where nobody can answer for a changed dependency, the lock file decides.
locked=()
[ -z "${CI:-}" ] || locked=(--locked)

use_node() {
  local folder
  folder=$(scripts/node.sh)
  PATH=$folder:$PATH
}

# Installs the npm packages of a folder as its lock file says.
npm_packages() {
  once "$1-packages" "$1/node_modules" "$(cat "$1/package.json" "$1/package-lock.json" | sha256sum) $(node --version)" \
    npm ci --prefix "$1" --no-audit --no-fund --loglevel=error
}

# Builds the web client, which the server carries in it.
web_client() {
  npm_packages web
  once web-client web/dist/index.html "$(content_of web)" npm run --prefix web --silent build
}
