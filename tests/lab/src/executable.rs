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

/// The metrics servers that the lab can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    /// Prometheus 3.16: built from its Go module, or taken from the PATH when that is a 3.16 that finds targets in Consul.
    Prometheus,
    /// VictoriaMetrics 1.151, built from its Go module.
    VictoriaMetrics,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prometheus => "Prometheus 3.16",
            Self::VictoriaMetrics => "VictoriaMetrics 1.151",
        })
    }
}

impl Server {
    /// The path of its executable; the first call of a process may take minutes to make it.
    pub async fn executable(self) -> Result<PathBuf, LabError> {
        static PROMETHEUS: OnceCell<PathBuf> = OnceCell::const_new();
        static VICTORIA_METRICS: OnceCell<PathBuf> = OnceCell::const_new();
        let cell = match self {
            Self::Prometheus => &PROMETHEUS,
            Self::VictoriaMetrics => &VICTORIA_METRICS,
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
            Self::Prometheus => match on_the_path("prometheus", is_prometheus) {
                Some(path) => path,
                None => ask(&self, "lab/prometheus/build.sh")?,
            },
            Self::VictoriaMetrics => ask(&self, "lab/victoria-metrics/build.sh")?,
        };
        eprintln!("lab: {self} is {}", path.display());
        Ok(path)
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
            Self::Current => match on_the_path("consul", is_consul) {
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

fn on_the_path(name: &str, suits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file() && suits(candidate))
}

fn is_consul(candidate: &Path) -> bool {
    Command::new(candidate).arg("version").output().is_ok_and(|output| output.stdout.starts_with(b"Consul v1.22."))
}

/// Distributions build it without the discovery of targets in Consul; that shows only when such a configuration is read.
fn is_prometheus(candidate: &Path) -> bool {
    let version = Command::new(candidate).arg("--version").output();
    let suits = version.is_ok_and(|output| output.stdout.starts_with(b"prometheus, version 3.16."));
    suits && std::fs::read(candidate).is_ok_and(|bytes| contains(&bytes, b"discovery/consul."))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
