//! A real Consul in the cluster, with the objects that Consul's Helm chart makes for it.
//!
//! Names and labels are those of the chart `consul` with `global.name: consul`
//! (hashicorp/consul-k8s, `charts/consul/templates/server-*.yaml` and `ui-service.yaml`).

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::namespace::Reach;
use super::{Cluster, Pod, READY_WITHIN};
use crate::watchdog::{Ending, Watchdog};
use crate::{ConsulClient, LabError, Release, until};

/// Where the registry lives.
pub const NAMESPACE: &str = "consul";
/// The port of its HTTP API on its pod, and of its Service `consul-server`.
pub const HTTP: u16 = 8500;

/// One Consul server, datacenter `dc1`, open, behind the StatefulSet's one pod `consul-server-0`.
#[derive(Debug)]
pub struct Registry {
    pod: Pod,
    process: Mutex<Watchdog>,
    reach: Reach,
}

impl Registry {
    /// Makes the objects, starts the server on the pod's address and waits until it is ready.
    pub async fn start(cluster: &Cluster) -> Result<Self, LabError> {
        let consul = Release::Current.executable().await?;
        cluster.apply(&objects().to_string()).await?;
        let pods = cluster.running_pods(NAMESPACE, "app=consul,component=server", 1).await?;
        let pod = pods.into_iter().next().ok_or_else(|| super::unexpected("the registry's pod", "none"))?;
        let command = [&*consul.to_string_lossy(), "agent", "-config-file", "consul.json"].map(String::from);
        let configuration = configuration(&pod).to_string();
        let mut process = cluster.program("consul-in-cluster", &command, &[("consul.json", &configuration)])?;
        process.start()?;
        cluster.forward(&pod, HTTP).await?;
        let reach = cluster.reach(SocketAddr::new(pod.address, HTTP)).await?;
        let registry = Self { pod, process: Mutex::new(process), reach };
        registry.ready().await?;
        cluster.endpoints(NAMESPACE, "consul-server", 1).await?;
        cluster.endpoints(NAMESPACE, "consul-ui", 1).await?;
        Ok(registry)
    }

    /// The pod that stands for it.
    pub fn pod(&self) -> &Pod {
        &self.pod
    }

    /// Where its HTTP API is inside the cluster.
    pub fn inside(&self) -> SocketAddr {
        SocketAddr::new(self.pod.address, HTTP)
    }

    /// A client on the host, past Kubernetes. Make one a test.
    pub fn client(&self) -> Result<ConsulClient, LabError> {
        let address = format!("http://127.0.0.1:{}", self.reach.port());
        let url = Url::parse(&address).map_err(|error| super::unexpected(&address, error))?;
        ConsulClient::new(url, None, None)
    }

    /// Name, process id and log of the server, while it runs.
    pub async fn process(&self) -> Option<(String, u32, PathBuf)> {
        let process = self.process.lock().await;
        Some((process.name().to_owned(), process.pid()?, process.log()))
    }

    /// Stops the server as an operator would; its pod stays, its data stay.
    pub async fn stop(&self) -> Result<(), LabError> {
        self.process.lock().await.end(Ending::Asked).await
    }

    /// Starts the server again with the same data, and waits until it is ready.
    pub async fn restart(&self) -> Result<(), LabError> {
        self.process.lock().await.start()?;
        self.ready().await
    }

    async fn ready(&self) -> Result<(), LabError> {
        let client = self.client()?;
        until("the registry to be ready", READY_WITHIN, async || {
            super::still_alive(&*self.process.lock().await)?;
            let passing = client.get("/v1/health/service/consul?passing=1").await?;
            match passing.as_array() {
                Some(servers) if !servers.is_empty() => Ok(()),
                _ => Err(super::unexpected("the registry", "not in its own catalog yet")),
            }
        })
        .await
    }
}

fn configuration(pod: &Pod) -> Value {
    json!({
        "server": true,
        "bootstrap_expect": 1,
        "data_dir": "data",
        "bind_addr": pod.address,
        "client_addr": pod.address,
        "datacenter": "dc1",
        "node_name": pod.name,
        "performance": { "raft_multiplier": 1 },
        "ports": { "grpc": -1, "grpc_tls": -1 },
        "connect": { "enabled": true },
        "ui_config": { "enabled": true },
        "disable_update_check": true,
        "telemetry": { "prometheus_retention_time": "60s", "disable_hostname": true },
    })
}

fn objects() -> Value {
    let labels = |component: &str| json!({ "app": "consul", "chart": "consul-helm", "heritage": "Helm", "release": "consul", "component": component });
    let selector = json!({ "app": "consul", "release": "consul", "component": "server" });
    let pod_labels = json!({ "app": "consul", "release": "consul", "component": "server", "chart": "consul-helm" });
    let port = |name: &str, port: u16, target: u16| json!({ "name": name, "port": port, "targetPort": target });
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } },
        {
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "consul-server", "namespace": NAMESPACE, "labels": labels("server") },
            "spec": {
                "clusterIP": "None", "publishNotReadyAddresses": true, "selector": selector,
                "ports": [port("http", HTTP, HTTP), port("serflan-tcp", 8301, 8301), port("server", 8300, 8300)],
            },
        },
        {
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "consul-ui", "namespace": NAMESPACE, "labels": labels("ui") },
            "spec": { "type": "ClusterIP", "selector": selector, "ports": [port("http", 80, HTTP)] },
        },
        {
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": { "name": "consul-server", "namespace": NAMESPACE, "labels": labels("server") },
            "spec": {
                "serviceName": "consul-server", "replicas": 1, "selector": { "matchLabels": selector },
                "template": {
                    "metadata": { "labels": pod_labels },
                    "spec": { "containers": [{
                        "name": "consul", "image": "hashicorp/consul:1.22.7",
                        "ports": [{ "name": "http", "containerPort": HTTP }, { "name": "server", "containerPort": 8300 }],
                    }] },
                },
            },
        },
    ]})
}
