//! Circuit breakers from the management interface of an application: resilience4j's endpoints of Spring Boot's actuator.
//!
//! The list of breakers is read at a beat. When one of them moved, the events are read too: they say when it did. Breakers
//! can be switched by hand there (`switch`).

mod api;
pub mod map;
mod switch;
mod watch;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
use crate::environment::Environment;
use crate::error::SourceError;
use crate::kubernetes::Doors;
use crate::road::{Road, kept};
use crate::scrape::{Clients, Target, way_inside};
use crate::switch::BreakerSwitch;
use api::Api;
use watch::Watch;

/// The first half of this source's error codes.
pub(crate) const SYSTEM: &str = "actuator";
/// Where an actuator is when nobody says otherwise.
const USUAL_PATH: &str = "/actuator";
/// What a source of this kind calls the other side.
const PRODUCT: &str = "Spring Boot actuator";
/// How often it is read.
const BEAT: Duration = Duration::from_secs(1);

/// A connection that reads one actuator.
#[derive(Debug)]
pub struct Actuator {
    id: SourceId,
    spec: ConnectionSpec,
    api: Api,
    /// The way to it, where it is inside a cluster.
    inside: Option<Arc<Road>>,
}

impl Actuator {
    /// Reads the one actuator that the spec names: `actuator=http://127.0.0.1:8080`.
    pub fn new(spec: ConnectionSpec) -> Result<Self, SourceError> {
        Self::by(spec, &Environment::default(), &Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let mut target = Target::named(SYSTEM, &spec.place, USUAL_PATH)?;
        let path = target.url.path().trim_end_matches('/').to_owned();
        target.url.set_path(&path);
        let id = SourceId::from(format!("{SYSTEM}:{}", target.short(USUAL_PATH)));
        let meter = Arc::default();
        let inside = way_inside(SYSTEM, &target, environment, doors, &meter)?;
        // What is asked for stands below the address: a query has no place there.
        target.url.set_query(None);
        target.url.set_fragment(None);
        let road = Clients::by(inside.clone()).of(SYSTEM, &target.url)?;
        Ok(Self { id, spec, api: Api(Admin { system: SYSTEM, target, road, meter }), inside })
    }
}

#[async_trait]
impl Connection for Actuator {
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.api.0.meter
    }

    fn way(&self) -> Option<String> {
        self.inside.as_deref().and_then(Road::words)
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        let asked = Instant::now();
        let list = self.api.breakers().await?;
        let detail = match list.breakers.len() {
            1 => "1 circuit breaker".to_owned(),
            many => format!("{many} circuit breakers"),
        };
        Ok(Probe { product: PRODUCT.to_owned(), detail, took: asked.elapsed() })
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(*source == self.id)
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        let mut watch = Watch::new(self, out);
        tokio::select! {
            () = cancel.cancelled() => {}
            // It ends by itself only when there is nobody left to tell.
            _ = watch.run(&nudge) => {}
            () = kept(self.inside.as_deref(), &nudge) => {}
        }
    }

    fn breaker_switch(&self) -> Option<&dyn BreakerSwitch> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_write_it() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (place, id, shown) in [
            ("127.0.0.1:8080", "actuator:127.0.0.1:8080", "http://127.0.0.1:8080/actuator"),
            ("http://pay:8080/", "actuator:pay:8080", "http://pay:8080/actuator"),
            ("http://pay:8080/actuator/?x=1", "actuator:pay:8080", "http://pay:8080/actuator"),
            ("https://pay/manage", "actuator:pay:443/manage", "https://pay/manage"),
        ] {
            let spec = format!("actuator={place}").parse().unwrap();
            let actuator = Actuator::new(spec).unwrap();
            assert_eq!((actuator.id.as_str(), actuator.api.0.shown().as_str()), (id, shown));
        }
    }
}
