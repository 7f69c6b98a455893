//! The short way and the long way lead to the same picture.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    Backend, BackendsFact, CheckFact, CheckStatus, CheckSubject, ClusterServiceFact, Exposure, Fact, ServiceName,
};
use binnacle_model::snapshot::Health;
use binnacle_model::world::Update;
use binnacle_model::{Batch, ObjectKey, ServiceId, World, derive};
use proptest::prelude::*;

use crate::build::{Pod, Registered, Said, at, cluster, named, observed};

const WORKLOADS: [&str; 2] = ["cart", "payments"];
const PLACES: [&str; 3] = ["10.244.0.1", "10.244.0.2", "10.244.0.3"];

/// What is said in one go.
#[derive(Clone, Debug)]
enum Told {
    Put(Said),
    Gone(Said),
}

fn pod(workload: usize, number: usize, place: usize, label: &str) -> Said {
    let (source, mut said) = Pod::new(WORKLOADS[workload], number, PLACES[place]).said();
    if let Fact::Instance(fact) = &mut said.fact {
        fact.meta = BTreeMap::from([(Arc::from("tier"), Arc::from(label))]);
    }
    (source, said)
}

fn check(workload: usize, number: usize, id: usize, status: CheckStatus) -> Said {
    let pod = format!("shop/{}-{number}", WORKLOADS[workload]);
    let subject = CheckSubject::Instance { node: Arc::from("c1-node-1"), id: Arc::from(pod.as_str()) };
    let fact = CheckFact {
        subject,
        id: Arc::from(format!("{pod}/{id}")),
        name: Arc::from("ready"),
        status,
        output: Arc::from(""),
        method: Arc::from("condition"),
    };
    (cluster("c1"), observed("pods", format!("check/{pod}/{id}"), 1, Fact::Check(fact)))
}

/// A Service that selects by label, with a list of its backends.
fn front(workload: usize, tier: &str) -> [Said; 2] {
    let name: ServiceName = named("shop", WORKLOADS[workload]);
    let fact = ClusterServiceFact {
        name: name.clone(),
        exposure: Exposure::ClusterIp,
        addresses: vec![],
        ports: vec![],
        selector: BTreeMap::from([(Arc::from("tier"), Arc::from(tier))]),
        external_name: None,
        publishes_unready: false,
    };
    let backend = Backend {
        address: Arc::from(PLACES[0]),
        ready: true,
        terminating: false,
        instance: Some(Arc::from(format!("shop/{}-0", WORKLOADS[workload]))),
        node: None,
    };
    let list = BackendsFact { service: name.clone(), ports: vec![], backends: vec![backend] };
    [
        (cluster("c1"), observed("services", name.to_string(), 1, Fact::ClusterService(fact))),
        (cluster("c1"), observed("endpointslices", name.to_string(), 1, Fact::Backends(list))),
    ]
}

fn any_said() -> impl Strategy<Value = Said> {
    let status = prop_oneof![Just(CheckStatus::Passing), Just(CheckStatus::Critical), Just(CheckStatus::Warning)];
    prop_oneof![
        6 => (0..2_usize, 0..2_usize, 0..3_usize, prop_oneof![Just("a"), Just("b")])
            .prop_map(|(workload, number, place, label)| pod(workload, number, place, label)),
        6 => (0..2_usize, 0..2_usize, 0..2_usize, status)
            .prop_map(|(workload, number, id, status)| check(workload, number, id, status)),
        1 => (0..2_usize, 0..3_usize).prop_map(|(name, place)| Registered::new(WORKLOADS[name], 0, PLACES[place]).said()),
        1 => (0..2_usize, prop_oneof![Just("a"), Just("b")], 0..2_usize)
            .prop_map(|(workload, tier, which)| front(workload, tier)[which].clone()),
    ]
}

fn any_told() -> impl Strategy<Value = Told> {
    prop_oneof![5 => any_said().prop_map(Told::Put), 1 => any_said().prop_map(Told::Gone)]
}

fn tell(world: &mut World, told: Told, version: u64) {
    let batch = match told {
        Told::Put((source, mut one)) => {
            one.version = Some(version);
            Batch::delta(source, vec![one], vec![])
        }
        Told::Gone((source, one)) => Batch::delta(source, vec![], vec![one.object]),
    };
    world.apply([Update::Facts(batch)], at(i64::try_from(version).unwrap()));
}

proptest! {
    #[test]
    fn what_was_changed_one_by_one_is_what_is_derived_as_a_whole(
        all in proptest::collection::vec(proptest::collection::vec(any_told(), 1..3), 1..24)
    ) {
        let mut world = World::default();
        for (version, together) in all.into_iter().enumerate() {
            for told in together {
                tell(&mut world, told, version as u64 + 1);
            }
            let now = world.snapshot();
            let whole = derive::picture(world.store(), now, at(1_000));
            prop_assert_eq!(&*now.services, &whole.services);
            prop_assert_eq!(&*now.cluster_services, &whole.cluster_services);
            prop_assert_eq!(&*now.disagreements, &whole.disagreements);
            prop_assert_eq!(&*now.aliases, &whole.aliases);
            prop_assert_eq!(&*now.edges, &whole.edges);
        }
    }
}

#[test]
fn a_label_and_a_check_of_one_pod_change_its_service_and_nothing_else_is_made_anew() {
    let mut world = World::default();
    for (version, said) in [pod(0, 0, 0, "a"), pod(1, 0, 1, "a")].into_iter().chain(front(0, "a")).enumerate() {
        tell(&mut world, Told::Put(said), version as u64 + 1);
    }
    let before = world.snapshot().clone();

    tell(&mut world, Told::Put(check(0, 0, 0, CheckStatus::Critical)), 10);

    let after = world.snapshot().clone();
    let service = |snapshot: &binnacle_model::Snapshot, name: &str| snapshot.services[&ServiceId::from(name)].clone();
    assert_eq!(service(&after, "kube:c1/shop/cart").health, Health::Critical);
    assert!(Arc::ptr_eq(&service(&before, "kube:c1/shop/payments"), &service(&after, "kube:c1/shop/payments")));
    assert!(Arc::ptr_eq(&before.cluster_services, &after.cluster_services), "the short way was taken");

    let object = ObjectKey::new("pods", "check/shop/cart-0/0");
    world.apply([Update::Facts(Batch::delta(cluster("c1"), vec![], vec![object]))], at(20));
    let service = service(world.snapshot(), "kube:c1/shop/cart");
    assert_eq!((service.health, service.since.at), (Health::Passing, at(20)));
}
