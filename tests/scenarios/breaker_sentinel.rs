//! Breakers of a real Sentinel: seen by the calls that they let through, and switched by hand through its rules.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::Clock;
use binnacle_engine::edits::{EditError, ExitClass};
use binnacle_engine::switch::Switches;
use binnacle_history::{EditState, History};
use binnacle_model::fact::{BreakerState, OpensAt};
use binnacle_model::id::{ServiceId, SourceId};
use binnacle_model::snapshot::Breaker;
use binnacle_model::world::World;
use binnacle_sources::register::Verified;
use binnacle_sources::switch::SwitchTo;
use binnacle_sources::{Connection, Environment, open};
use lab::Consul;
use lab::services::{Kind, Service};
use serde_json::{Value, json};

use crate::consul_picture::{Picture, connect};
use crate::edits::OneConnection;
use crate::every_breaker::sentinel;

const AT_ONCE: Duration = Duration::ZERO;

/// `cart`, which calls `inventory` through a Sentinel.
async fn pair() -> (Service, Service) {
    let inventory = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let cart = Service::builder(Kind::Sentinel, "cart").calling(&inventory).start().await.unwrap();
    (inventory, cart)
}

fn reading(cart: &Service) -> Arc<dyn Connection> {
    lab::install_tls_provider();
    open(&sentinel(cart).parse().unwrap(), &Environment::default()).unwrap()
}

fn desk(cart: &Service, history: &Path) -> (Switches, SourceId) {
    let history = Arc::new(History::open(history).unwrap());
    let stores = Arc::new(OneConnection(reading(cart)));
    let source = SourceId::from(format!("sentinel:{}", cart.rpc_address().unwrap()));
    (Switches::new(stores, history, Clock::system(), "ada@ship", false), source)
}

/// The rules of a kind, in an order of their own.
async fn rules(cart: &Service, kind: &str) -> Vec<Value> {
    let place = format!("http://{}/getRules?type={kind}", cart.rpc_address().unwrap());
    let mut rules: Vec<Value> = reqwest::get(place).await.unwrap().json().await.unwrap();
    rules.sort_by_key(Value::to_string);
    rules
}

/// Somebody else replaces all rules of a kind.
async fn replace(cart: &Service, kind: &str, rules: &[Value]) {
    let place = format!("http://{}/setRules", cart.rpc_address().unwrap());
    let encoded = |fields: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params("http://form", fields).unwrap();
        url.query().unwrap().to_owned()
    };
    // It decodes what it is sent twice.
    let once = encoded(&[("", &json!(rules).to_string())]);
    let form = encoded(&[("type", kind), ("data", &once[1..])]);
    let request = reqwest::Client::new().post(place).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "success");
}

fn breaker(world: &World) -> Option<Arc<Breaker>> {
    let snapshot = world.snapshot();
    let name = |id: &ServiceId| snapshot.services.get(id).map(|service| service.name.to_string());
    let of_both = |one: &&Arc<Breaker>| {
        name(&one.caller).as_deref() == Some("cart")
            && one.callee.as_ref().and_then(name).as_deref() == Some("inventory")
    };
    snapshot.breakers.values().find(of_both).cloned()
}

/// Visits over and over until the picture is so; notes what it showed.
async fn visited(cart: &Service, picture: &mut Picture, shown: &RefCell<Vec<BreakerState>>, wanted: BreakerState) {
    let visits = async {
        loop {
            cart.visit().await.unwrap();
        }
    };
    let what = format!("{wanted:?}");
    let look = |world: &World| {
        let state = breaker(world)?.state;
        let mut shown = shown.borrow_mut();
        if shown.last() != Some(&state) {
            shown.push(state);
        }
        (state == wanted).then_some(())
    };
    tokio::select! {
        () = visits => {}
        () = picture.until(&what, look) => {}
    }
}

#[tokio::test]
async fn sentinel_is_seen_to_open_and_to_close_by_calls_alone() {
    use BreakerState::{Closed, Open, Unknown};
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let (inventory, cart) = pair().await;
    inventory.register(&client).await.unwrap();
    cart.register(&client).await.unwrap();
    let probe = reading(&cart).probe().await.unwrap();
    assert_eq!((probe.product.as_str(), probe.detail.as_str()), ("Sentinel 1.8.9", "1 degrade rule"));
    let mut picture = Picture::of_all(vec![Arc::new(connect(&consul.address(), &[])), reading(&cart)]);
    let shown = RefCell::default();

    visited(&cart, &mut picture, &shown, Closed).await;
    let seen = breaker(&picture.world).unwrap();
    assert!(seen.derived, "nobody told it");
    assert_eq!(seen.processes[0].process.as_ref(), cart.address().to_string(), "the process that the registry knows");
    assert_eq!(seen.processes[0].tripping.opens_at, Some(OpensAt::Failing(0.49)));

    inventory.turn(1.0, AT_ONCE).await.unwrap();
    visited(&cart, &mut picture, &shown, Open).await;
    let refused = breaker(&picture.world).unwrap().rejected_per_s;
    assert!(refused.is_some_and(|rate| rate > 0.0), "{refused:?}");

    inventory.turn(0.0, AT_ONCE).await.unwrap();
    visited(&cart, &mut picture, &shown, Closed).await;
    let shown: Vec<BreakerState> = shown.take().into_iter().skip_while(|state| *state == Unknown).collect();
    assert_eq!(shown, [Closed, Open, Closed]);

    // With a limit beside it nobody knows whose work a refusal is.
    replace(&cart, "flow", &[json!({ "resource": "inventory", "grade": 1, "count": 5000 })]).await;
    inventory.turn(1.0, AT_ONCE).await.unwrap();
    let shown = RefCell::default();
    visited(&cart, &mut picture, &shown, Unknown).await;
    assert_eq!(shown.take(), [Closed, Unknown]);
    picture.stop().await;
}

