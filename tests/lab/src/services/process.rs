use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method};
use tokio::sync::Mutex;

use crate::address::Port;
use crate::cluster::namespace::Reach;
use crate::cluster::{Cluster, Pod};
use crate::watchdog::{Ending, Watchdog};
use crate::{LabError, metrics_server, until};

/// The slowest is ready after some five seconds; the rest is for a machine which is busy with something else.
const READY_WITHIN: Duration = Duration::from_secs(240);

/// Where a service is to listen.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// On this machine's loopback.
    Host,
    /// On a pod's address, inside the cluster's network namespace.
    Pod(&'a Cluster, &'a Pod),
}

/// One address of a service.
#[derive(Debug)]
pub(super) struct Door {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// `http://HOST:PORT` for clients of the host.
    pub(super) url: String,
    /// Only held.
    _port: Option<Port>,
    _reach: Option<Reach>,
}

impl Place<'_> {
    /// An address for one of the service's ports; `inside` is its number on a pod.
    pub(super) async fn door(self, inside: u16) -> Result<Door, LabError> {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        match self {
            Self::Host => {
                let port = Port::reserve()?;
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
                Ok(Door { address, url: url(port.number()), _port: Some(port), _reach: None })
            }
            Self::Pod(cluster, pod) => {
                let address = SocketAddr::new(pod.address, inside);
                // What goes through the API server reaches it too.
                cluster.forward(pod, inside).await?;
                let reach = cluster.reach(address).await?;
                Ok(Door { address, url: url(reach.port()), _port: None, _reach: Some(reach) })
            }
        }
    }

    /// A program in a folder of its own with these files, not yet started.
    pub(super) fn program(self, name: &str, command: &[String], files: &[(&str, &str)]) -> Result<Watchdog, LabError> {
        match self {
            Self::Pod(cluster, _) => cluster.program(name, command, files),
            Self::Host => {
                let folder = metrics_server::folder(name)?;
                for (file, text) in files {
                    let path = folder.path().join(file);
                    std::fs::write(&path, text).map_err(LabError::io(format!("writing {}", path.display())))?;
                }
                Watchdog::new(name, folder.keep(), command)
            }
        }
    }
}

/// One running program, and a way to ask it.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    watchdog: Mutex<Watchdog>,
    log: PathBuf,
    /// The URL that answers 200 when it is ready.
    readiness: String,
    http: Client,
}

impl Process {
    /// Starts it and waits until it is ready.
    pub(super) async fn start(name: &str, watchdog: Watchdog, readiness: String) -> Result<Self, LabError> {
        crate::install_tls_provider();
        // A connection belongs to the test that made it; a service may be of several.
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).pool_max_idle_per_host(0).build();
        let http = http.map_err(|source| LabError::Request { what: readiness.clone(), source })?;
        let process = Self { name: name.into(), log: watchdog.log(), watchdog: Mutex::new(watchdog), readiness, http };
        process.restart().await?;
        Ok(process)
    }

    pub(super) async fn restart(&self) -> Result<(), LabError> {
        self.watchdog.lock().await.start()?;
        until(&format!("{} to be ready", self.name), READY_WITHIN, async || {
            let watchdog = self.watchdog.lock().await;
            if !watchdog.is_alive() {
                let tail = watchdog.log_tail();
                return Ok(Err(LabError::EndedEarly { name: self.name.clone(), log: self.log.clone(), tail }));
            }
            drop(watchdog);
            self.ask(Method::GET, &self.readiness).await.map(|_| Ok(()))
        })
        .await?
    }

    pub(super) async fn end(&self, ending: Ending) -> Result<(), LabError> {
        self.watchdog.lock().await.end(ending).await
    }

    pub(super) async fn pid(&self) -> Option<u32> {
        self.watchdog.lock().await.pid()
    }

    pub(super) fn log(&self) -> &PathBuf {
        &self.log
    }

    /// The body of a good answer.
    pub(super) async fn ask(&self, method: Method, url: &str) -> Result<String, LabError> {
        let what = format!("{method} {url}");
        let failed = |source| LabError::Request { what: what.clone(), source };
        let answer = self.request(method, url).await.map_err(failed)?;
        let status = answer.status();
        let body = answer.text().await.map_err(failed)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(LabError::Refused { what, status: status.as_u16(), body: body.chars().take(500).collect() })
    }

    /// The answer, whatever it is.
    pub(super) async fn request(&self, method: Method, url: &str) -> reqwest::Result<reqwest::Response> {
        self.http.request(method, url).send().await
    }
}
