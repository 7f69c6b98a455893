//! Alerts where they are seen.

use binnacle_model::fact::{AlertState, BreakerState, CheckStatus};
use binnacle_model::snapshot::SourceState;
use binnacle_view::contract::health::{AlertRow, Cause, HealthRow, Problem};
use binnacle_view::contract::inspector::{EvidenceArgs, InspectorRow, Section};
use binnacle_view::contract::state::{Health, Subject, SubjectKind};
use binnacle_view::screen::{evidence, health, inspector};

use super::fleet::{Fleet, named, prometheus, shop};

fn rows(fleet: &Fleet) -> (Vec<Problem>, Vec<AlertRow>) {
    let (mut problems, mut alerts) = (Vec::new(), Vec::new());
    for row in health::table(&fleet.scene()).rows {
        match row {
            HealthRow::Problem(problem) => problems.push(problem),
            HealthRow::Alert(alert) => alerts.push(alert),
            HealthRow::Check(_) => {}
        }
    }
    (problems, alerts)
}

#[test]
fn a_firing_alert_is_a_cause_at_the_service_that_it_speaks_of() {
    let mut fleet = shop();
    fleet.alert("TooSlow", "critical", AlertState::Firing, Some("payments"));
    let (problems, alerts) = rows(&fleet);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!((problem.cause, problem.title.as_str()), (Cause::Alert, "Alert TooSlow fires for payments"));
    assert_eq!((problem.health, problem.detail.as_str()), (Health::Critical, "it is too slow"));
    assert_eq!(problem.reach, "", "the title says it");
    assert!(problem.since.seen_changing, "the server keeps since when");
    assert_eq!(alerts[0].service.as_ref().unwrap().name, "payments");
    assert_eq!(alerts[0].labels.len(), 1, "its name and severity stand by themselves");
}

#[test]
fn an_alert_about_a_caller_stands_behind_the_callee_that_fails() {
    let mut fleet = shop();
    fleet.check("payments", 3, CheckStatus::Critical, "HTTP 503");
    fleet.calls("cart", &named("payments"), 5.0, 0.31).breaker("cart", "payments", BreakerState::Open);
    fleet.alert("CartErrors", "warning", AlertState::Firing, Some("cart"));
    let (problems, _) = rows(&fleet);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(problem.title, "payments is critical");
    assert!(problem.behind[0].words.ends_with("1 alert fires: CartErrors"), "{:?}", problem.behind);
}

#[test]
fn what_is_pending_or_only_informs_is_listed_and_is_no_cause() {
    let mut fleet = shop();
    fleet.alert("Soon", "critical", AlertState::Pending, Some("cart"));
    fleet.alert("Watchdog", "none", AlertState::Firing, None);
    let (problems, alerts) = rows(&fleet);
    assert_eq!(problems, []);
    let listed: Vec<_> = alerts.iter().map(|row| (row.name.as_str(), row.health)).collect();
    assert_eq!(listed, [("Watchdog", None), ("Soon", None)], "the firing before the pending");
    let head = health::table(&fleet.scene()).head;
    assert_eq!((head.firing, head.pending, head.no_alerts), (1, 1, None));
}

#[test]
fn an_alert_about_nothing_that_is_known_stands_by_itself() {
    let mut fleet = shop();
    fleet.alert("DiskFull", "warning", AlertState::Firing, Some("nobody"));
    let (problems, alerts) = rows(&fleet);
    assert_eq!((problems[0].title.as_str(), problems[0].health), ("Alert DiskFull fires", Health::Warning));
    assert_eq!(problems[0].reach, "it speaks of no service that is known");
    assert_eq!(alerts[0].service, None);
}

#[test]
fn the_inspector_has_each_with_its_evidence_and_says_why_there_is_none() {
    let mut fleet = shop();
    let subject = |name: &str| Subject { kind: SubjectKind::Service, id: format!("consul:dc1/{name}") };
    let reason = |fleet: &Fleet| {
        let head = inspector::table(&fleet.scene(), &subject("cart")).head;
        head.empty.into_iter().find(|one| one.section == Section::Alerts).unwrap().reason
    };
    assert_eq!(reason(&fleet), "No Prometheus is connected: nobody tells of alerts.");
    fleet.status_of(prometheus(), SourceState::Live, None, &[]);
    fleet.alert("TooSlow", "page", AlertState::Firing, Some("payments"));
    assert_eq!(reason(&fleet), "No alert speaks of it.");
    let rows = inspector::table(&fleet.scene(), &subject("payments")).rows;
    let found = rows.iter().find_map(|row| if let InspectorRow::Alert(line) = row { Some(line) } else { None });
    let line = found.unwrap();
    assert_eq!((line.alert.name.as_str(), line.alert.severity.as_str()), ("TooSlow", "page"));
    let asked = EvidenceArgs { subject: subject("payments"), fact: line.key.clone() };
    let report = evidence::report(&fleet.snapshot(), &asked).unwrap();
    assert!(report.rule.contains("Alertmanager") && report.cards.len() == 1, "{report:?}");
    fleet.status_of(prometheus(), SourceState::Stale, None, &[]);
    assert!(rows_are_stale(&fleet));
}

fn rows_are_stale(fleet: &Fleet) -> bool {
    rows(fleet).1.iter().all(|row| row.stale)
}
