//! What several sources say of one service, joined; and what is not the same, kept apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use binnacle_model::fact::{CheckFact, CheckStatus, CheckSubject, Fact, NodeFact, ServiceFact, ServiceName};
use binnacle_model::snapshot::{JoinReason, Service, SourceState, SourceStatus};
use binnacle_model::world::Update;
use binnacle_model::{ServiceId, SourceId, World};
use proptest::prelude::*;

use crate::build::{Pod, Registered, Said, at, calls, cluster, named, observed, source, told};

/// A service without any instance.
fn empty(source: SourceId, name: ServiceName) -> Said {
    let key = format!("service/{name}");
    (source, observed("catalog", key, 1, Fact::Service(ServiceFact { service: name, tags: vec![] })))
}

fn ids(world: &World) -> Vec<&str> {
    world.snapshot().services.keys().map(ServiceId::as_str).collect()
}

fn service<'a>(world: &'a World, id: &str) -> &'a Service {
    world.snapshot().service(&ServiceId::from(id)).unwrap_or_else(|| panic!("no {id} in {:?}", ids(world)))
}

fn reasons(service: &Service) -> Vec<(&str, Option<JoinReason>)> {
    service.facets.iter().map(|facet| (facet.source.as_str(), facet.joined_by)).collect()
}

#[test]
fn a_workload_and_a_registration_of_its_pods_are_one_service() {
    let world = told(&[
        Pod::new("payments", 0, "10.244.0.5").said(),
        Pod::new("payments", 1, "10.244.0.6").said(),
        Registered::new("payments", 0, "10.244.0.5").said(),
        Registered::new("payments", 1, "10.244.0.6").said(),
    ]);
    assert_eq!(ids(&world), ["kube:c1/shop/payments"]);
    let one = service(&world, "kube:c1/shop/payments");
    assert_eq!(reasons(one), [("kube:c1", None), ("consul:dc1", Some(JoinReason::Instances))]);
    assert_eq!(one.instances.len(), 2);
    assert!(one.instances.iter().all(|instance| instance.witnesses.len() == 1));
    assert_eq!(service(&world, "consul:dc1/payments").id, one.id, "the other id stays good");
}

#[test]
fn names_may_differ_where_the_instances_are_the_same() {
    let world =
        told(&[Pod::new("payments-v2", 0, "10.244.0.5").said(), Registered::new("pay", 0, "10.244.0.5").said()]);
    assert_eq!(ids(&world), ["kube:c1/shop/payments-v2"]);
    let names: Vec<String> =
        service(&world, "consul:dc1/pay").facets.iter().map(|facet| facet.name.to_string()).collect();
    assert_eq!(names, ["shop/payments-v2", "pay"]);
}

#[test]
fn a_registration_that_names_its_pod_needs_no_address() {
    let registered = Registered {
        meta: &[("k8s-namespace", "shop"), ("pod-name", "payments-0")],
        ..Registered::new("pay", 0, "192.168.49.2")
    };
    let world = told(&[Pod::new("payments", 0, "10.244.0.5").said(), registered.said()]);
    assert_eq!(reasons(service(&world, "consul:dc1/pay"))[1], ("consul:dc1", Some(JoinReason::Explicit)));
}

#[test]
fn an_equal_name_joins_what_has_no_instances_and_says_so() {
    let world =
        told(&[empty(cluster("c1"), named("shop", "payments")), Registered::new("payments", 0, "10.0.0.9").said()]);
    assert_eq!(reasons(service(&world, "consul:dc1/payments"))[1].1, Some(JoinReason::Name));
}

#[test]
fn an_equal_name_does_not_join_two_sets_of_addresses_that_have_nothing_in_common() {
    let world =
        told(&[Pod::new("payments", 0, "10.244.0.5").said(), Registered::new("payments", 0, "10.0.0.9").said()]);
    assert_eq!(ids(&world), ["consul:dc1/payments", "kube:c1/shop/payments"]);
}

#[test]
fn an_equal_name_in_two_namespaces_is_nobodys() {
    let world = told(&[
        empty(cluster("c1"), named("shop", "api")),
        empty(cluster("c1"), named("admin", "api")),
        Registered::new("api", 0, "10.0.0.9").said(),
    ]);
    assert_eq!(world.snapshot().services.len(), 3);
}

