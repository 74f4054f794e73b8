# shellcheck shell=bash
# Sourced by the other scripts: does a step only when what it is made from has changed.
#
#   once NAME OUTPUT "$(content_of FILES...)" COMMAND...
#
# The hash of the inputs is kept under .tools/stamps/NAME once COMMAND has succeeded. It is not run again
# while the hash is the same and OUTPUT is there.

# One hash of the names and the content of files and folders.
content_of() {
  find "$@" -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

once() {
  local stamp=.tools/stamps/$1 output=$2 hash=$3
  shift 3
  if [ -e "$output" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then
    return
  fi
  rm -f "$stamp"
  "$@"
  mkdir -p "${stamp%/*}"
  echo "$hash" >"$stamp"
}
