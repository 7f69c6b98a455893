use std::net::SocketAddr;
use std::path::PathBuf;

use super::kind::Language;
use super::process::{Door, Place, Process};
use super::{Service, service};
use crate::cluster::workload;
use crate::watchdog::Ending;
use crate::{ConsulClient, LabError, attendance};

/// What it is called in the shop.
const NAME: &str = "turbine";

/// A real Turbine, which adds up the Hystrix streams of several processes by clusters, and does not say which is which. It is gone
/// when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct Turbine {
    http: Door,
    process: Process,
}

impl Turbine {
    /// Starts it and waits until it is ready. Each cluster has a name and the services of it; nobody is read before somebody
    /// reads the cluster.
    pub async fn adding_up(place: Place<'_>, clusters: &[(&str, &[&Service])]) -> Result<Self, LabError> {
        let program = Language::Java.program("Turbine".into()).await?;
        let http = place.door(workload::PORT).await?;
        let mut command = vec![
            program.display().to_string(),
            "turbine".into(),
            format!("--name={NAME}"),
            format!("--listen={}", http.address),
        ];
        for (cluster, services) in clusters {
            let stream = |service: &&Service| format!("--stream={cluster}=http://{}/hystrix.stream", service.address());
            command.extend(services.iter().map(stream));
        }
        let watchdog = place.program(NAME, &command, &[])?;
        let process = Process::start(NAME, watchdog, format!("{}/health", http.url)).await?;
        attendance::note("Turbine");
        Ok(Self { http, process })
    }

    /// What it is called in the shop.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.http.address
    }

    /// The stream of a cluster for clients on the host.
    pub fn stream(&self, cluster: &str) -> String {
        format!("{}/turbine.stream?cluster={cluster}", self.http.url)
    }

    /// Registers it with a check once a second, and waits until that passes.
    pub async fn register(&self, consul: &ConsulClient) -> Result<(), LabError> {
        let address = self.address();
        service::register(consul, NAME, address, service::check("health", address)).await
    }

    /// Its process id while it is meant to run.
    pub async fn pid(&self) -> Option<u32> {
        self.process.pid().await
    }

    /// Everything that it prints; removed with it unless a test fails.
    pub fn log(&self) -> &PathBuf {
        self.process.log()
    }

    /// Kills it; its port refuses when this returns.
    pub async fn kill(&self) -> Result<(), LabError> {
        self.process.end(Ending::Killed).await
    }

    /// Starts it again at the same address, and waits until it is ready.
    pub async fn restart(&self) -> Result<(), LabError> {
        self.process.restart().await
    }
}
