//! Scrape targets beside Pods: what is told, and what is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{CheckFact, CheckStatus, CheckSubject, Fact, Party, TargetFact, TargetHealth};
use binnacle_model::snapshot::{Fault, SourceState, SourceStatus};
use binnacle_model::world::Update;
use binnacle_model::{Batch, SourceId, World};
use proptest::prelude::*;

use crate::build::{Pod, Said, at, cluster, observed};

fn server() -> SourceId {
    SourceId::from("prometheus:p")
}

fn target(pod: &str, health: TargetHealth) -> Said {
    let fact = TargetFact {
        job: Arc::from("pods"),
        url: Arc::from("http://10.244.0.5:8080/metrics"),
        process: Party::Pod { namespace: Arc::from("shop"), pod: Arc::from(pod), address: None },
        labels: BTreeMap::new(),
        health,
        last_error: Arc::from("connection refused\nand more"),
        last_scrape: None,
    };
    (server(), observed("targets", pod.to_owned(), 1, Fact::Target(fact)))
}

/// A Pod of the workload `cart`, started long ago, with its readiness.
fn pod(number: usize, annotated: bool, status: CheckStatus) -> Vec<Said> {
    let address = format!("10.244.0.{}", number + 5);
    let (source, mut said) = Pod::new("cart", number, &address).said();
    let Fact::Instance(fact) = &mut said.fact else { panic!("no instance") };
    fact.started = Some(at(-1000));
    if annotated {
        fact.meta.insert(Arc::from("prometheus.io/scrape"), Arc::from("true"));
    }
    let id = format!("shop/cart-{number}");
    let check = CheckFact {
        subject: CheckSubject::Instance { node: Arc::from("c1-node-1"), id: Arc::from(id.as_str()) },
        id: Arc::from(format!("{id}/Ready")),
        name: Arc::from("ready"),
        status,
        output: Arc::from(""),
        method: Arc::from("condition"),
    };
    vec![(source, said), (cluster("c1"), observed("pods", format!("check/{id}"), 1, Fact::Check(check)))]
}

fn told(all: impl IntoIterator<Item = Said>) -> World {
    let mut world = World::default();
    for (source, observation) in all {
        world.apply([Update::Facts(Batch::delta(source, vec![observation], vec![]))], at(1));
    }
    world
}

fn found(world: &World) -> Vec<(&str, &str)> {
    world.snapshot().disagreements.values().map(|one| (one.kind.word(), &*one.subject)).collect()
}

fn up(numbers: impl IntoIterator<Item = usize>) -> Vec<Said> {
    numbers.into_iter().map(|number| target(&format!("cart-{number}"), TargetHealth::Up)).collect()
}

fn pods(count: usize, annotated: bool) -> Vec<Said> {
    (0..count).flat_map(|number| pod(number, annotated, CheckStatus::Passing)).collect()
}

#[test]
fn a_target_that_is_down_although_its_pod_is_ready_is_told_with_the_error() {
    let world = told(pods(1, false).into_iter().chain([target("cart-0", TargetHealth::Down)]));
    assert_eq!(found(&world), [("target_down", "shop/cart-0")]);
    let claims = &world.snapshot().disagreements.values().next().unwrap().claims;
    let says: Vec<&str> = claims.iter().map(|claim| &*claim.says).collect();
    assert_eq!(says, ["http://10.244.0.5:8080/metrics of pods is down: connection refused", "ready passing"]);
    let unready = told(pod(0, false, CheckStatus::Critical).into_iter().chain([target("cart-0", TargetHealth::Down)]));
    assert_eq!(found(&unready), []);
}

#[test]
fn one_that_asks_or_whose_like_are_scraped_and_is_not_is_told() {
    for annotated in [true, false] {
        let world = told(pods(5, annotated).into_iter().chain(up(0..4)));
        assert_eq!(found(&world), [("not_scraped", "shop/cart-4")], "{annotated}");
    }
    let all = told(pods(5, true).into_iter().chain(up(0..5)));
    assert_eq!(found(&all), []);
}

#[test]
fn a_way_of_asking_that_is_not_in_use_says_nothing() {
    assert_eq!(found(&told(pods(5, true))), [], "no Prometheus");
    let elsewhere = target("other-0", TargetHealth::Up);
    assert_eq!(found(&told(pods(5, true).into_iter().chain([elsewhere]))), [], "the annotation is ignored here");
}

#[test]
fn a_server_that_shares_the_work_or_is_not_read_whole_proves_nothing() {
    let shared = told(pods(6, true).into_iter().chain(up(0..3)));
    assert_eq!(found(&shared), []);
    let mut world = told(pods(5, true).into_iter().chain(up(0..4)));
    let fault = Fault { code: Arc::from("prometheus.incomplete"), detail: Arc::from("x"), hint: Arc::from("y") };
    let status = |state, partial: Vec<Fault>| SourceStatus {
        state,
        since: at(2),
        address: Arc::from(""),
        product: None,
        fault: None,
        partial,
        unseen: vec![],
        dialects: None,
        notes: Vec::new(),
        next_try: None,
        abilities: vec![],
    };
    for bad in [status(SourceState::Live, vec![fault]), status(SourceState::Failing, vec![])] {
        world.apply([Update::Status(server(), bad)], at(2));
        assert_eq!(found(&world), []);
        world.apply([Update::Status(server(), status(SourceState::Live, vec![]))], at(3));
        assert_eq!(found(&world).len(), 1);
    }
}

proptest! {
    #[test]
    fn whoever_is_told_not_to_be_scraped_is_no_target_and_ready(
        ready in proptest::collection::vec(any::<bool>(), 1..8),
        scraped in proptest::collection::btree_set(0usize..8, 0..8),
        annotated in any::<bool>(),
    ) {
        let status = |ready: bool| if ready { CheckStatus::Passing } else { CheckStatus::Critical };
        let all = ready.iter().enumerate().flat_map(|(number, ready)| pod(number, annotated, status(*ready)));
        let world = told(all.chain(up(scraped.iter().copied())));
        for (kind, subject) in found(&world) {
            prop_assert_eq!(kind, "not_scraped");
            let number: usize = subject.rsplit('-').next().unwrap().parse().unwrap();
            prop_assert!(!scraped.contains(&number) && ready[number]);
        }
    }
}
