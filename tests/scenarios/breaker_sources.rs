//! Breakers of real libraries, as their own management interfaces and streams tell them.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{BreakerState, Fact};
use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::Breaker;
use binnacle_model::world::World;
use binnacle_sources::actuator::Actuator;
use binnacle_sources::hystrix::Hystrix;
use binnacle_sources::{Connection, Meter};
use lab::services::{Kind, Service};
use lab::{Consul, until};
use serde_json::Value;

use crate::consul_picture::{Picture, connect};

const DEADLINE: Duration = Duration::from_secs(60);
const AT_ONCE: Duration = Duration::ZERO;
/// In two beats the list is read twice, and with each list the events at most once.
const TWO_BEATS: u64 = 4;

/// `cart`, which calls `inventory`; both are known to a registry.
struct Shop {
    inventory: Service,
    cart: Service,
    consul: Consul,
}

impl Shop {
    async fn open(kind: Kind) -> Self {
        let consul = Consul::open().await.unwrap();
        let client = consul.client().unwrap();
        let inventory = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
        let cart = Service::builder(kind, "cart").calling(&inventory).start().await.unwrap();
        inventory.register(&client).await.unwrap();
        cart.register(&client).await.unwrap();
        Self { inventory, cart, consul }
    }

    fn picture(&self, breakers: impl Connection + 'static) -> Picture {
        Picture::of_all(vec![Arc::new(connect(&self.consul.address(), &[])), Arc::new(breakers)])
    }

    /// Visits over and over, until the picture is so.
    async fn visited(&self, picture: &mut Picture, states: &States, wanted: BreakerState) {
        let visits = async {
            loop {
                self.cart.visit().await.unwrap();
            }
        };
        tokio::select! {
            () = visits => {}
            () = states.reach(picture, wanted) => {}
        }
    }
}

/// The states of the breaker of `cart` for `inventory`, in their order.
#[derive(Default)]
struct States(RefCell<Vec<BreakerState>>);

impl States {
    async fn reach(&self, picture: &mut Picture, wanted: BreakerState) {
        let look = |world: &World| {
            let state = breaker(world)?.state;
            let mut seen = self.0.borrow_mut();
            if seen.last() != Some(&state) {
                seen.push(state);
            }
            (state == wanted).then_some(())
        };
        picture.until(&format!("{wanted:?}"), look).await;
    }

    fn seen(&self) -> Vec<BreakerState> {
        self.0.borrow().clone()
    }
}

/// The breaker, once it is known whose it is.
fn breaker(world: &World) -> Option<&Arc<Breaker>> {
    let snapshot = world.snapshot();
    let name = |id: &ServiceId| snapshot.services.get(id).map(|service| service.name.to_string());
    let of_both = |breaker: &&Arc<Breaker>| {
        name(&breaker.caller).as_deref() == Some("cart")
            && breaker.callee.as_ref().and_then(name).as_deref() == Some("inventory")
    };
    snapshot.breakers.values().find(of_both)
}

fn raw(world: &World, name: &str) -> Option<String> {
    let evidence = breaker(world)?.evidence.first()?;
    match &evidence.observation.fact {
        Fact::Breaker(fact) => fact.raw.get(name).map(ToString::to_string),
        _ => None,
    }
}

/// What the actuator itself says of the breaker.
async fn says(cart: &Service, field: &str) -> Value {
    let list: Value = serde_json::from_str(&cart.get("/actuator/circuitbreakers").await.unwrap()).unwrap();
    list["circuitBreakers"]["inventory"][field].clone()
}

async fn itself_is(cart: &Service, wanted: &str) {
    until(wanted, DEADLINE, async || match says(cart, "state").await {
        said if said == wanted => Ok(()),
        other => Err(other),
    })
    .await
    .unwrap();
}

/// The state is in the picture within two beats of the time when it is asked for.
async fn within_two_beats(states: &States, picture: &mut Picture, meter: &Meter, wanted: BreakerState) {
    let before = meter.requests();
    states.reach(picture, wanted).await;
    let asked = meter.requests() - before;
    assert!(asked <= TWO_BEATS, "{wanted:?} took {asked} requests");
}

