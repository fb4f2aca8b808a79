#!/bin/sh
# engine.sh TARGET: builds the development engine as TARGET, unless a real Meilisearch is given by MEILISEARCH_BIN or
# stands on PATH. Build products stay outside the tree, so that a fresh checkout builds in seconds.
set -eu
target=$1
cd "$(dirname "$0")/.."

given=${MEILISEARCH_BIN:-$(command -v meilisearch || true)}
if [ -n "$given" ]; then
  [ -x "$given" ] || { echo "engine: MEILISEARCH_BIN=$given is not an executable file" >&2; exit 1; }
  echo "engine: using $("$given" --version) at $given"
  exit 0
fi

sh hack/prerequisites.sh cargo cc
CARGO_TARGET_DIR=${MIROIR_CARGO_TARGET_DIR:-${MIROIR_CACHE:-$HOME/.cache/miroir}/cargo-target}
export CARGO_TARGET_DIR
cargo build --release --locked --quiet --manifest-path engine/Cargo.toml
built=$CARGO_TARGET_DIR/release/miroir-engine
if ! cmp -s "$built" "$target"; then
  mkdir -p "$(dirname "$target")"
  cp "$built" "$target.new"
  mv -f "$target.new" "$target"
fi
