#!/usr/bin/env bash
# Builds the Go services of the lab's shop and prints the path of the executable.
#
#   tests/lab/services/go/build.sh       prints PATH/shop, building it first when the cache has none
#
# One executable for all of them: most of what each needs is needed by all. The folder is keyed by everything that goes
# into the build, so a second run costs nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
inputs=$(cd "$here" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-8)
out=$cache/services-go-$inputs
if [ ! -x "$out/shop" ]; then
  mkdir -p "$out" "$cache/go-build"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/shop" ]; then
    go=$("$here/../../go.sh")
    echo "lab: building the Go services once (about a minute and a half on two cores) into $out" >&2
    cd "$here"
    GOCACHE=$cache/go-build GOTOOLCHAIN=local CGO_ENABLED=0 nice -n 10 "$go" build -trimpath -ldflags "-s -w" \
      -o "$out/shop.partial" .
    mv "$out/shop.partial" "$out/shop"
    echo "lab: the Go services are built" >&2
  fi
fi
echo "$out/shop"
