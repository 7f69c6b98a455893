//! Registrations on a real Consul: whether they stick, and what is recorded of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::Clock;
use binnacle_engine::registry::Registry;
use binnacle_history::{History, StuckRecord};
use binnacle_model::id::SourceId;
use binnacle_sources::Environment;
use binnacle_sources::register::{CheckDefinition, CheckMethod, Registration, Road, Verified};
use serde_json::json;

use crate::edits::OneConnection;

#[tokio::test]
async fn an_entry_that_comes_back_after_its_deregistration_is_noticed() {
    let consul = lab::shared::open().await.unwrap();
    let client = consul.client().unwrap();
    let spec = format!("consul={}", consul.address()).parse().unwrap();
    let connection = binnacle_sources::open(&spec, &Environment::default()).unwrap();
    let history = Arc::new(History::in_memory().unwrap());
    let stores = Arc::new(OneConnection(connection));
    let registry = Registry::new(stores, history.clone(), Clock::system(), "ada@ship", false);
    let source = SourceId::from("consul:dc1");
    let registration = Registration {
        name: "returning".to_owned(),
        id: Some("returning-1".to_owned()),
        address: Some("127.0.0.1".to_owned()),
        port: 8080,
        tags: Vec::new(),
        meta: BTreeMap::new(),
        checks: vec![CheckDefinition {
            name: "heartbeat".to_owned(),
            method: CheckMethod::Ttl("30s".to_owned()),
            deregister_after: None,
        }],
        node: None,
    };
    let plan = registry.plan_register(&source, &registration).await.unwrap();
    assert_eq!(plan.road, Road::Agent);
    let done = registry.carry_out(&plan, None).await.unwrap();
    assert_eq!(done.verified, Ok(Verified::Stuck));
    let there = client.get("/v1/health/service/returning").await.unwrap();
    assert_eq!(there[0]["Service"]["ID"], "returning-1");

    let removal = registry.plan_deregister(&source, &plan.instance).await.unwrap();
    let done = registry.carry_out(&removal, Some("moved".to_owned())).await.unwrap();
    assert_eq!(done.verified, Ok(Verified::Stuck));
    assert_eq!(client.get("/v1/health/service/returning").await.unwrap(), json!([]));

    client.register(&json!({ "Name": "returning", "ID": "returning-1", "Port": 8080 })).await.unwrap();
    let later = registry.look_again(&done, Duration::ZERO).await.unwrap();
    assert!(matches!(&later, Verified::NotStuck(why) if why.contains("returning-1")), "{later:?}");
    let lines = history.registrations(10).unwrap();
    let line = lines.iter().find(|line| line.id == done.line).unwrap();
    assert_eq!(line.verified.unwrap().0, StuckRecord::NotStuck);
}
