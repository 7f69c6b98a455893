//! The engine over connections that misbehave as no real server can be made to: they panic, or they never stop talking.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails, and here also what is tested")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use binnacle_engine::{Clock, Engine, EngineConfig};
use binnacle_history::History;
use binnacle_model::fact::{ConfigFact, Fact, How, ObjectKey, Observation, Origin, StoreKind};
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::{Snapshot, SourceState, SourceStatus};
use binnacle_model::store::Batch;
use binnacle_sources::{Connection, ConnectionSpec, Environment, Meter, Outbox, Probe, SourceError};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);

/// A connection that panics a number of times after it went live, and then stays.
struct PanickingConnection {
    spec: ConnectionSpec,
    meter: Arc<Meter>,
    panics_left: AtomicU32,
}

#[async_trait]
impl Connection for PanickingConnection {
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        Ok(Probe { product: "fake".to_owned(), detail: String::new(), took: Duration::ZERO })
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(*source == id())
    }

    async fn run(&self, out: Outbox, _nudge: Arc<Notify>, cancel: CancellationToken) {
        let listed = vec![key("a")];
        out.facts(Batch::reset(id(), "kv", listed)).await.unwrap();
        out.status(id(), status(SourceState::Live)).await.unwrap();
        let left = self.panics_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "the source fails as it was told to");
        cancel.cancelled().await;
    }
}

fn id() -> SourceId {
    SourceId::from("consul:fake")
}

fn key(path: &str) -> Observation {
    let fact = ConfigFact {
        store: StoreKind::ConsulKv,
        path: Arc::from(path),
        size_bytes: 1,
        flags: 0,
        lock_session: None,
        created_version: 1,
        mark: None,
    };
    Observation {
        object: ObjectKey::new("kv", path),
        fact: Fact::Config(fact),
        seen: Timestamp::UNIX_EPOCH,
        version: Some(1),
        origin: Arc::new(Origin { query: Arc::from("fake"), how: How::Pushed }),
    }
}

fn status(state: SourceState) -> SourceStatus {
    SourceStatus {
        state,
        since: Timestamp::UNIX_EPOCH,
        address: Arc::from("nowhere"),
        product: None,
        fault: None,
        partial: vec![],
        unseen: Vec::new(),
        dialects: None,
        notes: Vec::new(),
        next_try: None,
        abilities: vec![],
    }
}

async fn engine() -> Engine {
    // The first test of this process wins; the others find it installed.
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = EngineConfig {
        connections: vec![],
        environment: Environment::default(),
        history: Arc::new(History::in_memory().unwrap()),
        actor: "test".to_owned(),
        read_only: false,
        clock: Clock::system(),
    };
    Engine::start(config).await.unwrap()
}

async fn until(engine: &Engine, what: &str, holds: impl Fn(&Snapshot) -> bool) {
    let mut snapshots = engine.snapshots();
    let waited = tokio::time::timeout(DEADLINE, snapshots.wait_for(|snapshot| holds(snapshot))).await;
    assert!(matches!(waited, Ok(Ok(_))), "{what} never came: {:?}", engine.snapshot().sources);
}

fn state(snapshot: &Snapshot) -> Option<SourceState> {
    snapshot.sources.get(&id()).map(|source| source.status.state)
}

#[tokio::test]
async fn a_panic_in_a_source_is_its_status_and_it_is_started_again_with_its_facts_kept() {
    let engine = engine().await;
    let connection = PanickingConnection {
        spec: ConnectionSpec { kind: SourceKind::Consul, place: "fake".to_owned() },
        meter: Arc::default(),
        panics_left: AtomicU32::new(1),
    };
    engine.supervise(Arc::new(connection));
    until(&engine, "the failure", |snapshot| state(snapshot) == Some(SourceState::Failing)).await;
    let snapshot = engine.snapshot();
    let fault = snapshot.sources.get(&id()).unwrap().status.fault.clone().unwrap();
    assert_eq!(&*fault.code, "engine.source_panicked");
    assert_eq!(snapshot.config.size(), 1, "what it stated stays");
    engine.try_now(&id());
    until(&engine, "the source live again", |snapshot| state(snapshot) == Some(SourceState::Live)).await;
    assert_eq!(engine.snapshot().config.size(), 1);
    engine.stop().await;
}

#[tokio::test]
async fn a_disconnected_source_is_gone_with_all_that_it_stated() {
    let engine = engine().await;
    let spec = ConnectionSpec { kind: SourceKind::Consul, place: "fake".to_owned() };
    let connection = PanickingConnection { spec: spec.clone(), meter: Arc::default(), panics_left: AtomicU32::new(0) };
    engine.supervise(Arc::new(connection));
    until(&engine, "the source", |snapshot| state(snapshot) == Some(SourceState::Live)).await;
    assert_eq!(engine.connections().len(), 1);
    engine.disconnect(&spec).await;
    until(&engine, "its end", |snapshot| snapshot.sources.is_empty() && snapshot.config.is_empty()).await;
    assert!(engine.connections().is_empty());
    engine.stop().await;
}

#[tokio::test]
async fn a_first_picture_that_does_not_come_names_what_is_missing() {
    let engine = engine().await;
    // Nothing listens on port 1 of this machine.
    let spec = ConnectionSpec { kind: SourceKind::Consul, place: "http://127.0.0.1:1".to_owned() };
    engine.connect(&spec).unwrap();
    let missing = engine.first_picture(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(missing.first().unwrap().spec, spec);
    engine.stop().await;
}
