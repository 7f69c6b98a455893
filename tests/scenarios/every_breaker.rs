//! Every source of breakers that the lab has, in one picture: the knobs of two callees are turned, and what each source shows
//! follows what the process itself says.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::fact::{BreakerKind, BreakerState, Fact};
use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::Breaker;
use binnacle_model::world::World;
use binnacle_sources::{Connection, Environment, open};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use lab::services::{Envoy, HaProxy, Kind, Load, Place, Service};
use lab::{Consul, ConsulClient};
use serde_json::{Value, json};

use crate::cli::Shell;
use crate::consul_picture::{Picture, connect};
use crate::laboratory_services::{State, state, value};

const DEADLINE: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::ZERO;
/// Less than the callers' patience.
const SLOWLY: Duration = Duration::from_millis(1900);
/// Two readings of metrics, of an actuator, of an Envoy's admin interface, of Sentinel's commands, of a stream, with the time that an answer takes.
const METRICS: Duration = Duration::from_millis(10_500);
const ACTUATOR: Duration = Duration::from_millis(2500);
const ADMIN: Duration = Duration::from_millis(4500);
const COMMANDS: Duration = Duration::from_millis(2500);
const STREAM: Duration = Duration::from_millis(1500);

/// What shows a breaker.
enum Shows<'a> {
    Service(&'a Service),
    Envoy(&'a Envoy, &'static str),
    HaProxy(&'a HaProxy),
}

/// One breaker by one source.
struct Row<'a> {
    shows: Shows<'a>,
    system: &'static str,
    caller: &'a str,
    callee: &'static str,
    kind: BreakerKind,
    /// How long after the process itself it is shown.
    within: Duration,
    seen: RefCell<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// What was shown, in its order.
    states: Vec<BreakerState>,
    /// When the state that is waited for was shown first.
    shown: Option<Instant>,
    /// When the process itself said it first.
    said: Option<Instant>,
}

impl<'a> Row<'a> {
    fn of(service: &'a Service, system: &'static str, within: Duration) -> Self {
        Self::at(Shows::Service(service), system, service.name(), BreakerKind::Failure, within)
    }

    fn at(shows: Shows<'a>, system: &'static str, caller: &'a str, kind: BreakerKind, within: Duration) -> Self {
        Self { shows, system, caller, callee: "inventory", kind, within, seen: RefCell::default() }
    }

    /// Its source, as a person names it.
    fn spec(&self) -> String {
        match &self.shows {
            Shows::Service(service) if self.system == "sentinel" => sentinel(service),
            Shows::Service(service) => format!("{}={}", self.system, service.url()),
            Shows::Envoy(envoy, _) if self.system == "envoy" => format!("envoy={}", envoy.admin_url()),
            Shows::Envoy(envoy, _) => format!("{}={}/stats/prometheus", self.system, envoy.admin_url()),
            Shows::HaProxy(haproxy) => format!("{}={}", self.system, haproxy.admin_url()),
        }
    }

    fn is_of(&self, kind: Kind) -> bool {
        matches!(&self.shows, Shows::Service(service) if service.kind() == kind)
    }

    fn is_stream(&self) -> bool {
        self.system == "hystrix"
    }

    fn has_half_open(&self) -> bool {
        self.is_of(Kind::Resilience4j) || self.is_of(Kind::GoKit)
    }

    /// It stays so until somebody calls.
    fn lasts(&self, state: State) -> bool {
        match state {
            // Only calls show it.
            _ if self.is_of(Kind::Sentinel) => false,
            State::Closed => true,
            State::HalfOpen => self.is_of(Kind::Resilience4j),
            State::Open => !self.is_of(Kind::Resilience4j) && !matches!(self.shows, Shows::Envoy(..)),
        }
    }

    fn what(&self) -> String {
        format!("{} for {} by {}", self.caller, self.callee, self.spec())
    }

    /// What is shown in the picture by this source.
    fn shown(&self, world: &World) -> Option<BreakerState> {
        let snapshot = world.snapshot();
        let is_called = |id: &ServiceId, name: &str| snapshot.services.get(id).is_some_and(|one| *one.name == *name);
        let breaker = snapshot.breakers.values().find(|one| {
            one.kind == self.kind
                && is_called(&one.caller, self.caller)
                && one.callee.as_ref().is_some_and(|callee| is_called(callee, self.callee))
        })?;
        let evidence = breaker.evidence.iter().find(|evidence| self.is_by(evidence.source.as_str()))?;
        match &evidence.observation.fact {
            Fact::Breaker(fact) => Some(fact.state),
            other => panic!("{other:?}"),
        }
    }

