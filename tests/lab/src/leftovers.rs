//! What an earlier run left behind because its watchdogs were killed together with it.
//!
//! Each folder of the lab names its owner and the server that runs over it. Where the owner is dead, the server is
//! killed and the folder removed, before this process starts its own first server.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::LabError;
use crate::watchdog::process_exists;

/// What all folders of the lab begin with, in the temp folder.
pub const PREFIX: &str = "binnacle-lab-";

/// A killed process is gone at once, unless the machine is very busy.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Writes into `folder` that it belongs to this process.
pub(crate) fn claim(folder: &Path) -> Result<(), LabError> {
    let own = std::process::id();
    let owner = format!("{} {own} {}", pid_namespace(), started(own).unwrap_or_default());
    fs::write(folder.join("owner"), owner).map_err(LabError::io(format!("claiming {}", folder.display())))
}

/// [`clear`], once a process.
pub(crate) fn clear_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(clear);
}

/// Ends the servers whose owners are dead and removes their folders, but for the logs of failed tests. What cannot be
/// removed is left to the next run.
pub fn clear() {
    let Ok(folders) = fs::read_dir(std::env::temp_dir()) else { return };
    for folder in folders.flatten() {
        let path = folder.path();
        if folder.file_name().to_string_lossy().starts_with(PREFIX) && owner_is_dead(&path) {
            kill_server(&path);
            let remains = if path.join("keep").exists() { path.join("data") } else { path };
            drop(fs::remove_dir_all(remains));
        }
    }
}

/// A folder without an owner is just being made; of an owner in another container nothing is known.
fn owner_is_dead(folder: &Path) -> bool {
    let Ok(owner) = fs::read_to_string(folder.join("owner")) else { return false };
    let Some([namespace, pid, start]) = owner.split(' ').collect::<Vec<_>>().first_chunk().copied() else {
        return false;
    };
    namespace == pid_namespace() && pid.parse().is_ok_and(|pid| started(pid).as_deref() != Some(start))
}

/// Process ids mean something within it only.
fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid").unwrap_or_default().display().to_string()
}

/// A process id may be somebody else's by now: the lab's servers run in their folders.
fn kill_server(folder: &Path) {
    let Some(pid) = fs::read_to_string(folder.join("pid")).ok().and_then(|pid| pid.trim().parse::<u32>().ok()) else {
        return;
    };
    if fs::read_link(format!("/proc/{pid}/cwd")).ok().as_deref() != Some(folder) {
        return;
    }
    let kill = ["-c", "kill -s KILL \"$1\"", "lab-leftovers", &pid.to_string()];
    let killed = Command::new("/bin/sh").args(kill).stderr(Stdio::null()).status();
    let deadline = Instant::now() + GONE_WITHIN;
    while killed.is_ok() && process_exists(pid) && Instant::now() < deadline {
        std::thread::yield_now();
    }
}

/// When a process was started, in the kernel's own ticks: field 22 of `/proc/PID/stat`, 20 fields after the name.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(19).map(str::to_owned)
}
