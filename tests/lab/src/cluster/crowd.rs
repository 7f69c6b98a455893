//! A cluster with very much in it, filled once and kept: etcd's folder is copied to the lab's cache, keyed by its version.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Cluster;
use super::programs::Programs;
use crate::watchdog::Ending;
use crate::{LabError, until};

/// Filling may take minutes.
const FILLED_WITHIN: Duration = Duration::from_secs(900);
/// The namespaces `crowd-0` ... over which all of it is spread.
const NAMESPACES: usize = 20;
const PODS_PER_DEPLOYMENT: usize = 10;
/// Grows when something else is made.
const LAYOUT: u32 = 1;

/// How much is in a cluster: Deployments of ten Pods, each with a Service and a ConfigMap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// How many nodes carry it, with room for 110 Pods each.
    pub nodes: usize,
    /// How many Deployments there are, and as many Services.
    pub deployments: usize,
}

impl Crowd {
    /// What the performance goals are stated for.
    pub const LARGE: Self = Self { nodes: 100, deployments: 1_000 };
    /// A tenth of it.
    pub const SMALL: Self = Self { nodes: 10, deployments: 100 };

    /// How many Pods there are.
    pub fn pods(self) -> usize {
        self.deployments * PODS_PER_DEPLOYMENT
    }

    /// The namespace of a Deployment.
    pub fn namespace(deployment: usize) -> String {
        format!("crowd-{}", deployment % NAMESPACES)
    }

    /// The cluster with all of it, filled when there is none in the cache.
    pub async fn open(self) -> Result<Cluster, LabError> {
        // In the folder of the programs, and so keyed by their version.
        let kept = format!("crowd-{}-{}-{LAYOUT}", self.nodes, self.deployments);
        let kept = Programs::find().await?.stages.with_file_name(kept);
        if !kept.exists() {
            eprintln!("lab: filling a cluster with {} Pods, once", self.pods());
            let cluster = Cluster::with_nodes(self.nodes).await?;
            self.fill(&cluster).await?;
            self.settle(&cluster).await?;
            cluster.keep(&kept).await?;
        }
        let cluster = Cluster::with_data(Some(&kept), 0).await?;
        self.settle(&cluster).await?;
        Ok(cluster)
    }

    async fn fill(self, cluster: &Cluster) -> Result<(), LabError> {
        let namespaces = (0..NAMESPACES).map(|number| {
            json!({ "apiVersion": "v1", "kind": "Namespace",
                                                              "metadata": { "name": Self::namespace(number) } })
        });
        let objects: Vec<Value> = namespaces.chain((0..self.deployments).flat_map(of_deployment)).collect();
        for some in objects.chunks(500) {
            cluster.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": some }).to_string()).await?;
        }
        Ok(())
    }

    /// Waits until every Pod runs and every Service has its backends.
    async fn settle(self, cluster: &Cluster) -> Result<(), LabError> {
        let client = cluster.client()?;
        until("every Deployment to be available", FILLED_WITHIN, async || {
            let all = client.get("/apis/apps/v1/deployments").await.map_err(|error| error.to_string())?;
            let whole = |one: &&Value| one.pointer("/status/availableReplicas") == Some(&json!(PODS_PER_DEPLOYMENT));
            match super::items(&all).iter().filter(whole).count() {
                count if count == self.deployments => Ok(()),
                count => Err(format!("{count} are")),
            }
        })
        .await?;
        until("every Service to have its backends", FILLED_WITHIN, async || {
            let all =
                client.get("/apis/discovery.k8s.io/v1/endpointslices").await.map_err(|error| error.to_string())?;
            let ready = |one: &&Value| one.pointer("/conditions/ready") == Some(&json!(true));
            let endpoints = super::items(&all).iter().filter_map(|slice| slice.get("endpoints")?.as_array()).flatten();
            match endpoints.filter(ready).count() {
                count if count >= self.pods() => Ok(()),
                count => Err(format!("{count} are there")),
            }
        })
        .await
    }
}

fn of_deployment(number: usize) -> [Value; 3] {
    let metadata = json!({ "name": format!("app-{number}"), "namespace": Crowd::namespace(number) });
    let labels = json!({ "app": format!("app-{number}"), "app.kubernetes.io/part-of": "crowd", "tier": "backend" });
    let container = json!({ "name": "app", "image": "registry.example/app:1.4.2",
        "ports": [{ "name": "http", "containerPort": 8080 }, { "name": "metrics", "containerPort": 9090 }],
        "env": [{ "name": "LOG_LEVEL", "value": "info" }, { "name": "REGION", "value": "north" }],
        "readinessProbe": { "httpGet": { "path": "/ready", "port": "http" } },
        "resources": { "requests": { "cpu": "10m", "memory": "32Mi" } } });
    [
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
            "replicas": PODS_PER_DEPLOYMENT, "selector": { "matchLabels": { "app": format!("app-{number}") } },
            "template": { "metadata": { "labels": labels }, "spec": { "containers": [container] } } } }),
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
            "selector": { "app": format!("app-{number}") },
            "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] } }),
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "app.yaml": "timeout: 2s\n" } }),
    ]
}

impl Cluster {
    /// Ends it and keeps what its etcd knows in a new folder.
    async fn keep(mut self, folder: &Path) -> Result<(), LabError> {
        let what = || format!("keeping the data of a cluster in {}", folder.display());
        self.end_api_server(Ending::Asked).await?;
        let etcd = self.others.iter_mut().find(|process| process.name() == "etcd");
        let etcd = etcd.ok_or_else(|| LabError::Unexpected { what: what(), why: "there is no etcd".into() })?;
        etcd.end(Ending::Asked).await?;
        let beside = folder.with_extension("part");
        let kept = || {
            if beside.exists() {
                fs::remove_dir_all(&beside)?;
            }
            copy(&etcd.folder().join("data"), &beside)?;
            // Whole or not at all.
            fs::rename(&beside, folder)
        };
        kept().map_err(LabError::io(what()))
    }
}

/// Copies a folder with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, place) = (entry?, to);
        let to = place.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
