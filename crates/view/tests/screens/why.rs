//! Why the picture says what it says.

use binnacle_model::fact::{AlertState, BreakerState, CheckStatus, Side};
use binnacle_model::snapshot::SourceState;
use binnacle_model::{ServiceId, Snapshot};
use binnacle_view::contract::state::EdgeState;
use binnacle_view::why::{self, ClaimKind, Counted, EdgeWhy, Looked, NoEdgeWhy, ServiceWhy, Why};

use super::fleet::{Fleet, at, named, prometheus, shop};

fn id(name: &str) -> ServiceId {
    ServiceId::from(format!("consul:dc1/{name}"))
}

fn of(snapshot: &Snapshot, name: &str) -> ServiceWhy {
    why::of_service(snapshot, &snapshot.services[&id(name)], at(100))
}

fn between(snapshot: &Snapshot, from: &str, to: &str) -> EdgeWhy {
    match why::of_pair(snapshot, &id(from), &id(to), at(100)) {
        Why::Edge(edge) => edge,
        other => panic!("no edge from {from} to {to}: {other:?}"),
    }
}

fn none_between(snapshot: &Snapshot, from: &str, to: &str) -> NoEdgeWhy {
    match why::of_pair(snapshot, &id(from), &id(to), at(100)) {
        Why::NoEdge(none) => none,
        other => panic!("there is something from {from} to {to}: {other:?}"),
    }
}

fn looked<'a>(all: &'a [Looked], source: &str, about: &str) -> &'a Looked {
    let is = |one: &&Looked| one.source.as_deref().unwrap_or("") == source && one.looked_for.contains(about);
    all.iter().find(is).unwrap_or_else(|| panic!("{about} was not looked for at `{source}`: {all:#?}"))
}

#[test]
fn a_service_says_what_makes_its_health_who_knows_it_and_whom_it_talks_to() {
    let mut fleet = shop();
    fleet.check("payments", 3, CheckStatus::Critical, "HTTP 503\nmore of it");
    fleet.breaker("cart", "payments", BreakerState::Open);
    fleet.alert("Slow", "page", AlertState::Firing, Some("payments"));
    let why = of(&fleet.snapshot(), "payments");
    assert_eq!(why.because, "0 of 1 instance passing; is well is critical: HTTP 503");
    assert_eq!(why.known_as[0].because, "it gave the service its id");
    let check = &why.instances[0].checks[0];
    assert_eq!((check.said.source.as_str(), check.said.query.as_str()), ("consul:dc1", "GET /health"));
    assert!(check.said.age_s > 80.0 && check.said.pushed, "{check:?}");
    let call = &why.calls[0];
    assert_eq!((call.incoming, call.other.name.as_str(), call.state), (true, "cart", EdgeState::Observed));
    assert_eq!(why.breakers[0].said[0].source, "consul:dc1");
    assert_eq!(why.alerts[0].words, "Slow fires");
    assert_eq!((why.sources[0].id.as_str(), why.sources[0].faults.len()), ("consul:dc1", 0));
    assert!(why.looked_for.is_empty(), "its calls are counted");
}

#[test]
fn of_those_who_count_the_same_calls_it_is_said_who_is_believed_and_why_the_others_are_not() {
    let mut fleet = shop();
    fleet.dialects(&["istio", "envoy"], &["linkerd"]);
    fleet.measured("web", "cart", 12.0, "istio", Side::Caller).measured("web", "cart", 11.0, "istio", Side::Callee);
    fleet.measured("web", "cart", 3.0, "envoy", Side::Caller).declared("web", "cart");
    let why = between(&fleet.snapshot(), "web", "cart");
    assert_eq!(why.because, "counted, and declared by upstream (consul dc1)");
    assert_eq!(why.signals.rps, Some(12.0));
    let claims: Vec<(Option<&str>, Option<Counted>, bool, &str)> = why
        .claims
        .iter()
        .map(|one| (one.dialect.as_deref(), one.counted_at, one.believed, one.because.as_str()))
        .collect();
    assert_eq!(claims[0], (Some("istio"), Some(Counted::Caller), true, "believed: the numbers of the edge are these"));
    let of = |dialect: Option<&str>, side| *claims.iter().find(|one| (one.0, one.1) == (dialect, Some(side))).unwrap();
    let because = |claim: (Option<&str>, Option<Counted>, bool, &str)| {
        assert!(!claim.2, "{claim:?}");
        claim.3.to_owned()
    };
    assert!(because(of(Some("istio"), Counted::Callee)).contains("the caller counted the same calls"));
    assert!(because(of(Some("envoy"), Counted::Caller)).contains("the dialect istio counted the same calls"));
    assert!(because(of(None, Counted::Caller)).contains("prometheus p counted the same calls"));
    let declared = why.claims.last().unwrap();
    assert_eq!((declared.kind, declared.by.as_deref()), (ClaimKind::Declared, Some("upstream")));
    assert!(declared.because.starts_with("it lists whom the caller calls"), "{declared:?}");
}