#[tokio::test]
async fn sentinel_is_forced_open_and_disabled_by_rules_and_those_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("history.sqlite");
    let (inventory, cart) = pair().await;
    let others = [
        json!({ "resource": "a|b \"c\"\n% + ü", "grade": 1, "count": 7 }),
        json!({ "resource": "inventory", "grade": 1, "count": 5000, "limitApp": "web" }),
    ];
    replace(&cart, "flow", &others).await;
    let ruled = (rules(&cart, "degrade").await, rules(&cart, "flow").await);
    let (switches, source) = desk(&cart, &place);
    assert_eq!(cart.visit().await.unwrap(), 200);

    let planned = switches.plan(&source, "inventory", SwitchTo::ForceOpen).await.unwrap();
    assert_eq!((planned.plan.seen, planned.plan.way_back.to), (BreakerState::Closed, Some(SwitchTo::Close)));
    assert!(planned.plan.request.body.ends_with(" and 1 of other resources"), "{}", planned.plan.request.body);
    // Somebody else gives another resource a rule after the plan was made.
    let newcomer = json!({ "resource": "ship", "grade": 0, "count": 3 });
    let mut with_newcomer = ruled.1.clone();
    with_newcomer.push(newcomer);
    replace(&cart, "flow", &with_newcomer).await;
    let ruled = (ruled.0, rules(&cart, "flow").await);
    let forced = switches.carry_out(&planned, Some("stocktaking".to_owned())).await.unwrap();
    assert_eq!((forced.verified, cart.visit().await.unwrap()), (Ok(Verified::Stuck), 502));
    let now = rules(&cart, "flow").await;
    assert_eq!(now.len(), ruled.1.len() + 1);
    assert!(ruled.1.iter().all(|rule| now.contains(rule)), "{now:?}");
    let both = switches.plan(&source, "inventory", SwitchTo::Disable).await.unwrap_err();
    assert_eq!(both.code(), "sentinel.unsupported", "two lists at once");

    // Another run of the engine takes it back from what was recorded.
    drop(switches);
    let (switches, _) = desk(&cart, &place);
    let undo = switches.plan_undo(forced.line).await.unwrap();
    assert_eq!(switches.carry_out(&undo, None).await.unwrap().verified, Ok(Verified::Stuck));
    assert_eq!((rules(&cart, "degrade").await, rules(&cart, "flow").await), ruled);
    assert_eq!(cart.visit().await.unwrap(), 200);

    let disabled = switches.plan(&source, "inventory", SwitchTo::Disable).await.unwrap();
    let disabled = switches.carry_out(&disabled, None).await.unwrap();
    inventory.turn(1.0, AT_ONCE).await.unwrap();
    for _ in 0..20 {
        let answer = cart.open("/").await.unwrap().text().await.unwrap();
        assert!(answer.contains("status 503"), "each call gets there: {answer}");
    }
    inventory.turn(0.0, AT_ONCE).await.unwrap();
    let mut picture = Picture::of_all(vec![reading(&cart)]);
    let is_disabled = |world: &World| {
        let snapshot = world.snapshot();
        snapshot.breakers.values().any(|one| one.state == BreakerState::Disabled && !one.derived).then_some(())
    };
    picture.until("disabled, and seen", is_disabled).await;
    picture.stop().await;
    let undo = switches.plan_undo(disabled.line).await.unwrap();
    assert_eq!(switches.carry_out(&undo, None).await.unwrap().verified, Ok(Verified::Stuck));
    assert_eq!((rules(&cart, "degrade").await, rules(&cart, "flow").await), ruled);
    let states: Vec<EditState> = switches.history(10).await.unwrap().iter().map(|line| line.state).collect();
    assert_eq!(states, [EditState::Applied; 4]);
}

#[tokio::test]
async fn sentinel_is_left_alone_when_its_own_rules_moved_and_where_there_is_nothing_to_switch() {
    let folder = tempfile::tempdir().unwrap();
    let (_inventory, cart) = pair().await;
    let (switches, source) = desk(&cart, &folder.path().join("history.sqlite"));
    let planned = switches.plan(&source, "inventory", SwitchTo::ForceOpen).await.unwrap();
    let mut theirs = rules(&cart, "degrade").await;
    theirs[0]["timeWindow"] = json!(30);
    replace(&cart, "degrade", &theirs).await;

    let moved = switches.carry_out(&planned, None).await.unwrap_err();

    assert_eq!((moved.code().as_str(), moved.exit_class()), ("edit.breaker_moved", ExitClass::Refused));
    assert!(matches!(&moved, EditError::BreakerMoved { now: Some(now), .. } if now.contains("\"timeWindow\":30")));
    assert_eq!((rules(&cart, "degrade").await, rules(&cart, "flow").await), (theirs, Vec::new()), "nothing was sent");
    let close = switches.plan(&source, "inventory", SwitchTo::Close).await.unwrap_err();
    assert_eq!(close.code(), "sentinel.unsupported", "it closes by itself");
    let other = switches.plan(&source, "inventroy", SwitchTo::ForceOpen).await.unwrap_err();
    assert_eq!(other.code(), "sentinel.not_found");
}
