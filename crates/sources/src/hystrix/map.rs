//! From a command's event to what is known of its breaker and of its calls. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    Among, BreakerFact, BreakerKind, BreakerState, CallsBasis, CallsFact, Fact, ObjectKey, Observation, Observer,
    OpensAt, Origin, Party, Pattern, Payload, Protocol, ROLLING, Side, Signals, Tripping,
};
use jiff::Timestamp;

use super::wire::{Command, Tally};
use crate::scrape::Target;
use crate::scrape::map::{BREAKERS, CALLS, rounded};

/// The rolling window where the stream does not say it.
const USUAL_WINDOW_MS: f64 = 10_000.0;

/// Where a command's breaker stands among the facts of its source.
pub fn object(target: &Target, name: &str) -> ObjectKey {
    let (host, port) = &target.instance;
    ObjectKey::new(BREAKERS, format!("{host}:{port}/{name}"))
}

/// What a command says of its breaker.
pub fn observation(target: &Target, command: &Command, origin: &Arc<Origin>, seen: Timestamp) -> Observation {
    let callee = if command.group.is_empty() { &command.name } else { &command.group };
    Observation {
        object: object(target, &command.name),
        fact: Fact::Breaker(BreakerFact {
            caller: caller(target),
            callee: Some(Party::Named(Arc::from(callee.as_str()))),
            name: Arc::from(command.name.as_str()),
            kind: BreakerKind::Failure,
            state: state(command),
            since: None,
            rejected_per_s: Some(rejected_per_second(command)).filter(|rate| rate.is_finite()).map(rounded),
            tripping: tripping(command),
            raw: raw(command),
            derived: false,
            among: among(target, command),
        }),
        seen,
        version: None,
        origin: origin.clone(),
    }
}

/// Where a command's calls stand among the facts of its source.
pub fn calls_object(target: &Target, name: &str) -> ObjectKey {
    let (host, port) = &target.instance;
    ObjectKey::new(CALLS, format!("{host}:{port}/{name}"))
}

/// What a command says of the calls that it made. A group of commands is by habit called like the callee, or like the application
/// itself: then the command is.
pub fn calls(target: &Target, command: &Command, origin: &Arc<Origin>, seen: Timestamp) -> Observation {
    let names = [&command.group, &command.name].into_iter().filter(|name| !name.is_empty());
    Observation {
        object: calls_object(target, &command.name),
        fact: Fact::Calls(CallsFact {
            caller: caller(target),
            callee: Party::Supposed(names.map(|name| Arc::from(name.as_str())).collect()),
            protocol: Protocol::Unknown,
            pattern: Pattern::Unknown,
            payload: Payload::Unknown,
            basis: CallsBasis::Observed(signals(command)),
            observer: Observer { dialect: Arc::from(ROLLING), side: Side::Caller },
        }),
        seen,
        version: None,
        origin: origin.clone(),
    }
}

/// Of the calls of the rolling window. What the breaker or a full pool refused never left the process.
fn signals(command: &Command) -> Signals {
    let Command { succeeded, failed, timed_out, bad_requests, latency, .. } = command;
    let bad = failed.max(0.0) + timed_out.max(0.0);
    let all = succeeded.max(0.0) + bad_requests.max(0.0) + bad;
    let rps = all * 1000.0 / counted_over_ms(command);
    let told = |percentile: Option<f64>| {
        percentile.filter(|ms| all > 0.0 && command.hosts() <= 1.0 && ms.is_finite() && *ms >= 0.0).map(rounded)
    };
    Signals {
        rps: Some(rps).filter(|rps| rps.is_finite()).map(rounded),
        error_ratio: Some(bad / all).filter(|ratio| (0.0..=1.0).contains(ratio)).map(rounded),
        p50_ms: told(latency.p50),
        p95_ms: told(latency.p95),
        p99_ms: told(latency.p99),
    }
}

/// hystrix-go counts the second that has just begun besides the whole ones of its window; Java, which names a thread pool, does not.
fn counted_over_ms(command: &Command) -> f64 {
    let is_go = command.thread_pool.is_empty() && command.hosts() <= 1.0;
    let begun = if is_go { command.said_at_ms.max(0.0) % 1000.0 } else { 0.0 };
    window_ms(command) + if begun.is_finite() { begun } else { 0.0 }
}

/// Turbine adds the processes of a cluster up, which is called like the application.
fn caller(target: &Target) -> Party {
    cluster(target).map_or_else(|| target.party(), |name| Party::Named(Arc::from(name)))
}

