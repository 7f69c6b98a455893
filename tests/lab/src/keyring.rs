//! A keyring of its own: a session bus, and gnome-keyring as its Secret Service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::watchdog::{Ending, Watchdog};
use crate::{LabError, until};

/// How long a process may take until it is on the bus.
const PATIENCE: Duration = Duration::from_secs(20);
const SERVICE: &str = "org.freedesktop.secrets";

/// See the module. Everything ends and is removed when it is dropped.
#[derive(Debug)]
pub struct Keyring {
    service: Watchdog,
    _bus: Watchdog,
    address: String,
    home: TempDir,
}

impl Keyring {
    /// Starts one that is unlocked.
    pub async fn unlocked() -> Result<Self, LabError> {
        let home = TempDir::new().map_err(LabError::io("a home for a keyring"))?;
        let (bus, address) = bus(home.path()).await?;
        let service = service(home.path(), &address, true).await?;
        Ok(Self { service, _bus: bus, address, home })
    }

    /// The same keyring as it is before somebody has unlocked it.
    pub async fn lock(&mut self) -> Result<(), LabError> {
        self.service.end(Ending::Asked).await?;
        self.service = service(self.home.path(), &self.address, false).await?;
        Ok(())
    }

    /// For `DBUS_SESSION_BUS_ADDRESS`.
    pub fn bus_address(&self) -> &str {
        &self.address
    }

    /// The folder in which the keyring is kept.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

fn folder() -> Result<PathBuf, LabError> {
    Ok(TempDir::new().map_err(LabError::io("a folder"))?.keep())
}

async fn bus(home: &Path) -> Result<(Watchdog, String), LabError> {
    let address = format!("unix:path={}/bus", home.display());
    let command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", &format!("--address={address}")];
    let mut bus = Watchdog::new("dbus-daemon", folder()?, &command.map(str::to_owned))?;
    bus.start()?;
    let socket = home.join("bus");
    until("the bus", PATIENCE, async || if socket.exists() { Ok(()) } else { Err(bus.log_tail()) }).await?;
    Ok((bus, address))
}

/// Starts gnome-keyring on the bus. What unlocks it comes by its standard input.
async fn service(home: &Path, address: &str, unlock: bool) -> Result<Watchdog, LabError> {
    let word = home.join("word");
    fs::write(&word, "lab").map_err(LabError::io("the word that unlocks the keyring"))?;
    let unlock = if unlock { format!("--unlock <'{}'", word.display()) } else { String::new() };
    let start = format!("exec gnome-keyring-daemon --foreground --components=secrets {unlock}");
    let home = home.display();
    let command = [
        "/usr/bin/env",
        &format!("HOME={home}"),
        &format!("XDG_DATA_HOME={home}/data"),
        &format!("XDG_CACHE_HOME={home}/cache"),
        &format!("XDG_RUNTIME_DIR={home}"),
        &format!("DBUS_SESSION_BUS_ADDRESS={address}"),
        "/bin/sh",
        "-c",
        &start,
    ];
    let mut service = Watchdog::new("gnome-keyring", folder()?, &command.map(str::to_owned))?;
    service.start()?;
    let is_there = async || if has_owner(address) { Ok(()) } else { Err(service.log_tail()) };
    until("gnome-keyring to be on the bus", PATIENCE, is_there).await?;
    Ok(service)
}

fn has_owner(address: &str) -> bool {
    let asked = Command::new("dbus-send")
        .args([&format!("--bus={address}"), "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"])
        .args(["org.freedesktop.DBus.NameHasOwner", &format!("string:{SERVICE}")])
        .stderr(Stdio::null())
        .output();
    asked.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).contains("boolean true"))
}
