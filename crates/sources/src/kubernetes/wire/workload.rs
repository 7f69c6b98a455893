//! Workloads (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/>) and nodes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::variable::PodTemplate;
use super::{Condition, Meta, or_empty};

/// Only its head is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ReplicaSet {
    pub(in super::super) metadata: Meta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Deployment {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: DeploymentSpec,
    pub(in super::super) status: DeploymentStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct DeploymentSpec {
    pub(in super::super) replicas: Option<u32>,
    pub(in super::super) paused: bool,
    pub(in super::super) template: PodTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct DeploymentStatus {
    pub(in super::super) observed_generation: i64,
    pub(in super::super) replicas: u32,
    pub(in super::super) updated_replicas: u32,
    pub(in super::super) ready_replicas: u32,
    pub(in super::super) available_replicas: u32,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct StatefulSet {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: StatefulSetSpec,
    pub(in super::super) status: StatefulSetStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct StatefulSetSpec {
    pub(in super::super) replicas: Option<u32>,
    pub(in super::super) update_strategy: UpdateStrategy,
    pub(in super::super) template: PodTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct UpdateStrategy {
    #[serde(rename = "type")]
    pub(in super::super) kind: String,
    pub(in super::super) rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct RollingUpdate {
    /// Copies with a lower number stay at the old revision.
    pub(in super::super) partition: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct StatefulSetStatus {
    pub(in super::super) observed_generation: i64,
    pub(in super::super) ready_replicas: u32,
    pub(in super::super) updated_replicas: u32,
    pub(in super::super) available_replicas: u32,
    pub(in super::super) current_revision: String,
    pub(in super::super) update_revision: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct DaemonSet {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: DaemonSetSpec,
    pub(in super::super) status: DaemonSetStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct DaemonSetSpec {
    pub(in super::super) template: PodTemplate,
    pub(in super::super) update_strategy: UpdateStrategy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct DaemonSetStatus {
    pub(in super::super) observed_generation: i64,
    pub(in super::super) desired_number_scheduled: u32,
    pub(in super::super) updated_number_scheduled: u32,
    pub(in super::super) number_ready: u32,
    pub(in super::super) number_available: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Job {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: JobSpec,
    pub(in super::super) status: JobStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct JobSpec {
    pub(in super::super) completions: Option<u32>,
    pub(in super::super) suspend: Option<bool>,
    pub(in super::super) template: PodTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct JobStatus {
    pub(in super::super) active: u32,
    pub(in super::super) ready: Option<u32>,
    pub(in super::super) succeeded: u32,
    pub(in super::super) failed: u32,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct CronJob {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: CronJobSpec,
    pub(in super::super) status: CronJobStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct CronJobSpec {
    pub(in super::super) schedule: String,
    pub(in super::super) time_zone: Option<String>,
    pub(in super::super) suspend: Option<bool>,
    pub(in super::super) job_template: JobTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct JobTemplate {
    pub(in super::super) spec: JobTemplateSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct JobTemplateSpec {
    pub(in super::super) template: PodTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct CronJobStatus {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) active: Vec<serde::de::IgnoredAny>,
    pub(in super::super) last_schedule_time: Option<Timestamp>,
    pub(in super::super) last_successful_time: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Node {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: NodeSpec,
    pub(in super::super) status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct NodeSpec {
    /// True when nothing new is to be placed on it.
    pub(in super::super) unschedulable: bool,
    /// The range from which its Pods get their addresses; empty where another part of the cluster gives them out.
    #[serde(rename = "podCIDR")]
    pub(in super::super) pod_cidr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct NodeStatus {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) addresses: Vec<NodeAddress>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) node_info: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct NodeAddress {
    #[serde(rename = "type")]
    pub(in super::super) kind: String,
    pub(in super::super) address: String,
}
