#!/usr/bin/env bash
# Runs the tests in stages and ends with one line `N passed, N failed`.
#
#   scripts/test.sh all      everything
#   scripts/test.sh quick    no servers, no window
#
# A check without tests of its own (formatting, lints, a build) counts as one. A stage that should have run tests and
# ran none counts as failed. The output of each stage is kept in out/test/.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
which=${1:-all}
logs=out/test
rm -rf "$logs"
mkdir -p "$logs"
export BINNACLE_LAB_ATTENDANCE=$PWD/$logs/attendance

passed=0
failed=0
failures=()
started=$SECONDS

count() { # stage, passed, failed
  passed=$((passed + $2))
  failed=$((failed + $3))
  [ "$3" -eq 0 ] || failures+=("$1")
  printf -- '--- %s: %d passed, %d failed (%d s in all)\n\n' "$1" "$2" "$3" "$((SECONDS - started))"
}

begin() { printf -- '--- %s\n' "$1"; }

# A stage that is one check: its exit status is its result.
check() { # stage, command...
  local stage=$1
  shift
  begin "$stage"
  if "$@" 2>&1 | tee "$logs/$stage.log"; then count "$stage" 1 0; else count "$stage" 0 1; fi
}

# A stage of cargo tests: the sum of all `test result` lines. A build that fails, and a test binary that dies without
# such a line, count as one failure.
cargo_tests() { # stage, command...
  local stage=$1 status sums ok bad
  shift
  begin "$stage"
  "$@" 2>&1 | tee "$logs/$stage.log"
  status=${PIPESTATUS[0]}
  sums=$(awk '/^test result: / { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) ok += $i; if ($(i+1) ~ /^failed/) bad += $i } }
    END { print ok + 0, bad + 0 }' "$logs/$stage.log")
  read -r ok bad <<<"$sums"
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  none_is_a_failure "$stage" "$ok" "$bad"
}

# The UI's tests, counted from vitest's own report.
ui_tests() { # stage, npm script
  local stage=$1 report=$PWD/$logs/$1.json status sums ok bad
  begin "$stage"
  npm --prefix ui run "$2" -- --reporter=default --reporter=json --outputFile.json="$report" 2>&1 | tee "$logs/$stage.log"
  status=${PIPESTATUS[0]}
  sums=$(node -e '
    const report = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    console.log(report.numPassedTests, report.numTotalTests - report.numPassedTests);
  ' "$report" 2>/dev/null) || sums="0 0"
  read -r ok bad <<<"$sums"
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  none_is_a_failure "$stage" "$ok" "$bad"
}

none_is_a_failure() { # stage, passed, failed
  if [ "$2" -eq 0 ] && [ "$3" -eq 0 ]; then
    echo "$1 ran no test" >&2
    count "$1" 0 1
  else
    count "$1" "$2" "$3"
  fi
}

# All test targets of the workspace but those which need servers or a window, as cargo's options.
targets_without_servers() {
  cargo metadata --locked --no-deps --format-version 1 | node -e '
    const { packages } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const apart = new Set(["scenarios", "desktop"]);
    const names = packages.flatMap((p) => p.targets).filter((t) => t.kind.includes("test")).map((t) => t.name);
    console.log(["--lib", "--bins", ...names.filter((n) => !apart.has(n)).flatMap((n) => ["--test", n])].join("\n"));
  '
}

doc_tests() {
  begin documentation
  local stage=documentation ok bad status
  cargo test --locked --workspace --doc 2>&1 | tee "$logs/$stage.log"
  status=${PIPESTATUS[0]}
  ok=$(grep -cE '^test .* \.\.\. ok$' "$logs/$stage.log")
  bad=$(grep -cE '^test .* \.\.\. FAILED$' "$logs/$stage.log")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  count "$stage" "$ok" "$bad"
}

# Built beside everything else, for this takes minutes on a machine that has never done it. In a process group of its
# own, so that ending this script ends it too.
start_servers() {
  setsid bash -c 'tests/lab/consul/build.sh && tests/lab/consul-old/fetch.sh && tests/lab/victoria-metrics/build.sh &&
    tests/lab/prometheus/build.sh && tests/lab/services/node/build.sh && tests/lab/services/envoy/fetch.sh &&
    tests/lab/services/haproxy/fetch.sh && tests/lab/services/go/build.sh && tests/lab/services/java/build.sh && tests/lab/kubernetes/build.sh' >"$logs/servers.log" 2>&1 &
  servers_pid=$!
  trap 'kill -- "-$servers_pid" 2>/dev/null' EXIT
}

await_servers() {
  begin servers
  while kill -0 "$servers_pid" 2>/dev/null; do
    timeout 30 tail --pid="$servers_pid" -f /dev/null ||
      echo "still building the servers of the lab: $(tail -n 1 "$logs/servers.log")"
  done
  if wait "$servers_pid"; then count servers 1 0; else cat "$logs/servers.log"; count servers 0 1; fi
}

# How many scenarios met which real servers.
tell_attendance() {
  [ -s "$BINNACLE_LAB_ATTENDANCE" ] || return 0
  echo "scenarios, by the real servers that they ran against:"
  sort -u "$BINNACLE_LAB_ATTENDANCE" | cut -f 1 | uniq -c | awk '{ n = $1; sub(/^ *[0-9]+ /, ""); printf "  %4d  %s\n", n, $0 }'
}

# What the failed tests of a stage said, once more at the end, where it is found.
tell_failures() { # stage
  awk '/^failures:$/ { told = 1 } /^test result: / { told = 0 } told' "$logs/$1.log" | head -n 300
}

finish() {
  local stage
  tell_attendance
  if [ ${#failures[@]} -gt 0 ]; then
    for stage in "${failures[@]}"; do tell_failures "$stage"; done
    echo "failed: ${failures[*]} (output in $logs/)"
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

if [ "$which" = all ]; then
  check packages scripts/install-deps.sh test
  [ "$failed" -eq 0 ] || finish
  start_servers
fi

check format cargo fmt --all --check
check hygiene scripts/hygiene.sh
check ui-build scripts/ui.sh build
check ui-types npm --prefix ui run check
if [ "$which" = all ]; then ui_tests ui test; else ui_tests ui test:unit; fi
check clippy cargo clippy --locked --workspace --all-targets -- -D warnings
mapfile -t targets < <(targets_without_servers)
cargo_tests rust cargo test --locked --workspace --no-fail-fast "${targets[@]}"

if [ "$which" = all ]; then
  doc_tests
  # The same builds as the scenarios and the desktop tests ask for, here where their progress is seen.
  check build-terminal cargo build --locked --package binnacle-cli
  check build-app cargo build --locked --package binnacle
  await_servers
  cargo_tests scenarios cargo test --locked --workspace --test scenarios -- --skip kube_storm::
  cargo_tests storm cargo test --locked --workspace --test scenarios -- kube_storm::
  cargo_tests desktop dbus-run-session -- cargo test --locked --workspace --test desktop
fi
finish
