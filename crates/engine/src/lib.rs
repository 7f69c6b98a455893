//! The engine: runs the sources, keeps the model, publishes snapshots, and carries edits. The only crate that spawns.
//!
//! ```text
//!  connection ─▶ supervise ─▶ ingest ─▶ snapshots, changes, timeline
//!                    ▲            │
//!                 connect       follow  (instances that offer metrics become targets)
//! ```
//!
//! Every task is owned by one [`tokio_util::task::TaskTracker`] under one cancellation token: [`Engine::stop`] cancels and
//! waits for all of them. A panic in a source becomes that source's status and a restart, never a dead app.

mod audited;
pub mod clock;
pub mod discover;
pub mod edits;
pub mod error;
mod follow;
mod history;
mod ingest;
pub mod inside;
pub mod keyring;
pub mod logs;
mod opening;
pub mod profile;
pub mod registry;
mod supervise;
pub mod switch;
pub mod timeline;
mod token;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use binnacle_demo::Demo;
use binnacle_history::History;
use binnacle_model::change::ChangeSet;
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::{Snapshot, Source, SourceState};
use binnacle_sources::{Connection, ConnectionSpec, Doors, Environment, Meter};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use clock::Clock;
pub use discover::Found;
pub use error::EngineError;
pub use inside::{FoundIn, Inventory};
pub use keyring::{Keyring, KeyringError};
pub use opening::Opening;
pub use timeline::{Timeline, TimelineEvent};
pub use token::{Token, TokenOrigin};

use edits::{Edits, Rules};
use inside::Clusters;
use profile::{Profile, ProfileName};
use registry::Registry;
use supervise::Supervisor;
use switch::Switches;

/// How many change sets a slow reader may fall behind before it is told that it missed some.
const CHANGES_KEPT: usize = 4096;

/// What the engine starts with.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Connections to open at once.
    pub connections: Vec<Opening>,
    /// The process environment, as the field's tools read it.
    pub environment: Environment,
    /// Where edits are recorded.
    pub history: Arc<History>,
    /// Who edits, for the audit.
    pub actor: String,
    /// Refuse every write.
    pub read_only: bool,
    /// Time.
    pub clock: Clock,
}

/// The running engine. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    clock: Clock,
    supervisor: Supervisor,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    changes: broadcast::Sender<Arc<ChangeSet>>,
    timeline: Arc<Timeline>,
    edits: Arc<Edits>,
    registry: Registry,
    switches: Switches,
    tasks: TaskTracker,
    cancel: CancellationToken,
    demo: Mutex<Option<Demo>>,
    read_only: bool,
    doors: Doors,
    clusters: Clusters,
    /// Whether connected clusters are looked into.
    looks_inside: AtomicBool,
}

/// One connection, as the Sources screen shows it.
#[derive(Clone, Debug)]
pub struct ConnectionReport {
    /// What the user named.
    pub spec: ConnectionSpec,
    /// The profile that names it.
    pub profile: Option<ProfileName>,
    /// True for one that nobody asked for by its address: those of the demo fleet.
    pub own: bool,
    /// The cluster that it was found in, for one that nobody named.
    pub found: Option<FoundIn>,
    /// By which way the system is reached now, in words; `None` where it is reached straight.
    pub way: Option<String>,
    /// What holds for writes by it.
    pub rules: Rules,
    /// Where its token comes from; `None` where none would be sent.
    pub token: Option<TokenOrigin>,
    /// Whether a token that the keyring remembers for the address would count at the next start.
    pub may_recall: bool,
    /// The sources that it brings.
    pub sources: Vec<SourceId>,
    /// What it did so far.
    pub meter: Arc<Meter>,
}

