//! Which tests met which servers: the last lines of `make test` tell it.
//!
//! Where `BINNACLE_LAB_ATTENDANCE` names a file, each meeting is a line `SERVER VERSION<TAB>TEST`.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;

const VARIABLE: &str = "BINNACLE_LAB_ATTENDANCE";

/// Notes that the test of this thread meets a server. A file that cannot be written is said once by whoever reads it.
pub(crate) fn note(server: impl Display) {
    let Some(file) = std::env::var_os(VARIABLE) else { return };
    let thread = std::thread::current();
    let line = format!("{server}\t{}\n", thread.name().unwrap_or("unnamed"));
    if let Ok(mut file) = OpenOptions::new().append(true).create(true).open(file) {
        // One write, so that tests side by side do not mix their lines.
        drop(file.write_all(line.as_bytes()));
    }
}
