//! A real Prometheus in the cluster, with the objects that the chart `prometheus` makes for its server.
//!
//! Names and labels are those of prometheus-community/helm-charts, `charts/prometheus`, for a release `prometheus`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::namespace::Reach;
use super::{Cluster, Pod, READY_WITHIN, Registry};
use crate::watchdog::{Ending, Watchdog};
use crate::{LabError, until};

/// Where it lives.
pub const NAMESPACE: &str = "monitoring";
/// The port of its HTTP API on its pod; its Service `prometheus-server` has port 80.
pub const HTTP: u16 = 9090;

/// One Prometheus that scrapes, every second, the annotated pods of the cluster and the services of the registry.
#[derive(Debug)]
pub struct Monitoring {
    pod: Pod,
    process: Mutex<Watchdog>,
    reach: Reach,
}

impl Monitoring {
    /// Makes the objects, starts this Prometheus on the pod's address and waits until it is ready.
    pub async fn start(cluster: &Cluster, registry: Option<&Registry>, prometheus: &Path) -> Result<Self, LabError> {
        cluster.apply(&objects().to_string()).await?;
        let pods = cluster.running_pods(NAMESPACE, "app.kubernetes.io/name=prometheus", 1).await?;
        let pod = pods.into_iter().next().ok_or_else(|| super::unexpected("the pod of Prometheus", "none"))?;
        let address = SocketAddr::new(pod.address, HTTP);
        let command = [
            prometheus.display().to_string(),
            "--config.file=prometheus.json".into(),
            "--storage.tsdb.path=data".into(),
            format!("--web.listen-address={address}"),
            "--web.enable-lifecycle".into(),
        ];
        let configuration = configuration(&cluster.kubeconfig_inside(), registry).to_string();
        let mut process = cluster.program("prometheus-in-cluster", &command, &[("prometheus.json", &configuration)])?;
        process.start()?;
        cluster.forward(&pod, HTTP).await?;
        let monitoring = Self { pod, process: Mutex::new(process), reach: cluster.reach(address).await? };
        monitoring.ready().await?;
        cluster.endpoints(NAMESPACE, "prometheus-server", 1).await?;
        Ok(monitoring)
    }

    /// The pod that stands for it.
    pub fn pod(&self) -> &Pod {
        &self.pod
    }

    /// Its HTTP API for the host, past Kubernetes: `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.reach.port())
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
        let url = format!("{}/-/ready", self.address());
        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.map_err(|source| LabError::Request { what: url.clone(), source })?;
        until("Prometheus to be ready", READY_WITHIN, async || {
            if let Err(ended) = super::still_alive(&*self.process.lock().await) {
                return Ok(Err(ended));
            }
            let answer = http.get(&url).send().await.and_then(reqwest::Response::error_for_status);
            answer.map(|_ok| Ok(()))
        })
        .await?
    }
}

/// JSON is YAML.
fn configuration(kubeconfig: &Path, registry: Option<&Registry>) -> Value {
    let keep = |source: &str, regex: &str| json!({ "source_labels": [source], "regex": regex, "action": "keep" });
    let label = |source: &str, target: &str| json!({ "source_labels": [source], "target_label": target });
    let mut jobs = vec![json!({
        "job_name": "kubernetes-pods",
        "kubernetes_sd_configs": [{ "role": "pod", "kubeconfig_file": kubeconfig }],
        "relabel_configs": [
            keep("__meta_kubernetes_pod_annotation_prometheus_io_scrape", "true"),
            label("__meta_kubernetes_namespace", "namespace"),
            label("__meta_kubernetes_pod_name", "pod"),
            label("__meta_kubernetes_pod_label_app_kubernetes_io_name", "app"),
        ],
    })];
    if let Some(registry) = registry {
        jobs.push(json!({
            "job_name": "consul-services",
            "consul_sd_configs": [{ "server": registry.inside().to_string(), "refresh_interval": "1s" }],
            "relabel_configs": [
                // Its own service is at the port for servers, which speaks no HTTP.
                { "source_labels": ["__meta_consul_service"], "regex": "consul", "action": "drop" },
                label("__meta_consul_service", "service"),
                label("__meta_consul_dc", "dc"),
            ],
        }));
    }
    json!({ "global": { "scrape_interval": "1s", "scrape_timeout": "1s" }, "scrape_configs": jobs })
}

fn objects() -> Value {
    let labels = json!({
        "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "prometheus",
        "app.kubernetes.io/component": "server", "app.kubernetes.io/part-of": "prometheus",
        "app.kubernetes.io/managed-by": "Helm",
    });
    let selector = json!({ "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server" });
    let metadata = json!({ "name": "prometheus-server", "namespace": NAMESPACE, "labels": labels });
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": { "selector": selector, "ports": [{ "name": "http", "port": 80, "targetPort": HTTP }] },
        },
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": { "replicas": 1, "selector": { "matchLabels": selector }, "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{
                    "name": "prometheus-server", "image": "quay.io/prometheus/prometheus:v3.16.0",
                    "ports": [{ "containerPort": HTTP }],
                }] },
            } },
        },
    ]})
}
