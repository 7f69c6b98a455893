//! Limits and put-out endpoints of a real Envoy by its admin interface, and its limits switched by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::Clock;
use binnacle_engine::edits::ExitClass;
use binnacle_engine::switch::Switches;
use binnacle_history::{EditState, History};
use binnacle_model::fact::{BreakerKind, BreakerState, Fact};
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{Ability, Breaker};
use binnacle_model::world::World;
use binnacle_sources::register::Verified;
use binnacle_sources::switch::SwitchTo;
use binnacle_sources::{Connection, Environment, open};
use lab::Consul;
use lab::services::{Envoy, Kind, Load, Place, Service};
use serde_json::json;

use crate::consul_picture::{Picture, connect};
use crate::edits::OneConnection;

fn source(envoy: &Envoy) -> SourceId {
    SourceId::from(format!("envoy:{}", envoy.admin_address()))
}

fn reading(envoy: &Envoy) -> Arc<dyn Connection> {
    lab::install_tls_provider();
    let spec = format!("envoy={}", envoy.admin_url()).parse().unwrap();
    open(&spec, &Environment::default()).unwrap()
}

fn desk(envoy: &Envoy, history: &Path) -> Switches {
    let history = Arc::new(History::open(history).unwrap());
    Switches::new(Arc::new(OneConnection(reading(envoy))), history, Clock::system(), "ada@ship", false)
}

async fn visit(envoy: &Envoy, service: &str) -> u16 {
    let sent = Load { requests: 1, per_second: 1 }.send(&envoy.url(service)).await.unwrap();
    *sent.answers.keys().next().unwrap()
}

/// The limit that guards calls to this service.
fn limit<'a>(world: &'a World, callee: &str) -> Option<&'a Arc<Breaker>> {
    let snapshot = world.snapshot();
    let is_callee = |one: &&Arc<Breaker>| one.callee.as_ref().is_some_and(|id| id.as_str().ends_with(callee));
    snapshot.breakers.values().filter(is_callee).find(|one| one.kind == BreakerKind::Capacity)
}

fn raw(breaker: &Breaker, source: &SourceId, name: &str) -> Option<String> {
    let evidence = breaker.evidence.iter().find(|evidence| evidence.source == *source)?;
    match &evidence.observation.fact {
        Fact::Breaker(fact) => fact.raw.get(name).map(ToString::to_string),
        _ => None,
    }
}

