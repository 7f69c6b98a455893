#!/usr/bin/env bash
# Takes a picture of the window that `make run` has opened on Xvfb: out/screenshot.png, or the path given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/display.sh
picture=${1:-out/screenshot.png}
if [ ! -f "$display_file" ]; then
  echo "No window is open on Xvfb. Start one without a display first: env -u DISPLAY -u WAYLAND_DISPLAY make run" >&2
  exit 1
fi
mkdir -p "$(dirname "$picture")"
import -window root -display "$(cat "$display_file")" "$picture"
echo "$picture"
