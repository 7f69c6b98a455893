//! The causes that the demo fleet gives rise to, in an engine that stays and so measures its calls.

use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::edits::{Draft, DraftIntent};
use binnacle_engine::{Clock, Engine, EngineConfig};
use binnacle_history::History;
use binnacle_sources::Environment;
use binnacle_view::contract::health::Problem;
use binnacle_view::screen::health::problems;

/// A deadline for a broken fleet on a busy machine, not a measurement.
const DEADLINE: Duration = Duration::from_secs(90);
const KEY: &str = "consul:demo/kv/fleet/payments/error_ratio";

/// Waits until the causes are so.
async fn until(engine: &Engine, what: &str, holds: impl Fn(&[Problem]) -> bool) {
    let mut snapshots = engine.snapshots();
    let mut last = Vec::new();
    let waiting = snapshots.wait_for(|snapshot| {
        last = problems(snapshot, &[]);
        holds(&last)
    });
    let is_so = tokio::time::timeout(DEADLINE, waiting).await.is_ok_and(|found| found.is_ok());
    assert!(is_so, "{what}: {last:#?}");
}

async fn write(engine: &Engine, value: &str) {
    let intent = DraftIntent::Put { bytes: value.as_bytes().to_vec(), flags: None };
    let plan = engine.edits().plan(vec![Draft { id: KEY.into(), intent, expect: None }]).await.unwrap();
    engine.edits().apply(&plan, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_payments_makes_payments_the_one_cause_with_its_callers_behind_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let engine = Engine::start(EngineConfig {
        connections: Vec::new(),
        environment: Environment::default(),
        history: Arc::new(History::in_memory().unwrap()),
        actor: "tester".to_owned(),
        read_only: false,
        clock: Clock::system(),
    })
    .await
    .unwrap();
    engine.connect_demo().await.unwrap();
    engine.first_picture(DEADLINE).await.unwrap();
    write(&engine, "0.6").await;
    until(&engine, "payments is the only cause, with its callers", |causes| {
        let [only] = causes else { return false };
        let behind: Vec<&str> = only.behind.iter().map(|symptom| symptom.service.name.as_str()).collect();
        only.title == "payments is critical"
            && behind.first() == Some(&"checkout")
            && only.changed.as_ref().is_some_and(|key| key.id == KEY)
    })
    .await;
    write(&engine, "0").await;
    until(&engine, "all is well again", <[Problem]>::is_empty).await;
    engine.stop().await;
}
