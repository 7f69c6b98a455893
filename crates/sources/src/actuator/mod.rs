//! Circuit breakers from the management interface of an application: resilience4j's endpoints of Spring Boot's actuator.
//!
//! The list of breakers is read at a beat. When one of them moved, the events are read too: they say when it did. Breakers
//! can be switched by hand there (`switch`).

mod api;
pub mod map;
mod read;
mod switch;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::snapshot::Ability;

use crate::admin::Admin;
use crate::environment::Environment;
use crate::error::SourceError;
use crate::polled::{Interface, Polled, Reading};
use api::Api;
use read::Memory;

/// The first half of this source's error codes.
pub(crate) const SYSTEM: &str = "actuator";
/// What a source of this kind calls the other side.
const PRODUCT: &str = "Spring Boot actuator";

/// A connection that reads one actuator: `actuator=http://127.0.0.1:8080`.
pub type Actuator = Polled<Api>;

impl Interface for Api {
    const SYSTEM: &'static str = SYSTEM;
    const USUAL_PATH: &'static str = "/actuator";
    const BEAT: Duration = Duration::from_secs(1);
    const ASKED: &'static str = "/circuitbreakers";
    const TOO_MANY: &'static str =
        "Binnacle keeps the first 5,000 of one process by name; names that are made of requests are likely to blame.";
    const WRITTEN_FOR: &'static str = "resilience4j 1.3 and later";
    type Memory = Memory;

    fn of(admin: Admin, _: &Environment) -> Self {
        Self(admin)
    }

    fn admin(&self) -> &Admin {
        &self.0
    }

    async fn look(&self) -> Result<(String, String), SourceError> {
        let detail = match self.breakers().await?.breakers.len() {
            1 => "1 circuit breaker".to_owned(),
            many => format!("{many} circuit breakers"),
        };
        Ok((PRODUCT.to_owned(), detail))
    }

    async fn read(&self, memory: &mut Memory) -> Result<Reading, SourceError> {
        let list = self.breakers().await?;
        let at = Instant::now();
        let odd = memory.take(list);
        memory.ask_for_events(self).await;
        Ok(Reading {
            product: Arc::from(PRODUCT),
            abilities: vec![Ability::SwitchBreakers],
            at,
            breakers: memory.said(&self.0.target),
            odd,
            faults: memory.faults(),
        })
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
