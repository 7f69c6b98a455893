//! Circuit breakers from the admin interface of an Envoy: limits of what is under way, and endpoints that are put out.
//!
//! Clusters and a few of their statistics are read at a beat. Limits can be switched by hand where the process takes changes
//! at run time (`switch`).

mod api;
pub mod map;
mod switch;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::snapshot::Ability;

use crate::admin::Admin;
use crate::environment::Environment;
use crate::error::SourceError;
use crate::polled::{Interface, Polled, Reading};
use crate::scrape::dialect::Dialects;
use api::Api;
use wire::{Entry, ServerInfo};

/// The first half of this source's error codes.
pub(crate) const SYSTEM: &str = "envoy";

/// A connection that reads one Envoy: `envoy=http://127.0.0.1:9901`.
pub type Envoy = Polled<Api>;

/// What is asked once, as long as it answers: another process at the address has to be asked anew.
#[derive(Clone, Debug)]
pub struct Who {
    product: Arc<str>,
    abilities: Vec<Ability>,
}

impl Interface for Api {
    const SYSTEM: &'static str = SYSTEM;
    const USUAL_PATH: &'static str = "/";
    /// Its main thread answers, which has other things to do.
    const BEAT: Duration = Duration::from_secs(2);
    const ASKED: &'static str = "/clusters?format=json";
    const TOO_MANY: &'static str = "Binnacle keeps 5,000 of one process, in the order of its clusters.";
    const WRITTEN_FOR: &'static str = "Envoy 1.20 and later";
    type Memory = Option<Who>;

    fn of(admin: Admin, environment: &Environment) -> Self {
        Self { admin, dialects: Dialects::of(environment) }
    }

    fn admin(&self) -> &Admin {
        &self.admin
    }

    async fn look(&self) -> Result<(String, String), SourceError> {
        let info = self.server_info().await?;
        let detail = match self.clusters().await?.cluster_statuses.len() {
            1 => "1 cluster".to_owned(),
            many => format!("{many} clusters"),
        };
        Ok((product(&info), detail))
    }

    async fn read(&self, memory: &mut Option<Who>) -> Result<Reading, SourceError> {
        let who = match memory.take() {
            Some(who) => who,
            None => self.who().await?,
        };
        let (clusters, stats) = (self.clusters().await?, self.stats().await?);
        let Who { product, abilities } = memory.insert(who).clone();
        let odd = clusters.cluster_statuses.iter().filter(|entry| matches!(entry, Entry::Odd(_))).count();
        let breakers = map::breakers(&clusters, &stats, &self.dialects);
        Ok(Reading {
            product,
            abilities,
            at: Instant::now(),
            breakers: breakers.into_iter().map(|breaker| map::said(&self.admin.target, breaker)).collect(),
            odd: (odd > 0).then(|| format!("{odd} clusters")),
            faults: Vec::new(),
        })
    }
}

impl Api {
    async fn who(&self) -> Result<Who, SourceError> {
        let product = Arc::from(product(&self.server_info().await?));
        // Where it does not show what it was started with, nobody knows whether it can be switched.
        let can_switch = self.has_admin_layer().await.unwrap_or_default();
        Ok(Who { product, abilities: if can_switch { vec![Ability::SwitchBreakers] } else { Vec::new() } })
    }
}

/// `Envoy 1.40.0 (edge)`, as far as it says so.
fn product(info: &ServerInfo) -> String {
    let node = [&info.node.cluster, &info.node.id].into_iter().find(|name| !name.is_empty());
    let node = node.map(|name| format!(" ({})", crate::http::shorten(name))).unwrap_or_default();
    format!("Envoy {}", crate::http::shorten(info.number())).trim_end().to_owned() + &node
}
