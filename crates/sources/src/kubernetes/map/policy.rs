//! NetworkPolicies: who may reach which Pods. What a Pod may reach itself is not read.

use std::sync::Arc;

use binnacle_model::fact::{Fact, LabelSelector, LabelTest, Namespaces, NetworkPeer, NetworkPolicyFact};

use super::super::owners::service_name;
use super::super::wire::{NetworkPolicy, Peer, Selector};
use super::{Context, Saying, Words};

/// Every namespace has its name in this label
/// (<https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>).
const NAMESPACE: &str = "kubernetes.io/metadata.name";

pub(in super::super) fn network_policy(object: &NetworkPolicy, context: &Context<'_>) -> Saying {
    let (meta, spec) = (&object.metadata, &object.spec);
    // One that is for what leaves a Pod says nothing of who may reach it.
    if !spec.policy_types.is_empty() && !spec.policy_types.iter().any(|kind| kind == "Ingress") {
        return Saying::default();
    }
    let peers = spec.ingress.iter().flat_map(|rule| match rule.from.as_slice() {
        [] => vec![NetworkPeer::Anybody],
        from => from.iter().map(|one| peer(one, &meta.namespace, context.words)).collect(),
    });
    let mut permits: Vec<NetworkPeer> = peers.collect();
    permits.sort();
    permits.dedup();
    // One of which it cannot be told whom it is about may let anybody in to all of them.
    let (selects, permits) = match selector(&spec.pod_selector, context.words) {
        Some(selects) => (selects, permits),
        None => (LabelSelector::default(), vec![NetworkPeer::Somebody]),
    };
    let fact = NetworkPolicyFact { name: service_name(&meta.namespace, &meta.name), selects, permits };
    vec![(meta.key(), Fact::NetworkPolicy(fact))].into()
}

fn peer(peer: &Peer, own: &str, words: &Words) -> NetworkPeer {
    let namespaces = match &peer.namespace_selector {
        None if peer.pod_selector.is_none() => return NetworkPeer::Somebody,
        None => Some(Namespaces::Named(vec![words.share(own)])),
        Some(selector) => namespaces(selector, words),
    };
    let selects = match &peer.pod_selector {
        None => Some(LabelSelector::default()),
        Some(pods) => selector(pods, words),
    };
    match (namespaces, selects) {
        (Some(namespaces), Some(selects)) => NetworkPeer::Instances { namespaces, selects },
        _ => NetworkPeer::Somebody,
    }
}

/// The namespaces that a selector means, where it names them: their other labels are not read.
fn namespaces(selector: &Selector, words: &Words) -> Option<Namespaces> {
    match (selector.match_labels.iter().collect::<Vec<_>>().as_slice(), selector.match_expressions.as_slice()) {
        ([], []) => Some(Namespaces::All),
        ([(label, name)], []) if *label == NAMESPACE => Some(Namespaces::Named(vec![words.share(name)])),
        ([], [one]) if one.key == NAMESPACE && one.operator == "In" => {
            Some(Namespaces::Named(one.values.iter().map(|name| words.share(name)).collect()))
        }
        _ => None,
    }
}