#[test]
fn an_address_that_a_new_pod_took_over_does_not_join_the_old_registration() {
    // The registration was seen at 0; the pod that has its address now was started later, by another workload.
    let taken_over = Pod { started: 60, ..Pod::new("cart", 0, "10.244.0.5") };
    let world = told(&[taken_over.said(), Registered::new("payments", 0, "10.244.0.5").said()]);
    assert_eq!(ids(&world), ["consul:dc1/payments", "kube:c1/shop/cart"]);
}

#[test]
fn one_address_of_many_does_not_join_services_of_other_names() {
    let mut said: Vec<Said> = (0..4)
        .map(|number| Pod::new("cart", number, ["10.244.0.5", "10.244.0.6", "10.244.0.7", "10.244.0.8"][number]).said())
        .collect();
    said.push(Registered::new("payments", 0, "10.244.0.5").said());
    assert_eq!(told(&said).snapshot().services.len(), 2);
}

#[test]
fn what_a_silent_source_said_does_not_join_a_pod_that_was_started_since() {
    let mut world = told(&[Registered::new("payments", 0, "10.244.0.5").said()]);
    let silent = SourceStatus {
        state: SourceState::Failing,
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
    };
    world.apply([Update::Status(source(1), silent)], at(30));
    let (kube, pod) = Pod { started: 60, ..Pod::new("payments", 0, "10.244.0.5") }.said();
    world.apply([Update::Facts(binnacle_model::Batch::delta(kube, vec![pod], vec![]))], at(61));
    let instances: usize = world.snapshot().services.values().map(|one| one.instances.len()).sum();
    assert_eq!(instances, 2, "the pod is not the instance that was registered");
}

#[test]
fn clusters_that_share_addresses_are_told_apart_by_names_and_by_nodes() {
    let twin = |cluster, workload| Pod { cluster, ..Pod::new(workload, 0, "10.244.0.5") };
    let by_name = told(&[
        twin("a", "payments").said(),
        twin("b", "cart").said(),
        Registered::new("payments", 0, "10.244.0.5").said(),
    ]);
    assert_eq!(service(&by_name, "consul:dc1/payments").id.as_str(), "kube:a/shop/payments");
    let node = |cluster_name: &str| {
        let name: Arc<str> = Arc::from(format!("{cluster_name}-node-1"));
        let fact = NodeFact { name: name.clone(), address: Arc::from("192.168.49.2"), meta: BTreeMap::new() };
        (cluster(cluster_name), observed("nodes", name.to_string(), 1, Fact::Node(fact)))
    };
    let by_node = told(&[
        node("a"),
        node("b"),
        twin("a", "payments").said(),
        twin("b", "payments").said(),
        Registered { node: "b-node-1-virtual", ..Registered::new("payments", 0, "10.244.0.5") }.said(),
    ]);
    assert_eq!(service(&by_node, "consul:dc1/payments").id.as_str(), "kube:b/shop/payments");
}

#[test]
fn of_two_clusters_that_are_equally_likely_neither_is_taken() {
    let twin = |cluster| Pod { cluster, ..Pod::new("payments", 0, "10.244.0.5") };
    let world = told(&[twin("a").said(), twin("b").said(), Registered::new("payments", 0, "10.244.0.5").said()]);
    assert_eq!(world.snapshot().services.len(), 3);
}

#[test]
fn on_a_nodes_own_address_the_port_decides() {
    let on_node = |workload, port| Pod { host_network: true, port, ..Pod::new(workload, 0, "192.168.49.2") };
    let world = told(&[
        on_node("exporter", 9100).said(),
        on_node("proxy", 8000).said(),
        Registered { port: 9100, ..Registered::new("node-exporter", 0, "192.168.49.2") }.said(),
    ]);
    assert_eq!(service(&world, "consul:dc1/node-exporter").id.as_str(), "kube:c1/shop/exporter");
    assert_eq!(world.snapshot().services.len(), 2);
}

#[test]
fn two_registrations_of_one_pod_are_two_services_and_the_one_at_its_first_port_is_the_pods() {
    let world = told(&[
        Pod::new("orders", 0, "10.244.0.5").said(),
        Registered::new("orders-api", 0, "10.244.0.5").said(),
        Registered { port: 9090, ..Registered::new("orders-admin", 0, "10.244.0.5") }.said(),
    ]);
    assert_eq!(ids(&world), ["consul:dc1/orders-admin", "kube:c1/shop/orders"]);
}

