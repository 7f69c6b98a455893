//! What sources cannot both be right about, and what is no contradiction.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{CheckFact, CheckStatus, CheckSubject, ClusterServiceFact, Exposure, Fact, NodeFact};
use binnacle_model::snapshot::{Disagreement, SourceState, SourceStatus};
use binnacle_model::world::Update;
use binnacle_model::{Batch, SourceId, World};

use crate::build::{Pod, Registered, Said, at, cluster, named, observed, source, told};

fn found(world: &World) -> Vec<&Disagreement> {
    world.snapshot().disagreements.values().map(|one| &**one).collect()
}

fn shown(world: &World) -> Vec<(&str, &str, Vec<&str>)> {
    found(world)
        .into_iter()
        .map(|one| (one.kind.word(), &*one.subject, one.claims.iter().map(|claim| &*claim.says).collect()))
        .collect()
}

fn node(range: &str) -> Said {
    let meta: BTreeMap<Arc<str>, Arc<str>> = [(Arc::from("podCIDR"), Arc::from(range))].into_iter().collect();
    let fact = NodeFact { name: Arc::from("c1-node-1"), address: Arc::from("192.168.49.2"), meta };
    (cluster("c1"), observed("nodes", "c1-node-1".to_owned(), 1, Fact::Node(fact)))
}

fn check(source: SourceId, node: &str, instance: &str, status: CheckStatus) -> Said {
    let fact = CheckFact {
        subject: CheckSubject::Instance { node: Arc::from(node), id: Arc::from(instance) },
        id: Arc::from(format!("{instance}/ready")),
        name: Arc::from("Ready"),
        status,
        output: Arc::from("said so\nat length"),
        method: Arc::from(""),
    };
    (source, observed("checks", format!("{node}/{instance}"), 1, Fact::Check(fact)))
}

#[test]
fn a_registration_in_the_clusters_range_without_a_pod_is_a_zombie() {
    let world = told(&[
        node("10.244.0.0/16"),
        Pod::new("payments", 0, "10.244.0.5").said(),
        Registered::new("payments", 0, "10.244.0.5").said(),
        Registered::new("payments", 1, "10.244.7.6").said(),
        Registered::new("payments", 2, "10.99.0.6").said(),
    ]);
    let expected = ("zombie", "payments-1", vec!["payments-1 at 10.244.7.6:8080, passing", "no pod has 10.244.7.6"]);
    assert_eq!(shown(&world), [expected]);
    assert_eq!(found(&world)[0].service.as_ref().unwrap().as_str(), "kube:c1/shop/payments");
}

#[test]
fn a_zombie_says_who_has_its_address_now() {
    let world = told(&[
        Pod { started: 60, ..Pod::new("cart", 0, "10.244.0.5") }.said(),
        Registered::new("payments", 0, "10.244.0.5").said(),
    ]);
    assert_eq!(shown(&world)[0].2[1], "10.244.0.5 is shop/cart-0 of cart");
}

#[test]
fn where_the_cluster_does_not_say_its_range_the_neighbourhood_of_its_pods_counts() {
    let world = told(&[
        Pod::new("cart", 0, "10.244.0.5").said(),
        Registered::new("payments", 0, "10.244.0.9").said(),
        Registered::new("vm", 0, "10.8.0.9").said(),
    ]);
    assert_eq!(shown(&world).iter().map(|one| one.1).collect::<Vec<_>>(), ["payments-0"]);
}

#[test]
fn a_registration_of_a_pod_that_is_gone_by_name_is_a_zombie() {
    let meta = &[("k8s-namespace", "shop"), ("pod-name", "payments-9")];
    let world = told(&[
        Pod::new("cart", 0, "10.244.0.5").said(),
        Registered { meta, ..Registered::new("payments", 9, "192.168.49.2") }.said(),
    ]);
    assert_eq!(shown(&world)[0].2[1], "no pod shop/payments-9");
}

#[test]
fn a_ready_pod_whose_registration_is_critical_is_shown_with_both_and_the_reverse_too() {
    let world = told(&[
        Pod::new("payments", 0, "10.244.0.5").said(),
        Registered::new("payments", 0, "10.244.0.5").said(),
        check(cluster("c1"), "c1-node-1", "shop/payments-0", CheckStatus::Passing),
        check(source(1), "vm-1", "payments-0", CheckStatus::Critical),
        Pod::new("cart", 0, "10.244.0.6").said(),
        Registered::new("cart", 0, "10.244.0.6").said(),
        check(cluster("c1"), "c1-node-1", "shop/cart-0", CheckStatus::Critical),
        check(source(1), "vm-1", "cart-0", CheckStatus::Passing),
    ]);
    assert_eq!(
        shown(&world),
        [
            ("passing_but_unready", "shop/cart-0", vec!["Ready critical: said so", "Ready passing: said so"]),
            ("ready_but_failing", "shop/payments-0", vec!["Ready critical: said so", "Ready passing: said so"]),
        ]
    );
    assert_eq!(found(&world)[0].claims[0].source, cluster("c1"));
    assert_eq!(found(&world)[1].claims[0].source, source(1));
}

