#!/usr/bin/env bash
# Builds the release executables and measures them. Arguments name the parts to measure; all when there are none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/install-deps.sh test
scripts/ui.sh build
cargo build --release --locked --package binnacle --package binnacle-cli
# As on a desktop: without a session bus GTK waits for one before it draws.
dbus-run-session -- cargo bench --locked --package binnacle-tests --bench bench -- "$@"