#[test]
fn a_joined_instance_has_the_checks_of_both_and_the_worst_of_them_counts() {
    let check = CheckFact {
        subject: CheckSubject::Instance { node: Arc::from("vm-1"), id: Arc::from("payments-0") },
        id: Arc::from("service:payments-0"),
        name: Arc::from("http"),
        status: CheckStatus::Critical,
        output: Arc::from("connection refused"),
        method: Arc::from("http"),
    };
    let world = told(&[
        Pod::new("payments", 0, "10.244.0.5").said(),
        Registered::new("payments", 0, "10.244.0.5").said(),
        (source(1), observed("health", "vm-1/service:payments-0".to_owned(), 1, Fact::Check(check))),
    ]);
    let one = service(&world, "consul:dc1/payments");
    assert_eq!((one.health.word(), one.instances[0].checks.len()), ("critical", 1));
}

#[test]
fn calls_reach_a_joined_service_by_either_id_and_by_any_port_of_its_pods() {
    let (by_registry, call) = (source(1), calls(0, 1, 1, 2.0));
    let world = told(&[
        Pod { port: 9999, ..Pod::new("front", 0, "10.0.0.0") }.said(),
        Pod::new("payments", 0, "10.244.0.6").said(),
        Registered::new("payments", 0, "10.244.0.6").said(),
        (by_registry, call),
    ]);
    let edges: Vec<String> = world.snapshot().edges.keys().map(ToString::to_string).collect();
    assert_eq!(edges, ["kube:c1/shop/front -> kube:c1/shop/payments"]);
}

#[test]
fn a_state_is_as_old_as_it_was_before_another_source_joined() {
    let mut world = told(&[Registered::new("payments", 0, "10.244.0.5").said()]);
    let before = service(&world, "consul:dc1/payments").since;
    let (kube, pod) = Pod::new("payments", 0, "10.244.0.5").said();
    world.apply([Update::Facts(binnacle_model::Batch::delta(kube, vec![pod], vec![]))], at(500));
    assert_eq!(service(&world, "consul:dc1/payments").since, before);
}

const PLACES: [&str; 4] = ["10.244.0.1", "10.244.0.2", "10.244.0.3", "10.244.0.4"];
const WORKLOADS: [&str; 3] = ["cart", "payments", "orders"];

fn any_statement() -> impl Strategy<Value = Said> {
    prop_oneof![
        (0..3_usize, 0..2_usize, 0..4_usize, prop_oneof![Just("a"), Just("b")]).prop_map(
            |(workload, number, place, cluster)| {
                Pod { cluster, ..Pod::new(WORKLOADS[workload], number, PLACES[place]) }.said()
            }
        ),
        (0..3_usize, 0..2_usize, 0..4_usize, 0..2_usize).prop_map(|(name, number, place, datacenter)| {
            Registered { datacenter, ..Registered::new(WORKLOADS[name], number, PLACES[place]) }.said()
        }),
    ]
}

fn statements() -> impl Strategy<Value = Vec<Said>> {
    proptest::collection::vec(any_statement(), 0..24).prop_map(|drawn| {
        let unique: BTreeMap<_, _> =
            drawn.into_iter().map(|(source, one)| ((source, one.object.clone()), one)).collect();
        unique.into_iter().map(|((source, _), one)| (source, one)).collect()
    })
}

proptest! {
    #[test]
    fn who_speaks_first_does_not_matter(
        (straight, shuffled) in statements().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let shape = |world: &World| -> Vec<_> {
            let services = world.snapshot().services.values();
            services.map(|one| (one.id.clone(), one.health, one.facets.clone(), one.instances.iter().map(|i| i.id.clone()).collect::<Vec<_>>())).collect()
        };
        prop_assert_eq!(shape(&told(&straight)), shape(&told(&shuffled)));
    }

    #[test]
    fn every_statement_is_in_the_picture_exactly_once_and_every_id_leads_somewhere(all in statements()) {
        let world = told(&all);
        let services = &world.snapshot().services;
        let shown: usize = services.values().flat_map(|one| &one.instances).map(|one| 1 + one.witnesses.len()).sum();
        prop_assert_eq!(shown, all.len());
        for (source, one) in &all {
            let Fact::Instance(fact) = &one.fact else { continue };
            let id = ServiceId::from(format!("{source}/{}", fact.service));
            prop_assert!(world.snapshot().service(&id).is_some(), "{}", id);
        }
        for one in services.values() {
            let kinds: BTreeSet<_> = one.facets.iter().map(|facet| facet.source.kind()).collect();
            prop_assert_eq!(kinds.len(), one.facets.len(), "two services of one kind of source in one");
        }
    }
}
