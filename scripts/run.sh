#!/usr/bin/env bash
# Builds what is not built yet and opens the window. Arguments go to the app.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
scripts/install-deps.sh run
scripts/ui.sh build
cargo build --release --locked --package binnacle
# shellcheck source=scripts/display.sh
source scripts/display.sh
start_display
cargo run --quiet --release --locked --package binnacle -- "$@"
