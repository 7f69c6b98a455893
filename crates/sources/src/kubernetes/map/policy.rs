//! NetworkPolicies: who may reach which Pods, and whom these may reach.

use std::sync::Arc;

use binnacle_model::fact::{Direction, Fact, LabelSelector, LabelTest, Namespaces, NetworkPeer, NetworkPolicyFact};

use super::super::owners::service_name;
use super::super::wire::{Meta, NetworkPolicy, Peer, Selector};
use super::{Context, Saying, Words};

/// Every namespace has its name in this label
/// (<https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>).
const NAMESPACE: &str = "kubernetes.io/metadata.name";

pub(in super::super) fn network_policy(object: &NetworkPolicy, context: &Context<'_>) -> Saying {
    let (meta, spec) = (&object.metadata, &object.spec);
    let is_for = |kind: &str| spec.policy_types.iter().any(|one| one == kind);
    let mut facts = Vec::new();
    if is_for("Ingress") || spec.policy_types.is_empty() {
        let rules = spec.ingress.iter().map(|rule| rule.from.as_slice());
        facts.push((meta.key(), policy(object, Direction::In, permitted(rules, meta, context.words), context.words)));
    }
    // Where no types are given it is for what leaves only if it says something of that.
    if is_for("Egress") || (spec.policy_types.is_empty() && !spec.egress.is_empty()) {
        let rules = spec.egress.iter().map(|rule| rule.to.as_slice());
        let key = format!("{}/out", meta.key());
        facts.push((key, policy(object, Direction::Out, permitted(rules, meta, context.words), context.words)));
    }
    facts.into()
}

/// Everybody whom some rules permit; a rule without peers is for all.
fn permitted<'a>(rules: impl Iterator<Item = &'a [Peer]>, meta: &Meta, words: &Words) -> Vec<NetworkPeer> {
    let peers = rules.flat_map(|peers| match peers {
        [] => vec![NetworkPeer::Anybody],
        peers => peers.iter().map(|one| peer(one, &meta.namespace, words)).collect(),
    });
    let mut permits: Vec<NetworkPeer> = peers.collect();
    permits.sort();
    permits.dedup();
    permits
}

fn policy(object: &NetworkPolicy, direction: Direction, permits: Vec<NetworkPeer>, words: &Words) -> Fact {
    let meta = &object.metadata;
    // One of which it cannot be told whom it is about may permit anybody to all of them.
    let (selects, permits) = match selector(&object.spec.pod_selector, words) {
        Some(selects) => (selects, permits),
        None => (LabelSelector::default(), vec![NetworkPeer::Somebody]),
    };
    Fact::NetworkPolicy(NetworkPolicyFact {
        name: service_name(&meta.namespace, &meta.name),
        selects,
        direction,
        permits,
    })
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

    fn read_all(spec: &Value) -> Vec<NetworkPolicyFact> {
        let object = json!({ "metadata": { "name": "p", "namespace": "shop" }, "spec": spec });
        let (owners, words) = (Owners::new(), Words::default());
        let context = Context { owners: &owners, words: &words, now: Timestamp::UNIX_EPOCH };
        let said = network_policy(&serde_json::from_value(object).unwrap(), &context).facts;
        said.into_iter()
            .filter_map(|(_, fact)| if let Fact::NetworkPolicy(fact) = fact { Some(fact) } else { None })
            .collect()
    }

    fn read(spec: &Value) -> Option<NetworkPolicyFact> {
        read_all(spec).into_iter().find(|fact| fact.direction == Direction::In)
    }

    #[test]
    fn what_leaves_is_read_where_a_policy_is_for_it() {
        let web = json!([{ "to": [{ "podSelector": { "matchLabels": { "app": "web" } } }] }]);
        let of = |types: Value, egress: &Value| {
            let all = read_all(&json!({ "podSelector": {}, "policyTypes": types, "egress": egress }));
            all.into_iter().map(|fact| (fact.direction, fact.permits.len())).collect::<Vec<_>>()
        };
        assert_eq!(of(json!(["Egress"]), &web), [(Direction::Out, 1)]);
        assert_eq!(of(json!(["Egress"]), &Value::Null), [(Direction::Out, 0)], "nothing may leave");
        assert_eq!(of(Value::Null, &web), [(Direction::In, 0), (Direction::Out, 1)]);
        assert_eq!(of(Value::Null, &Value::Null), [(Direction::In, 0)]);
        assert_eq!(of(json!(["Ingress"]), &web), [(Direction::In, 0)]);
        let anybody = read_all(&json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [{}] }));
        assert_eq!(anybody[0].permits, [NetworkPeer::Anybody]);
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