    fn is_by(&self, source: &str) -> bool {
        self.spec().split('?').next().unwrap().replace("=http://", ":") == source
    }

    fn note(&self, world: &World, wanted: BreakerState) -> bool {
        let Some(state) = self.shown(world) else { return false };
        let mut seen = self.seen.borrow_mut();
        // Where calls alone show it, nobody knows before the first.
        if seen.states.is_empty() && state == BreakerState::Unknown && self.is_of(Kind::Sentinel) {
            return false;
        }
        if seen.states.last() != Some(&state) {
            seen.states.push(state);
        }
        if state == wanted {
            seen.shown.get_or_insert_with(Instant::now);
        }
        seen.shown.is_some()
    }

    /// The process itself is in the state.
    async fn is_itself(&self, wanted: State) -> bool {
        let open = |is_open: bool| if is_open { State::Open } else { State::Closed };
        let own = match &self.shows {
            Shows::Service(service) => state(service).await,
            Shows::Envoy(envoy, series) => {
                value(&envoy.admin("/stats/prometheus").await.unwrap(), series).map(|gauge| open(gauge > 0.5))
            }
            Shows::HaProxy(haproxy) => {
                let down = r#"haproxy_server_status{proxy="inventory",server="inventory-1",state="DOWN"}"#;
                value(&haproxy.metrics().await.unwrap(), down).map(|gauge| open(gauge > 0.5))
            }
        };
        own == Some(wanted)
    }

    async fn visit(&self, wanted: State) {
        match &self.shows {
            Shows::Service(service) => drop(service.visit().await.unwrap()),
            // As many at once as is too much for the one that is limited, and enough for the other to be put out.
            Shows::Envoy(envoy, _) if wanted != State::Closed => {
                drop(Load { requests: 4, per_second: 100 }.send(&envoy.url(self.callee)).await.unwrap());
            }
            // They find out for themselves.
            Shows::Envoy(..) | Shows::HaProxy(_) => pending().await,
        }
    }

    /// Is called until it is so itself, and on where that does not last.
    async fn drive(&self, wanted: State) {
        let visits = async {
            loop {
                self.visit(wanted).await;
            }
        };
        let itself = async {
            match &self.shows {
                Shows::Service(service) if self.is_stream() => {
                    stream_says(service, |command| command["isCircuitBreakerOpen"] == (wanted == State::Open)).await;
                }
                _ => while !self.is_itself(wanted).await {},
            }
            self.seen.borrow_mut().said = Some(Instant::now());
            if !self.lasts(wanted) {
                pending::<()>().await;
            }
        };
        if wanted == State::HalfOpen && self.lasts(wanted) {
            // It waits there for the next call.
            return itself.await;
        }
        tokio::select! {
            () = visits => {}
            () = itself => {}
        }
    }

    /// Closed at first and at last, and between them what it went through.
    fn showed_what_happened(&self) {
        let states = &self.seen.borrow().states;
        let closed = [BreakerState::Closed];
        let between = states.strip_prefix(&closed).and_then(|states| states.strip_suffix(&closed));
        let between = between.unwrap_or_else(|| panic!("{}: {states:?}", self.what()));
        let happened = |state: &BreakerState| match state {
            BreakerState::Open => true,
            BreakerState::HalfOpen => self.has_half_open(),
            // An instance that was put out comes back by itself, and what is full gets room.
            BreakerState::Closed => matches!(self.shows, Shows::Envoy(..)),
            _ => false,
        };
        assert!(!between.is_empty() && between.iter().all(happened), "{}: {states:?}", self.what());
        assert!(between.contains(&BreakerState::HalfOpen) || !self.has_half_open(), "{}: {states:?}", self.what());
    }

    fn was_in_time(&self, wanted: State) {
        let seen = self.seen.borrow();
        let (shown, said) = (seen.shown.unwrap(), seen.said.unwrap());
        let late = shown.saturating_duration_since(said);
        assert!(!self.lasts(wanted) || late <= self.within, "{}: {wanted:?} was shown after {late:?}", self.what());
    }
}

