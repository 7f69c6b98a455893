//! A source at work, and the picture that its facts add up to: what the scenarios of one source look at.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{Fact, ObjectKey, Observation};
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{SourceState, SourceStatus};
use binnacle_model::world::{Update, World};
use binnacle_sources::consul::{Consul, Pace};
use binnacle_sources::{Connection, ConnectionSpec, Environment, Outbox};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a state may take to come on a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A source that runs, with everything it said so far.
pub(crate) struct Picture {
    pub(crate) world: World,
    pub(crate) nudge: Arc<Notify>,
    /// How often a whole collection was stated.
    pub(crate) resets: usize,
    updates: mpsc::Receiver<Update>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

/// An environment of these variables.
pub(crate) fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A connection to this address with this environment.
pub(crate) fn connect(address: &str, variables: &[(&str, &str)]) -> Consul {
    lab::install_tls_provider();
    let spec: ConnectionSpec = format!("consul={address}").parse().unwrap();
    Consul::new(spec, &environment(variables)).unwrap()
}

impl Picture {
    /// Starts reading.
    pub(crate) fn of(connection: impl Connection + 'static) -> Self {
        Self::of_all(vec![Box::new(connection)])
    }

    /// Starts reading several sources into one picture.
    pub(crate) fn of_all(connections: Vec<Box<dyn Connection>>) -> Self {
        Self::of_shared(connections.into_iter().map(Arc::from).collect())
    }

    /// The same of connections that others may have too.
    pub(crate) fn of_shared(connections: Vec<Arc<dyn Connection>>) -> Self {
        let (sender, updates) = mpsc::channel(64);
        let nudge = Arc::new(Notify::new());
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for connection in connections {
            let (out, nudged, cancelled) = (Outbox::new(sender.clone()), nudge.clone(), cancel.clone());
            tasks.spawn(async move { connection.run(out, nudged, cancelled).await });
        }
        Self { world: World::default(), nudge, resets: 0, updates, cancel, tasks }
    }

    /// Starts reading at an address without any variables.
    pub(crate) fn at(address: &str) -> Self {
        Self::of(connect(address, &[]))
    }

    /// Starts reading with long waits from the first on, for scenarios that count requests.
    pub(crate) fn settled(address: &str) -> Self {
        let wait = Pace::default().wait;
        Self::of(connect(address, &[]).with_pace(Pace { first_wait: wait, ..Pace::default() }))
    }

    /// Starts reading with short waits, for scenarios of silence.
    pub(crate) fn hasty(address: &str) -> Self {
        let pace = Pace { wait: Duration::from_secs(2), ..Pace::default() };
        Self::of(connect(address, &[]).with_pace(pace))
    }

    /// Takes in what is said until `look` finds what it looks for.
    pub(crate) async fn until<T>(&mut self, what: &str, look: impl Fn(&World) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(&self.world) {
                return found;
            }
            match tokio::time::timeout_at(deadline, self.updates.recv()).await {
                Ok(Some(update)) => self.take(update),
                Ok(None) => panic!("the source ended before: {what}"),
                Err(late) => panic!("{late} ({PATIENCE:?}): {what}; statuses: {:#?}", self.statuses()),
            }
        }
    }

    /// The same, where so much changes that single changes are not looked at: takes in all that waits at once, as the
    /// engine does, and has this long for it.
    pub(crate) async fn by_the_lot<T>(
        &mut self,
        patience: Duration,
        what: &str,
        look: impl Fn(&World) -> Option<T>,
    ) -> T {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let Some(found) = look(&self.world) {
                return found;
            }
            let mut lot = Vec::new();
            match tokio::time::timeout_at(deadline, self.updates.recv_many(&mut lot, 64)).await {
                Ok(0) => panic!("the source ended before: {what}"),
                Ok(_) => drop(self.world.apply(lot, Timestamp::now())),
                Err(late) => panic!("{late} ({patience:?}): {what}; statuses: {:#?}", self.statuses()),
            }
        }
    }

    fn take(&mut self, update: Update) {
        if let Update::Facts(batch) = &update {
            self.resets += usize::from(batch.reset.is_some());
        }
        self.world.apply([update], Timestamp::now());
    }

    /// Waits until a source is live.
    pub(crate) async fn live(&mut self, source: &str) -> SourceStatus {
        self.state(source, SourceState::Live).await
    }

    /// Waits until a source is in a state.
    pub(crate) async fn state(&mut self, source: &str, state: SourceState) -> SourceStatus {
        let what = format!("{source} is {}", state.word());
        self.until(&what, |world| status(world, source).filter(|status| status.state == state)).await
    }

    /// What the sources say of themselves.
    pub(crate) fn statuses(&self) -> Vec<(SourceId, Option<SourceStatus>)> {
        self.world.store().sources().iter().map(|(id, facts)| (id.clone(), facts.status.clone())).collect()
    }

    /// Ends the source and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        self.updates.close();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What a source says of itself.
pub(crate) fn status(world: &World, source: &str) -> Option<SourceStatus> {
    world.store().sources().get(source)?.status.clone()
}

/// One observation.
pub(crate) fn observed(world: &World, source: &str, collection: &str, key: &str) -> Option<Arc<Observation>> {
    world.store().get(&SourceId::from(source), &ObjectKey::new(collection, key)).cloned()
}

/// One fact.
pub(crate) fn fact(world: &World, source: &str, collection: &str, key: &str) -> Option<Fact> {
    observed(world, source, collection, key).map(|observation| observation.fact.clone())
}

/// How many facts a collection has.
pub(crate) fn count(world: &World, source: &str, collection: &str) -> usize {
    let facts = world.store().sources().get(source);
    facts.and_then(|facts| facts.collections.get(collection)).map_or(0, std::collections::BTreeMap::len)
}
