# Becomes a server, after putting a watchdog beside it that stops the server when for a while nobody has held
# a lock on a file.
# Usage: run_until_idle LOCK-FILE SECONDS SOCKET-FOLDER PROGRAM ARGUMENTS…
lock=$1 limit=$2 folder=$3
shift 3
# Twice in the background: the server must not become the watchdog's parent.
( (
  idle=0
  while sleep 1; kill -0 $$ 2>/dev/null && [ "$idle" -lt "$limit" ]; do
    if flock --nonblock --exclusive "$lock" true; then idle=$((idle + 1)); else idle=0; fi
  done
  # Whoever comes while it stops waits for the lock, and then starts a new one.
  flock --exclusive "$lock" sh -c '
    kill -INT "$1" 2>/dev/null
    for second in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || break; sleep 1; done
    kill -QUIT "$1" 2>/dev/null
    rmdir "$2" 2>/dev/null' stop $$ "$folder"
) & )
exec "$@"