#[tokio::test]
async fn the_actuator_of_resilience4j_tells_every_state_with_caller_callee_and_time() {
    let shop = Shop::open(Kind::Resilience4j).await;
    let cart = &shop.cart;
    let actuator = Actuator::new(format!("actuator={}", cart.url()).parse().unwrap()).unwrap();
    let meter = actuator.meter().clone();
    let mut picture = shop.picture(actuator);
    let states = States::default();
    assert_eq!(cart.visit().await.unwrap(), 200);
    states.reach(&mut picture, BreakerState::Closed).await;

    // It is open for a second, and then half-open until the next call: which fails.
    shop.inventory.turn(1.0, AT_ONCE).await.unwrap();
    shop.visited(&mut picture, &states, BreakerState::Open).await;
    assert_eq!(raw(&picture.world, "state").as_deref(), Some("OPEN"));
    assert_eq!(raw(&picture.world, "failureRateThreshold").as_deref(), Some("50.0%"));
    itself_is(cart, "HALF_OPEN").await;
    within_two_beats(&states, &mut picture, &meter, BreakerState::HalfOpen).await;

    shop.inventory.turn(0.0, AT_ONCE).await.unwrap();
    assert_eq!(cart.visit().await.unwrap(), 200);
    itself_is(cart, "CLOSED").await;
    within_two_beats(&states, &mut picture, &meter, BreakerState::Closed).await;
    let events: Value = serde_json::from_str(&cart.get("/actuator/circuitbreakerevents").await.unwrap()).unwrap();
    let events = events["circuitBreakerEvents"].as_array().unwrap();
    let closed = events.iter().rfind(|event| event["stateTransition"] == "HALF_OPEN_TO_CLOSED").unwrap();
    let at = closed["creationTime"].as_str().unwrap().trim_end_matches("[Etc/UTC]").parse().unwrap();
    picture.until("the time that it says itself", |world| (breaker(world)?.since.at == at).then_some(())).await;

    let seen = states.seen();
    let between = &seen[1..seen.len() - 1];
    assert_eq!((seen[0], seen[seen.len() - 1]), (BreakerState::Closed, BreakerState::Closed), "{seen:?}");
    let happened = |state: &BreakerState| matches!(state, BreakerState::Open | BreakerState::HalfOpen);
    assert!(between.len() >= 2 && between.iter().all(happened), "{seen:?}");
    picture.stop().await;
}

/// Half-open is not told by either.
async fn a_stream_tells_open_and_closed(kind: Kind) -> (Shop, Picture, States) {
    let shop = Shop::open(kind).await;
    let hystrix = Hystrix::fixed(format!("hystrix={}", shop.cart.url()).parse().unwrap()).unwrap();
    let mut picture = shop.picture(hystrix);
    let states = States::default();
    shop.visited(&mut picture, &states, BreakerState::Closed).await;
    shop.inventory.turn(1.0, AT_ONCE).await.unwrap();
    shop.visited(&mut picture, &states, BreakerState::Open).await;
    (shop, picture, states)
}

async fn it_closes(shop: &Shop, mut picture: Picture, states: &States) {
    shop.inventory.turn(0.0, AT_ONCE).await.unwrap();
    shop.visited(&mut picture, states, BreakerState::Closed).await;
    assert_eq!(states.seen(), [BreakerState::Closed, BreakerState::Open, BreakerState::Closed]);
    picture.stop().await;
}

#[tokio::test]
async fn the_stream_of_hystrix_go_tells_open_and_closed() {
    let (shop, picture, states) = a_stream_tells_open_and_closed(Kind::GinHystrix).await;
    it_closes(&shop, picture, &states).await;
}

#[tokio::test]
async fn an_open_breaker_of_hystrix_that_counts_nothing_is_not_taken_for_closed() {
    let (shop, mut picture, states) = a_stream_tells_open_and_closed(Kind::Hystrix).await;
    let idle =
        |world: &World| (raw(world, "requestCount").as_deref() == Some("0")).then(|| breaker(world).unwrap().state);
    let state = picture.until("nothing is counted any more", idle).await;
    assert_eq!((state, raw(&picture.world, "errorPercentage").as_deref()), (BreakerState::Open, Some("0")));
    it_closes(&shop, picture, &states).await;
}
