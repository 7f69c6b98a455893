#!/usr/bin/env bash
# What must hold for the tree as a whole. Says each rule that is broken and where; ends with 1 when one is.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
broken=0

rule() { # name, what was found
  if [ -n "$2" ]; then
    broken=1
    printf 'hygiene: %s\n%s\n' "$1" "$(sed 's/^/    /' <<<"$2" | head -n 20)" >&2
  else
    echo "hygiene: $1: fine"
  fi
}

# Everything that is or would be committed, and exists.
mapfile -t -d '' files < <(git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ -f "$file" ] && printf '%s\0' "$file"
done)
search() { grep -nIE "$1" "${@:2}" 2>/dev/null; }

rule "no path of one machine" "$(search '(^|[^A-Za-z0-9_.>})-])/(root|work)/' "${files[@]}")"

rule "lock files name no host but the public registry's" "$(
  search '"resolved":' ui/package-lock.json tests/lab/services/node/package-lock.json
  # One registry for all, and no repository in its stead.
  sources=$(grep -h '^source = ' Cargo.lock fuzz/Cargo.lock | sort -u)
  [ "$(wc -l <<<"$sources")" -eq 1 ] && grep -q '^source = "registry+' <<<"$sources" || echo "$sources"
)"

rule "no file points a package manager elsewhere" "$(
  mapfile -t settings < <(printf '%s\n' "${files[@]}" | grep -E '(^|/)(\.npmrc|\.yarnrc.*|pip\.conf)$')
  [ ${#settings[@]} -eq 0 ] || search 'registry *=|index-url|proxy *=|_auth' /dev/null "${settings[@]}"
  [ ! -f .cargo/config.toml ] || search '^\[(source|registries|registry)' .cargo/config.toml
)"

# TLS is rustls with ring; OpenSSL's bindings come with native-tls.
tree=$(cargo tree --locked --workspace --edges normal,build,dev --prefix none --format '{p}') || tree="cargo tree failed"
rule "no other TLS than rustls with ring" "$(
  grep -E '^(aws-lc-rs|aws-lc-sys|native-tls|openssl|openssl-sys|cargo tree failed)( |$)' <<<"$tree" | sort -u
)"

rule "every licence is one to build on" "$(
  metadata=$(cargo metadata --locked --format-version 1 2>&1) && node scripts/licences.mjs <<<"$metadata" || echo "cannot be told: $metadata"
)"

# The demo owns the tasks of its fleet, tests own theirs.
mapfile -t product < <(printf '%s\n' "${files[@]}" | grep -E '^(crates|src-tauri)/.*\.rs$' |
  grep -vE '^crates/(engine|demo)/|/tests/')
rule "only the engine spawns" "$(
  search '(tokio::(task::)?spawn|spawn_blocking|spawn_local|thread::(spawn|Builder)|async_runtime::spawn)' "${product[@]}"
)"

rule "no snapshot waits for a look" "$(printf '%s\n' "${files[@]}" | grep -E '\.(snap\.new|orig|rej)$')"

# See ui/src/collation.ts.
rule "no collator is made for a comparison" "$(search 'localeCompare' $(printf '%s\n' "${files[@]}" | grep -E '^ui/src/.*\.(ts|svelte)$' |
  grep -vE '\.test\.ts$|/collation\.ts$'))"

rule "no test is switched off" "$(search '#\[ignore|\b(it|test|describe)\.(skip|only|todo)\b' \
  $(printf '%s\n' "${files[@]}" | grep -E '\.(rs|ts|js)$'))"

exit "$broken"
