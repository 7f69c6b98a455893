use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::namespace::Published;
use super::{Cluster, READY_WITHIN, has_condition};
use crate::relay::Address;
use crate::{LabError, until};

/// What every pod's log says until [`Cluster::set_log`].
const EVERY_LOG: &[&str] = &["starting", "listening on :8080", "ready"];

/// A pod that runs, as far as the cluster knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its address, which is local inside the cluster's network namespace.
    pub address: IpAddr,
    /// The node that it is on.
    pub node: String,
}

/// A real server behind a pod's address; connections there are refused when this is dropped.
#[derive(Debug)]
pub struct Served {
    _published: Published,
}

impl Cluster {
    /// Waits until so many pods match the label selector and all of them are ready; gives them by name.
    pub async fn running_pods(&self, namespace: &str, selector: &str, count: usize) -> Result<Vec<Pod>, LabError> {
        let client = self.client()?;
        let selector = percent_encoding::utf8_percent_encode(selector, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}");
        until(&format!("{count} pods {selector} to run"), READY_WITHIN, async || {
            let answer = client.get(&path).await.map_err(|error| error.to_string())?;
            let mut pods: Vec<Pod> = super::items(&answer).iter().filter_map(Pod::read).collect();
            pods.sort_by(|one, other| one.name.cmp(&other.name));
            if pods.len() == count { Ok(pods) } else { Err(format!("{} run", pods.len())) }
        })
        .await
    }

