//! The services of the lab's shop: each answers, and its breaker opens and closes when the knob of its callee is turned, as
//! seen in what it says itself.

use std::time::Duration;

use futures_util::StreamExt as _;
use lab::cluster::{Monitoring, Registry};
use lab::executable::Server;
use lab::services::{Envoy, HaProxy, Kind, Knob, Load, Place, Sent, Service, Shop, jobs};
use lab::{Consul, Prometheus, until};
use serde_json::{Value, json};

use crate::laboratory::Owner;

const DEADLINE: Duration = Duration::from_secs(60);
const AT_ONCE: Duration = Duration::ZERO;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    HalfOpen,
    Open,
}

/// The state of `cart`'s breaker for `inventory`, as its kind says it; `None` where it says nothing of it.
pub(crate) async fn state(cart: &Service) -> Option<State> {
    let metrics = cart.metrics().await.unwrap();
    let number = |series: &str| {
        let line = metrics.lines().find(|line| line.starts_with(series))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    // The order of gobreaker's and failsafe-go's constants.
    let coded = |series: &str| match number(series)? {
        0.0 => Some(State::Closed),
        1.0 => Some(State::HalfOpen),
        2.0 => Some(State::Open),
        other => panic!("{series} is {other}"),
    };
    match cart.kind() {
        Kind::GoKit => coded("circuit_breaker_state{name=\"inventory\"}"),
        Kind::GoMicro => coded("micro_breaker_state{endpoint=\"inventory"),
        Kind::Grpc => coded("gobreaker_state{name=\"inventory\"}"),
        Kind::Monkit => coded("breaker_state{field=\"recent\",name=\"inventory\""),
        Kind::Mux => coded("shop_breaker_state{name=\"inventory\"}"),
        Kind::Sentinel => coded("shop_sentinel_state{resource=\"inventory\"}"),
        Kind::Resilience4j => {
            let is = |state: &str| {
                number(&format!("resilience4j_circuitbreaker_state{{name=\"inventory\",state=\"{state}\"}}"))
                    == Some(1.0)
            };
            let all = [("closed", State::Closed), ("half_open", State::HalfOpen), ("open", State::Open)];
            all.into_iter().find(|(name, _)| is(name)).map(|(_, state)| state)
        }
        // Counters that are not there before the first such event.
        Kind::Opossum => {
            let count = |event: &str| number(&format!("circuit{{name=\"inventory\",event=\"{event}\"}}"));
            count("fire")?;
            let is_open = count("open").unwrap_or_default() > count("close").unwrap_or_default();
            Some(if is_open { State::Open } else { State::Closed })
        }
        Kind::GinHystrix | Kind::Hystrix => {
            let command = first_command(cart).await?;
            assert_eq!(command["name"], "inventory");
            Some(if command["isCircuitBreakerOpen"] == true { State::Open } else { State::Closed })
        }
    }
}

/// The first command in a stream that is opened now; `None` where there are too many streams, for an end is not noticed at
/// once.
async fn first_command(cart: &Service) -> Option<Value> {
    let mut stream = cart.open("/hystrix.stream").await.unwrap().error_for_status().ok()?.bytes_stream();
    let mut seen = String::new();
    loop {
        seen.push_str(str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        let mut whole = seen.lines().filter_map(|line| line.strip_prefix("data:"));
        let events = whole.by_ref().filter_map(|json| serde_json::from_str::<Value>(json).ok());
        if let Some(command) = events.into_iter().find(|event| event["type"] == "HystrixCommand") {
            return Some(command);
        }
    }
}

/// Visits until the breaker says so.
async fn visited_until(cart: &Service, wanted: State) {
    until(&format!("{wanted:?}"), DEADLINE, async || {
        cart.visit().await.unwrap();
        let seen = state(cart).await;
        if seen == Some(wanted) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await
    .unwrap();
}

/// `inventory` answers slowly, so that the one call that is tried can be seen while it is under way.
async fn half_open_is_seen(cart: &Service) {
    until("a try to be seen", DEADLINE, async || {
        let looks = async {
            let mut seen = Vec::new();
            for _ in 0..5 {
                seen.push(state(cart).await);
            }
            seen
        };
        let (visited, seen) = tokio::join!(cart.visit(), looks);
        visited.unwrap();
        if seen.contains(&Some(State::HalfOpen)) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await
    .unwrap();
}

async fn opens_and_closes_with_its_callee(kind: Kind, is_half_open: bool) {
    let inventory = Service::builder(kind, "inventory").start().await.unwrap();
    let cart = Service::builder(kind, "cart").calling(&inventory).start().await.unwrap();
    assert_eq!(inventory.knob().await.unwrap(), Knob { fail: 0.0, delay_ms: 0 });

    let sent = Load { requests: 5, per_second: 50 }.send(cart.url()).await.unwrap();
    assert_eq!(sent, Sent { sent: 5, answers: [(200, 5)].into(), unanswered: 0 });
    visited_until(&cart, State::Closed).await;

    inventory.turn(1.0, AT_ONCE).await.unwrap();
    assert_eq!(inventory.visit().await.unwrap(), 503);
    visited_until(&cart, State::Open).await;
    assert_eq!(cart.visit().await.unwrap(), 502);

    if is_half_open {
        inventory.turn(0.0, Duration::from_millis(300)).await.unwrap();
        half_open_is_seen(&cart).await;
    }
    inventory.turn(0.0, AT_ONCE).await.unwrap();
    visited_until(&cart, State::Closed).await;
    assert_eq!(cart.visit().await.unwrap(), 200);

    let (pid, folder) = (cart.pid().await.unwrap(), cart.log().parent().unwrap().to_owned());
    drop(cart);
    assert!(!lab::watchdog::process_exists(pid) && !folder.exists(), "nothing is left of it");
}

#[tokio::test]
async fn gin_with_hystrix_go_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::GinHystrix, false).await;
}

#[tokio::test]
async fn go_kit_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::GoKit, true).await;
}

#[tokio::test]
async fn go_micro_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::GoMicro, true).await;
}

