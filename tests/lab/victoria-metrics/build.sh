#!/usr/bin/env bash
# Builds the lab's VictoriaMetrics server from its Go module and prints the path of the executable.
#
#   tests/lab/victoria-metrics/build.sh  prints PATH/victoria-metrics, building it first when the cache has none
#
# The executable and Go's own caches live under the lab's cache folder, keyed by version, so a second run costs nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=1.151.0
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
out=$cache/victoria-metrics-$version
if [ ! -x "$out/victoria-metrics" ]; then
  mkdir -p "$out" "$cache/go-build"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/victoria-metrics" ]; then
    go=$("$here/../go.sh")
    echo "lab: building VictoriaMetrics $version once (under a minute on two cores) into $out" >&2
    cd "$here"
    GOCACHE=$cache/go-build GOTOOLCHAIN=local nice -n 10 "$go" build -trimpath \
      -ldflags "-s -w -X github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version=victoria-metrics-v$version" \
      -o "$out/victoria-metrics.partial" github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics
    mv "$out/victoria-metrics.partial" "$out/victoria-metrics"
    echo "lab: VictoriaMetrics $version is built" >&2
  fi
fi
echo "$out/victoria-metrics"
