//! Single screens.

use binnacle_model::SourceId;
use binnacle_model::fact::{BreakerState, CheckStatus, Party};
use binnacle_model::snapshot::SourceState;
use binnacle_view::contract::first_run::ProfileRow;
use binnacle_view::contract::health::{Cause, HealthRow};
use binnacle_view::contract::inspector::{EvidenceArgs, InspectorRow};
use binnacle_view::contract::palette::PaletteArgs;
use binnacle_view::contract::shell::LiveState;
use binnacle_view::contract::state::{Health, Subject, SubjectKind};
use binnacle_view::contract::timeline::{Lane, TimelineParams};
use binnacle_view::screen::{
    ConnectionFacts, TokenFacts, breakers, evidence, first_run, health, inspector, palette, services, shell, sources,
    timeline,
};

use super::fleet::{Fleet, shop};

fn service(id: &str) -> Subject {
    Subject { kind: SubjectKind::Service, id: format!("consul:dc1/{id}") }
}

#[test]
fn the_worst_service_stands_first_and_says_why() {
    let mut fleet = shop();
    fleet.check("payments", 3, CheckStatus::Critical, "HTTP 503\nmore of it");
    let table = services::table(&fleet.snapshot());
    let first = &table.rows[0];
    assert_eq!(
        (first.name.as_str(), first.health, first.passing, first.instances),
        ("payments", Health::Critical, 0, 1)
    );
    assert_eq!(first.worst_output, "HTTP 503");
    assert_eq!((table.head.counts.critical, table.head.counts.passing), (1, 2));
    assert!(first.since.seen_changing, "it was passing before these eyes");
}

#[test]
fn a_name_from_outside_cannot_act_on_the_screen() {
    let mut fleet = Fleet::new();
    let name = format!("<script>\u{202e}{}", "x".repeat(10_000));
    fleet.instance(&name, 1, "t");
    let shown = &services::table(&fleet.snapshot()).rows[0].name;
    assert!(shown.starts_with("<script>⟨U+202E⟩xxx") && shown.chars().count() == 200, "{shown}");
}

fn causes(fleet: &Fleet) -> Vec<(Cause, String, String)> {
    let table = health::table(&fleet.scene());
    let problems = table.rows.into_iter().filter_map(|row| match row {
        HealthRow::Problem(problem) => Some((problem.cause, problem.title, problem.reach)),
        HealthRow::Check(_) | HealthRow::Alert(_) => None,
    });
    problems.collect()
}

#[test]
fn a_node_that_fails_is_one_cause_however_many_services_are_on_it() {
    let mut fleet = shop();
    fleet.node_check(CheckStatus::Critical, "Agent not live or unreachable");
    let causes = causes(&fleet);
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert_eq!(causes[0].0, Cause::Node);
    assert_eq!(causes[0].2, "3 instances · 3 services behind it: cart, payments, web");
}

#[test]
fn an_open_breaker_alone_is_a_cause_of_its_own() {
    let mut fleet = shop();
    fleet.breaker("cart", "payments", BreakerState::Open);
    assert_eq!(causes(&fleet)[0].0, Cause::Breaker);
    let table = breakers::table(&fleet.snapshot());
    assert_eq!((table.head.open, table.rows[0].caller.name.as_str(), table.rows[0].edge.is_some()), (1, "cart", true));
}

#[test]
fn a_source_that_fails_is_a_cause_and_its_facts_stay_and_are_stale() {
    let mut fleet = shop();
    fleet.status(SourceState::Failing, Some("consul.unreachable"));
    let causes = causes(&fleet);
    assert_eq!((causes[0].0, causes[0].2.as_str()), (Cause::Source, "3 services shown as they were"));
    let rows = services::table(&fleet.snapshot()).rows;
    assert!(rows.len() == 3 && rows.iter().all(|row| row.stale && row.stale_since.is_some()));
    let table = sources::table(&fleet.scene());
    assert_eq!(table.rows[0].fault.as_ref().unwrap().code, "consul.unreachable");
    assert_eq!(shell::table(&fleet.scene()).head.live, LiveState::Not);
}

#[test]
fn without_any_source_the_screens_say_what_would_fill_them() {
    let fleet = Fleet::default();
    let scene = fleet.scene();
    assert_eq!(shell::table(&scene).head.live, LiveState::Nothing);
    assert!(services::table(&scene.snapshot).head.empty.unwrap().contains("Add a source"));
}