#[tokio::test]
async fn limits_are_read_switched_and_taken_back_and_requests_follow() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("history.sqlite");
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let inventory = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let payments = Service::builder(Kind::Monkit, "payments").start().await.unwrap();
    let envoy = Envoy::in_front_of(Place::Host, &[&inventory], &[&payments]).await.unwrap();
    inventory.register(&client).await.unwrap();
    payments.register(&client).await.unwrap();
    let at = envoy.admin_address();
    client.register(&json!({ "ID": "edge", "Name": "edge", "Address": at.ip(), "Port": at.port() })).await.unwrap();
    // The same process said twice.
    let metrics = format!("scrape={}/stats/prometheus", envoy.admin_url()).parse().unwrap();
    let metrics = open(&metrics, &Environment::default()).unwrap();
    let mut picture = Picture::of_all(vec![Arc::new(connect(&consul.address(), &[])), reading(&envoy), metrics]);
    let (source, switches) = (source(&envoy), desk(&envoy, &place));
    let status = picture.live(source.as_str()).await;
    assert_eq!(
        (status.abilities.as_slice(), status.product.as_deref()),
        (&[Ability::SwitchBreakers][..], Some("Envoy 1.40.0 (edge)"))
    );
    let closed = |world: &World| {
        let one = limit(world, "/inventory")?;
        (one.evidence.len() == 2 && one.caller.as_str().ends_with("/edge")).then(|| Breaker::clone(one))
    };
    let one = picture.until("one breaker by both", closed).await;
    assert_eq!((one.state, one.open, one.of), (BreakerState::Closed, 0, 1));
    assert_eq!(raw(&one, &source, "max_requests").as_deref(), Some("1024"));
    assert_eq!(visit(&envoy, "inventory").await, 200);

    let planned = switches.plan(&source, "inventory", SwitchTo::ForceOpen).await.unwrap();
    assert_eq!(
        (planned.plan.seen, planned.plan.seen_word.as_str()),
        (BreakerState::Closed, "max_connections 1024, max_pending_requests 1024, max_requests 1024")
    );
    let forced = switches.carry_out(&planned, None).await.unwrap();
    assert_eq!(forced.verified, Ok(Verified::Stuck));
    assert_eq!((visit(&envoy, "inventory").await, visit(&envoy, "payments").await), (503, 200), "the one alone");
    let refused = |world: &World| {
        let one = limit(world, "/inventory")?;
        (one.state == BreakerState::ForcedOpen && one.rejected_per_s.is_some_and(|rate| rate > 0.0)).then_some(())
    };
    picture.until("forced open, and a call refused", refused).await;
    let moved = switches.carry_out(&planned, None).await.unwrap_err();
    assert_eq!((moved.code().as_str(), moved.exit_class()), ("edit.breaker_moved", ExitClass::Refused));

    // Another run of the engine takes it back from what was recorded.
    drop(switches);
    let switches = desk(&envoy, &place);
    let undo = switches.plan_undo(forced.line).await.unwrap();
    assert_eq!(
        (undo.plan.to, undo.plan.request.path.ends_with("inventory.default.max_requests=")),
        (SwitchTo::Close, true)
    );
    assert_eq!(switches.carry_out(&undo, None).await.unwrap().verified, Ok(Verified::Stuck));
    assert_eq!(visit(&envoy, "inventory").await, 200);

    // One at a time and one that waits; without limits all of them pass.
    payments.turn(0.0, Duration::from_millis(300)).await.unwrap();
    let crowd = Load { requests: 8, per_second: 200 };
    assert!(crowd.send(&envoy.url("payments")).await.unwrap().answers[&503] > 0);
    let disable = switches.plan(&source, "payments", SwitchTo::Disable).await.unwrap();
    assert_eq!(switches.carry_out(&disable, None).await.unwrap().verified, Ok(Verified::Stuck));
    assert_eq!(crowd.send(&envoy.url("payments")).await.unwrap().answers, [(200, 8)].into());
    let off = |world: &World| (limit(world, "/payments")?.state == BreakerState::Disabled).then_some(());
    picture.until("disabled", off).await;
    let close = switches.plan(&source, "payments", SwitchTo::Close).await.unwrap();
    assert_eq!(close.plan.way_back.to, Some(SwitchTo::Disable));
    assert_eq!(switches.carry_out(&close, None).await.unwrap().verified, Ok(Verified::Stuck));
    let lines = switches.history(10).await.unwrap();
    let states: Vec<EditState> = lines.iter().rev().map(|line| line.state).collect();
    assert_eq!(
        states,
        [EditState::Applied, EditState::Refused, EditState::Applied, EditState::Applied, EditState::Applied]
    );
    picture.stop().await;
}

#[tokio::test]
async fn without_an_admin_layer_it_is_read_and_cannot_be_switched() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = Service::builder(Kind::Monkit, "inventory").start().await.unwrap();
    let envoy = Envoy::unchangeable(&[&inventory]).await.unwrap();
    let mut picture = Picture::of_all(vec![reading(&envoy)]);
    assert_eq!(picture.live(source(&envoy).as_str()).await.abilities, []);
    let limits = |world: &World| limit(world, "inventory").map(|one| one.state);
    assert_eq!(picture.until("its limits", limits).await, BreakerState::Closed);
    let switches = desk(&envoy, &folder.path().join("history.sqlite"));
    let error = switches.plan(&source(&envoy), "inventory", SwitchTo::ForceOpen).await.unwrap_err();
    assert_eq!((error.code().as_str(), visit(&envoy, "inventory").await), ("envoy.unsupported", 200));
    picture.stop().await;
}
