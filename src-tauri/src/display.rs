//! The display that a window needs. Without one GTK would end the process with a panic; a sentence is better.

use std::env;

/// Says in words why no window can be opened here, if so.
pub(crate) fn missing() -> Option<&'static str> {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    (cfg!(target_os = "linux") && !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")).then_some(
        "error[app.no_display]: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set). \
         Start it in a desktop session, run `make run`, which brings a virtual display, or use binnaclectl in the terminal.",
    )
}
