//! Consul: every datacenter behind one agent, read by blocking queries, edited with a guard.
//!
//! ```text
//!  config ─▶ api ─▶ elements ─▶ wire ─▶ map ─▶ listing ─▶ outbox
//!             ▲                                  │
//!           watch (when to ask again) ◀──────────┘       standing (how it is doing) ─▶ outbox
//! ```
//!
//! Facts of a datacenter stand in the collections `catalog` (`service/NAME`, `node/NAME`, `instance/NODE/ID`), `health`
//! (`NODE/CHECKID`), `kv` (the key itself), `sessions` (the id), and `mesh/KIND` for each kind of config entry
//! (`rule/KIND/NAME` and the calls that it declares).

mod api;
mod config;
mod datacenter;
mod edit;
mod elements;
mod listing;
mod map;
mod register;
mod rights;
mod standing;
mod watch;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{SourceState, SourceStatus};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::api::{ConsulApi, Question};
use self::config::ConsulConfig;
use self::datacenter::Datacenter;
pub use self::datacenter::WATCHES;
pub use self::watch::Pace;
use self::watch::WatchState;
use self::wire::{AgentConfig, AgentSelf};
use crate::connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
use crate::edit::ConfigStore;
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::kubernetes::Doors;
use crate::register::Registrar;

/// The first half of this source's error codes.
const SYSTEM: &str = "consul";
/// How often the list of datacenters is asked for; Consul offers no way to wait for its changes.
const DATACENTERS: Duration = Duration::from_secs(60);

/// A connection to one Consul agent and every datacenter that its servers know.
#[derive(Debug)]
pub struct Consul {
    spec: ConnectionSpec,
    api: ConsulApi,
    meter: Arc<Meter>,
    pace: Pace,
}

/// Anywhere from 0 to 1, to spread clients apart. Not for secrets.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Who the agent is.
struct Identity {
    datacenter: String,
    node: Option<String>,
    product: Option<Arc<str>>,
}

impl Consul {
    /// Prepares a connection; nothing is sent yet. The place is what the user named, everything else comes from the
    /// `CONSUL_*` variables of the environment.
    pub fn new(spec: ConnectionSpec, environment: &Environment) -> Result<Self, SourceError> {
        Self::by(spec, environment, &Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let config = ConsulConfig::new(&spec.place, environment)?;
        let meter = Arc::new(Meter::default());
        let api = ConsulApi::new(config, environment, doors, meter.clone())?;
        Ok(Self { spec: spec.without_credentials(), api, meter, pace: Pace::default() })
    }

    /// With another pace than the usual one.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    async fn identity(&self) -> Result<Identity, SourceError> {
        let agent: Result<(AgentSelf, _), SourceError> =
            self.api.json(&Question { path: "agent/self", ..Question::default() }).await;
        match agent {
            Ok((AgentSelf { config: AgentConfig { datacenter, node_name, version } }, _)) => Ok(Identity {
                datacenter,
                node: Some(node_name),
                product: Some(Arc::from(format!("Consul {version}").trim())),
            }),
            // Without agent:read the nearest datacenter is the agent's own: Consul sorts them by distance.
            Err(error) if error.kind == ErrorKind::AclDenied => {
                let datacenter = self.datacenters().await?.into_iter().next().ok_or(error)?;
                Ok(Identity { datacenter, node: None, product: None })
            }
            Err(error) if error.kind == ErrorKind::NotFound => Err(SourceError {
                hint: "What answers here is not Consul: see that the address is right.".into(),
                ..error
            }),
            Err(error) => Err(error),
        }
    }

    async fn datacenters(&self) -> Result<Vec<String>, SourceError> {
        let question = Question { path: "catalog/datacenters", ..Question::default() };
        let (names, _): (Vec<String>, _) = self.api.json(&question).await?;
        Ok(names)
    }

