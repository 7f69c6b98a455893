//! One setting, two stores.

use binnacle_model::fact::StoreKind;
use binnacle_model::world::Update;
use binnacle_model::{Batch, World};

use crate::build::{Pod, Registered, Said, at, cluster, setting, source, told};

fn map(path: &str, value: u64) -> Said {
    (cluster("c1"), setting(StoreKind::ConfigMap, path, value, 1))
}

fn kv(path: &str, value: u64) -> Said {
    (source(1), setting(StoreKind::ConsulKv, path, value, 1))
}

/// The service `payments` in Kubernetes and in Consul, with these settings.
fn payments(settings: &[Said]) -> World {
    let mut all =
        vec![Pod::new("payments", 0, "10.244.0.5").said(), Registered::new("payments", 0, "10.244.0.5").said()];
    all.extend(settings.iter().cloned());
    told(&all)
}

fn found(world: &World) -> Vec<(String, Vec<String>)> {
    let all = world.snapshot().disagreements.values().filter(|one| one.kind.word() == "other_value");
    all.map(|one| (one.subject.to_string(), one.claims.iter().map(|claim| claim.says.to_string()).collect())).collect()
}

#[test]
fn a_setting_with_two_values_is_told_with_both_places_and_neither_value() {
    let world = payments(&[map("shop/payments-config/LOG_LEVEL", 4), kv("shop/payments/log-level", 5)]);
    let says = |path: &str, size: u64| format!("{path} has another value, {size} bytes (the same setting by its name)");
    let expected = vec![says("shop/payments-config/LOG_LEVEL", 4), says("shop/payments/log-level", 5)];
    assert_eq!(found(&world), [("shop/payments-config/LOG_LEVEL".to_owned(), expected)]);
    let one = world.snapshot().disagreements.values().next().unwrap();
    assert_eq!(one.service.as_ref().unwrap().as_str(), "kube:c1/shop/payments");
}

#[test]
fn what_is_not_surely_the_same_setting_is_no_disagreement() {
    for settings in [
        [map("shop/payments/log", 4), kv("shop/payments/log", 4)],
        [map("shop/payments/log", 4), kv("shop/cart/log", 5)],
        [map("shop/payments/log", 4), kv("shop/payments/other", 5)],
        [map("other/payments/log", 4), kv("shop/payments/log", 5)],
        [map("shop/payments-backup/log", 4), kv("shop/payments/log", 5)],
        [map("shop/payments/log", 4), kv("payments", 5)],
    ] {
        assert_eq!(found(&payments(&settings)), [], "{settings:?}");
    }
    let several = [map("shop/payments/log", 4), kv("dev/payments/log", 5), kv("prod/payments/log", 6)];
    assert_eq!(found(&payments(&several)), [], "nobody says which of the two it is");
}

#[test]
fn an_edit_that_makes_the_values_equal_ends_it_and_another_one_begins_it_again() {
    let mut world = payments(&[map("shop/payments/log", 4), kv("shop/payments/log", 5)]);
    assert_eq!(found(&world).len(), 1);
    for (version, value, left) in [(2, 4, 0), (3, 6, 1)] {
        let edited = setting(StoreKind::ConsulKv, "shop/payments/log", value, version);
        let batch = Batch::delta(source(1), vec![edited], vec![]);
        let changes = world.apply([Update::Facts(batch)], at(60)).unwrap();
        assert_eq!((found(&world).len(), changes.changes.len()), (left, 2), "the key, and the disagreement");
    }
}
