#!/usr/bin/env bash
# Installs the system packages that this tree needs, and nothing that is there already.
#
#   scripts/install-deps.sh run     to build the app and open its window (also on a machine without a display)
#   scripts/install-deps.sh test    the same, and what the tests need
#
# On Debian and Ubuntu they come by apt, with sudo when not root. On another system what is missing is named.
set -euo pipefail

purpose=${1:-run}

run_packages=(
  build-essential pkg-config libwebkit2gtk-4.1-dev
  xvfb xauth dbus at-spi2-core fonts-dejavu-core libgl1-mesa-dri libegl1 imagemagick
)
test_packages=(webkit2gtk-driver chromium gnome-keyring dbus-bin iproute2 util-linux)

say() { echo "install-deps: $*" >&2; }

missing_tools() {
  local tool
  for tool in git cargo node npm; do
    command -v "$tool" >/dev/null || echo "$tool"
  done
}

is_installed() { [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = "install ok installed" ]; }

missing_packages() {
  local package packages=("${run_packages[@]}")
  if [ "$purpose" = test ]; then
    packages+=("${test_packages[@]}")
    # Only to build or to fetch the servers of the tests; any version will do.
    command -v go >/dev/null || packages+=(golang-go)
    command -v javac >/dev/null || packages+=(default-jdk-headless)
    command -v mvn >/dev/null || packages+=(maven)
    python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
  fi
  for package in "${packages[@]}"; do
    is_installed "$package" || echo "$package"
  done
}

# What the packages are for, on a system where they have other names.
missing_without_apt() {
  command -v pkg-config >/dev/null || echo "pkg-config"
  command -v cc >/dev/null || echo "a C compiler"
  pkg-config --exists webkit2gtk-4.1 2>/dev/null || echo "WebKitGTK 4.1 with its development files (webkit2gtk-4.1)"
  [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || command -v Xvfb >/dev/null || echo "Xvfb"
  if [ "$purpose" = test ]; then
    command -v Xvfb >/dev/null || echo "Xvfb"
    command -v WebKitWebDriver >/dev/null || echo "WebKitWebDriver"
    command -v gnome-keyring-daemon >/dev/null || echo "gnome-keyring"
    command -v dbus-send >/dev/null || echo "dbus-send"
    command -v dbus-run-session >/dev/null || echo "dbus-run-session"
    command -v chromium >/dev/null || echo "chromium"
    command -v ip >/dev/null || echo "ip (iproute2)"
    command -v nsenter >/dev/null && command -v unshare >/dev/null || echo "nsenter and unshare (util-linux)"
    command -v go >/dev/null || echo "Go"
    command -v javac >/dev/null && command -v mvn >/dev/null || echo "a JDK (17 or later) and Maven"
    python3 -m pip --version >/dev/null 2>&1 || echo "pip for Python 3"
  fi
}

tools=$(missing_tools)
if [ -n "$tools" ]; then
  say "missing: ${tools//$'\n'/, }. Install Rust (rustup.rs), Node 20 or later with npm, and git, then run this again."
  exit 1
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  missing=$(missing_without_apt | sort -u)
  [ -z "$missing" ] && exit 0
  say "this is neither Debian nor Ubuntu, so nothing is installed here. Missing:"
  sed 's/^/  /' <<<"$missing" >&2
  exit 1
fi

mapfile -t packages < <(missing_packages)
[ ${#packages[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { say "needs root or sudo to install: ${packages[*]}"; exit 1; }
  as_root=(sudo)
fi
say "installing ${packages[*]}"
"${as_root[@]}" apt-get update -q >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}" >&2