#[test]
fn a_source_that_is_not_current_is_evidence_only() {
    let mut fleet = shop();
    fleet.measured("web", "cart", 90.0, "istio", Side::Caller);
    fleet.status_of(prometheus(), SourceState::Failing, Some("prometheus.unreachable"), &[]);
    let why = between(&fleet.snapshot(), "web", "cart");
    assert_eq!(why.signals.rps, Some(10.0));
    let stale = why.claims.iter().find(|one| one.said.stale).unwrap();
    assert_eq!(stale.because, "evidence only: prometheus p is not current");
    assert!(why.sources[1].faults[0].starts_with("prometheus.unreachable: "), "{:?}", why.sources);
}

#[test]
fn calls_against_the_configuration_say_what_it_names_instead() {
    let mut fleet = shop();
    fleet.declared("web", "payments");
    assert_eq!(
        between(&fleet.snapshot(), "web", "cart").because,
        "counted, although what is declared for web leads to payments only"
    );
    fleet.intention("web", "payments", true);
    let why = between(&fleet.snapshot(), "cart", "payments");
    assert_eq!(
        (why.state, why.because.as_str()),
        (EdgeState::Undeclared, "counted, although what is declared for payments lets web in only")
    );
    fleet.intention("cart", "payments", false);
    let why = between(&fleet.snapshot(), "cart", "payments");
    assert_eq!(why.because, "counted, although denied by intention (consul dc1)");
    assert!(why.claims.iter().any(|one| one.kind == ClaimKind::Denied), "{:?}", why.claims);
}

#[test]
fn calls_that_are_only_declared_say_who_would_have_to_count_them() {
    let mut fleet = shop();
    fleet.declared("web", "payments").dialects(&[], &["consul-mesh", "istio"]);
    let why = between(&fleet.snapshot(), "web", "payments");
    assert_eq!(why.because, "declared by upstream (consul dc1), and counted by nobody");
    assert!(looked(&why.looked_for, "consul:dc1", "upstreams").found);
    let calls = looked(&why.looked_for, "prometheus:p", "counted");
    assert_eq!((calls.found, calls.words.as_str()), (false, "it counts no calls"));
    let dialects = looked(&why.looked_for, "prometheus:p", "dialect");
    assert_eq!(dialects.words, "metrics of none of 2 dialects");
    assert!(dialects.switch_on.contains("dialect list"), "{dialects:?}");
    assert_eq!(looked(&why.looked_for, "prometheus:p", "jobs").words, "node shows nothing that a dialect knows");
}

#[test]
fn two_services_without_calls_say_what_was_looked_for() {
    let fleet = shop();
    let why = none_between(&fleet.snapshot(), "payments", "cart");
    assert_eq!(
        why.because,
        "nobody counts calls from payments to cart, and nothing declares them; calls from cart to payments are known"
    );
    let declared = looked(&why.looked_for, "consul:dc1", "intentions");
    assert_eq!(
        (declared.found, declared.words.as_str()),
        (false, "no upstream of a sidecar, no intention and no route is configured")
    );
    assert!(declared.switch_on.contains("consul intention create"));
    let server = looked(&why.looked_for, "", "Prometheus");
    assert_eq!(server.switch_on, "Connect it: --source prometheus=URL.");
    assert!(looked(&why.looked_for, "", "breakers").switch_on.contains("--source hystrix=URL"));
}

#[test]
fn a_server_that_fails_is_said_where_its_calls_are_missed() {
    let mut fleet = shop();
    fleet.dialects(&["istio"], &["envoy"]);
    let why = none_between(&fleet.snapshot(), "payments", "web");
    assert!(looked(&why.looked_for, "prometheus:p", "sidecars").switch_on.contains("proxyStatsMatcher"));
    fleet.status_of(prometheus(), SourceState::Failing, Some("prometheus.unreachable"), &[]);
    let why = none_between(&fleet.snapshot(), "payments", "web");
    let calls = looked(&why.looked_for, "prometheus:p", "counted");
    assert!(calls.words.starts_with("prometheus p is failing: it said no ask; "), "{calls:?}");
}

#[test]
fn a_name_from_outside_cannot_act_on_the_screen() {
    let mut fleet = Fleet::new();
    fleet.instance("a\u{202e}b", 1, "t").instance("web", 2, "t").calls("web", &named("a\u{202e}b"), 1.0, 0.0);
    let why = between(&fleet.snapshot(), "web", "a\u{202e}b");
    assert!(why.to.name == "a⟨U+202E⟩b" && !why.claims[0].said.says.contains('\u{202e}'), "{why:?}");
}
