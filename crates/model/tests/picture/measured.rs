//! Which metrics server is asked how the signals of a thing went.

use binnacle_model::measured::{self, Measured};
use binnacle_model::snapshot::SourceState;
use binnacle_model::world::Update;
use binnacle_model::{SourceId, World};

use crate::build::{Said, at, calls, instance, source, told};
use crate::disagreements::status;

fn said(who: &str, from: usize, to: usize, rps: f64) -> Said {
    (SourceId::from(who), calls(from, to, 1, rps))
}

/// Three services; calls of two of them to the third are counted by two servers, and at the processes themselves.
fn counted_twice() -> World {
    let mut all: Vec<Said> = (0..3).map(|service| (source(1), instance(service, 0, 1, None))).collect();
    for from in [0, 1] {
        all.push(said("prometheus:few", from, 2, 5.0));
        all.push(said("prometheus:many", from, 2, 9.0));
        all.push(said("scrape:demo", from, 2, 99.0));
    }
    let mut world = told(&all);
    for server in ["prometheus:few", "prometheus:many"] {
        world.apply([Update::Status(SourceId::from(server), status(SourceState::Live))], at(2));
    }
    world
}

fn asked(found: Option<Measured>) -> Option<(String, usize)> {
    found.map(|one| (one.source.to_string(), one.facts.len()))
}

#[test]
fn the_server_that_counted_most_is_asked_with_the_facts_of_the_thing() {
    let world = counted_twice();
    let (edge, service) = ("consul:dc1/checkout -> consul:dc1/orders", "consul:dc1/orders");
    let many = |facts| Some(("prometheus:many".to_owned(), facts));
    assert_eq!(asked(measured::of_edge(world.snapshot(), edge)), many(1));
    assert_eq!(asked(measured::of_service(world.snapshot(), service)), many(2));
}

#[test]
fn a_server_that_fails_is_asked_only_where_there_is_no_other() {
    let mut world = counted_twice();
    let service = "consul:dc1/orders";
    world.apply([Update::Status(SourceId::from("prometheus:many"), status(SourceState::Failing))], at(3));
    assert_eq!(asked(measured::of_service(world.snapshot(), service)), Some(("prometheus:few".to_owned(), 2)));
    world.apply([Update::Forget(SourceId::from("prometheus:few"))], at(4));
    assert_eq!(asked(measured::of_service(world.snapshot(), service)), Some(("prometheus:many".to_owned(), 2)));
    world.apply([Update::Forget(SourceId::from("prometheus:many"))], at(5));
    assert_eq!(asked(measured::of_service(world.snapshot(), service)), None);
}

#[test]
fn what_nobody_calls_or_nobody_has_is_measured_by_none() {
    let world = counted_twice();
    assert_eq!(asked(measured::of_service(world.snapshot(), "consul:dc1/checkout")), None);
    assert_eq!(asked(measured::of_edge(world.snapshot(), "a -> b")), None);
}
