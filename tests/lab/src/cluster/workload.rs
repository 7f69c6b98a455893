//! A Deployment and the Service in front of it, as a shop has them.

use serde_json::{Value, json};

use super::{Cluster, Pod};
use crate::LabError;

/// The port of a workload's server on its pod; its Service has port 80.
pub const PORT: u16 = 8080;

impl Cluster {
    /// Makes a Deployment of so many pods and a Service, both of this name, and waits until the pods run and the Service
    /// leads to them. Nothing listens there before somebody starts or [serves](Self::serve) something. The annotations of
    /// the pods ask for scrapes.
    pub async fn deploy(&self, namespace: &str, name: &str, replicas: usize) -> Result<Vec<Pod>, LabError> {
        let [deployment, service] = workload(namespace, name, replicas, "v1");
        let items = json!([self::namespace(namespace), deployment, service]);
        self.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()).await?;
        let pods = self.running_pods(namespace, &format!("app.kubernetes.io/name={name}"), replicas).await?;
        self.endpoints(namespace, name, replicas).await?;
        Ok(pods)
    }
}

pub(super) fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

pub(super) fn workload(namespace: &str, name: &str, replicas: usize, version: &str) -> [Value; 2] {
    let labels = json!({
        "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": namespace, "app.kubernetes.io/version": version,
    });
    let selector = json!({ "app.kubernetes.io/name": name });
    let metadata = json!({ "name": name, "namespace": namespace, "labels": labels });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": { "replicas": replicas, "selector": { "matchLabels": selector }, "template": {
            "metadata": {
                "labels": labels,
                "annotations": {
                    "prometheus.io/scrape": "true", "prometheus.io/port": PORT.to_string(),
                    "prometheus.io/path": "/metrics",
                },
            },
            "spec": { "containers": [{
                "name": name, "image": format!("registry.example/{namespace}/{name}:{version}"),
                "ports": [{ "name": "http", "containerPort": PORT }],
                "readinessProbe": { "httpGet": { "path": "/health", "port": "http" } },
            }] },
        } },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": { "selector": selector, "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] },
    });
    [deployment, service]
}