/// Its commands have a port of their own.
pub(crate) fn sentinel(service: &Service) -> String {
    format!("sentinel=http://{}?instance={}", service.rpc_address().unwrap(), service.address())
}

/// Reads a stream until its command is so.
pub(crate) async fn stream_says(service: &Service, is_so: impl Fn(&Value) -> bool) {
    let mut stream = service.open("/hystrix.stream").await.unwrap().error_for_status().unwrap().bytes_stream();
    let mut text = String::new();
    while let Some(bytes) = stream.next().await {
        text.push_str(str::from_utf8(&bytes.unwrap()).unwrap());
        while let Some((line, rest)) = text.split_once('\n') {
            let event: Option<Value> = line.strip_prefix("data:").and_then(|event| serde_json::from_str(event).ok());
            if event.filter(|event| event["type"] == "HystrixCommand").is_some_and(|command| is_so(&command)) {
                return;
            }
            text = rest.to_owned();
        }
    }
    panic!("the stream ended");
}

/// Drives all of these there, until all of it is shown.
async fn all_are(rows: &[&Row<'_>], picture: &mut Picture, wanted: State, all: &[Row<'_>]) {
    let state = match wanted {
        State::Closed => BreakerState::Closed,
        State::HalfOpen => BreakerState::HalfOpen,
        State::Open => BreakerState::Open,
    };
    for row in rows {
        let mut seen = row.seen.borrow_mut();
        (seen.shown, seen.said) = (None, None);
    }
    let look = |world: &World| {
        // The others are looked at too: what they show must have happened.
        let others = all.iter().filter(|row| rows.len() < all.len() && !row.has_half_open());
        others.for_each(|row| {
            row.note(world, BreakerState::Unknown);
        });
        let waited_for = rows.iter().filter(|row| !row.note(world, state)).count();
        let said = rows.iter().all(|row| row.seen.borrow().said.is_some());
        (waited_for == 0 && said).then_some(())
    };
    let driven = async {
        join_all(rows.iter().map(|row| row.drive(wanted))).await;
        pending::<()>().await;
    };
    let what = format!("all are {wanted:?}");
    tokio::select! {
        () = driven => {}
        () = picture.until(&what, look) => {}
        () = tokio::time::sleep(DEADLINE) => {
            let late = rows.iter().map(|row| (row.what(), row.seen.borrow()));
            panic!("{what}: {:#?}", late.collect::<Vec<_>>());
        }
    }
    for row in rows {
        row.was_in_time(wanted);
    }
}

async fn register_at(client: &ConsulClient, name: &str, address: std::net::SocketAddr) {
    let service = json!({ "ID": name, "Name": name, "Address": address.ip(), "Port": address.port() });
    client.register(&service).await.unwrap();
}