    /// Waits until a Service leads to so many pods that are ready.
    pub async fn endpoints(&self, namespace: &str, service: &str, count: usize) -> Result<(), LabError> {
        let client = self.client()?;
        let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
        let path = format!("{slices}?labelSelector=kubernetes.io%2Fservice-name%3D{service}");
        until(&format!("{count} endpoints of {service}"), READY_WITHIN, async || {
            let slices = client.get(&path).await.map_err(|error| error.to_string())?;
            let endpoints =
                super::items(&slices).iter().filter_map(|slice| slice.get("endpoints")?.as_array()).flatten();
            let ready = |endpoint: &&Value| endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true));
            let seen = endpoints.filter(ready).count();
            if seen == count { Ok(()) } else { Err(format!("{seen} are ready")) }
        })
        .await
    }

    /// Puts a real server of the host behind a port of a pod: a loopback port, or a socket in the file system. The API
    /// server's proxies, port forwards to this port, and everything inside the network namespace reach it there.
    pub async fn serve(&self, pod: &Pod, port: u16, server: Address) -> Result<Served, LabError> {
        let published = self.namespace.publish(SocketAddr::new(pod.address, port), server).await?;
        self.forward(pod, port).await?;
        Ok(Served { _published: published })
    }

    /// Lets port forwards to this port reach whatever listens on the pod's address. The cluster's nodes take notice
    /// within moments.
    pub async fn forward(&self, pod: &Pod, port: u16) -> Result<(), LabError> {
        let client = self.client()?;
        let collection = format!("/apis/kwok.x-k8s.io/v1alpha1/namespaces/{}/portforwards", pod.namespace);
        let own = format!("{collection}/{}", pod.name);
        let forward = json!({ "ports": [port], "target": { "address": pod.address, "port": port } });
        if client.request(Method::GET, &own, &Value::Null).await?.status() == 404 {
            let forwards = pod.custom_resource("PortForward", &json!({ "forwards": [forward] }));
            return client.create(&collection, &forwards).await.map(drop);
        }
        let mut forwards = client.get(&own).await?;
        if let Some(all) = forwards.pointer_mut("/spec/forwards").and_then(Value::as_array_mut) {
            all.retain(|one| one.pointer("/ports/0") != Some(&json!(port)));
            all.push(forward);
        }
        client.replace(&own, &forwards).await.map(drop)
    }

    /// From now on a pod's log, of each of its containers, is these lines; returns when the API server gives them.
    pub async fn set_log(&self, pod: &Pod, lines: &[&str]) -> Result<(), LabError> {
        let file = self.folder().join("logs").join(format!("{}_{}.log", pod.namespace, pod.name));
        write_log(&file, lines)?;
        let client = self.client()?;
        let collection = format!("/apis/kwok.x-k8s.io/v1alpha1/namespaces/{}/logs", pod.namespace);
        let own = format!("{collection}/{}", pod.name);
        if client.request(Method::GET, &own, &Value::Null).await?.status() == 404 {
            let logs = json!({ "logs": [{ "logsFile": file, "follow": true }] });
            client.create(&collection, &pod.custom_resource("Logs", &logs)).await?;
        }
        let path = format!("/api/v1/namespaces/{}/pods/{}/log", pod.namespace, pod.name);
        let wanted = lines.join("\n") + "\n";
        until(&format!("the log of {}", pod.name), READY_WITHIN, async || {
            let seen = client.text(&path).await.map_err(|error| error.to_string())?;
            if seen == wanted { Ok(()) } else { Err(seen) }
        })
        .await
    }

    /// The log of the run before, of a pod whose log was [set](Self::set_log).
    pub async fn set_previous_log(&self, pod: &Pod, lines: &[&str]) -> Result<(), LabError> {
        let file = self.folder().join("logs").join(format!("{}_{}.previous.log", pod.namespace, pod.name));
        write_log(&file, lines)?;
        let client = self.client()?;
        let own = format!("/apis/kwok.x-k8s.io/v1alpha1/namespaces/{}/logs/{}", pod.namespace, pod.name);
        let mut logs = client.get(&own).await?;
        if let Some(first) = logs.pointer_mut("/spec/logs/0").and_then(Value::as_object_mut) {
            first.insert("previousLogsFile".to_owned(), json!(file));
        }
        client.replace(&own, &logs).await?;
        let path = format!("/api/v1/namespaces/{}/pods/{}/log?previous=true", pod.namespace, pod.name);
        let wanted = lines.join("\n") + "\n";
        until(&format!("the previous log of {}", pod.name), READY_WITHIN, async || {
            let seen = client.text(&path).await.map_err(|error| error.to_string())?;
            if seen == wanted { Ok(()) } else { Err(seen) }
        })
        .await
    }

    /// Writes more into a log that was [set](Self::set_log).
    pub fn append_log(&self, pod: &Pod, lines: &[&str]) -> Result<(), LabError> {
        let file = self.folder().join("logs").join(format!("{}_{}.log", pod.namespace, pod.name));
        let appended = || {
            let mut open = std::fs::OpenOptions::new().append(true).open(&file)?;
            std::io::Write::write_all(&mut open, log_text(lines).as_bytes())
        };
        appended().map_err(LabError::io(format!("writing {}", file.display())))
    }

    pub(super) async fn give_every_pod_a_log(&self) -> Result<(), LabError> {
        let file = self.folder().join("logs/every-pod.log");
        write_log(&file, EVERY_LOG)?;
        let logs = json!({
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterLogs",
            "metadata": { "name": "every-pod" },
            "spec": { "logs": [{ "logsFile": file, "follow": true }] },
        });
        self.apply(&logs.to_string()).await
    }
}

impl Pod {
    /// `None` for one that does not run, or not yet, or not any more.
    fn read(pod: &Value) -> Option<Self> {
        if !has_condition(pod, "Ready") || pod.pointer("/metadata/deletionTimestamp").is_some() {
            return None;
        }
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
        Some(Self {
            namespace: text("/metadata/namespace")?.into(),
            name: text("/metadata/name")?.into(),
            address: text("/status/podIP")?.parse().ok()?,
            node: text("/spec/nodeName")?.into(),
        })
    }

    /// One of kwok's objects, which belongs to the pod of its own name.
    fn custom_resource(&self, kind: &str, spec: &Value) -> Value {
        json!({
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": kind,
            "metadata": { "namespace": self.namespace, "name": self.name },
            "spec": spec,
        })
    }
}

/// In the format of CRI, as a kubelet's log files are: time, stream, `F` for a full line, text.
fn log_text(lines: &[&str]) -> String {
    let line = |line: &&str| format!("{:.9} stdout F {line}", jiff::Timestamp::now());
    lines.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn write_log(file: &Path, lines: &[&str]) -> Result<(), LabError> {
    let written = || {
        std::fs::create_dir_all(file.parent().unwrap_or(file))?;
        std::fs::write(file, log_text(lines))
    };
    written().map_err(LabError::io(format!("writing {}", file.display())))
}
