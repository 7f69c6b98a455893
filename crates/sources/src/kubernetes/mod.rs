//! Kubernetes: one cluster for each context of a kubeconfig, read by lists and watches.
//!
//! ```text
//!  kubeconfig ─▶ session (plugin) ─▶ api ─▶ cluster ─▶ wire ─▶ map ─▶ ledger ─▶ outbox
//!                                             │  ▲       owners
//!                                             └─▶ standing (how it is doing) ─▶ outbox
//! ```
//!
//! Facts of a cluster stand in a collection for each resource: `pods` (`instance/NS/NAME` and `check/NS/NAME/…`), `nodes`
//! (`node/NAME`, `check/NAME/…`), `deployments` and the other workloads (`service/NS/NAME`, `workload/NS/NAME`), `services`
//! and `endpointslices` (`NS/NAME`), `configmap` and `secret` (`NS/NAME/KEY`, without the values).

mod api;
mod cluster;
mod doors;
pub mod inside;
mod kubeconfig;
mod ledger;
mod logs;
mod map;
mod owners;
mod part;
mod plugin;
mod session;
mod standing;
#[cfg(test)]
mod tests;
mod wire;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use binnacle_model::id::{SourceId, SourceKind};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::doors::Doors;
pub use self::kubeconfig::{Context, contexts};

use self::api::{JSON, KubeApi, not_understood};
use self::cluster::Cluster;
use self::wire::Version;
use crate::connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::logs::Logs;

/// The first half of this source's error codes.
const SYSTEM: &str = "kube";
/// The place that means the cluster this process itself runs in.
const IN_CLUSTER: &str = "in-cluster";

/// How fast a cluster is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long the server may hold a watch; up to a fifth more is asked for, to spread them.
    pub watch: Duration,
    /// How much later than that it may end before its connection counts as dead.
    pub slack: Duration,
    /// The first pause after a failure; doubled with each one in a row.
    pub first_pause: Duration,
    /// The longest pause after a failure.
    pub longest_pause: Duration,
    /// The pause after a refusal for want of rights: a role does not change every second.
    pub denied_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            watch: Duration::from_secs(290),
            slack: Duration::from_secs(30),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            denied_pause: Duration::from_secs(60),
        }
    }
}

impl Pace {
    /// The pause after so many failures in a row. `chance` is anywhere from 0 to 1, to spread watches apart.
    fn pause_after(&self, failures: u32, chance: f64) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.longest_pause).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

/// A connection to the cluster of one context.
#[derive(Debug)]
pub struct Kubernetes {
    spec: ConnectionSpec,
    id: SourceId,
    api: KubeApi,
    meter: Arc<Meter>,
    pace: Pace,
}

/// What is wrong with the settings of a connection.
fn misconfigured(tried: String, came_back: String, hint: &str) -> SourceError {
    SourceError { system: SYSTEM, kind: ErrorKind::Misconfigured, tried, came_back, hint: hint.to_owned() }
}

/// Anywhere from 0 to 1, to spread watches apart. Not for secrets.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

impl Kubernetes {
    /// Prepares a connection; nothing is sent and no plugin is run. The place is the name of a context in the files that
    /// `KUBECONFIG` names or in `~/.kube/config`, or `in-cluster`.
    pub fn new(spec: ConnectionSpec, environment: &Environment) -> Result<Self, SourceError> {
        Self::by(spec, environment, &Doors::default())
    }

    /// The same through the door that other connections to the cluster share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let door = doors.to(&spec.place, environment);
        door.target()?;
        let meter = Arc::new(Meter::default());
        let id = SourceId::from(format!("{SYSTEM}:{}", spec.place));
        Ok(Self { id, api: KubeApi::new(door, meter.clone()), spec, meter, pace: Pace::default() })
    }

    /// With another pace than the usual one.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }
}

#[async_trait]
impl Connection for Kubernetes {
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Asks for the version. A plugin is not run for that: then the question is asked without a credential.
    async fn probe(&self) -> Result<Probe, SourceError> {
        let began = Instant::now();
        let plugin = self.api.door.plugin_to_run();
        let session = self.api.door.unsigned()?;
        let namespace = session.namespace.clone();
        let signs_in = plugin.map(|command| format!(" · signs in with `{command}`")).unwrap_or_default();
        let probe = |product: String, took| Probe { product, detail: format!("namespace {namespace}{signs_in}"), took };
        match self.api.ask_as(&session, "/version", JSON).await {
            Ok(answer) => {
                let tried = answer.tried.clone();
                let body = answer.whole().await?;
                let version: Version =
                    serde_json::from_slice(&body).map_err(|error| not_understood(&tried, &error.to_string()))?;
                Ok(probe(format!("Kubernetes {}", version.git_version), began.elapsed()))
            }
            // It answers, and wants to know who asks.
            Err(failed)
                if !signs_in.is_empty()
                    && matches!(failed.error.kind, ErrorKind::Unauthenticated | ErrorKind::Forbidden) =>
            {
                Ok(probe("Kubernetes".to_owned(), began.elapsed()))
            }
            Err(failed) => Err(failed.error),
        }
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(source.kind() == Some(SourceKind::Kube) && *source == self.id)
    }

    fn logs(&self) -> Option<&dyn Logs> {
        Some(self)
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        let cluster = Cluster::new(&self.api, self.id.clone(), &out, &nudge, self.pace);
        tokio::select! {
            () = cancel.cancelled() => {}
            () = cluster.run() => {}
        }
    }
}