#[tokio::test]
async fn grpc_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::Grpc, true).await;
}

#[tokio::test]
async fn hystrix_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::Hystrix, false).await;
}

#[tokio::test]
async fn monkit_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::Monkit, true).await;
}

#[tokio::test]
async fn mux_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::Mux, true).await;
}

#[tokio::test]
async fn opossum_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::Opossum, false).await;
}

#[tokio::test]
async fn resilience4j_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::Resilience4j, true).await;
}

#[tokio::test]
async fn sentinel_opens_and_closes() {
    opens_and_closes_with_its_callee(Kind::Sentinel, false).await;
}

#[tokio::test]
async fn a_knob_fails_exactly_its_share_and_takes_no_nonsense() {
    for kind in [Kind::Monkit, Kind::Hystrix, Kind::Opossum, Kind::Sentinel] {
        let inventory = Service::builder(kind, "inventory").start().await.unwrap();
        inventory.turn(0.6, Duration::from_millis(20)).await.unwrap();
        assert_eq!(inventory.knob().await.unwrap(), Knob { fail: 0.6, delay_ms: 20 });

        let sent = Load { requests: 20, per_second: 100 }.send(inventory.url()).await.unwrap();

        assert_eq!(sent, Sent { sent: 20, answers: [(200, 8), (503, 12)].into(), unanswered: 0 });
        assert_eq!(sent.failed(), 12);
        inventory.turn(1.5, AT_ONCE).await.unwrap_err();
        assert_eq!(inventory.knob().await.unwrap(), Knob { fail: 0.6, delay_ms: 20 });
        inventory.kill().await.unwrap();
        let sent = Load { requests: 3, per_second: 100 }.send(inventory.url()).await.unwrap();
        assert_eq!((sent.unanswered, sent.failed()), (3, 3));
        inventory.restart().await.unwrap();
        assert_eq!(inventory.visit().await.unwrap(), 200, "a knob is forgotten");
    }
}

