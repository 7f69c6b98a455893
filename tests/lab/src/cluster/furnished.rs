//! A cluster that somebody works with: a Consul, a Prometheus and the shop in it, and visitors in the shop.

use std::time::Duration;

use super::{Cluster, Monitoring, Registry, Shop};
use crate::executable::Server;
use crate::{LabError, until};

/// How long the first measured rate may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub struct Furnished {
    // In this order, so that what is inside ends before the cluster.
    /// The services that call each other, and their visitors.
    pub shop: Shop,
    /// The Prometheus that scrapes all of it.
    pub monitoring: Monitoring,
    /// The Consul in which the shop's services register.
    pub registry: Registry,
    /// Where all that runs.
    pub cluster: Cluster,
}

impl Furnished {
    /// Starts all of it on so many nodes.
    pub async fn with_nodes(nodes: usize) -> Result<Self, LabError> {
        let prometheus = Server::Prometheus.executable().await?;
        let cluster = Cluster::with_nodes(nodes).await?;
        let registry = Registry::start(&cluster).await?;
        let monitoring = Monitoring::start(&cluster, Some(&registry), &prometheus).await?;
        let mut shop = Shop::open(&cluster, Some(&registry)).await?;
        shop.visit_for_ever()?;
        Ok(Self { shop, monitoring, registry, cluster })
    }

    /// Waits until its Prometheus has rates: it has run for a while when somebody looks.
    pub async fn measured(&self) -> Result<(), LabError> {
        crate::install_tls_provider();
        let rates = "rate(http_client_requests_seconds_count%7Bclient_name%3D%22cart%22%7D%5B10s%5D)%20%3E%200";
        let rates = format!("{}/api/v1/query?query={rates}", self.monitoring.address());
        let http =
            reqwest::Client::builder().no_proxy().build().map_err(|error| super::unexpected("a client", error))?;
        until("rates in the cluster's Prometheus", PATIENCE, async || {
            let answer = http.get(&rates).send().await.map_err(|error| error.to_string())?;
            let answer = answer.text().await.map_err(|error| error.to_string())?;
            if answer.contains(r#""client_name":"cart""#) { Ok(()) } else { Err(answer) }
        })
        .await
    }
}
