#!/usr/bin/env bash
# Prints the path of a `go` that is new enough for the lab's servers.
#
# The one on the PATH is taken when it is. An older one (Debian 12 has 1.19) is good enough to get a newer: Go's
# toolchains are served as modules, verified by Go's checksum database.
set -euo pipefail
wanted=1.26.8
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
out=$cache/go-$wanted

die() { echo "lab: $*" >&2; exit 1; }

go=$(command -v go || true)
[ -n "$go" ] || [ -x "$out/bin/go" ] || die "Go is missing (on Debian and Ubuntu: the package golang-go)"
if [ -n "$go" ]; then
  version=$(GOTOOLCHAIN=local "$go" version | sed -n 's/.* go\([0-9.]*\).*/\1/p')
  if [ "$(printf '%s\n' 1.26 "$version" | sort -V | head -n 1)" = 1.26 ]; then
    echo "$go"
    exit
  fi
fi
if [ ! -x "$out/bin/go" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.go-lock"
  flock 9
  if [ ! -x "$out/bin/go" ]; then
    case $(uname -m) in
      x86_64) platform=linux-amd64 ;;
      aarch64) platform=linux-arm64 ;;
      *) die "no Go toolchain is known for $(uname -m): install Go 1.26 or later" ;;
    esac
    echo "lab: fetching Go $wanted once into $out, for $go is $version" >&2
    modules=$cache/go-$wanted.modules
    GOTOOLCHAIN=local GOMODCACHE=$modules GOFLAGS=-modcacherw \
      "$go" mod download "golang.org/toolchain@v0.0.1-go$wanted.$platform" >&2
    unpacked=$modules/golang.org/toolchain@v0.0.1-go$wanted.$platform
    # Modules carry no permissions.
    chmod +x "$unpacked"/bin/* "$unpacked"/pkg/tool/*/*
    mv "$unpacked" "$out"
    rm -rf "$modules"
  fi
fi
echo "$out/bin/go"