/// The value of the first series that begins so.
pub(crate) fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics.lines().find(|line| line.starts_with(series))?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn envoy_puts_out_an_instance_that_fails_and_refuses_what_is_too_much() {
    let one = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let other = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let payments = Service::builder(Kind::Monkit, "payments").start().await.unwrap();
    let envoy = Envoy::in_front_of(Place::Host, &[&one, &other], &[&payments]).await.unwrap();
    let gauge = async |series: &str| value(&envoy.admin("/stats/prometheus").await.unwrap(), series);
    let ejected = "envoy_cluster_outlier_detection_ejections_active{envoy_cluster_name=\"inventory\"}";
    let full = "envoy_cluster_circuit_breakers_default_rq_pending_open{envoy_cluster_name=\"payments\"}";
    let way = envoy.url("inventory");
    let sent = Load { requests: 4, per_second: 50 }.send(&way).await.unwrap();
    assert_eq!((sent.failed(), gauge(ejected).await, gauge(full).await), (0, Some(0.0), Some(0.0)));

    one.turn(1.0, AT_ONCE).await.unwrap();
    until("the instance to be put out", DEADLINE, async || {
        Load { requests: 4, per_second: 100 }.send(&way).await.unwrap();
        let seen = gauge(ejected).await;
        if seen == Some(1.0) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await
    .unwrap();
    one.turn(0.0, AT_ONCE).await.unwrap();
    until("the instance to be back", DEADLINE, async || {
        let seen = gauge(ejected).await;
        if seen == Some(0.0) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await
    .unwrap();

    payments.turn(0.0, Duration::from_millis(500)).await.unwrap();
    let way = envoy.url("payments");
    let seen_full = until("the limit to be seen", DEADLINE, async || {
        let (sent, seen) = tokio::join!(Load { requests: 6, per_second: 200 }.send(&way), async {
            let mut seen = Vec::new();
            for _ in 0..5 {
                seen.push(gauge(full).await);
            }
            seen
        });
        if seen.contains(&Some(1.0)) { Ok(sent.unwrap()) } else { Err(format!("{seen:?}")) }
    });
    let sent = seen_full.await.unwrap();
    assert!(sent.answers[&503] > 0 && sent.answers[&200] > 0, "one runs and one waits: {sent:?}");
    assert_eq!(gauge(full).await, Some(0.0));
}

#[tokio::test]
async fn haproxy_marks_an_instance_down_that_fails_and_up_when_its_checks_pass() {
    let one = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let other = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let haproxy = HaProxy::in_front_of(Place::Host, &[&one, &other]).await.unwrap();
    let marked = async |state: &str| {
        let series = format!(r#"haproxy_server_status{{proxy="inventory",server="inventory-1",state="{state}"}}"#);
        until(state, DEADLINE, async || {
            let metrics = haproxy.metrics().await.unwrap();
            if value(&metrics, &series) == Some(1.0) { Ok(()) } else { Err(metrics) }
        })
        .await
        .unwrap();
    };
    marked("UP").await;
    let sent = Load { requests: 4, per_second: 50 }.send(haproxy.url()).await.unwrap();
    assert_eq!(sent.answers, [(200, 4)].into());

    one.turn(1.0, AT_ONCE).await.unwrap();
    marked("DOWN").await;
    let sent = Load { requests: 4, per_second: 50 }.send(haproxy.url()).await.unwrap();
    assert_eq!(sent.answers, [(200, 4)].into(), "the other takes all");

    one.turn(0.0, AT_ONCE).await.unwrap();
    marked("UP").await;
}

#[tokio::test]
async fn grpc_and_go_micro_call_each_other_by_their_own_protocols() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let bank = Service::builder(Kind::Grpc, "bank-gateway").start().await.unwrap();
    let payments = Service::builder(Kind::Grpc, "payments").calling(&bank).start().await.unwrap();
    let registry = ([127, 0, 0, 1], consul.http_port()).into();
    let courier = Service::builder(Kind::GoMicro, "courier").registry(registry).start().await.unwrap();
    courier.register(&client).await.unwrap();
    let shipping = Service::builder(Kind::GoMicro, "shipping").registry(registry).calling(&courier);
    let shipping = shipping.start().await.unwrap();

    for service in [&payments, &shipping] {
        let sent = Load { requests: 4, per_second: 50 }.send(service.url()).await.unwrap();
        assert_eq!(sent.failed(), 0, "{}", service.kind());
    }

    let called = "grpc_client_handled_total{grpc_code=\"OK\",grpc_method=\"Charge\"";
    assert_eq!(value(&payments.metrics().await.unwrap(), called), Some(4.0));
    let served = "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Charge\"";
    assert_eq!(value(&bank.metrics().await.unwrap(), served), Some(4.0));
    let served = "micro_request_total{method=\"Shop.Visit\"";
    assert_eq!(value(&courier.metrics().await.unwrap(), served), Some(4.0));

    payments.register(&client).await.unwrap();
    payments.turn(1.0, AT_ONCE).await.unwrap();
    until("its health check to fail", DEADLINE, async || {
        let checks = client.get("/v1/health/checks/payments").await.unwrap();
        let check = checks.as_array().unwrap().iter().find(|check| check["Name"] == "grpc.health.v1").cloned();
        if check.as_ref().unwrap()["Status"] == "critical" { Ok(()) } else { Err(format!("{check:?}")) }
    })
    .await
    .unwrap();
    let registered = client.get("/v1/catalog/service/courier").await.unwrap();
    let tags = registered[0]["ServiceTags"].as_array().unwrap();
    assert!(tags.iter().any(|tag| tag.as_str().unwrap().starts_with("e-")), "its endpoints are there: {tags:?}");
}

#[tokio::test]
async fn in_a_cluster_they_are_behind_a_service_and_known_to_its_registry_and_to_its_prometheus() {
    let cluster = lab::shared::cluster().await.unwrap();
    let _alone = crate::laboratory_cluster::MONITORED.lock().await;
    let registry = Registry::start(cluster).await.unwrap();
    let prometheus = Server::Prometheus.executable().await.unwrap();
    let monitoring = Monitoring::start(cluster, Some(&registry), &prometheus).await.unwrap();
    let stock = cluster.deploy("services", "inventory", 2).await.unwrap();
    let carts = cluster.deploy("services", "cart", 1).await.unwrap();
    let edge = cluster.deploy("services", "edge", 1).await.unwrap();
    let mut inventory = Vec::new();
    for pod in &stock {
        let one = Service::builder(Kind::Monkit, "inventory").at(Place::Pod(cluster, pod));
        inventory.push(one.start().await.unwrap());
    }
    let instances: Vec<&Service> = inventory.iter().collect();
    let envoy = Envoy::in_front_of(Place::Pod(cluster, &edge[0]), &instances, &[]).await.unwrap();
    let cart = Service::builder(Kind::GoKit, "cart").at(Place::Pod(cluster, &carts[0]));
    let cart = cart.calling_through(&envoy, "inventory").start().await.unwrap();
    let consul = registry.client().unwrap();
    for service in inventory.iter().chain([&cart]) {
        service.register(&consul).await.unwrap();
    }

    assert_eq!(Load { requests: 4, per_second: 50 }.send(cart.url()).await.unwrap().failed(), 0);

    let upstreams = envoy.admin("/clusters").await.unwrap();
    for pod in &stock {
        assert!(upstreams.contains(&format!("inventory::{}:8080::rq_success::2", pod.address)), "{upstreams}");
    }
    let through_service = "/api/v1/namespaces/services/services/cart:http/proxy/knob";
    let seen = cluster.client().unwrap().get(through_service).await.unwrap();
    assert_eq!(seen, json!({ "fail": 0, "delay_ms": 0 }));
    let query =
        format!("{}/api/v1/query?query=circuit_breaker_state%7Bnamespace%3D%22services%22%7D", monitoring.address());
    until("the breaker in Prometheus", DEADLINE, async || {
        let answer = reqwest::get(&query).await.unwrap().json::<Value>().await.unwrap();
        let series = answer["data"]["result"].as_array().unwrap().clone();
        if series.len() == 1 && series[0]["metric"]["pod"] == carts[0].name { Ok(()) } else { Err(answer.to_string()) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_whole_shop_is_visited_and_scraped_and_one_that_fails_opens_the_breakers_of_its_callers() {
    let consul = Consul::open().await.unwrap();
    let shop = Shop::open(&consul).await.unwrap();
    let mut prometheus = Prometheus::builder();
    for job in shop.jobs() {
        prometheus = prometheus.scraping(job);
    }
    let prometheus = prometheus.start().await.unwrap();
    let web = shop.service("web").unwrap();

    until("a visit that succeeds", DEADLINE, async || match web.visit().await.unwrap() {
        200 => Ok(()),
        status => Err(status),
    })
    .await
    .unwrap();
    let targets = shop.services().len() + 1;
    until("all of it to be scraped", DEADLINE, async || {
        let up = prometheus.query("count(up == 1)").await.unwrap();
        let seen = up.first().and_then(|series| series["value"][1].as_str()).map(str::to_owned);
        if seen == Some(targets.to_string()) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await
    .unwrap();
    assert_eq!(jobs(shop.services()).len(), targets - 3, "two instances of one service are one job");

    shop.service("courier").unwrap().turn(1.0, AT_ONCE).await.unwrap();
    until("the breaker of shipping for courier to open", DEADLINE, async || {
        web.visit().await.unwrap();
        let open = prometheus.query("micro_breaker_state{job=\"shipping\"} == 2").await.unwrap();
        if open.len() == 1 { Ok(()) } else { Err("closed") }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_shop_is_gone_when_its_process_is_killed() {
    let mut owner = Owner::of("shop").await;
    assert_eq!(owner.pids.len(), 18, "fourteen services, Envoy, Turbine, Consul and Prometheus");
    owner.assert_runs();

    owner.process.kill().await.unwrap();

    owner.is_gone().await;
}
