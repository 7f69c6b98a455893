//! Registering and deregistering on the demo's registry: what was done, whether it stuck, and what is recorded of it.

#![allow(clippy::unwrap_used, reason = "a test that meets another answer fails right there")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use binnacle_engine::Clock;
use binnacle_engine::edits::{EditError, EditState, ExitClass, Stores};
use binnacle_engine::registry::Registry;
use binnacle_history::{History, StuckRecord};
use binnacle_model::id::{InstanceId, SourceId, SourceKind};
use binnacle_sources::register::{CheckDefinition, CheckMethod, Registration, Road, Verified};
use binnacle_sources::{Connection, ConnectionSpec, Environment};

struct OneConnection(Arc<dyn Connection>);

#[async_trait]
impl Stores for OneConnection {
    async fn connection_of(&self, _source: &SourceId) -> Result<Arc<dyn Connection>, EditError> {
        Ok(self.0.clone())
    }
}

fn source() -> SourceId {
    SourceId::from("consul:demo")
}

fn registration(name: &str) -> Registration {
    Registration {
        name: name.to_owned(),
        id: None,
        address: Some("127.0.0.1".to_owned()),
        port: 8080,
        tags: vec!["v1".to_owned()],
        meta: BTreeMap::new(),
        checks: vec![CheckDefinition {
            name: "heartbeat".to_owned(),
            method: CheckMethod::Ttl("30s".to_owned()),
            deregister_after: None,
        }],
        node: None,
    }
}

async fn desk(read_only: bool) -> (binnacle_demo::Registry, Arc<History>, Registry) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let demo = binnacle_demo::Registry::start().await.unwrap();
    let spec = ConnectionSpec { kind: SourceKind::Consul, place: demo.url().to_string() };
    let connection = binnacle_sources::open(&spec, &Environment::default()).unwrap();
    let history = Arc::new(History::in_memory().unwrap());
    let stores = Arc::new(OneConnection(connection));
    let registry = Registry::new(stores, history.clone(), Clock::system(), "ada@ship", read_only);
    (demo, history, registry)
}

#[tokio::test]
async fn a_registration_is_carried_out_verified_and_recorded() {
    let (_demo, history, registry) = desk(false).await;
    let plan = registry.plan_register(&source(), &registration("invoices")).await.unwrap();
    assert_eq!(plan.road, Road::Agent);
    assert_eq!(history.registrations(10).unwrap(), [], "a plan does nothing");

    let done = registry.carry_out(&plan, Some("new in town".to_owned())).await.unwrap();
    assert_eq!(done.verified, Ok(Verified::Stuck));
    let later = registry.look_again(&done, Duration::ZERO).await.unwrap();
    assert_eq!(later, Verified::Stuck);
    let line = registry.history(10).await.unwrap().remove(0);
    assert_eq!((line.id, line.state, line.sent.why.as_deref()), (done.line, EditState::Applied, Some("new in town")));
    assert_eq!((&line.sent.instance, line.verified.unwrap().0), (&plan.instance, StuckRecord::Stuck));
    assert_eq!(line.sent.requests, [format!("PUT {}", plan.requests[0].path)]);
}

#[tokio::test]
async fn a_read_only_profile_plans_and_never_registers() {
    let (_demo, history, registry) = desk(true).await;
    let plan = registry.plan_register(&source(), &registration("invoices")).await.unwrap();
    let error = registry.carry_out(&plan, None).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.read_only", ExitClass::Refused));
    assert_eq!(history.registrations(10).unwrap(), []);
    let gone = registry.plan_deregister(&source(), &plan.instance).await.unwrap_err();
    assert_eq!((gone.code().as_str(), gone.exit_class()), ("consul.not_found", ExitClass::No));
}

#[tokio::test]
async fn what_does_not_exist_is_an_answer_of_its_own() {
    let (_demo, _history, registry) = desk(false).await;
    let error = registry.plan_deregister(&source(), &InstanceId::from("consul:demo/demo/nothing")).await.unwrap_err();
    assert_eq!(error.code(), "consul.not_found");
}
