//! A breaker of resilience4j is switched by hand, by the one road, and really lets calls through or refuses them.

use std::path::Path;
use std::sync::Arc;

use binnacle_engine::Clock;
use binnacle_engine::edits::{EditError, ExitClass};
use binnacle_engine::switch::Switches;
use binnacle_history::{EditState, History, StuckRecord};
use binnacle_model::fact::BreakerState;
use binnacle_model::id::{ServiceId, SourceId};
use binnacle_sources::Environment;
use binnacle_sources::register::Verified;
use binnacle_sources::switch::SwitchTo;
use lab::services::{Kind, Place, Service};
use serde_json::Value;

use crate::consul_picture::{Picture, environment};

use crate::edits::OneConnection;

/// Somebody who switches the breakers of `cart`, with what they recorded before.
fn desk(cart: &Service, history: &Path, read_only: bool) -> (Switches, SourceId) {
    lab::install_tls_provider();
    let spec = format!("actuator={}/actuator", cart.url()).parse().unwrap();
    let connection = binnacle_sources::open(&spec, &Environment::default()).unwrap();
    let history = Arc::new(History::open(history).unwrap());
    let stores = Arc::new(OneConnection(connection));
    let source = SourceId::from(format!("actuator:{}", cart.address()));
    (Switches::new(stores, history, Clock::system(), "ada@ship", read_only), source)
}

async fn breakers(cart: &Service) -> Value {
    let list: Value = serde_json::from_str(&cart.get("/actuator/circuitbreakers").await.unwrap()).unwrap();
    list["circuitBreakers"].clone()
}

