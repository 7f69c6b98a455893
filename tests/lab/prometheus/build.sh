#!/usr/bin/env bash
# Builds the lab's Prometheus server from its Go module and prints the path of the executable.
#
#   tests/lab/prometheus/build.sh        prints PATH/prometheus, building it first when the cache has none
#
# The executable and Go's own caches live under the lab's cache folder, keyed by version, so a second run costs nothing.
# Of the service discoveries only those of Consul, Kubernetes and DNS are built in: with all of them, and with the web
# pages that none of the tests looks at, it takes several times as long.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=3.16.0
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
out=$cache/prometheus-$version
if [ ! -x "$out/prometheus" ]; then
  mkdir -p "$out" "$cache/go-build"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/prometheus" ]; then
    go=$("$here/../go.sh")
    echo "lab: building Prometheus $version once (about 3 minutes on two cores) into $out" >&2
    cd "$here"
    # Without a version it calls itself nothing, and clients that look at it guess.
    GOCACHE=$cache/go-build GOTOOLCHAIN=local nice -n 10 "$go" build -trimpath \
      -tags remove_all_sd,enable_consul_sd,enable_kubernetes_sd,enable_dns_sd \
      -ldflags "-s -w -X github.com/prometheus/common/version.Version=$version -X github.com/prometheus/common/version.Revision=lab" \
      -o "$out/prometheus.partial" github.com/prometheus/prometheus/cmd/prometheus
    mv "$out/prometheus.partial" "$out/prometheus"
    echo "lab: Prometheus $version is built" >&2
  fi
fi
echo "$out/prometheus"
