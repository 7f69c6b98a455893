//! Nodes with their conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{CheckFact, CheckStatus, CheckSubject, Fact, NodeFact};

use super::super::ledger::Said;
use super::super::wire::{Condition, Node};
use super::{Context, Saying, shown};

/// Labels that tell where and what a node is.
const LABELS: [&str; 5] = [
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/arch",
    "kubernetes.io/os",
];

pub(in super::super) fn node(object: &Node, context: &Context<'_>) -> Saying {
    let name = object.metadata.name.as_str();
    let address = |kind: &str| object.status.addresses.iter().find(|address| address.kind == kind);
    let address = address("InternalIP").or_else(|| address("Hostname"));
    let mut meta: BTreeMap<Arc<str>, Arc<str>> =
        context.words.pairs(object.metadata.labels.iter().filter(|(label, _)| LABELS.contains(&label.as_str())));
    if let Some(version) = object.status.node_info.get("kubeletVersion").and_then(|version| version.as_str()) {
        meta.insert(Arc::from("kubeletVersion"), context.words.share(version));
    }
    if object.spec.unschedulable {
        meta.insert(Arc::from("unschedulable"), Arc::from("true"));
    }
    if !object.spec.pod_cidr.is_empty() {
        meta.insert(Arc::from("podCIDR"), context.words.share(&object.spec.pod_cidr));
    }
    let fact = NodeFact {
        name: context.words.share(name),
        address: Arc::from(address.map(|address| address.address.as_str()).unwrap_or_default()),
        meta,
    };
    let mut facts = vec![(format!("node/{name}"), Fact::Node(fact))];
    facts.extend(object.status.conditions.iter().filter_map(|condition| check(context, name, condition)));
    facts.into()
}

/// Readiness always, and any complaint that is raised.
fn check(context: &Context<'_>, node: &str, condition: &Condition) -> Option<Said> {
    let status = match (condition.kind.as_str(), condition.status.as_str()) {
        ("Ready", "True") => CheckStatus::Passing,
        // Without a word from the node nothing on it can be relied on.
        ("Ready", _) => CheckStatus::Critical,
        (_, "True") => CheckStatus::Warning,
        _ => return None,
    };
    let fact = CheckFact {
        subject: CheckSubject::Node(context.words.share(node)),
        id: Arc::from(condition.kind.as_str()),
        name: Arc::from(format!("node {}", condition.kind)),
        status,
        output: shown(condition.words()),
        method: Arc::from("condition"),
    };
    Some((format!("check/{node}/{}", condition.kind), Fact::Check(fact)))
}