    /// Asks until the agent says who it is. Until then a failure is told under the name of its address.
    async fn identify(&self, out: &Outbox, nudge: &Notify) -> Identity {
        let place = self.api.shown();
        let place = place.split_once("://").map_or(place, |(_, host)| host);
        let unnamed = SourceId::from(format!("consul:{place}"));
        let mut watch = WatchState::new(self.pace, Duration::ZERO);
        let mut failing_since = None;
        loop {
            let error = match self.identity().await {
                Ok(identity) => {
                    if failing_since.is_some() {
                        let _ = out.forget(unnamed).await;
                    }
                    return identity;
                }
                Err(error) => error,
            };
            let pause = watch.on_failure(retry_soon(error.kind), chance()).after;
            let now = Timestamp::now();
            let status = SourceStatus {
                state: SourceState::Failing,
                since: *failing_since.get_or_insert(now),
                address: self.api.address(),
                product: None,
                fault: Some(error.fault()),
                partial: Vec::new(),
                unseen: Vec::new(),
                dialects: None,
                notes: Vec::new(),
                next_try: now.checked_add(pause).ok(),
                abilities: Vec::new(),
            };
            let _ = out.status(unnamed.clone(), status).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = nudge.notified() => {}
            }
        }
    }

    async fn read_all(&self, out: &Outbox, nudge: &Notify) {
        let identity = self.identify(out, nudge).await;
        let (known, mut wanted) = tokio::sync::watch::channel(vec![identity.datacenter.clone()]);
        let listing = self.list_datacenters(&identity.datacenter, &known);
        tokio::pin!(listing);
        let mut running: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut open: BTreeMap<String, CancellationToken> = BTreeMap::new();
        loop {
            let names = wanted.borrow_and_update().clone();
            for name in names.iter().filter(|name| !open.contains_key(*name)).collect::<Vec<_>>() {
                let gone = CancellationToken::new();
                open.insert(name.clone(), gone.clone());
                running.push(Box::pin(self.follow(name.clone(), identity.product.clone(), out, nudge, gone)));
            }
            open.retain(|name, gone| {
                let stays = names.contains(name);
                if !stays {
                    gone.cancel();
                }
                stays
            });
            tokio::select! {
                () = &mut listing => {}
                _ = wanted.changed() => {}
                _ = running.next(), if !running.is_empty() => {}
            }
        }
    }

    /// Follows the list of datacenters. One that is not listed any more has left the WAN for good: Consul keeps listing
    /// those that merely do not answer.
    async fn list_datacenters(&self, home: &str, known: &tokio::sync::watch::Sender<Vec<String>>) {
        loop {
            match self.datacenters().await {
                Ok(mut names) => {
                    if !names.iter().any(|name| name == home) {
                        names.push(home.to_owned());
                    }
                    known.send_if_modified(|held| {
                        let news = *held != names;
                        *held = names;
                        news
                    });
                }
                Err(error) => tracing::debug!(%error, "the list of datacenters was not answered"),
            }
            tokio::time::sleep(DATACENTERS.mul_f64(0.9 + 0.2 * chance())).await;
        }
    }

    /// Reads one datacenter until it is gone.
    async fn follow(
        &self,
        name: String,
        product: Option<Arc<str>>,
        out: &Outbox,
        nudge: &Notify,
        gone: CancellationToken,
    ) {
        let datacenter = Datacenter::new(&self.api, &name, product, out, nudge, self.pace);
        tokio::select! {
            () = datacenter.run() => {}
            () = gone.cancelled() => {
                let _ = out.forget(datacenter.id.clone()).await;
            }
        }
    }

    /// What is said of ACLs on the first screen.
    async fn acl_words(&self) -> String {
        let token =
            self.api.json::<serde::de::IgnoredAny>(&Question { path: "acl/token/self", ..Question::default() }).await;
        match token {
            Ok((_, head)) if self.api.is_anonymous() && head.default_deny => "ACLs deny by default, no token given",
            Ok(_) => "token accepted",
            Err(error) if error.kind == ErrorKind::Unsupported => "ACLs off",
            Err(error) if error.kind == ErrorKind::Unauthenticated => "the token is not known",
            Err(_) if self.api.is_anonymous() => "ACLs on, no token given",
            Err(_) => "ACLs not asked",
        }
        .to_owned()
    }
}

/// Before the agent said who it is, a refusal is worth the same patience as a fault: the agent may only be starting.
fn retry_soon(kind: ErrorKind) -> ErrorKind {
    match kind {
        ErrorKind::AclDenied | ErrorKind::Unauthenticated => kind,
        _ => ErrorKind::ServerError,
    }
}

#[async_trait]
impl Connection for Consul {
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn way(&self) -> Option<String> {
        self.api.way()
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        let began = Instant::now();
        let identity = self.identity().await?;
        let took = began.elapsed();
        let acls = self.acl_words().await;
        Ok(Probe {
            product: identity.product.as_deref().unwrap_or("Consul").to_owned(),
            detail: format!("{} · {acls}", identity.datacenter),
            took,
        })
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        if *source != SourceId::of_datacenter(source.datacenter(), self.api.cluster()) {
            return Ok(false);
        }
        Ok(self.datacenters().await?.iter().any(|name| name == source.datacenter()))
    }

    /// Of the datacenter that is asked, which also names itself `consul` in its own catalog.
    async fn servers(&self) -> BTreeSet<String> {
        #[derive(serde::Deserialize)]
        struct Server {
            #[serde(rename = "ID")]
            id: String,
        }
        let question = Question { path: "catalog/service/consul", ..Question::default() };
        let servers: Result<(Vec<Server>, _), SourceError> = self.api.json(&question).await;
        let servers = servers.map(|(servers, _)| servers).unwrap_or_default();
        servers.into_iter().map(|server| server.id).filter(|id| !id.is_empty()).collect()
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.read_all(&out, &nudge) => {}
            () = self.api.keep(&nudge) => {}
        }
    }

    fn config_store(&self) -> Option<&dyn ConfigStore> {
        Some(self)
    }

    fn registrar(&self) -> Option<&dyn Registrar> {
        Some(self)
    }
}