/// `None` where a demand is made in a way that this version does not know.
fn selector(selector: &Selector, words: &Words) -> Option<LabelSelector> {
    let equal = selector.match_labels.iter();
    let mut requires: Vec<LabelTest> =
        equal.map(|(label, value)| LabelTest::In(words.share(label), vec![words.share(value)])).collect();
    for one in &selector.match_expressions {
        let label = words.share(&one.key);
        let values: Vec<Arc<str>> = one.values.iter().map(|value| words.share(value)).collect();
        requires.push(match one.operator.as_str() {
            "In" => LabelTest::In(label, values),
            "NotIn" => LabelTest::NotIn(label, values),
            "Exists" => LabelTest::Exists(label),
            "DoesNotExist" => LabelTest::Missing(label),
            _ => return None,
        });
    }
    Some(LabelSelector { requires })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::super::owners::Owners;
    use super::*;

    fn read(spec: &Value) -> Option<NetworkPolicyFact> {
        let object = json!({ "metadata": { "name": "p", "namespace": "shop" }, "spec": spec });
        let (owners, words) = (Owners::new(), Words::default());
        let context = Context { owners: &owners, words: &words, now: Timestamp::UNIX_EPOCH };
        let said = network_policy(&serde_json::from_value(object).unwrap(), &context).facts;
        said.into_iter().find_map(|(_, fact)| if let Fact::NetworkPolicy(fact) = fact { Some(fact) } else { None })
    }

    fn permits(from: &Value) -> Vec<NetworkPeer> {
        read(&json!({ "podSelector": {}, "ingress": [{ "from": from }] })).unwrap().permits
    }

    fn instances(namespaces: Namespaces, selects: Vec<LabelTest>) -> NetworkPeer {
        NetworkPeer::Instances { namespaces, selects: LabelSelector { requires: selects } }
    }

    fn named(name: &str) -> Namespaces {
        Namespaces::Named(vec![Arc::from(name)])
    }

    fn app(value: &str) -> LabelTest {
        LabelTest::In(Arc::from("app"), vec![Arc::from(value)])
    }

    #[test]
    fn callers_are_told_by_labels_in_the_namespaces_that_are_named() {
        let web = json!({ "matchLabels": { "app": "web" } });
        let ops = json!({ "matchLabels": { "kubernetes.io/metadata.name": "ops" } });
        assert_eq!(permits(&json!([{ "podSelector": web }])), [instances(named("shop"), vec![app("web")])]);
        assert_eq!(
            permits(&json!([{ "podSelector": web, "namespaceSelector": ops }])),
            [instances(named("ops"), vec![app("web")])]
        );
        assert_eq!(
            permits(&json!([{ "podSelector": web, "namespaceSelector": {} }])),
            [instances(Namespaces::All, vec![app("web")])]
        );
        assert_eq!(permits(&json!([{ "namespaceSelector": ops }])), [instances(named("ops"), vec![])]);
        assert_eq!(permits(&json!([{ "podSelector": {} }])), [instances(named("shop"), vec![])]);
    }

    #[test]
    fn whom_it_cannot_be_told_of_may_be_anybody() {
        let by_label = json!([{ "namespaceSelector": { "matchLabels": { "team": "pay" } } }]);
        let by_address = json!([{ "ipBlock": { "cidr": "10.0.0.0/8" } }]);
        let by_new_word =
            json!([{ "podSelector": { "matchExpressions": [{ "key": "v", "operator": "Gt", "values": ["1"] }] } }]);
        for from in [by_label, by_address, by_new_word] {
            assert_eq!(permits(&from), [NetworkPeer::Somebody], "{from}");
        }
    }

    #[test]
    fn a_rule_without_callers_is_for_everybody_and_no_rule_for_nobody() {
        let open = json!({ "podSelector": { "matchLabels": { "app": "cart" } }, "ingress": [{}] });
        let fact = read(&open).unwrap();
        assert_eq!((fact.permits, fact.selects.requires), (vec![NetworkPeer::Anybody], vec![app("cart")]));
        assert_eq!(
            read(&json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": null })).unwrap().permits,
            []
        );
        assert_eq!(read(&json!({ "podSelector": {}, "policyTypes": ["Egress"] })), None, "it is for what leaves");
    }

    #[test]
    fn a_policy_of_which_it_cannot_be_told_whom_it_is_about_closes_nothing() {
        let odd = json!({ "matchExpressions": [{ "key": "v", "operator": "Gt", "values": ["1"] }] });
        let fact = read(&json!({ "podSelector": odd, "ingress": [] })).unwrap();
        assert_eq!((fact.permits, fact.selects.is_empty()), (vec![NetworkPeer::Somebody], true));
    }

    #[test]
    fn every_demand_on_labels_is_read() {
        let expressions = json!([
            { "key": "a", "operator": "In", "values": ["1", "2"] }, { "key": "b", "operator": "NotIn", "values": ["3"] },
            { "key": "c", "operator": "Exists" }, { "key": "d", "operator": "DoesNotExist" },
        ]);
        let fact = read(&json!({ "podSelector": { "matchExpressions": expressions } })).unwrap();
        assert_eq!(fact.selects.to_string(), "a=1|2,b!=3,c,!d");
    }
}
