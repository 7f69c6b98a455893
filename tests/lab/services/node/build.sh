#!/usr/bin/env bash
# Lays out the Node service of the lab's shop and prints the path of the script that runs it.
#
#   tests/lab/services/node/build.sh     prints PATH/run.sh, fetching its modules first when the cache has none
#
# The folder is keyed by everything that goes into it, so a second run costs nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
files=(package.json package-lock.json service.js knob.js run.sh)
inputs=$(cd "$here" && sha256sum build.sh "${files[@]}" | sha256sum | cut -c 1-8)
out=$cache/services-node-$inputs
if [ ! -x "$out/run.sh" ]; then
  mkdir -p "$out"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/run.sh" ]; then
    echo "lab: fetching the modules of the Node service once into $out" >&2
    for file in "${files[@]}"; do [ "$file" = run.sh ] || cp "$here/$file" "$out"; done
    # Checked against the hashes in the lock file.
    npm ci --prefix "$out" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    cp "$here/run.sh" "$out/run.partial"
    mv "$out/run.partial" "$out/run.sh"
  fi
fi
echo "$out/run.sh"
