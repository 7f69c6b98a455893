//! A shop in the cluster: Deployments and Services in the namespace `shop`, with a small real HTTP server behind each
//! pod's address, registered in a Consul under the pods' addresses where there is one.
//!
//! A visit is a real request to `web`, which calls the others as a shop does. Every server counts what it serves and
//! what it calls, and shows that on `/metrics` under the names of Spring Boot's Micrometer.

mod counters;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::workload::{self, namespace, workload};
use super::{Cluster, Pod, READY_WITHIN, Registry, Served};
use crate::relay::Address;
use crate::{ConsulClient, LabError, background, until};
use server::{Group, Server};

/// The namespace of its workloads.
pub const NAMESPACE: &str = "shop";
/// The port of each server on its pod.
pub const PORT: u16 = workload::PORT;

/// A Deployment: its name, its pods, the version that its pods are labelled with, and whom each visit to it calls.
const WORKLOADS: [(&str, usize, &str, &[&str]); 6] = [
    ("web", 1, "v2", &["catalog", "cart", "checkout"]),
    ("catalog", 2, "v1", &[]),
    ("cart", 2, "v3", &["catalog"]),
    ("checkout", 2, "v5", &["cart", "payments", "orders"]),
    ("payments", 1, "v1", &[]),
    ("orders", 1, "v4", &[]),
];

/// The shop. Its servers end when it is dropped; its objects stay in the cluster.
#[derive(Debug)]
pub struct Shop {
    groups: BTreeMap<&'static str, Arc<Group>>,
    pods: BTreeMap<&'static str, Vec<Pod>>,
    visitor: Option<JoinHandle<()>>,
    /// What answers at each pod's address.
    servers: Vec<(Server, Served)>,
}

impl Shop {
    /// Makes the workloads, starts their servers and registers them; returns when every instance passes its check.
    pub async fn open(cluster: &Cluster, registry: Option<&Registry>) -> Result<Self, LabError> {
        cluster.apply(&objects().to_string()).await?;
        let groups: BTreeMap<_, _> = WORKLOADS.iter().map(|(name, ..)| (*name, Arc::new(Group::default()))).collect();
        let mut shop = Self { groups, pods: BTreeMap::new(), visitor: None, servers: Vec::new() };
        for (name, replicas, _, calls) in WORKLOADS {
            let selector = format!("app.kubernetes.io/name={name}");
            let pods = cluster.running_pods(NAMESPACE, &selector, replicas).await?;
            let calls = calls.iter().filter_map(|callee| Some((*callee, shop.groups.get(callee)?.clone()))).collect();
            let Some(group) = shop.groups.get(name) else { continue };
            for pod in &pods {
                let socket = cluster.namespace().new_socket();
                let server = Server::start(&socket, group, &calls)?;
                shop.servers.push((server, cluster.serve(pod, PORT, Address::Unix(socket)).await?));
            }
            cluster.endpoints(NAMESPACE, name, replicas).await?;
            shop.pods.insert(name, pods);
        }
        if let Some(registry) = registry {
            shop.register(&registry.client()?).await?;
        }
        Ok(shop)
    }

    /// The pods of a workload, by name.
    pub fn pods(&self, workload: &str) -> &[Pod] {
        self.pods.get(workload).map_or(&[], Vec::as_slice)
    }

    /// Sends so many requests to `web`, one after the other, and gives how many of them succeeded.
    pub async fn visit(&self, times: usize) -> Result<usize, LabError> {
        let Some(web) = self.groups.get("web").cloned() else { return Ok(0) };
        let visits = async move {
            let mut succeeded = 0;
            for _ in 0..times {
                succeeded += usize::from(web.call().await);
            }
            succeeded
        };
        // The servers' connections are of that runtime.
        background::runtime()?.spawn(visits).await.map_err(|panic| super::unexpected("a visit to the shop", panic))
    }

    /// Visits the shop five times a second from now on.
    pub fn visit_for_ever(&mut self) -> Result<(), LabError> {
        let Some(web) = self.groups.get("web").cloned() else { return Ok(()) };
        let visits = background::runtime()?.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(200));
            loop {
                ticks.tick().await;
                web.call().await;
            }
        });
        if let Some(before) = self.visitor.replace(visits) {
            before.abort();
        }
        Ok(())
    }

    /// From now on the servers of a workload answer everything, health checks too, with 503; or no longer.
    pub fn break_down(&self, workload: &str, broken: bool) {
        if let Some(group) = self.groups.get(workload) {
            group.break_down(broken);
        }
    }

    async fn register(&self, consul: &ConsulClient) -> Result<(), LabError> {
        for (name, pods) in &self.pods {
            for pod in pods {
                consul.register(&registration(name, pod)).await?;
            }
        }
        until("every instance to pass its check", READY_WITHIN, async || {
            let checks = consul.get("/v1/health/state/any").await.map_err(|error| error.to_string())?;
            let all = checks.as_array().map_or(&[][..], Vec::as_slice);
            let field = |check: &Value, name: &str| check.get(name).and_then(Value::as_str).map(str::to_owned);
            let healths = all.iter().filter(|check| field(check, "Name").as_deref() == Some("health"));
            let passing = healths.filter(|check| field(check, "Status").as_deref() == Some("passing")).count();
            if passing == self.servers.len() { Ok(()) } else { Err(format!("{passing} pass")) }
        })
        .await
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(visitor) = &self.visitor {
            visitor.abort();
        }
    }
}

/// With the metadata that consul-k8s gives to the services of pods.
fn registration(name: &str, pod: &Pod) -> Value {
    json!({
        "ID": format!("{}-{name}", pod.name),
        "Name": name,
        "Address": pod.address,
        "Port": PORT,
        "Tags": ["kubernetes"],
        "Meta": { "pod-name": pod.name, "k8s-namespace": pod.namespace, "k8s-service-name": name },
        "Check": {
            "Name": "health", "HTTP": format!("http://{}:{PORT}/health", pod.address), "Interval": "1s",
            "Timeout": "5s",
        },
    })
}

fn objects() -> Value {
    let workloads =
        WORKLOADS.iter().flat_map(|(name, replicas, version, _)| workload(NAMESPACE, name, *replicas, version));
    let items: Vec<Value> = std::iter::once(namespace(NAMESPACE)).chain(workloads).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}
