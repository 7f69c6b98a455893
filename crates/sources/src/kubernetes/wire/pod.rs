//! Pods (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/>).

use jiff::Timestamp;
use serde::Deserialize;

use super::variable::{Variable, that_reach};
use super::{Condition, IntOrString, Meta, or_empty};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Pod {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: PodSpec,
    pub(in super::super) status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct PodSpec {
    pub(in super::super) node_name: String,
    pub(in super::super) host_network: bool,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) containers: Vec<Container>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) init_containers: Vec<Container>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) readiness_gates: Vec<ReadinessGate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct ReadinessGate {
    pub(in super::super) condition_type: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Container {
    pub(in super::super) name: String,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) ports: Vec<ContainerPort>,
    /// Those that may name a Service, without their values.
    #[serde(deserialize_with = "that_reach")]
    pub(in super::super) env: Vec<Variable>,
    pub(in super::super) readiness_probe: Option<Probe>,
    pub(in super::super) startup_probe: Option<Probe>,
    /// `Always` makes an init container a sidecar that runs beside the others.
    pub(in super::super) restart_policy: Option<String>,
}

impl Container {
    /// An init container that runs beside the others to the end.
    pub(in super::super) fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct ContainerPort {
    pub(in super::super) name: String,
    #[serde(rename = "containerPort")]
    pub(in super::super) number: u16,
    pub(in super::super) protocol: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Probe {
    pub(in super::super) http_get: Option<HttpGet>,
    pub(in super::super) tcp_socket: Option<TcpSocket>,
    pub(in super::super) grpc: Option<Grpc>,
    pub(in super::super) exec: Option<Exec>,
    pub(in super::super) initial_delay_seconds: Option<u32>,
    pub(in super::super) period_seconds: Option<u32>,
    pub(in super::super) timeout_seconds: Option<u32>,
    pub(in super::super) failure_threshold: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct HttpGet {
    pub(in super::super) path: String,
    pub(in super::super) port: IntOrString,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct TcpSocket {
    pub(in super::super) port: IntOrString,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Grpc {
    pub(in super::super) port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Exec {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) command: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct PodStatus {
    pub(in super::super) phase: String,
    pub(in super::super) reason: String,
    pub(in super::super) message: String,
    #[serde(rename = "podIP")]
    pub(in super::super) pod_ip: String,
    pub(in super::super) start_time: Option<Timestamp>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct ContainerStatus {
    pub(in super::super) name: String,
    pub(in super::super) ready: bool,
    /// False until its startup probe passed; absent in old versions.
    pub(in super::super) started: Option<bool>,
    pub(in super::super) restart_count: u32,
    pub(in super::super) state: ContainerState,
    pub(in super::super) last_state: ContainerState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ContainerState {
    pub(in super::super) waiting: Option<Waiting>,
    pub(in super::super) running: Option<Running>,
    pub(in super::super) terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Waiting {
    pub(in super::super) reason: String,
    pub(in super::super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Running {
    pub(in super::super) started_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Terminated {
    pub(in super::super) exit_code: i32,
    pub(in super::super) signal: Option<i32>,
    pub(in super::super) reason: String,
    pub(in super::super) message: String,
    pub(in super::super) finished_at: Option<Timestamp>,
}
