//! At which service an alert stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{AlertFact, AlertState, Fact, Party};
use binnacle_model::snapshot::Health;
use binnacle_model::{SourceId, World};

use crate::build::{Pod, Registered, Said, at, observed, told};

fn alert(name: &str, about: Option<Party>, labels: &[(&str, &str)]) -> Said {
    let fact = AlertFact {
        name: Arc::from(name),
        state: AlertState::Firing,
        severity: Arc::from("critical"),
        labels: labels.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect(),
        summary: Arc::from(""),
        since: Some(at(-60)),
        value: None,
        about,
    };
    (SourceId::from("prometheus:p"), observed("alerts", name.to_owned(), 1, Fact::Alert(fact)))
}

/// The service at which each alert stands, by the alert's name.
fn services(world: &World) -> BTreeMap<String, Option<String>> {
    let alerts = world.snapshot().alerts.values();
    alerts.map(|one| (one.fact.name.to_string(), one.service.as_ref().map(ToString::to_string))).collect()
}

#[test]
fn an_alert_stands_at_the_service_of_its_process_its_pod_or_its_name() {
    let pod = |pod: &str| Some(Party::Pod { namespace: Arc::from("shop"), pod: Arc::from(pod), address: None });
    let address = |host: &str| Some(Party::Address { host: Arc::from(host), port: 8080 });
    let named = |name: &str| Some(Party::Named(Arc::from(name)));
    let world = told(&[
        Pod::new("payments", 0, "10.244.0.5").said(),
        Registered::new("payments", 0, "10.244.0.5").said(),
        alert("ByAddress", address("10.244.0.5"), &[]),
        alert("ByPod", pod("payments-0"), &[]),
        alert("ByName", named("payments"), &[("namespace", "shop")]),
        alert("OfAnother", named("payments"), &[("namespace", "other")]),
        alert("Stranger", address("10.9.9.9"), &[]),
        alert("GonePod", pod("payments-9"), &[]),
        alert("Watchdog", None, &[]),
    ]);
    let payments = Some("kube:c1/shop/payments".to_owned());
    let found = services(&world);
    for name in ["ByAddress", "ByPod", "ByName"] {
        assert_eq!(found[name], payments, "{name}");
    }
    for name in ["OfAnother", "Stranger", "GonePod", "Watchdog"] {
        assert_eq!(found[name], None, "{name}");
    }
}

#[test]
fn a_namespace_tells_two_services_of_one_name_apart() {
    let elsewhere = Pod { namespace: "other", ..Pod::new("payments", 0, "10.244.0.6") };
    let world = told(&[
        Pod::new("payments", 0, "10.244.0.5").said(),
        elsewhere.said(),
        alert("There", Some(Party::Named(Arc::from("payments"))), &[("namespace", "other")]),
        alert("Nowhere", Some(Party::Named(Arc::from("payments"))), &[]),
    ]);
    let found = services(&world);
    assert_eq!(found["There"].as_deref(), Some("kube:c1/other/payments"));
    assert_eq!(found["Nowhere"], None, "a name that fits two names neither");
}

#[test]
fn only_a_firing_alert_that_complains_says_something_bad() {
    let health = |state, severity: &str| {
        let (source, mut said) = alert("X", None, &[]);
        let Fact::Alert(fact) = &mut said.fact else { panic!("no alert") };
        (fact.state, fact.severity) = (state, Arc::from(severity));
        told(&[(source, said)]).snapshot().alerts.values().next().unwrap().health()
    };
    for (severity, expected) in [
        ("critical", Some(Health::Critical)),
        ("Page", Some(Health::Critical)),
        ("warning", Some(Health::Warning)),
        ("", Some(Health::Warning)),
        ("info", None),
        ("none", None),
    ] {
        assert_eq!(health(AlertState::Firing, severity), expected, "{severity}");
        assert_eq!(health(AlertState::Pending, severity), None, "{severity}");
    }
}