#[test]
fn every_fact_of_a_service_opens_its_evidence() {
    let mut fleet = shop();
    fleet.breaker("cart", "payments", BreakerState::Open).key("config/payments/timeout_ms");
    let scene = fleet.scene();
    let subject = service("payments");
    let rows = inspector::table(&scene, &subject).rows;
    let mut opened = 0;
    for row in &rows {
        let key = match row {
            InspectorRow::Fact(row) => &row.key,
            InspectorRow::Disagreement(row) => &row.key,
            InspectorRow::Signals(row) => &row.key,
            InspectorRow::Call(row) => &row.key,
            InspectorRow::Instance(row) => &row.key,
            InspectorRow::Check(row) => &row.key,
            InspectorRow::Alert(row) => &row.key,
            InspectorRow::Process(row) => &row.key,
            InspectorRow::Claim(row) => &row.key,
            InspectorRow::Breaker(row) => &row.key,
            InspectorRow::Rule(row) => &row.key,
            InspectorRow::Config(row) => &row.key,
        };
        let report = evidence::report(&scene.snapshot, &EvidenceArgs { subject: subject.clone(), fact: key.clone() });
        let report = report.unwrap_or_else(|| panic!("no evidence for {key}"));
        assert!(!report.cards.is_empty() && !report.rule.is_empty(), "{key}: {report:?}");
        assert!(report.cards.iter().all(|card| !card.query.is_empty() && card.seen > 0.0), "{key}: {report:?}");
        opened += 1;
    }
    assert!(opened >= 8, "{rows:?}");
}

#[test]
fn what_is_gone_from_the_picture_is_said_to_be_gone() {
    let table = inspector::table(&shop().scene(), &service("nobody"));
    assert!(!table.head.known && table.rows.is_empty());
}

#[test]
fn an_action_that_cannot_work_says_why() {
    let mut fleet = shop();
    fleet.key("config/payments/timeout_ms");
    let mut scene = fleet.scene();
    let offers = |scene: &_| inspector::table(scene, &service("payments")).head.actions;
    assert!(offers(&scene).iter().all(|action| action.offer.possible));
    scene.read_only = Some("read-only".to_owned());
    assert!(offers(&scene).iter().all(|action| !action.offer.possible && action.offer.reason == "read-only"));
}

/// An open connection that brings these sources.
fn connection(spec: &str, profile: &str, read_only: bool, sources: &[&str]) -> ConnectionFacts {
    ConnectionFacts {
        found: None,
        inside: Vec::new(),
        inside_fault: None,
        spec: spec.to_owned(),
        profile: profile.to_owned(),
        read_only: read_only.then(|| format!("The profile {profile} is read-only")),
        token: None,
        sources: sources.iter().map(|id| SourceId::from(*id)).collect(),
        requests: 0,
        failures: 0,
        bytes: 0,
        last_answer: None,
    }
}

#[test]
fn what_a_read_only_connection_brings_is_not_offered_for_edits_and_the_head_says_so() {
    let mut fleet = shop();
    fleet.key("config/payments/timeout_ms");
    let mut scene = fleet.scene();
    let other = connection("consul=b:8500", "this computer", false, &["consul:elsewhere"]);
    scene.connections = vec![connection("consul=a:8500", "prod", true, &["consul:dc1"]), other];
    let source = SourceId::from("consul:dc1");
    assert_eq!((scene.profile_of(&source), scene.read_only_for(&"consul:elsewhere".into())), ("prod", None));
    let actions = inspector::table(&scene, &service("payments")).head.actions;
    assert!(actions.iter().all(|action| action.offer.reason == "The profile prod is read-only"), "{actions:?}");
    let head = shell::table(&scene).head;
    assert_eq!((head.profile.as_str(), head.access.as_str()), ("prod + this computer", "partly read-only"));
    assert_eq!(head.read_only.as_deref(), Some("The profile prod is read-only"));

    // One that is read-only is enough, whichever comes first.
    scene.connections.insert(0, connection("consul=c:8500", "this computer", false, &["consul:dc1"]));
    assert!(scene.read_only_for(&source).is_some());
    scene.connections.retain(|connection| connection.read_only.is_some());
    assert_eq!(shell::table(&scene).head.access, "read-only");
    scene.connections.clear();
    assert_eq!(shell::table(&scene).head.access, "read-write");
}

#[test]
fn a_profile_is_open_when_all_its_connections_are_open_by_it() {
    let mut scene = shop().scene();
    let profile = |name: &str, sources: &[&str]| ProfileRow {
        name: name.to_owned(),
        sources: sources.iter().map(|spec| (*spec).to_owned()).collect(),
        read_only: false,
        fault: None,
        open: false,
    };
    scene.found.profiles = vec![profile("one", &["consul=a:1"]), profile("both", &["consul=a:1", "consul=b:1"])];
    scene.connections = vec![connection("consul=a:1", "one", false, &[])];
    let open = |scene: &_| first_run::table(scene).head.profiles.iter().map(|row| row.open).collect::<Vec<_>>();
    assert_eq!(open(&scene), [true, false]);
    scene.connections = ["consul=a:1", "consul=b:1"].map(|spec| connection(spec, "both", false, &[])).to_vec();
    assert_eq!(open(&scene), [false, true], "the same address, opened by another");
}

