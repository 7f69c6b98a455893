use std::fmt::Write as _;

use binnacle_model::fact::{BreakerKind, BreakerState};
use binnacle_model::id::SourceKind;
use binnacle_model::snapshot::SourceState;
use binnacle_model::store::SourceFacts;
use binnacle_sources::ConnectionSpec;
use binnacle_sources::envoy::Envoy;
use binnacle_sources::envoy::map::{self, Breaker};
use binnacle_sources::envoy::wire::{Clusters, Dump, Stats};
use binnacle_sources::scrape::dialect::Dialects;

use crate::faulty::{FaultyEndpoint, Script};
use crate::reader::{Reader, breakers, partial};

fn start(endpoint: &FaultyEndpoint) -> Reader {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = format!("http://127.0.0.1:{}", endpoint.port);
    let envoy = Envoy::new(ConnectionSpec { kind: SourceKind::Envoy, place }).unwrap();
    Reader::start(&format!("envoy:127.0.0.1:{}", endpoint.port), envoy)
}

/// What breakers there are by these answers.
fn read(clusters: &str, stats: &[(&str, u64)]) -> Vec<Breaker> {
    let stats = stats.iter().map(|(name, value)| format!(r#"{{"name":"{name}","value":{value}}}"#));
    let stats: Vec<String> = std::iter::once(r#"{"histograms":{}}"#.to_owned()).chain(stats).collect();
    let stats = format!(r#"{{"stats":[{}]}}"#, stats.join(","));
    let (clusters, stats) = (serde_json::from_str::<Clusters>(clusters), serde_json::from_str::<Stats>(&stats));
    map::breakers(&clusters.unwrap(), &stats.unwrap(), &Dialects::built_in())
}

/// One cluster with these limits.
fn cluster(limits: &str) -> String {
    format!(r#"{{"cluster_statuses":[{{"name":"pay","circuit_breakers":{{"thresholds":[{limits}]}}}}]}}"#)
}

#[test]
fn limits_are_open_when_requests_are_refused_and_not_when_connections_idle() {
    let limits = cluster(r#"{"max_connections":1,"max_pending_requests":1,"max_requests":1}"#);
    let gauge = |name: &str, value| (format!("cluster.pay.circuit_breakers.default.{name}"), value);
    let http = ("cluster.pay.upstream_cx_http1_total".to_owned(), 1);
    let connected = ("cluster.pay.upstream_cx_total".to_owned(), 1);
    for (stats, state) in [
        (vec![], BreakerState::Unknown),
        (vec![gauge("rq_open", 0)], BreakerState::Closed),
        (vec![gauge("rq_open", 1)], BreakerState::Open),
        (vec![gauge("cx_open", 1), connected.clone(), http], BreakerState::Closed),
        (vec![gauge("cx_open", 1), connected], BreakerState::Open),
    ] {
        let stats: Vec<(&str, u64)> = stats.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(read(&limits, &stats)[0].state, state, "{stats:?}");
    }
}

#[test]
fn limits_of_nothing_and_of_everything_are_set_by_somebody() {
    for (limits, state) in [
        (r#"{"max_connections":9,"max_pending_requests":9,"max_requests":0}"#, BreakerState::ForcedOpen),
        (
            r#"{"max_connections":4294967295,"max_pending_requests":"4294967295","max_requests":4294967295}"#,
            BreakerState::Disabled,
        ),
        (r#"{"max_connections":9,"max_requests":4294967295}"#, BreakerState::Unknown),
    ] {
        assert_eq!(read(&cluster(limits), &[])[0].state, state, "{limits}");
    }
    // Those of the other priority are there where somebody has set them.
    let both = r#"{"max_requests":1024},{"priority":"HIGH","max_requests":REQUESTS,"max_retries":3}"#;
    assert_eq!(read(&cluster(&both.replace("REQUESTS", "1024")), &[]).len(), 1);
    assert_eq!(read(&cluster(&both.replace("REQUESTS", "7")), &[])[1].name, "pay/high");
}

#[test]
fn endpoints_that_were_put_out_are_counted_and_named() {
    let host = |port: u16, out: bool| {
        let health = if out { r#"{"failed_outlier_check":true,"eds_health_status":"HEALTHY"}"# } else { "{}" };
        format!(
            r#"{{"address":{{"socket_address":{{"address":"10.0.0.1","port_value":{port}}}}},"health_status":{health}}}"#
        )
    };
    let active = [("cluster.pay.outlier_detection.ejections_active", 1)];
    for (first, second, state, says) in
        [(true, false, BreakerState::Closed, "1 of 2"), (true, true, BreakerState::Open, "2 of 2")]
    {
        let hosts = format!("{},{}", host(80, first), host(81, second));
        let all = read(&format!(r#"{{"cluster_statuses":[{{"name":"pay","host_statuses":[{hosts}]}}]}}"#), &active);
        assert_eq!((all.len(), all[0].kind, all[0].state), (1, BreakerKind::Endpoint, state));
        assert_eq!(&*all[0].raw["ejected"], says);
        assert!(all[0].raw["failed_outlier_check"].starts_with("10.0.0.1:80"));
    }
}

#[test]
fn clusters_are_called_as_the_metrics_call_them() {
    let named = |name: &str| read(&cluster("{}").replace("pay", name), &[]).into_iter().next().map(|one| one.callee);
    assert!(format!("{:?}", named("outbound|80||pay.shop.svc.cluster.local")).contains("\"shop\""));
    assert_eq!(named("xds-grpc"), None, "Envoy needs it for itself");
    let dump = |layer: &str| {
        let layers = format!(r#"{{"configs":[{{"bootstrap":{{"layered_runtime":{{"layers":[{layer}]}}}}}}]}}"#);
        serde_json::from_str::<Dump>(&layers).unwrap().has_admin_layer()
    };
    assert!(dump(r#"{"name":"a","static_layer":{}},{"name":"b","admin_layer":{}}"#) && !dump(r#"{"static_layer":{}}"#));
}

/// All answers in one: the endpoint says the same to every question.
fn script(clusters: &str) -> Script {
    Script::text(&format!(r#"{{"version":"c0ffee/1.40.0/Clean","stats":[],"cluster_statuses":[{clusters}]}}"#))
}

#[tokio::test]
async fn what_is_not_understood_is_told_and_the_rest_is_read() {
    let pay = r#"{"name":"pay","circuit_breakers":{"thresholds":[{"max_requests":0},7]}}"#;
    let endpoint = FaultyEndpoint::start(script(&format!("1,{pay}"))).await;
    let mut reader = start(&endpoint);
    let forced = |facts: &SourceFacts| breakers(facts).any(|one| one.state == BreakerState::ForcedOpen);
    reader.until("a limit and a complaint", |facts| forced(facts) && partial(facts) == ["envoy.not_understood"]).await;
    assert_eq!(reader.until_state(SourceState::Live).await.abilities, [], "it does not say that it can be switched");
    endpoint.now(Script::text("<html></html>"));
    assert_eq!(reader.until_failing().await, "envoy.not_understood");
    assert_eq!(breakers(reader.facts()).count(), 1, "what was known stays");
    endpoint.now(script(""));
    reader.until("none is left", |facts| breakers(facts).count() == 0).await;
    reader.stop().await;
}

#[tokio::test]
async fn of_fifty_thousand_clusters_the_first_five_thousand_are_kept() {
    let mut many = String::new();
    for number in 0..50_000 {
        let comma = if number == 0 { "" } else { "," };
        write!(many, r#"{comma}{{"name":"c{number}","circuit_breakers":{{"thresholds":[{{}}]}}}}"#).unwrap();
    }
    let endpoint = FaultyEndpoint::start(script(&many)).await;
    let mut reader = start(&endpoint);
    let kept = |facts: &SourceFacts| breakers(facts).count() == 5_000 && partial(facts) == ["envoy.too_large"];
    reader.until("those that are kept", kept).await;
    reader.stop().await;
}
