#!/bin/sh
# Runs the Node service: `run.sh opossum [options]`. build.sh puts it beside what it fetched.
[ "$1" = opossum ] || { echo "which service? only: opossum" >&2; exit 1; }
shift
exec node "$(dirname "$(readlink -f "$0")")/service.js" "$@"