async fn state(cart: &Service) -> String {
    breakers(cart).await["inventory"]["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_breaker_is_forced_open_disabled_and_closed_and_calls_follow() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("history.sqlite");
    let inventory = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let cart = Service::builder(Kind::Resilience4j, "cart").calling(&inventory).start().await.unwrap();
    assert_eq!(cart.visit().await.unwrap(), 200);
    let (switches, source) = desk(&cart, &place, false);

    let planned = switches.plan(&source, "inventory", SwitchTo::ForceOpen).await.unwrap();
    let plan = &planned.plan;
    assert_eq!((plan.seen, plan.seen_word.as_str()), (BreakerState::Closed, "CLOSED"));
    assert_eq!(
        (plan.request.method.as_str(), plan.request.path.as_str()),
        ("POST", "/actuator/circuitbreakers/inventory")
    );
    assert_eq!(
        (plan.request.body.as_str(), plan.way_back.to),
        (r#"{"updateState":"FORCE_OPEN"}"#, Some(SwitchTo::Close))
    );
    assert_eq!(
        (cart.visit().await.unwrap(), switches.history(10).await.unwrap().len()),
        (200, 0),
        "a plan does nothing"
    );

    let forced = switches.carry_out(&planned, Some("the bank is down".to_owned())).await.unwrap();
    assert_eq!((forced.verified, state(&cart).await.as_str()), (Ok(Verified::Stuck), "FORCED_OPEN"));
    assert_eq!(cart.visit().await.unwrap(), 502, "calls are refused, and the callee is well");
    assert!(breakers(&cart).await["inventory"]["notPermittedCalls"].as_i64().unwrap() > 0);

    let moved = switches.carry_out(&planned, None).await.unwrap_err();
    assert_eq!((moved.code().as_str(), moved.exit_class()), ("edit.breaker_moved", ExitClass::Refused));
    assert!(matches!(&moved, EditError::BreakerMoved { now: Some(now), .. } if now == "FORCED_OPEN"), "{moved}");

    // Another run of the engine takes it back from what was recorded.
    drop(switches);
    let (switches, _) = desk(&cart, &place, false);
    let undo = switches.plan_undo(forced.line).await.unwrap();
    assert_eq!((undo.plan.to, undo.undo_of), (SwitchTo::Close, Some(forced.line)));
    let undone = switches.carry_out(&undo, None).await.unwrap();
    assert_eq!((undone.verified, cart.visit().await.unwrap()), (Ok(Verified::Stuck), 200));
    assert_eq!(switches.plan_undo(forced.line).await.unwrap_err().code(), "edit.undo_unavailable", "once is enough");

    let disabled = switches.plan(&source, "inventory", SwitchTo::Disable).await.unwrap();
    let disabled = switches.carry_out(&disabled, None).await.unwrap();
    assert_eq!(state(&cart).await, "DISABLED");
    let close = switches.plan(&source, "inventory", SwitchTo::Close).await.unwrap();
    assert_eq!(close.plan.way_back.to, Some(SwitchTo::Disable), "that one can be set again");
    switches.carry_out(&close, None).await.unwrap();
    assert_eq!((state(&cart).await.as_str(), cart.visit().await.unwrap()), ("CLOSED", 200));
    let moved = switches.plan_undo(disabled.line).await.unwrap_err();
    assert_eq!(moved.code(), "edit.breaker_moved", "somebody closed it since");

    let lines = switches.history(10).await.unwrap();
    let states: Vec<EditState> = lines.iter().rev().map(|line| line.state).collect();
    assert_eq!(states[..2], [EditState::Applied, EditState::Refused]);
    let first = lines.last().unwrap();
    assert_eq!((first.sent.why.as_deref(), first.undone_by), (Some("the bank is down"), Some(undone.line)));
    assert_eq!(first.verified.unwrap().0, StuckRecord::Stuck);
}

#[tokio::test]
async fn what_is_not_in_the_list_is_not_made_and_read_only_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let cart = Service::builder(Kind::Resilience4j, "cart").calling(&inventory).start().await.unwrap();
    let (switches, source) = desk(&cart, &folder.path().join("history.sqlite"), false);
    for to in SwitchTo::ALL {
        let error = switches.plan(&source, "inventroy", to).await.unwrap_err();
        assert_eq!((error.code().as_str(), error.exit_class()), ("actuator.not_found", ExitClass::No));
    }
    // Gone between the plan and its carrying out: the name that was planned is none of the list.
    let mut planned = switches.plan(&source, "inventory", SwitchTo::Disable).await.unwrap();
    planned.plan.breaker = "gone".to_owned();
    assert_eq!(switches.carry_out(&planned, None).await.unwrap_err().code(), "edit.breaker_moved");
    assert_eq!(breakers(&cart).await.as_object().unwrap().len(), 1, "nothing was made");

    let (read_only, _) = desk(&cart, &folder.path().join("other.sqlite"), true);
    let planned = read_only.plan(&source, "inventory", SwitchTo::ForceOpen).await.unwrap();
    let error = read_only.carry_out(&planned, None).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.read_only", ExitClass::Refused));
    assert_eq!((state(&cart).await.as_str(), read_only.history(10).await.unwrap().len()), ("CLOSED", 0));
}

#[tokio::test]
async fn in_a_cluster_it_is_read_and_switched_through_the_api_server() {
    let cluster = lab::shared::cluster().await.unwrap();
    let stock = cluster.deploy("switched", "inventory", 1).await.unwrap();
    let carts = cluster.deploy("switched", "cart", 1).await.unwrap();
    let inventory =
        Service::builder(Kind::Monkit, "inventory").at(Place::Pod(cluster, &stock[0])).start().await.unwrap();
    let cart = Service::builder(Kind::Resilience4j, "cart").at(Place::Pod(cluster, &carts[0])).calling(&inventory);
    let cart = cart.start().await.unwrap();
    assert_eq!(cart.visit().await.unwrap(), 200);
    lab::install_tls_provider();
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let environment = environment(&[("KUBECONFIG", &kubeconfig)]);
    let open = |spec: &str| binnacle_sources::open(&spec.parse().unwrap(), &environment).unwrap();
    let place = "actuator=kube://minikube/switched/cart:http/actuator";
    let history = Arc::new(History::in_memory().unwrap());
    let stores = Arc::new(OneConnection(open(place)));
    let switches = Switches::new(stores, history, Clock::system(), "ada@ship", false);
    let mut picture = Picture::of_all(vec![open("kube=minikube"), open(place)]);
    let mut seen = async |wanted: BreakerState| {
        let whose = ("kube:minikube/switched/cart", Some("kube:minikube/switched/inventory"));
        picture
            .until(&format!("{wanted:?}"), |world| {
                let breakers = &world.snapshot().breakers;
                let found = breakers
                    .values()
                    .find(|breaker| (breaker.caller.as_str(), breaker.callee.as_ref().map(ServiceId::as_str)) == whose);
                (found?.state == wanted).then_some(())
            })
            .await;
    };
    seen(BreakerState::Closed).await;

    let source = SourceId::from("actuator:minikube/switched/cart:http");
    let planned = switches.plan(&source, "inventory", SwitchTo::ForceOpen).await.unwrap();
    assert_eq!(planned.plan.request.path, "/actuator/circuitbreakers/inventory");
    assert!(planned.plan.notes.iter().any(|note| note.contains("several Pods")), "{:?}", planned.plan.notes);
    assert_eq!(switches.carry_out(&planned, None).await.unwrap().verified, Ok(Verified::Stuck));
    assert_eq!(cart.visit().await.unwrap(), 502);
    seen(BreakerState::ForcedOpen).await;
    picture.stop().await;
}
