#!/usr/bin/env bash
# Fetches the old Consul (1.8.7, the package of Debian 11) and prints the path of the executable.
#
#   tests/lab/consul-old/fetch.sh
#
# The package comes through apt and is verified by Debian's own signatures, from a mirror that this machine's apt uses
# already. Nothing is installed: apt works in a private folder, and only the executable is kept, in the lab's cache.
set -euo pipefail
version=1.8.7
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
out=$cache/consul-$version

die() { echo "lab: Consul $version: $*" >&2; exit 1; }

# The mirrors in the machine's sources, as apt itself has read them. Security updates are beside the packages, not with
# them, so these mirrors come last.
mirrors() {
  apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 2>/dev/null |
    awk '$2 == "main" { print (($1 ~ /security/) ? 1 : 0), $1 }' | sort -u | cut -d' ' -f2
}

# Some releases of Ubuntu have the same version in their own archive.
fetch_from_own_sources() {
  local package
  package=$(apt-cache madison consul 2>/dev/null | awk -v v="$version" 'index($3, v) == 1 { print $3; exit }')
  [ -n "$package" ] || return 1
  (cd "$work" && apt-get -o APT::Sandbox::User= download "consul=$package" >&2) || return 1
  dpkg -x "$work"/consul_*.deb "$work/unpacked"
}

fetch_from() { # mirror
  local mirror=$1 apt=$work/apt keyring
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$keyring" ] || die "the keyring $keyring is missing (package debian-archive-keyring)"
  rm -rf "$apt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=$keyring] $mirror bullseye main" > "$apt/sources.list"
  : > "$apt/status"
  local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "Dir::State::status=$apt/status"
    -o APT::Sandbox::User= -o Acquire::Languages=none -o Debug::NoLocking=1)
  apt-get "${options[@]}" update >&2 || return 1
  (cd "$work" && apt-get "${options[@]}" download consul >&2) || return 1
  local packages=("$work"/consul_*.deb)
  [ -f "${packages[0]}" ] || return 1
  dpkg -x "${packages[0]}" "$work/unpacked"
}

if [ ! -x "$out/consul" ]; then
  mkdir -p "$out"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/consul" ]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || die "needs apt-get and dpkg (Debian or Ubuntu)"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "lab: fetching Consul $version once into $out" >&2
    if ! fetch_from_own_sources; then
      for mirror in $(mirrors); do
        fetch_from "$mirror" && break
      done
    fi
    if [ -x "$work/unpacked/usr/bin/consul" ]; then
      cp "$work/unpacked/usr/bin/consul" "$out/consul.partial"
      mv "$out/consul.partial" "$out/consul"
    fi
    [ -x "$out/consul" ] || die "none of this machine's apt mirrors has Debian 11's package"
    case $("$out/consul" version) in
      "Consul v$version"* | "Consul $version"*) ;;
      *) rm -f "$out/consul"; die "the package holds another version" ;;
    esac
  fi
fi
echo "$out/consul"
