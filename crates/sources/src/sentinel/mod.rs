//! Circuit breakers of Alibaba's Sentinel, by its command API: its degrade rules, and how the calls that they guard go.
//!
//! Sentinel tells no state of a breaker: it is concluded from the calls that pass and those that are refused (`map`). Breakers
//! are switched by its rules (`switch`).

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
use api::{Api, RuleType};
use map::{Answers, Memory};
use wire::Entry;

/// The first half of this source's error codes.
pub(crate) const SYSTEM: &str = "sentinel";

/// A connection that reads the Sentinel of one process: `sentinel=http://127.0.0.1:8719`.
pub type Sentinel = Polled<Api>;

impl Interface for Api {
    const SYSTEM: &'static str = SYSTEM;
    const USUAL_PATH: &'static str = "/";
    const BEAT: Duration = Duration::from_secs(1);
    const ASKED: &'static str = "/getRules?type=degrade";
    const TOO_MANY: &'static str = "Binnacle keeps the first 5,000 of one process by name; resources that are made of requests are likely to blame.";
    const WRITTEN_FOR: &'static str = "Sentinel 1.8";
    type Memory = Memory;

    fn of(admin: Admin, _: &Environment) -> Self {
        Self(admin)
    }

    fn admin(&self) -> &Admin {
        &self.0
    }

    async fn look(&self) -> Result<(String, String), SourceError> {
        let product = format!("Sentinel {}", self.version().await?);
        let detail = match self.rules(RuleType::Degrade).await?.len() {
            1 => "1 degrade rule".to_owned(),
            many => format!("{many} degrade rules"),
        };
        Ok((product, detail))
    }

    async fn read(&self, memory: &mut Memory) -> Result<Reading, SourceError> {
        let product = match memory.product.take() {
            Some(product) => product,
            None => Arc::from(format!("Sentinel {}", self.version().await?)),
        };
        // The calls first: what a rule has done to them is then never without the rule.
        let nodes = self.nodes().await?;
        let degrade = self.rules(RuleType::Degrade).await?;
        let flow = self.rules(RuleType::Flow).await?;
        memory.product = Some(product.clone());
        let at = Instant::now();
        let odd_nodes = nodes.iter().filter(|node| matches!(node, Entry::Odd(_))).count();
        let ((degrade, odd_degrade), (flow, odd_flow)) = (wire::understood(&degrade), wire::understood(&flow));
        let odd = odd_nodes + odd_degrade + odd_flow;
        Ok(Reading {
            product,
            abilities: vec![Ability::SwitchBreakers],
            at,
            breakers: map::said(&self.0.target, &Answers { nodes, degrade, flow }, memory, at),
            odd: (odd > 0).then(|| format!("{odd} rules and resources")),
            faults: Vec::new(),
        })
    }
}