#[test]
fn a_token_is_wanted_where_none_is_sent_or_the_one_that_is_may_not() {
    let mut scene = shop().scene();
    let wants = |scene: &_| sources::table(scene).head.connections[0].wants_token;
    scene.connections = vec![connection("consul=a:1", "this computer", false, &["consul:dc1"])];
    assert!(!wants(&scene), "nothing that takes one");
    let token = |anonymous| Some(TokenFacts { origin: "here".to_owned(), anonymous, remembered: false });
    scene.connections[0].token = token(true);
    assert!(wants(&scene));
    scene.connections[0].token = token(false);
    assert!(!wants(&scene));
    let mut fleet = shop();
    fleet.status(SourceState::Failing, Some("consul.acl_denied"));
    scene.snapshot = fleet.snapshot();
    assert!(wants(&scene));
}

#[test]
fn the_timeline_has_a_lane_for_what_happened() {
    let mut fleet = shop();
    fleet.check("payments", 3, CheckStatus::Critical, "no").breaker("cart", "payments", BreakerState::Closed);
    fleet.breaker("cart", "payments", BreakerState::Open);
    let table = timeline::table(&fleet.scene(), TimelineParams { span_ms: 1e9 });
    let last: Vec<_> =
        table.rows.iter().rev().take(2).map(|row| (row.lane, row.title.as_str(), row.to.as_str())).collect();
    assert_eq!(last, [(Lane::Breakers, "cart → payments", "open"), (Lane::Health, "payments", "critical")]);
    assert_eq!(timeline::table(&fleet.scene(), TimelineParams { span_ms: 0.0 }).rows.len(), 1);
    assert_eq!(shell::table(&fleet.scene()).head.announcement.unwrap().text, "payments is critical");
}

#[test]
fn an_edge_says_why_it_is_here() {
    let mut fleet = shop();
    fleet.declared("cart", "payments");
    let scene = fleet.scene();
    let edge = scene.snapshot.edges.values().find(|edge| edge.to.as_str().ends_with("payments")).unwrap();
    let subject = Subject { kind: SubjectKind::Edge, id: edge.id.to_string() };
    let rows = inspector::table(&scene, &subject).rows;
    let keys: std::collections::BTreeSet<String> =
        rows.iter().map(|row| serde_json::to_value(row).unwrap()["key"].to_string()).collect();
    assert_eq!(keys.len(), rows.len(), "{rows:?}");
    let claims = rows.iter().filter_map(|row| if let InspectorRow::Claim(row) = row { Some(row) } else { None });
    let claims: Vec<_> = claims.map(|row| (row.says.as_str(), row.believed, row.denies)).collect();
    assert_eq!(
        claims,
        [("counted at the caller · 5.0/s · 0.0 % errors", true, false), ("declared by upstream", false, false)]
    );
    assert!(
        rows.iter()
            .any(|row| matches!(row, InspectorRow::Fact(row) if row.value.starts_with("counted, and declared by")))
    );
}

#[test]
fn a_breaker_tells_what_each_of_its_processes_went_through() {
    use binnacle_view::contract::state::BreakerState::{Closed, HalfOpen, Open};

    let mut fleet = shop();
    for state in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
        fleet.breaker("cart", "payments", state);
    }
    let scene = fleet.scene();
    let row = &breakers::table(&scene.snapshot).rows[0];
    assert_eq!((row.failing, row.opens_at.as_str()), (Some(0.81), "≥ 50 % failed"));
    let subject = Subject { kind: SubjectKind::Breaker, id: row.key.clone() };
    let rows = inspector::table(&scene, &subject).rows;
    let process = rows.iter().find_map(|row| if let InspectorRow::Process(row) = row { Some(row) } else { None });
    let process = process.unwrap();
    let past: Vec<_> = process.past.iter().map(|one| (one.from, one.to)).collect();
    assert_eq!(past, [(Closed, Open), (Open, HalfOpen)]);
    assert_eq!((process.state, process.since.at), (HalfOpen, process.past[1].at));
    let evidence = evidence::report(&scene.snapshot, &EvidenceArgs { subject, fact: process.key.clone() }).unwrap();
    assert_eq!(evidence.cards.len(), 1);
    let told = timeline::table(&scene, TimelineParams { span_ms: 1e9 }).rows;
    assert_eq!(told.iter().filter(|row| row.lane == Lane::Breakers).count(), 2, "each change stands there once");
}

#[test]
fn the_palette_finds_services_before_keys_and_the_worst_first_without_words() {
    let mut fleet = shop();
    fleet.key("config/payments/x").check("cart", 2, CheckStatus::Warning, "slow");
    let find = |query: &str| palette::items(&fleet.snapshot(), &PaletteArgs { query: query.to_owned(), limit: 10 });
    let titles: Vec<_> = find("PAY").into_iter().map(|item| item.title).collect();
    assert_eq!(titles, ["payments", "config/payments/x"]);
    assert_eq!(find("")[0].title, "cart");
}

#[test]
fn a_party_outside_every_registry_is_said_to_be_one() {
    let mut fleet = shop();
    fleet.calls("payments", &Party::Named("acquirer".into()), 1.0, 0.2);
    let causes = causes(&fleet);
    assert_eq!((causes[0].0, causes[0].1.as_str()), (Cause::Calls, "Calls to acquirer fail"));
}