#[tokio::test]
async fn every_source_shows_what_its_process_says_and_nothing_else() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let inventory = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let payments = Service::builder(Kind::Monkit, "payments").start().await.unwrap();
    let start = |kind, name| Service::builder(kind, name).calling(&inventory).start();
    let (web, shelves, orders, checkout, cart, pricing) = tokio::try_join!(
        start(Kind::GinHystrix, "web"),
        start(Kind::Hystrix, "shelves"),
        start(Kind::Resilience4j, "orders"),
        start(Kind::Opossum, "checkout"),
        start(Kind::GoKit, "cart"),
        start(Kind::Sentinel, "pricing"),
    )
    .unwrap();
    let envoy = Envoy::in_front_of(Place::Host, &[&inventory], &[&payments]).await.unwrap();
    let haproxy = HaProxy::in_front_of(Place::Host, &[&inventory]).await.unwrap();
    for service in [&inventory, &payments, &web, &shelves, &orders, &checkout, &cart, &pricing] {
        service.register(&client).await.unwrap();
    }
    register_at(&client, "edge", envoy.admin_address()).await;
    register_at(&client, "gate", haproxy.admin_address()).await;

    let put_out = "envoy_cluster_outlier_detection_ejections_active{envoy_cluster_name=\"inventory\"}";
    let full = "envoy_cluster_circuit_breakers_default_rq_pending_open{envoy_cluster_name=\"payments\"}";
    let of_edge = |series, kind| Row::at(Shows::Envoy(&envoy, series), "scrape", "edge", kind, METRICS);
    let by_admin = |row| Row { system: "envoy", within: ADMIN, ..row };
    let rows = [
        Row::of(&web, "hystrix", STREAM),
        Row::of(&shelves, "hystrix", STREAM),
        Row::of(&orders, "actuator", ACTUATOR),
        Row::of(&orders, "scrape", METRICS),
        Row::of(&checkout, "scrape", METRICS),
        Row::of(&cart, "scrape", METRICS),
        Row::of(&pricing, "sentinel", COMMANDS),
        of_edge(put_out, BreakerKind::Endpoint),
        Row { callee: "payments", ..of_edge(full, BreakerKind::Capacity) },
        by_admin(of_edge(put_out, BreakerKind::Endpoint)),
        by_admin(Row { callee: "payments", ..of_edge(full, BreakerKind::Capacity) }),
        Row::at(Shows::HaProxy(&haproxy), "scrape", "gate", BreakerKind::Endpoint, METRICS),
    ];
    let everything: Vec<&Row<'_>> = rows.iter().collect();
    let half_open: Vec<&Row<'_>> = rows.iter().filter(|row| row.has_half_open()).collect();
    let specs: BTreeSet<String> = rows.iter().map(Row::spec).collect();
    let mut sources: Vec<Arc<dyn Connection>> = vec![Arc::new(connect(&consul.address(), &[]))];
    sources.extend(specs.iter().map(|spec| open(&spec.parse().unwrap(), &Environment::default()).unwrap()));
    let mut picture = Picture::of_all(sources);

    all_are(&everything, &mut picture, State::Closed, &rows).await;

    inventory.turn(1.0, AT_ONCE).await.unwrap();
    payments.turn(0.0, Duration::from_millis(500)).await.unwrap();
    all_are(&everything, &mut picture, State::Open, &rows).await;
    binnaclectl_says_the_same(&consul, &specs, &rows).await;

    inventory.turn(1.0, SLOWLY).await.unwrap();
    all_are(&half_open, &mut picture, State::HalfOpen, &rows).await;

    inventory.turn(0.0, AT_ONCE).await.unwrap();
    payments.turn(0.0, AT_ONCE).await.unwrap();
    all_are(&everything, &mut picture, State::Closed, &rows).await;

    rows.iter().for_each(Row::showed_what_happened);
    let whose = |(caller, callee): (&str, &str)| format!("{caller} -> {callee}");
    let shown: BTreeSet<String> =
        picture.world.snapshot().breakers.values().map(|one| pair(&picture.world, one)).collect();
    let meant = rows.iter().map(|row| whose((row.caller, row.callee)));
    assert_eq!(shown, meant.collect(), "nobody else has a breaker");
    picture.stop().await;
}

/// Whose calls it guards, and to whom.
fn pair(world: &World, breaker: &Breaker) -> String {
    let snapshot = world.snapshot();
    let name = |id: &ServiceId| snapshot.services.get(id).map_or("?", |service| &service.name).to_owned();
    format!("{} -> {}", name(&breaker.caller), breaker.callee.as_ref().map_or("?".to_owned(), name))
}

/// Of those that stay open, in its JSON.
async fn binnaclectl_says_the_same(consul: &Consul, specs: &BTreeSet<String>, rows: &[Row<'_>]) {
    let consul = format!("consul={}", consul.address());
    let sources = specs.iter().chain([&consul]).flat_map(|spec| ["--source", spec]);
    let arguments: Vec<&str> = ["breakers", "-o", "json"].into_iter().chain(sources).collect();
    let said = Shell::new().run(&arguments).await.exits(0).json();
    for row in rows.iter().filter(|row| row.lasts(State::Open)) {
        let (caller, callee) = (format!("consul:dc1/{}", row.caller), format!("consul:dc1/{}", row.callee));
        let is_it = |one: &&Value| one["caller"] == caller && one["callee"] == callee;
        let one = said.as_array().unwrap().iter().find(is_it).unwrap_or_else(|| panic!("{}: {said}", row.what()));
        assert_eq!((&one["state"], &one["open"], &one["of"]), (&json!("open"), &json!(1), &json!(1)), "{one}");
    }
}
