#!/usr/bin/env bash
# Feeds what Binnacle reads with any bytes, each target for FUZZ_SECONDS (60). Arguments name the targets; all when there are
# none. What breaks one is left in out/fuzz/TARGET/; cut small, it belongs into fuzz/corpus/TARGET/ together with the mend.
#
# The compiler's stable options are all that coverage needs, so there is no other toolchain and no cargo-fuzz. There is no unsafe
# code to look at with a sanitizer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# Naming the target keeps build scripts and macros without coverage.
RUSTFLAGS=$(tr '\n' ' ' <<<"$coverage") CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/fuzz \
  cargo build --locked --release --manifest-path fuzz/Cargo.toml --target "$host"
[ $# -gt 0 ] || set -- metrics events dialect
for target in "$@"; do
  echo "--- $target"
  found=out/fuzz/$target
  mkdir -p "$found"
  # New inputs go into the first folder; the kept ones are only read.
  "${CARGO_TARGET_DIR:-target}/fuzz/$host/release/$target" "$found" "fuzz/corpus/$target" -artifact_prefix="$found/" \
    -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
