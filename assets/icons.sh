#!/usr/bin/env bash
# Draws the icons from icon.svg (rsvg-convert is in librsvg2-bin); run it after a change of the drawing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
for size in 32 128; do rsvg-convert -w "$size" -h "$size" icon.svg -o "icons/${size}x${size}.png"; done
rsvg-convert -w 512 -h 512 icon.svg -o icons/icon.png
