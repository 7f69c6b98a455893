//! NetworkPolicies (<https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/>).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Meta, or_empty};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct NetworkPolicy {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: NetworkPolicySpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct NetworkPolicySpec {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) pod_selector: Selector,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) policy_types: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) ingress: Vec<IngressPermit>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) egress: Vec<EgressPermit>,
}

/// One rule for what leaves Pods. Without peers they may reach everybody.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct EgressPermit {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) to: Vec<Peer>,
}

/// One rule. Without peers it is for everybody.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct IngressPermit {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) from: Vec<Peer>,
}

/// Pods of the policy's own namespace, Pods of other namespaces, or addresses.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Peer {
    pub(in super::super) pod_selector: Option<Selector>,
    pub(in super::super) namespace_selector: Option<Selector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Selector {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) match_labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) match_expressions: Vec<Requirement>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Requirement {
    pub(in super::super) key: String,
    pub(in super::super) operator: String,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) values: Vec<String>,
}
