#!/usr/bin/env bash
# Builds the lab's Consul server from its Go module and prints the path of the executable.
#
#   tests/lab/consul/build.sh            prints PATH/consul, building it first when the cache has none
#
# The executable and Go's own caches live under the lab's cache folder, keyed by version, so a second run costs nothing.
# Consul 1.17 and later is under BUSL-1.1: it is run by the tests and never shipped.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=1.22.7
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
out=$cache/consul-$version
if [ ! -x "$out/consul" ]; then
  mkdir -p "$out" "$cache/go-build"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/consul" ]; then
    go=$("$here/../go.sh")
    echo "lab: building Consul $version once (about 8 minutes on two cores) into $out" >&2
    cd "$here"
    GOCACHE=$cache/go-build GOTOOLCHAIN=local nice -n 10 "$go" build -trimpath \
      -ldflags "-s -w -X github.com/hashicorp/consul/version.GitCommit=lab -X github.com/hashicorp/consul/version.BuildDate=2026-04-22T11:26:40Z" \
      -o "$out/consul.partial" github.com/hashicorp/consul
    mv "$out/consul.partial" "$out/consul"
    echo "lab: Consul $version is built" >&2
  fi
fi
echo "$out/consul"