#[test]
fn a_port_that_the_pod_does_not_declare_is_told() {
    let world = told(&[
        Pod::new("payments", 0, "10.244.0.5").said(),
        Registered { port: 9999, ..Registered::new("payments", 0, "10.244.0.5") }.said(),
    ]);
    assert_eq!(shown(&world), [("other_port", "shop/payments-0", vec!["port 9999", "declares 8080"])]);
}

#[test]
fn a_service_whose_selector_no_pod_fits_is_told() {
    let front = ClusterServiceFact {
        name: named("shop", "payments"),
        exposure: Exposure::ClusterIp,
        addresses: vec![],
        ports: vec![],
        selector: [(Arc::from("app"), Arc::from("paymetns"))].into_iter().collect(),
        external_name: None,
        publishes_unready: false,
    };
    let world =
        told(&[(cluster("c1"), observed("services", "shop/payments".to_owned(), 1, Fact::ClusterService(front)))]);
    let says = vec!["selects app=paymetns", "no pod of this namespace has these labels"];
    assert_eq!(shown(&world), [("selects_nothing", "shop/payments", says)]);
}

pub(crate) fn status(state: SourceState) -> SourceStatus {
    SourceStatus {
        state,
        since: at(30),
        address: Arc::from(""),
        product: None,
        fault: None,
        partial: vec![],
        unseen: Vec::new(),
        dialects: None,
        notes: Vec::new(),
        next_try: None,
        abilities: vec![],
    }
}

#[test]
fn what_a_silent_source_says_is_no_contradiction() {
    let mut world =
        told(&[Pod::new("cart", 0, "10.244.0.5").said(), Registered::new("payments", 0, "10.244.0.9").said()]);
    assert_eq!(found(&world).len(), 1);
    world.apply([Update::Status(source(1), status(SourceState::Failing))], at(30));
    assert_eq!(found(&world).len(), 0);
}

#[test]
fn the_moment_of_the_parting_is_known_only_when_both_were_read_before() {
    let mut world =
        told(&[Pod::new("cart", 0, "10.244.0.5").said(), Registered::new("payments", 0, "10.244.0.9").said()]);
    assert!(!found(&world)[0].since.seen_changing);
    for source in [cluster("c1"), source(1)] {
        world.apply([Update::Status(source, status(SourceState::Live))], at(40));
    }
    let (registry, later) = Registered::new("orders", 0, "10.244.0.10").said();
    world.apply([Update::Facts(Batch::delta(registry, vec![later], vec![]))], at(50));
    let since = found(&world).into_iter().find(|one| &*one.subject == "orders-0").unwrap().since;
    assert!(since.seen_changing);
    assert_eq!(since.at, at(50));
}

#[test]
fn what_a_cluster_may_not_see_is_no_zombie() {
    let mut world =
        told(&[Pod::new("cart", 0, "10.244.0.5").said(), Registered::new("payments", 0, "10.244.0.9").said()]);
    let limited = SourceStatus { unseen: vec![Arc::from("pods")], ..status(SourceState::Live) };
    world.apply([Update::Status(cluster("c1"), limited)], at(30));
    assert_eq!(shown(&world), []);
    let elsewhere = SourceStatus { unseen: vec![Arc::from("secret")], ..status(SourceState::Live) };
    world.apply([Update::Status(cluster("c1"), elsewhere)], at(31));
    assert_eq!(found(&world).len(), 1);
}

#[test]
fn a_cluster_that_has_told_everything_is_compared_at_that_moment() {
    let mut world = World::default();
    world.apply([Update::Status(cluster("c1"), status(SourceState::Connecting))], at(1));
    let said = [Pod::new("cart", 0, "10.244.0.5").said(), Registered::new("payments", 0, "10.244.0.9").said()];
    for (source, observation) in said {
        world.apply([Update::Facts(Batch::delta(source, vec![observation], vec![]))], at(2));
    }
    assert_eq!(found(&world).len(), 0, "there may be more pods");
    world.apply([Update::Status(cluster("c1"), status(SourceState::Live))], at(3));
    assert_eq!(found(&world).len(), 1);
}
