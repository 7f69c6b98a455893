//! Finds the executables of the lab's servers, or has them built and fetched once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;

use crate::LabError;

/// The Consul releases that the lab can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Release {
    /// 1.22: built from its Go module, or taken from the PATH when that is a 1.22.
    Current,
    /// 1.8: an old server (2020) without the streaming backend, from Debian 11's package.
    Old,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "Consul 1.22",
            Self::Old => "Consul 1.8",
        })
    }
}

impl Release {
    /// The path of this release's executable; the first call of a process may take minutes to make it.
    pub async fn executable(self) -> Result<PathBuf, LabError> {
        static CURRENT: OnceCell<PathBuf> = OnceCell::const_new();
        static OLD: OnceCell<PathBuf> = OnceCell::const_new();
        let cell = match self {
            Self::Current => &CURRENT,
            Self::Old => &OLD,
        };
        cell.get_or_try_init(async || {
            let found = tokio::task::spawn_blocking(move || self.find()).await;
            found.map_err(|panic| LabError::NoExecutable { release: self.to_string(), why: panic.to_string() })?
        })
        .await
        .cloned()
    }

    fn find(self) -> Result<PathBuf, LabError> {
        let path = match self {
            Self::Current => match on_the_path() {
                Some(path) => path,
                None => ask(&self, "lab/consul/build.sh")?,
            },
            Self::Old => ask(&self, "lab/consul-old/fetch.sh")?,
        };
        eprintln!("lab: {self} is {}", path.display());
        Ok(path)
    }
}

/// The scripts print the executable's path on their last line, and their progress on standard error.
pub(crate) fn ask(what: &impl fmt::Display, script: &str) -> Result<PathBuf, LabError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let output = Command::new(&script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(LabError::io(format!("running {}", script.display())))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.lines().last() {
        Some(path) if output.status.success() && Path::new(path).is_file() => Ok(PathBuf::from(path)),
        _ => Err(LabError::NoExecutable {
            release: what.to_string(),
            why: format!("{} ended with {} and said {said:?}", script.display(), output.status),
        }),
    }
}

fn on_the_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("consul")).find(|candidate| {
        candidate.is_file()
            && Command::new(candidate)
                .arg("version")
                .output()
                .is_ok_and(|output| output.stdout.starts_with(b"Consul v1.22."))
    })
}
