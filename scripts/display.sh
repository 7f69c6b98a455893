# A display for a machine without one. To be sourced.
#
#   display_file     the file that says which display the app runs on, for `make screenshot`
#   start_display    starts Xvfb if there is no display, sets DISPLAY; it ends with this script

display_file=${XDG_RUNTIME_DIR:-/tmp}/binnacle-display-$(id -u)

start_display() {
  if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    return
  fi
  coproc XVFB { exec Xvfb -displayfd 1 -screen 0 "${SCREEN:-1280x800}x24" -nolisten tcp 2>/dev/null; }
  xvfb_pid=$XVFB_PID
  trap 'kill "$xvfb_pid" 2>/dev/null; rm -f "$display_file"' EXIT
  local number
  # Xvfb takes a free number and writes it once it listens.
  if ! read -r -t 30 number <&"${XVFB[0]}"; then
    echo "Xvfb does not start" >&2
    return 1
  fi
  export DISPLAY=:$number
  echo "$DISPLAY" > "$display_file"
  echo "No display here: the window opens on Xvfb's display $DISPLAY. \`make screenshot\` takes a picture of it, Ctrl-C ends it." >&2
}
