//! The screen of disagreements.

use binnacle_model::fact::CheckStatus;
use binnacle_model::snapshot::SourceState;
use binnacle_view::contract::disagreements::{DisagreementKind, Step};
use binnacle_view::contract::inspector::{EvidenceArgs, InspectorRow};
use binnacle_view::contract::shell::Screen;
use binnacle_view::contract::state::{Subject, SubjectKind};
use binnacle_view::screen::{disagreements, evidence, inspector, services, shell};

use super::fleet::{Fleet, cluster, prometheus};

/// Consul and a cluster, both live, with a Pod that is registered and a registration without a Pod.
fn two_sources() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.status_of(cluster(), SourceState::Live, None, &[]).status_of(prometheus(), SourceState::Live, None, &[]);
    fleet.pod("cart", 5, CheckStatus::Passing).registered("cart", 5).registered("cart", 9);
    fleet
}

#[test]
fn a_zombie_shows_both_claims_and_offers_its_removal() {
    let table = disagreements::table(&two_sources().scene());
    let [row] = table.rows.as_slice() else { panic!("{:?}", table.rows) };
    assert_eq!((row.kind, row.subject.as_str()), (DisagreementKind::Zombie, "cart-9"));
    let says: Vec<_> =
        row.claims.iter().map(|claim| (claim.source.as_str(), claim.says.as_str(), claim.doubt)).collect();
    assert_eq!(
        says,
        [("consul:dc1", "cart-9 at 10.244.0.9:80, passing", true), ("kube:c1", "no pod has 10.244.0.9", false)]
    );
    assert!(row.claims[0].seen.is_some() && row.claims[1].seen.is_none(), "who is silent is seen at no moment");
    let [Step::Deregister { instance, offer, .. }, Step::Show { .. }, Step::Copy { text, .. }] = row.steps.as_slice()
    else {
        panic!("{:?}", row.steps)
    };
    assert!(offer.possible);
    assert_eq!(*text, format!("binnaclectl deregister {instance} --dry-run"));
}

#[test]
fn what_cannot_be_removed_says_why() {
    let mut scene = two_sources().scene();
    scene.read_only = Some("read-only".to_owned());
    let rows = disagreements::table(&scene).rows;
    let Step::Deregister { offer, .. } = &rows[0].steps[0] else { panic!("{:?}", rows[0].steps) };
    assert_eq!((offer.possible, offer.reason.as_str()), (false, "read-only"));
}

#[test]
fn a_pod_that_disagrees_with_its_check_is_shown_and_described_by_a_command() {
    let mut fleet = two_sources();
    fleet.check("cart", 5, CheckStatus::Critical, "refused");
    let rows = disagreements::table(&fleet.scene()).rows;
    let row = rows.iter().find(|row| row.kind == DisagreementKind::ReadyButFailing).unwrap();
    let [Step::Show { label, fact, .. }, Step::Copy { text, .. }] = row.steps.as_slice() else { panic!("{row:?}") };
    assert_eq!(label, "Show the pod");
    assert_eq!(text, "kubectl --context=c1 -n shop describe pod cart-5");
    let subject = Subject { kind: SubjectKind::Service, id: row.service.as_ref().unwrap().id.clone() };
    let shown = inspector::table(&fleet.scene(), &subject).rows;
    let has = |key: &str| shown.iter().any(|row| matches!(row, InspectorRow::Instance(row) if row.key == key));
    assert!(has(fact.as_deref().unwrap()), "{fact:?} is no row of {shown:?}");
}

#[test]
fn they_stand_in_the_inspector_the_list_and_on_the_rail() {
    let scene = two_sources().scene();
    let row = services::table(&scene.snapshot).rows.into_iter().find(|row| row.name == "cart").unwrap();
    assert_eq!(row.disagreements, 1);
    let badges = shell::table(&scene).head.badges;
    assert!(badges.iter().any(|badge| badge.screen == Screen::Disagreements && badge.count == 1), "{badges:?}");
    let subject = Subject { kind: SubjectKind::Service, id: row.key };
    let rows = inspector::table(&scene, &subject).rows;
    let line = rows.iter().find_map(|row| if let InspectorRow::Disagreement(row) = row { Some(row) } else { None });
    let line = line.unwrap();
    assert_eq!(line.says[1], "kube c1: no pod has 10.244.0.9");
    let asked = EvidenceArgs { subject, fact: line.key.clone() };
    let report = evidence::report(&scene.snapshot, &asked).unwrap();
    assert!(report.cards[0].differs && !report.meaning.is_empty(), "{report:?}");
}

#[test]
fn without_a_second_source_it_says_that_nothing_was_compared() {
    let head = disagreements::table(&Fleet::new().scene()).head;
    assert_eq!(head.compared, Vec::<String>::new());
    assert_eq!(head.not_compared[0], "Kubernetes is not connected: nothing to compare registrations with.");
    assert!(head.empty.unwrap().starts_with("Nothing was compared"));
}

#[test]
fn what_is_old_or_not_seen_is_said_to_prove_nothing() {
    let mut fleet = two_sources();
    fleet.status_of(cluster(), SourceState::Live, None, &["pods"]);
    let table = disagreements::table(&fleet.scene());
    assert_eq!(table.rows, []);
    assert_eq!(
        table.head.not_compared,
        ["kube c1 does not show all of its pods: what is not seen there proves nothing."]
    );
    fleet.status_of(cluster(), SourceState::Stale, None, &[]);
    let head = disagreements::table(&fleet.scene()).head;
    assert_eq!(head.not_compared, ["kube c1 is stale: what is old contradicts nothing."]);
}
