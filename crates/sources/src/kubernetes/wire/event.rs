//! Events (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>) and autoscalers.

use jiff::Timestamp;
use serde::Deserialize;

use super::network::ObjectReference;
use super::{Condition, Meta, or_empty};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Event {
    pub(in super::super) metadata: Meta,
    pub(in super::super) involved_object: ObjectReference,
    pub(in super::super) reason: String,
    pub(in super::super) message: String,
    pub(in super::super) count: Option<u32>,
    pub(in super::super) last_timestamp: Option<Timestamp>,
    /// Newer reporters give this instead.
    #[serde(rename = "eventTime")]
    pub(in super::super) at: Option<Timestamp>,
    pub(in super::super) series: Option<Series>,
    pub(in super::super) source: Reporter,
    pub(in super::super) reporting_component: String,
}

/// The same event over again, as newer reporters count it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Series {
    pub(in super::super) count: u32,
    pub(in super::super) last_observed_time: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Reporter {
    pub(in super::super) component: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Autoscaler {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: AutoscalerSpec,
    pub(in super::super) status: AutoscalerStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct AutoscalerSpec {
    pub(in super::super) scale_target_ref: ObjectReference,
    pub(in super::super) min_replicas: Option<u32>,
    pub(in super::super) max_replicas: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct AutoscalerStatus {
    pub(in super::super) current_replicas: u32,
    pub(in super::super) desired_replicas: u32,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) conditions: Vec<Condition>,
}
