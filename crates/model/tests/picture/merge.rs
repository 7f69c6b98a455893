//! The order of observations does not matter, the same observation twice changes nothing, and a reset equals a fresh start.

use std::collections::BTreeMap;

use binnacle_model::fact::{CheckStatus, ObjectKey, Observation};
use binnacle_model::world::Update;
use binnacle_model::{Batch, Snapshot, SourceId, World};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::build::{at, calls, check, instance, key, source, told};

fn any_observation() -> impl Strategy<Value = Observation> {
    let status = prop_oneof![Just(CheckStatus::Passing), Just(CheckStatus::Warning), Just(CheckStatus::Critical)];
    prop_oneof![
        (0..4_usize, 0..3_usize, 1..9_u64, proptest::option::of(0..4_usize))
            .prop_map(|(service, number, version, to)| instance(service, number, version, to)),
        (0..4_usize, 0..3_usize, 1..9_u64, status).prop_map(|(s, n, version, status)| check(s, n, version, status)),
        ("[a-c](/[a-c])?", 1..9_u64).prop_map(|(path, version)| key(&path, version, version)),
        (0..4_usize, 0..4_usize, 1..9_u64).prop_map(|(from, to, version)| calls(from, to, version, 2.0)),
    ]
}

/// Statements of two sources in which a version of an object always says the same.
fn statements() -> impl Strategy<Value = Vec<(SourceId, Observation)>> {
    proptest::collection::vec((0..2_usize, any_observation()), 0..40).prop_map(|drawn| {
        let mut unique = BTreeMap::new();
        for (datacenter, observation) in drawn {
            unique.insert((datacenter, observation.object.clone(), observation.version), observation);
        }
        unique.into_iter().map(|((datacenter, ..), observation)| (source(datacenter), observation)).collect()
    })
}

/// What a picture shows, without the times that depend on when Binnacle looked.
fn shown(snapshot: &Snapshot) -> Value {
    let config: BTreeMap<_, _> = snapshot.config.iter().map(|(id, item)| (id.to_string(), json!(item))).collect();
    let mut shown = json!({
        "services": snapshot.services, "edges": snapshot.edges, "breakers": snapshot.breakers, "config": config,
    });
    forget_times(&mut shown);
    shown
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("since");
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

proptest! {
    #[test]
    fn the_order_of_observations_does_not_matter(
        (straight, shuffled) in statements().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        prop_assert_eq!(shown(told(&straight).snapshot()), shown(told(&shuffled).snapshot()));
    }

    #[test]
    fn the_same_observation_twice_changes_nothing(all in statements()) {
        let mut world = told(&all);
        let revision = world.snapshot().revision;
        for (source, observation) in &all {
            let latest = world.store().get(source, &observation.object).map(|held| Observation::clone(held)).unwrap();
            let again = Batch::delta(source.clone(), vec![latest], vec![]);
            prop_assert_eq!(world.apply([Update::Facts(again)], at(2)), None);
        }
        prop_assert_eq!(world.snapshot().revision, revision);
    }

    #[test]
    fn a_reset_equals_a_fresh_start(before in statements(), after in statements()) {
        let mut reset = told(&before);
        let mut fresh = World::default();
        for datacenter in 0..2 {
            for collection in ["catalog", "health", "kv", "calls"] {
                let mut latest: BTreeMap<ObjectKey, Observation> = BTreeMap::new();
                let of_this = after.iter().filter(|(from, one)| *from == source(datacenter) && &*one.object.collection == collection);
                for (_, observation) in of_this {
                    latest.insert(observation.object.clone(), observation.clone());
                }
                let listed: Vec<Observation> = latest.into_values().collect();
                for world in [&mut reset, &mut fresh] {
                    let batch = Batch::reset(source(datacenter), collection, listed.clone());
                    world.apply([Update::Facts(batch)], at(3));
                }
            }
        }
        prop_assert_eq!(shown(reset.snapshot()), shown(fresh.snapshot()));
    }

    #[test]
    fn a_change_set_names_all_that_changed(before in statements(), then in any_observation()) {
        let mut world = told(&before);
        let old = world.snapshot().clone();
        let batch = Batch::delta(source(0), vec![then], vec![]);
        let changes = world.apply([Update::Facts(batch)], at(4)).map(|set| set.changes).unwrap_or_default();
        let new = world.snapshot();
        for id in old.services.keys().chain(new.services.keys()) {
            let named = changes.iter().any(|change| change.subject == binnacle_model::change::Subject::Service(id.clone()));
            prop_assert_eq!(named, old.services.get(id) != new.services.get(id), "{}", id);
        }
        for id in old.config.keys().chain(new.config.keys()) {
            let named = changes.iter().any(|change| change.subject == binnacle_model::change::Subject::Config(id.clone()));
            prop_assert_eq!(named, old.config.get(id) != new.config.get(id), "{}", id);
        }
    }
}
