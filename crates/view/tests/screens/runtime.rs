//! What a cluster says of a service, in the inspector.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    AutoscalerFact, CheckStatus, ClusterServiceFact, ClusterServicePort, EventFact, EventSubject, Exposure, Fact,
    RolloutState, ServiceName, TargetPort, Transport, WorkloadFact, WorkloadKind,
};
use binnacle_model::snapshot::SourceState;
use binnacle_view::contract::inspector::{EvidenceArgs, FactRow, InspectorRow, Section};
use binnacle_view::contract::state::{Subject, SubjectKind, Tone};
use binnacle_view::screen::{evidence, inspector};

use super::fleet::{Fleet, at, cluster};

fn name() -> ServiceName {
    ServiceName { namespace: Some(Arc::from("shop")), name: Arc::from("cart") }
}

/// A Deployment that stalls, with all that belongs to it.
fn cart() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.status_of(cluster(), SourceState::Live, None, &[]);
    fleet.pod("cart", 5, CheckStatus::Passing).registered("cart", 5);
    let workload = WorkloadFact {
        service: name(),
        name: Arc::from("cart"),
        kind: WorkloadKind::Deployment,
        uid: Arc::from("uid-cart"),
        created: Some(at(0)),
        desired: Some(3),
        ready: Some(1),
        updated: Some(2),
        available: Some(1),
        state: RolloutState::Stalled,
        message: Arc::from("took too long"),
    };
    let scaler = AutoscalerFact {
        service: name(),
        name: Arc::from("cart"),
        min: 1,
        max: 3,
        current: 3,
        desired: 3,
        complaint: Arc::from("no metrics"),
    };
    let front = ClusterServiceFact {
        name: name(),
        exposure: Exposure::ClusterIp,
        addresses: vec![Arc::from("10.96.0.7")],
        ports: vec![ClusterServicePort {
            name: Some(Arc::from("http")),
            port: 80,
            transport: Transport::Tcp,
            target: TargetPort::Number(8080),
            node_port: None,
            app_protocol: None,
        }],
        selector: BTreeMap::new(),
        external_name: None,
        publishes_unready: false,
    };
    let event = EventFact {
        about: EventSubject::Instance(Arc::from("shop/cart-5")),
        reason: Arc::from("BackOff"),
        message: Arc::from("restarting failed container"),
        count: 4,
        last: Some(at(9)),
        reporter: Arc::from("kubelet"),
    };
    fleet.stated(cluster(), "deployments", "workload/shop/cart".to_owned(), Fact::Workload(workload));
    fleet.stated(cluster(), "horizontalpodautoscalers", "shop/cart".to_owned(), Fact::Autoscaler(scaler));
    fleet.stated(cluster(), "services", "shop/cart".to_owned(), Fact::ClusterService(front));
    fleet.stated(cluster(), "events", "shop/cart.1".to_owned(), Fact::Event(event));
    fleet
}

fn subject() -> Subject {
    Subject { kind: SubjectKind::Service, id: "kube:c1/shop/cart".to_owned() }
}

fn facts(fleet: &Fleet, section: Section) -> Vec<FactRow> {
    let rows = inspector::table(&fleet.scene(), &subject()).rows.into_iter();
    let facts = rows.filter_map(|row| if let InspectorRow::Fact(fact) = row { Some(fact) } else { None });
    facts.filter(|fact| fact.section == section).collect()
}

#[test]
fn what_runs_it_is_said_with_its_rollout_and_each_line_has_its_evidence() {
    let fleet = cart();
    let shown = |section| facts(&fleet, section).into_iter().map(|row| (row.label, row.value)).collect::<Vec<_>>();
    let line = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    assert_eq!(
        shown(Section::Workloads),
        [
            line("Deployment", "cart: stalled · 1 of 3 ready · 2 updated · took too long"),
            line("Autoscaler", "cart: 1 to 3, has 3 · no metrics"),
        ]
    );
    assert_eq!(shown(Section::Events), [line("BackOff", "shop/cart-5: restarting failed container · 4 times")]);
    for section in [Section::Workloads, Section::Events] {
        for row in facts(&fleet, section) {
            assert_eq!(row.tone, Tone::Warning, "{row:?}");
            let asked = EvidenceArgs { subject: subject(), fact: row.key.clone() };
            assert_eq!(evidence::report(&fleet.snapshot(), &asked).unwrap().cards.len(), 1, "{row:?}");
        }
    }
}

#[test]
fn why_it_is_joined_and_who_witnesses_each_instance_is_said() {
    let fleet = cart();
    let known = facts(&fleet, Section::Facts).into_iter().find(|row| row.label == "Known as").unwrap();
    assert_eq!(known.value, "kube c1: shop/cart\nconsul dc1: cart, by address and port");
    let rows = inspector::table(&fleet.scene(), &subject()).rows;
    let instance = rows.iter().find_map(|row| if let InspectorRow::Instance(row) = row { Some(row) } else { None });
    let letters: Vec<&str> = instance.unwrap().pips.iter().map(|pip| pip.letter.as_str()).collect();
    assert_eq!(letters, ["K", "C"]);
    assert!(instance.unwrap().logs.as_ref().unwrap().possible);
}

#[test]
fn what_the_account_may_not_see_is_said_where_it_is_missed() {
    let mut fleet = cart();
    fleet.status_of(cluster(), SourceState::Live, None, &["events", "services"]);
    let empty = inspector::table(&fleet.scene(), &subject()).head.empty;
    let reason = |section| empty.iter().find(|one| one.section == section).map(|one| one.reason.as_str());
    assert_eq!(reason(Section::Events), Some("kube c1 does not show all events."));
    assert_eq!(reason(Section::Reached), Some("kube c1 does not show all services."));
    assert_eq!(reason(Section::Workloads), None);
}