impl Engine {
    /// Starts the engine and opens the configured connections. A connection that cannot be opened at all (an address that
    /// is none) is an error; one that does not answer is a failing source.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        let timeline = Arc::new(Timeline::default());
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let (ingest, snapshots) = ingest::Ingest::new(config.clock.clone(), changes.clone(), timeline.clone());
        let inlet = ingest.inlet();
        tasks.spawn(ingest.run(cancel.child_token()));
        let doors = Doors::default();
        let supervisor = Supervisor::new(inlet, config.clock.clone(), tasks.clone(), cancel.clone(), doors.clone());
        let stores = Arc::new(supervisor.clone());
        let edits = Arc::new(Edits::new(
            stores.clone(),
            config.history.clone(),
            config.clock.clone(),
            config.actor.clone(),
            config.read_only,
        ));
        let (history, clock) = (config.history.clone(), config.clock.clone());
        let actor: Arc<str> = config.actor.into();
        let registry = Registry::new(stores.clone(), history.clone(), clock.clone(), actor.clone(), config.read_only);
        let switches = Switches::new(stores, history, clock, actor, config.read_only);
        let engine = Self {
            shared: Arc::new(Shared {
                environment: config.environment,
                clock: config.clock,
                supervisor,
                snapshots,
                changes,
                timeline,
                edits,
                registry,
                switches,
                tasks,
                cancel,
                demo: Mutex::new(None),
                read_only: config.read_only,
                doors,
                clusters: Clusters::default(),
                looks_inside: AtomicBool::new(false),
            }),
        };
        for opening in &config.connections {
            if let Err(error) = engine.open(opening) {
                engine.stop().await;
                return Err(error);
            }
        }
        Ok(engine)
    }

    /// Opens a connection by the surroundings alone. Opening one that is open already changes nothing.
    pub fn connect(&self, spec: &ConnectionSpec) -> Result<(), EngineError> {
        self.shared.clusters.turned_on(spec);
        self.open(&Opening::new(spec.clone(), &self.shared.environment))
    }

    fn open(&self, opening: &Opening) -> Result<(), EngineError> {
        let connection = opening.open_by(&self.shared.doors)?;
        self.shared.supervisor.supervise(connection, Some(opening.clone()));
        Ok(())
    }

    /// Opens a connection with a token that a person gave. One that is open to the same address is closed first; what its
    /// profile says of it otherwise holds on.
    pub async fn connect_with_token(
        &self,
        spec: &ConnectionSpec,
        token: Token,
        from: TokenOrigin,
    ) -> Result<(), EngineError> {
        let usual = || Opening::new(spec.clone(), &self.shared.environment);
        let with_token = |open: Option<Opening>| Some(open.unwrap_or_else(usual).with_token(token, from));
        Ok(self.shared.supervisor.reopen(spec, with_token).await?)
    }

    /// Opens a connection anew with the token that the keyring remembers for its address. One that was closed meanwhile
    /// stays closed, and a token that was given meanwhile stays.
    pub async fn use_remembered_token(&self, spec: &ConnectionSpec, token: Token) -> Result<(), EngineError> {
        let with_token = |open: Option<Opening>| {
            let open = open.filter(|open| open.may_recall() && !open.has_given_token());
            open.map(|open| open.with_token(token, TokenOrigin::Remembered))
        };
        Ok(self.shared.supervisor.reopen(spec, with_token).await?)
    }

    /// Opens a connection anew without the token that was given for it.
    pub async fn connect_without_token(&self, spec: &ConnectionSpec) -> Result<(), EngineError> {
        Ok(self.shared.supervisor.reopen(spec, |open| open.map(Opening::without_token)).await?)
    }

    /// Opens every connection of a profile. One that is open already in another way is closed first, so that what the
    /// profile says of it holds from now on. When one cannot be opened, none is.
    pub async fn open_profile(&self, profile: &Profile) -> Result<(), EngineError> {
        let openings = profile.openings(&self.shared.environment);
        let opened = openings.into_iter().map(|opening| Ok((opening.open_by(&self.shared.doors)?, opening)));
        let opened: Vec<(Arc<dyn Connection>, Opening)> = opened.collect::<Result<_, EngineError>>()?;
        for (connection, opening) in opened {
            self.shared.supervisor.replace(connection, opening).await;
        }
        Ok(())
    }

    /// Runs a connection of the caller's making until it is disconnected or the engine stops.
    pub fn supervise(&self, connection: Arc<dyn Connection>) {
        self.shared.supervisor.supervise(connection, None);
    }

    /// Starts the demo fleet in this process and connects to its registry, its metrics and its Hystrix stream.
    pub async fn connect_demo(&self) -> Result<(), EngineError> {
        if self.lock_demo().is_some() {
            return Ok(());
        }
        let demo = Demo::start().await.map_err(EngineError::demo)?;
        let registry = ConnectionSpec { kind: SourceKind::Consul, place: demo.registry().to_string() };
        // The demo is reached as it is: tokens and certificates of the surroundings are meant for another Consul.
        let connection = binnacle_sources::open(&registry, &Environment::default())?;
        self.supervise(connection);
        for follower in follow::demo(&self.shared.snapshots) {
            self.shared.tasks.spawn(follower.feed.run(self.shared.cancel.child_token()));
            self.supervise(follower.connection);
        }
        *self.lock_demo() = Some(demo);
        Ok(())
    }

    fn lock_demo(&self) -> std::sync::MutexGuard<'_, Option<Demo>> {
        self.shared.demo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the demo fleet runs in this process.
    pub fn demo_runs(&self) -> bool {
        self.lock_demo().is_some()
    }

    /// Closes a connection and forgets what its sources stated; with a cluster also what was connected because it was found
    /// there. Something found stays closed while its cluster is connected.
    pub async fn disconnect(&self, spec: &ConnectionSpec) {
        self.shared.clusters.turned_off(spec);
        self.shared.supervisor.dismiss(spec).await;
        let found_there = |report: &ConnectionReport| report.found.as_ref().is_some_and(|found| found.cluster == *spec);
        for report in self.connections().into_iter().filter(found_there) {
            self.shared.supervisor.dismiss(&report.spec).await;
        }
    }

    /// From now on, what is found inside connected clusters is connected by itself, see [`inside`].
    pub fn look_inside_clusters(&self) {
        if !self.shared.looks_inside.swap(true, Ordering::Relaxed) {
            self.spawn(inside::follow(self.clone()));
        }
    }

    /// What was found inside a connected cluster; `None` before it was looked into.
    pub fn inventory(&self, cluster: &ConnectionSpec) -> Option<Inventory> {
        self.shared.clusters.inventory(cluster)
    }

    /// Makes a failing source try at once instead of waiting for its back-off.
    pub fn try_now(&self, source: &SourceId) {
        self.shared.supervisor.nudge(source);
    }

    /// What could be connected on this computer. Nothing is contacted beyond asking whether it answers.
    pub async fn found(&self) -> Vec<Found> {
        discover::found(&self.shared.environment).await
    }

    /// The keyring of this computer.
    pub fn keyring(&self) -> Keyring {
        Keyring::of(&self.shared.environment)
    }

    /// The profiles of this user, the broken ones with the reason.
    pub fn profiles(&self) -> Result<Vec<profile::Listed>, profile::ProfileError> {
        profile::list(&self.shared.environment)
    }

    /// The profile of that name.
    pub fn profile(&self, name: &str) -> Result<Profile, profile::ProfileError> {
        profile::find(&self.shared.environment, name)
    }

    /// The latest picture.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshots.borrow().clone()
    }

    /// The picture as it changes; a slow reader sees the latest one.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.shared.snapshots.clone()
    }

    /// Every change set; a reader that falls behind is told how many it missed.
    pub fn changes(&self) -> broadcast::Receiver<Arc<ChangeSet>> {
        self.shared.changes.subscribe()
    }

    /// What happened since the start: transitions of health, breakers and sources.
    pub fn timeline(&self) -> &Timeline {
        &self.shared.timeline
    }

    /// The open connections, their sources, and what they did.
    pub fn connections(&self) -> Vec<ConnectionReport> {
        self.shared.supervisor.report()
    }

    /// The one road for writing config keys.
    pub fn edits(&self) -> &Arc<Edits> {
        &self.shared.edits
    }

    /// The one road for registering and deregistering services.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// The one road for switching breakers.
    pub fn switches(&self) -> &Switches {
        &self.shared.switches
    }

    /// Whether every write is refused, whatever the connection.
    pub fn read_only(&self) -> bool {
        self.shared.read_only
    }

    /// The clock that everything here goes by.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Runs a future as a task of the engine: it ends when the engine stops.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.shared.cancel.child_token();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Waits until every connection has its first whole picture, or the time is up. `Err` names what is missing.
    pub async fn first_picture(&self, within: Duration) -> Result<Arc<Snapshot>, Vec<Missing>> {
        let mut snapshots = self.snapshots();
        let all_here = async {
            loop {
                if self.missing(&snapshots.borrow_and_update().clone()).is_empty() || snapshots.changed().await.is_err()
                {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(within, all_here).await;
        let snapshot = self.snapshot();
        match in_time {
            Ok(()) => Ok(snapshot),
            Err(_) => Err(self.missing(&snapshot)),
        }
    }

    fn missing(&self, snapshot: &Snapshot) -> Vec<Missing> {
        let mut missing = Vec::new();
        let reports = self.connections();
        if self.shared.looks_inside.load(Ordering::Relaxed) {
            let clusters = reports.iter().filter(|report| report.spec.kind == SourceKind::Kube);
            let not_yet = clusters.filter(|report| self.inventory(&report.spec).is_none());
            missing.extend(not_yet.map(|report| Missing { spec: report.spec.clone(), source: None }));
        }
        for report in reports {
            if report.sources.is_empty() && !missing.iter().any(|missing| missing.spec == report.spec) {
                missing.push(Missing { spec: report.spec.clone(), source: None });
            }
            // One that has just spoken for the first time may not be in the picture yet.
            let known = report.sources.iter().map(|id| snapshot.sources.get(id));
            let not_live = known.filter(|source| {
                source.is_none_or(|source| !matches!(source.status.state, SourceState::Live | SourceState::Off))
            });
            missing.extend(not_live.map(|source| Missing { spec: report.spec.clone(), source: source.cloned() }));
        }
        missing
    }

    /// Stops everything and waits until nothing runs any more.
    pub async fn stop(&self) {
        self.shared.cancel.cancel();
        let demo = self.lock_demo().take();
        if let Some(demo) = demo {
            demo.stop().await;
        }
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

/// A connection without its first whole picture.
#[derive(Clone, Debug)]
pub struct Missing {
    /// What the user named.
    pub spec: ConnectionSpec,
    /// The source that is not live; `None` when the connection has not even named its sources.
    pub source: Option<Arc<Source>>,
}
