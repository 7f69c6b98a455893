//! A network namespace of its own: only loopback, on which every pod's and every cluster IP is local.
//!
//! The API server dials pod addresses for its proxies; in here they cannot leave the machine. The namespace has no
//! name: it is there as long as a process is in it, so nothing is left when the last one is gone.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::READY_WITHIN;
use crate::address::Port;
use crate::relay::{Address, Listener, Ordered};
use crate::watchdog::Watchdog;
use crate::{LabError, background, until};

/// Pods' addresses.
pub const POD_RANGE: &str = "10.244.0.0/16";
/// Services' addresses.
pub const SERVICE_RANGE: &str = "10.96.0.0/16";

/// `$1` and `$2` are the ranges, the rest is what stays inside.
const SETTLE: &str = r#"
ip link set lo up && ip route add local "$1" dev lo && ip route add local "$2" dev lo || exit
shift 2
exec "$@"
"#;

/// A proxy of the host cannot be reached from inside, and pods are not behind it.
const PROXY_VARIABLES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// The namespace, and the process in it that passes connections across its border.
#[derive(Debug)]
pub struct Namespace {
    holder: Watchdog,
    enter: Vec<String>,
    sockets: AtomicU32,
}

impl Namespace {
    /// Makes a namespace. `folder` belongs to it from now on and goes with it.
    pub async fn new(folder: TempDir) -> Result<Self, LabError> {
        let unshare: &[&str] = if is_privileged() { &["--net"] } else { &["--user", "--map-root-user", "--net"] };
        let orders = folder.path().join("orders");
        let command: Vec<String> = ["unshare"]
            .iter()
            .chain(unshare)
            .chain(&["--", "/bin/sh", "-c", SETTLE, "lab-namespace", POD_RANGE, SERVICE_RANGE])
            .map(ToString::to_string)
            .chain([own_executable()?.display().to_string(), "inside".into(), orders.display().to_string()])
            .collect();
        let mut holder = Watchdog::new("the network namespace", folder.keep(), &command)?;
        let pid = holder.start()?;
        let without_proxies = PROXY_VARIABLES.iter().flat_map(|variable| ["-u", variable]);
        let mut enter: Vec<String> = ["env"].into_iter().chain(without_proxies).map(str::to_owned).collect();
        enter.extend(["nsenter".to_owned(), format!("--net=/proc/{pid}/ns/net")]);
        if !is_privileged() {
            enter.extend([format!("--user=/proc/{pid}/ns/user"), "--preserve-credentials".into()]);
        }
        enter.push("--".into());
        let namespace = Self { holder, enter, sockets: AtomicU32::new(0) };
        until("the network namespace", READY_WITHIN, async || {
            if UnixStream::connect(&orders).is_ok() {
                return Ok(Ok(()));
            }
            if namespace.holder.is_alive() { Err("it is not settled yet") } else { Ok(Err(namespace.refused())) }
        })
        .await??;
        Ok(namespace)
    }

    /// The command line that runs `command` inside.
    pub fn enter(&self, command: impl IntoIterator<Item = String>) -> Vec<String> {
        self.enter.iter().cloned().chain(command).collect()
    }

    /// Its folder, for files that are to go with it.
    pub fn folder(&self) -> &Path {
        self.holder.folder()
    }

    /// The process that holds it.
    pub(super) fn holder(&self) -> &Watchdog {
        &self.holder
    }

    /// Whoever connects to the host's loopback `port` reaches `inside` in the namespace.
    pub async fn reach(&self, port: Port, inside: SocketAddr) -> Result<Reach, LabError> {
        let door = Address::Unix(self.new_socket());
        let ordered = Ordered::new(&self.orders(), &door, &Address::Tcp(inside))?;
        let from = Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port.number())));
        let task = HostRelay::new(from, door).await?;
        Ok(Reach { port, task, _ordered: ordered })
    }

    /// Whoever connects to `inside` in the namespace reaches `target` of the host.
    pub async fn publish(&self, inside: SocketAddr, target: Address) -> Result<Published, LabError> {
        let inside = Address::Tcp(inside);
        if let Address::Unix(_) = target {
            return Ok(Published { _task: None, _ordered: Ordered::new(&self.orders(), &inside, &target)? });
        }
        let door = Address::Unix(self.new_socket());
        let task = HostRelay::new(door.clone(), target).await?;
        Ok(Published { _task: Some(task), _ordered: Ordered::new(&self.orders(), &inside, &door)? })
    }

    /// A path for a socket that nobody else has.
    pub fn new_socket(&self) -> PathBuf {
        self.folder().join(format!("{}.sock", self.sockets.fetch_add(1, Ordering::Relaxed)))
    }

    fn orders(&self) -> PathBuf {
        self.folder().join("orders")
    }

    fn refused(&self) -> LabError {
        LabError::NoNamespace { why: self.holder.log_tail() }
    }
}

/// A port of 127.0.0.1 that leads into the namespace; it refuses when this is closed or dropped.
#[derive(Debug)]
pub struct Reach {
    port: Port,
    task: HostRelay,
    _ordered: Ordered,
}

impl Reach {
    /// The port on the host's loopback.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Closes it: connections are cut and refused when this returns. Gives the port back, still reserved.
    pub async fn close(mut self) -> Port {
        self.task.end().await;
        self.port
    }
}

/// An address inside the namespace that leads to the host, until this is dropped.
#[derive(Debug)]
pub struct Published {
    _task: Option<HostRelay>,
    _ordered: Ordered,
}

/// A relay between two addresses of the host, until this is dropped.
#[derive(Debug)]
struct HostRelay(Option<JoinHandle<()>>);

impl HostRelay {
    /// It listens when this returns.
    async fn new(from: Address, to: Address) -> Result<Self, LabError> {
        let what = format!("listening on {from}");
        let (bound, listening) = tokio::sync::oneshot::channel();
        let task = background::runtime()?.spawn(async move {
            match Listener::bind(&from).await {
                Ok(listener) => {
                    drop(bound.send(Ok(())));
                    match listener.relay(to).await {}
                }
                Err(error) => drop(bound.send(Err(error))),
            }
        });
        let bound = listening.await.unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()));
        bound.map_err(LabError::io(what))?;
        Ok(Self(Some(task)))
    }

    async fn end(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
            drop(task.await);
        }
    }
}

impl Drop for HostRelay {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Whether this process holds `CAP_NET_ADMIN` (bit 12) and `CAP_SYS_ADMIN` (bit 21), as root mostly does. Without them
/// the namespace is made within a user namespace of its own, where everybody holds them.
fn is_privileged() -> bool {
    const NEEDED: u64 = 1 << 12 | 1 << 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & NEEDED == NEEDED)
}

/// The lab's own executable, which is built with every test of this package and lies above their folder `deps`.
fn own_executable() -> Result<PathBuf, LabError> {
    let running = std::env::current_exe().map_err(LabError::io("finding the running executable"))?;
    let lab = running.ancestors().skip(1).take(2).map(|folder| folder.join("lab")).find(|path| path.is_file());
    lab.ok_or_else(|| LabError::NoExecutable {
        release: "the lab itself".into(),
        why: format!("no executable `lab` is beside or above {}", running.display()),
    })
}
