use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::process::{Door, Place, Process};
use super::{Service, kind};
use crate::{LabError, attendance};

/// Its configuration, with what is between `@` to be filled in.
const CONFIGURATION: &str = include_str!("../../services/haproxy/haproxy.cfg");

/// The port of the proxy on a pod.
const HTTP_INSIDE: u16 = 10_000;
/// The port of the statistics on a pod.
const ADMIN_INSIDE: u16 = 8404;

/// A real HAProxy in front of `inventory`, whose instances are its servers `inventory-1`, `inventory-2` ... It marks down
/// those that fail three times in a row. It is gone when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct HaProxy {
    http: Door,
    admin: Door,
    process: Process,
}

impl HaProxy {
    /// Starts it and waits until it is ready.
    pub async fn in_front_of(place: Place<'_>, inventory: &[&Service]) -> Result<Self, LabError> {
        static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
        let program =
            PROGRAM.get_or_try_init(|| kind::built("HAProxy".into(), "lab/services/haproxy/fetch.sh")).await?;
        let (http, admin) = (place.door(HTTP_INSIDE).await?, place.door(ADMIN_INSIDE).await?);
        let mut servers = String::new();
        for (number, service) in (1..).zip(inventory) {
            // Writing to a string does not fail.
            let _ = writeln!(servers, "  server inventory-{number} {}", service.address());
        }
        let configuration = CONFIGURATION
            .replace("@LISTEN@", &http.address.to_string())
            .replace("@ADMIN@", &admin.address.to_string())
            .replace("@INVENTORY@", &servers);
        let command = [&*program.to_string_lossy(), "-db", "-f", "haproxy.cfg"].map(String::from);
        let watchdog = place.program("haproxy", &command, &[("haproxy.cfg", &configuration)])?;
        let process = Process::start("haproxy", watchdog, format!("{}/health", admin.url)).await?;
        attendance::note("HAProxy");
        Ok(Self { http, admin, process })
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.http.address
    }

    /// Where its statistics are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address
    }

    /// The way to `inventory` for clients on the host.
    pub fn url(&self) -> &str {
        &self.http.url
    }

    /// The statistics for clients on the host, without a slash at the end: `/stats`, `/stats;csv`, `/metrics`.
    pub fn admin_url(&self) -> &str {
        &self.admin.url
    }

    /// What it says of itself to Prometheus, as it says it.
    pub async fn metrics(&self) -> Result<String, LabError> {
        self.process.ask(Method::GET, &format!("{}/metrics", self.admin.url)).await
    }

    /// A scrape job for the real Prometheus.
    pub fn job(&self) -> Value {
        crate::job("haproxy", [self.admin.address.to_string()])
    }
}
