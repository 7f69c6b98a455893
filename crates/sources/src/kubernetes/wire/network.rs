//! Services (<https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/>) and EndpointSlices
//! (<https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/>).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Meta, or_empty};

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(in super::super) enum IntOrString {
    Int(u16),
    String(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Service {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: ServiceSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct ServiceSpec {
    #[serde(rename = "type")]
    pub(in super::super) kind: String,
    #[serde(rename = "clusterIP")]
    pub(in super::super) cluster_ip: String,
    #[serde(rename = "clusterIPs", deserialize_with = "or_empty")]
    pub(in super::super) cluster_ips: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) ports: Vec<ServicePort>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) selector: BTreeMap<String, String>,
    pub(in super::super) external_name: String,
    pub(in super::super) publish_not_ready_addresses: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct ServicePort {
    pub(in super::super) name: String,
    pub(in super::super) port: u16,
    pub(in super::super) protocol: String,
    pub(in super::super) target_port: Option<IntOrString>,
    pub(in super::super) node_port: u16,
    pub(in super::super) app_protocol: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct EndpointSlice {
    pub(in super::super) metadata: Meta,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) endpoints: Vec<Endpoint>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) ports: Vec<EndpointPort>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Endpoint {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) addresses: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) conditions: EndpointConditions,
    pub(in super::super) target_ref: Option<ObjectReference>,
    pub(in super::super) node_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct EndpointConditions {
    /// Absent means ready.
    pub(in super::super) ready: Option<bool>,
    pub(in super::super) terminating: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ObjectReference {
    pub(in super::super) kind: String,
    pub(in super::super) namespace: String,
    pub(in super::super) name: String,
    pub(in super::super) uid: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct EndpointPort {
    pub(in super::super) name: Option<String>,
    /// Absent means every port.
    pub(in super::super) port: Option<u16>,
    pub(in super::super) protocol: Option<String>,
}
