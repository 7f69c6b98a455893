#!/usr/bin/env bash
# The UI's steps, each skipped when its result is newer than its sources.
#
#   scripts/ui.sh install    node_modules as the lock file has them
#   scripts/ui.sh build      ui/dist, which the app embeds
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../ui"

install() {
  # npm writes this file last.
  [ node_modules/.package-lock.json -nt package-lock.json ] && [ node_modules/.package-lock.json -nt package.json ] && return
  npm ci --no-audit --no-fund
}

build() {
  install
  if [ -f dist/index.html ]; then
    local newer
    newer=$(find . -path ./node_modules -prune -o -path ./dist -prune -o -path ./tests -prune \
      -o -type f -newer dist/index.html -print -quit)
    [ -n "$newer" ] || return 0
  fi
  npm run build
  touch dist/index.html
}

case ${1:-build} in
  install) install ;;
  build) build ;;
  *) echo "ui.sh: no such step: $1" >&2; exit 2 ;;
esac
