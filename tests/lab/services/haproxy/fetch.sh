#!/usr/bin/env bash
# Finds HAProxy 2.4 or later with its exporter for Prometheus, or fetches the one of this machine's distribution, and prints
# the path of the executable.
#
#   tests/lab/services/haproxy/fetch.sh
#
# The packages come through apt and are verified by its signatures. Nothing is installed, for an installed HAProxy starts
# with the machine: the executable and the libraries that are not there are kept in the lab's cache.
set -euo pipefail
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
out=$cache/haproxy

die() { echo "lab: HAProxy: $*" >&2; exit 1; }
suits() { # executable
  local about
  about=$("$1" -vv 2>/dev/null) && grep -qE '^HAProxy version (2\.([4-9]|[1-9][0-9])|[3-9])' <<<"$about" && grep -q prometheus <<<"$about"
}
# The first library that it does not find.
missing() { LD_LIBRARY_PATH=$out/lib ldd "$out/haproxy.bin" | awk '/not found/ && !said++ { print $1 }'; }

if installed=$(PATH=$PATH:/usr/sbin command -v haproxy) && suits "$installed"; then
  echo "$installed"
  exit
fi
if [ ! -x "$out/haproxy" ]; then
  mkdir -p "$out"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/haproxy" ]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || die "needs apt-get and dpkg (Debian or Ubuntu), or HAProxy 2.4 on the PATH"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "lab: fetching HAProxy once into $out" >&2
    options=(-o APT::Sandbox::User=)
    if ! apt-cache show haproxy >/dev/null 2>&1; then
      # This machine's lists were never fetched, or thrown away: own ones, for which nobody must be root.
      mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
      options+=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache")
      apt-get "${options[@]}" update -q >&2 || die "the lists of this machine's apt sources could not be fetched"
    fi
    # The libraries that it needs, and those need, that this machine lacks.
    needed=$(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
      haproxy | grep -E '^lib[a-z0-9.+-]+$' | sort -u)
    packages=(haproxy)
    for package in $needed; do
      [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || packages+=("$package")
    done
    (cd "$work" && apt-get "${options[@]}" download "${packages[@]}" >&2) || die "none of this machine's apt sources has it"
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/unpacked"; done
    mkdir -p "$out/lib"
    cp "$work/unpacked/usr/sbin/haproxy" "$out/haproxy.bin"
    # Of what came along, only what is missing; one library may need another.
    while library=$(missing) && [ -n "$library" ]; do
      found=$(find "$work/unpacked" -name "$library" -print -quit)
      [ -n "$found" ] || die "no package has $library"
      cp -L "$found" "$out/lib/$library"
    done
    {
      echo '#!/bin/sh'
      echo "LD_LIBRARY_PATH='$out/lib' exec '$out/haproxy.bin' \"\$@\""
    } >"$out/haproxy.partial"
    chmod +x "$out/haproxy.partial"
    suits "$out/haproxy.partial" || die "the package is older than 2.4, or without the exporter for Prometheus"
    mv "$out/haproxy.partial" "$out/haproxy"
  fi
fi
echo "$out/haproxy"