/// The cluster of Turbine that is asked for: `/turbine.stream?cluster=cart`.
pub(super) fn cluster(target: &Target) -> Option<String> {
    let named = target.url.query_pairs().find(|(key, value)| key == "cluster" && !value.is_empty());
    named.map(|(_, name)| name.into_owned())
}

/// Whether several processes may be added up there.
pub(super) fn is_sum(target: &Target) -> bool {
    cluster(target).is_some() || target.url.path().ends_with("/turbine.stream")
}

/// A person's word goes before the breaker's own, and opening goes before closing, as in `HystrixCircuitBreaker.java`.
fn state(command: &Command) -> BreakerState {
    if command.force_open.is {
        BreakerState::ForcedOpen
    } else if !command.enabled.is || command.force_closed.is {
        BreakerState::Disabled
    } else if command.is_open.is {
        BreakerState::Open
    } else {
        BreakerState::Closed
    }
}

/// Of several processes, in how many it lets no call pass; `None` for one that speaks for itself. A cluster may have only one.
fn among(target: &Target, command: &Command) -> Option<Among> {
    let hosts = command.hosts();
    let open = |flag: &Tally| if flag.is { flag.count.unwrap_or(hosts) } else { 0.0 };
    let open = match state(command) {
        BreakerState::Disabled => 0.0,
        _ => open(&command.is_open).max(open(&command.force_open)).min(hosts),
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats stay in range")]
    let among = Among { open: open as u32, of: hosts as u32 };
    (among.of > 1 || cluster(target).is_some()).then_some(among)
}

fn rejected_per_second(command: &Command) -> f64 {
    command.short_circuited.max(0.0) * 1000.0 / window_ms(command)
}

fn window_ms(command: &Command) -> f64 {
    let window_ms = command.window_ms.of_one(command.hosts());
    if window_ms > 0.0 { window_ms } else { USUAL_WINDOW_MS }
}

/// Nothing failed of no requests: that is no rate. A sum of percentages says nothing; one of counts does.
fn tripping(command: &Command) -> Tripping {
    let hosts = command.hosts();
    let threshold = command.error_threshold.of_one(hosts);
    let percent =
        if hosts > 1.0 { command.error_count / command.request_count * 100.0 } else { command.error_percentage };
    let ratio = |percent: f64| (percent / 100.0).clamp(0.0, 1.0);
    Tripping {
        failing: (command.request_count > 0.0).then(|| ratio(percent)),
        opens_at: (threshold > 0.0).then(|| OpensAt::Failing(ratio(threshold))),
    }
}

fn raw(command: &Command) -> BTreeMap<Arc<str>, Arc<str>> {
    let hosts = command.hosts();
    let flags = [
        ("isCircuitBreakerOpen", command.is_open),
        ("propertyValue_circuitBreakerForceOpen", command.force_open),
        ("propertyValue_circuitBreakerForceClosed", command.force_closed),
        ("propertyValue_circuitBreakerEnabled", command.enabled),
    ];
    let numbers = [
        ("requestCount", command.request_count),
        ("errorCount", command.error_count),
        ("errorPercentage", command.error_percentage),
        ("rollingCountShortCircuited", command.short_circuited),
        ("propertyValue_metricsRollingStatisticalWindowInMilliseconds", command.window_ms.of_one(hosts)),
        ("propertyValue_circuitBreakerSleepWindowInMilliseconds", command.sleep_window_ms.of_one(hosts)),
        ("propertyValue_circuitBreakerErrorThresholdPercentage", command.error_threshold.of_one(hosts)),
        ("reportingHosts", command.reporting_hosts),
    ];
    let flags = flags.into_iter().map(|(name, flag)| (name, flag_word(flag)));
    let numbers = numbers.into_iter().map(|(name, value)| (name, value.to_string()));
    let words = [("group", command.group.clone())].into_iter();
    let pool = Some(command.thread_pool.clone()).filter(|pool| !pool.is_empty());
    let words = words.chain(pool.map(|pool| ("threadPool", pool)));
    flags.chain(numbers).chain(words).map(|(name, value)| (Arc::from(name), Arc::from(value))).collect()
}

fn flag_word(flag: Tally) -> String {
    match flag.count {
        Some(count) if flag.is => format!("true: {count}"),
        _ => flag.is.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use binnacle_model::fact::How;

    use super::*;
    use crate::hystrix::wire::Event;

    fn breaker(json: &str) -> BreakerFact {
        breaker_at("http://127.0.0.1:9100/hystrix.stream", json)
    }

    fn breaker_at(place: &str, json: &str) -> BreakerFact {
        let Ok(Event::HystrixCommand(command)) = serde_json::from_str(json) else { panic!("not a command: {json}") };
        let target = Target::named("hystrix", place, "/hystrix.stream").unwrap();
        let origin = Arc::new(Origin { query: Arc::from("GET /hystrix.stream"), how: How::Pushed });
        let one = observation(&target, &command, &origin, Timestamp::UNIX_EPOCH);
        assert_eq!(*one.object.key, *format!("127.0.0.1:9100/{}", command.name));
        match one.fact {
            Fact::Breaker(fact) => fact,
            other => panic!("{other:?}"),
        }
    }

    /// The fixtures are recorded by `examples/record_demo.rs`: at rest, and while payments fails.
    #[test]
    fn the_demos_events_mean_what_is_written_beside_them() {
        let streams = [
            ("closed", include_str!("fixtures/checkout-closed.txt")),
            ("open", include_str!("fixtures/checkout-open.txt")),
        ];
        for (name, stream) in streams {
            let events = stream.lines().filter_map(|line| line.strip_prefix("data: "));
            let commands = events.filter(|event| event.contains("\"HystrixCommand\""));
            let facts: BTreeMap<String, BreakerFact> =
                commands.map(breaker).map(|fact| (fact.name.to_string(), fact)).collect();
            insta::assert_json_snapshot!(name, facts);
        }
    }

    #[test]
    fn states_follow_the_order_of_the_library() {
        let flag = |name: &str, value: bool| format!("\"{name}\":{value}");
        let open = flag("isCircuitBreakerOpen", true);
        let force_open = flag("propertyValue_circuitBreakerForceOpen", true);
        let force_closed = flag("propertyValue_circuitBreakerForceClosed", true);
        let off = flag("propertyValue_circuitBreakerEnabled", false);
        for (fields, state) in [
            (vec![], BreakerState::Closed),
            (vec![&open], BreakerState::Open),
            (vec![&force_open], BreakerState::ForcedOpen),
            (vec![&force_open, &force_closed, &open], BreakerState::ForcedOpen),
            (vec![&force_closed, &open], BreakerState::Disabled),
            (vec![&off, &open], BreakerState::Disabled),
        ] {
            let fields = fields.into_iter().fold(String::new(), |all, field| all + "," + field);
            let json = format!("{{\"type\":\"HystrixCommand\",\"name\":\"Pay\",\"group\":\"payments\"{fields}}}");
            assert_eq!(breaker(&json).state, state, "{json}");
        }
    }

    #[test]
    fn refused_calls_are_the_rolling_sum_over_its_window() {
        let json = r#"{"type":"HystrixCommand","name":"Pay","group":"","rollingCountShortCircuited":42,
            "propertyValue_metricsRollingStatisticalWindowInMilliseconds":20000}"#;
        let fact = breaker(json);
        assert_eq!(fact.rejected_per_s, Some(2.1));
        assert_eq!(fact.callee, Some(Party::Named(Arc::from("Pay"))));
        assert_eq!(
            breaker(r#"{"type":"HystrixCommand","name":"Pay","rollingCountShortCircuited":5}"#).rejected_per_s,
            Some(0.5)
        );
        let endless = r#"{"type":"HystrixCommand","name":"Pay","rollingCountShortCircuited":1e300,
            "propertyValue_metricsRollingStatisticalWindowInMilliseconds":1e-300}"#;
        assert_eq!(breaker(endless).rejected_per_s, None);
    }

    fn made(json: &str) -> (Party, Signals) {
        let Ok(Event::HystrixCommand(command)) = serde_json::from_str(json) else { panic!("not a command: {json}") };
        let target = Target::named("hystrix", "http://127.0.0.1:9100/hystrix.stream", "/hystrix.stream").unwrap();
        let origin = Arc::new(Origin { query: Arc::from("GET /hystrix.stream"), how: How::Pushed });
        match calls(&target, &command, &origin, Timestamp::UNIX_EPOCH).fact {
            Fact::Calls(CallsFact { callee, basis: CallsBasis::Observed(signals), .. }) => (callee, signals),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_are_those_of_the_rolling_window() {
        let json = r#"{"type":"HystrixCommand","name":"Pay","group":"cart","threadPool":"cart","currentTime":1700000000500,
            "rollingCountSuccess":70,"rollingCountFailure":20,"rollingCountTimeout":5,"rollingCountBadRequests":5,"rollingCountShortCircuited":40,
            "latencyExecute":{"50":12,"95":30,"99":41}}"#;
        let (callee, signals) = made(json);
        assert_eq!(callee, Party::Supposed(vec![Arc::from("cart"), Arc::from("Pay")]));
        let expected = Signals {
            rps: Some(10.0),
            error_ratio: Some(0.25),
            p50_ms: Some(12.0),
            p95_ms: Some(30.0),
            p99_ms: Some(41.0),
        };
        assert_eq!(signals, expected);
        // hystrix-go has no pool, and has counted half a second more.
        assert_eq!(made(&json.replace("\"threadPool\":\"cart\",", "")).1.rps, Some(9.52));
        let several = json.replace("\"group\"", "\"reportingHosts\":2,\"group\"");
        assert_eq!(made(&several).1, Signals { p50_ms: None, p95_ms: None, p99_ms: None, ..expected });
        let idle = made(r#"{"type":"HystrixCommand","name":"Pay","latencyExecute":{"50":12}}"#);
        assert_eq!(idle, (Party::Supposed(vec![Arc::from("Pay")]), Signals { rps: Some(0.0), ..Signals::default() }));
        let odd = r#"{"type":"HystrixCommand","name":"Pay","rollingCountSuccess":-7,"rollingCountFailure":1e308,"rollingCountTimeout":1e308}"#;
        let Signals { rps, error_ratio, .. } = made(odd).1;
        assert!(rps.is_none() && error_ratio.is_none());
    }

    /// The fixture is what a real Turbine says of two Hystrix of Java and one hystrix-go: one of the three is open.
    #[test]
    fn turbine_says_in_how_many_processes_it_is_open() {
        let stream = include_str!("fixtures/turbine.txt");
        let events = stream.lines().filter_map(|line| line.strip_prefix("data: "));
        let facts: Vec<BreakerFact> =
            events.filter(|event| event.contains("\"HystrixCommand\"")).map(breaker).collect();
        let among: Vec<Option<Among>> = facts.iter().map(|fact| fact.among).collect();
        assert_eq!(
            among,
            [None, Some(Among { open: 1, of: 2 }), Some(Among { open: 1, of: 3 }), Some(Among { open: 3, of: 3 })]
        );
        assert_eq!(facts[2].callee, Some(Party::Named(Arc::from("shelves"))), "most of them call it so");
        let raw = |name: &str| &*facts[2].raw[name];
        assert_eq!(raw("propertyValue_metricsRollingStatisticalWindowInMilliseconds"), "2000");
        assert_eq!(
            (raw("isCircuitBreakerOpen"), raw("propertyValue_circuitBreakerErrorThresholdPercentage")),
            ("true: 1", "50")
        );
    }

    /// The process may speak for itself too, and is one then.
    #[test]
    fn a_cluster_of_one_process_is_a_sum_as_well() {
        let json = r#"{"type":"HystrixCommand","name":"Pay","reportingHosts":1,"isCircuitBreakerOpen":true}"#;
        let of_cluster = breaker_at("http://127.0.0.1:9100/turbine.stream?cluster=cart", json);
        assert_eq!((of_cluster.among, breaker(json).among), (Some(Among { open: 1, of: 1 }), None));
    }

    #[test]
    fn numbers_of_several_processes_are_divided_and_text_is_not() {
        let json = r#"{"type":"HystrixCommand","name":"Pay","reportingHosts":2,"rollingCountShortCircuited":40,"isCircuitBreakerOpen":1,
            "propertyValue_metricsRollingStatisticalWindowInMilliseconds":20000,
            "propertyValue_circuitBreakerErrorThresholdPercentage":"50"}"#;
        let fact = breaker(json);
        assert_eq!((fact.rejected_per_s, fact.among), (Some(4.0), Some(Among { open: 1, of: 2 })));
        assert_eq!(&*fact.raw["propertyValue_circuitBreakerErrorThresholdPercentage"], "50");
    }

    #[test]
    fn flags_of_several_processes_are_true_when_any_says_so() {
        let json = r#"{"type":"HystrixCommand","name":"Pay","isCircuitBreakerOpen":{"false":2,"true":1},
            "propertyValue_circuitBreakerEnabled":"true","reportingHosts":3}"#;
        assert_eq!(breaker(json).state, BreakerState::Open);
    }

    #[test]
    fn other_events_are_known_and_left_alone() {
        for json in [
            r#"{"type":"HystrixThreadPool","name":"Pay","currentActiveCount":3,"currentTime":1}"#,
            r#"{"type":"HystrixCollapser","name":"Pay"}"#,
        ] {
            assert!(!matches!(serde_json::from_str(json), Ok(Event::HystrixCommand(_)) | Err(_)), "{json}");
        }
    }
}
