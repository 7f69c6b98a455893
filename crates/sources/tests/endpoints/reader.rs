//! Runs a connection as the engine does, and waits for what it says.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{BreakerFact, CallsBasis, CallsFact, Fact, Signals};
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{SourceState, SourceStatus};
use binnacle_model::store::{SourceFacts, Store};
use binnacle_model::world::Update;
use binnacle_sources::{Connection, Outbox};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A deadline for a broken source on a busy machine, not a measurement.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Reader {
    source: SourceId,
    store: Store,
    updates: mpsc::Receiver<Update>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Reader {
    pub(crate) fn start(source: &str, connection: impl Connection + 'static) -> Self {
        let (sender, updates) = mpsc::channel(64);
        let cancel = CancellationToken::new();
        let ended = cancel.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { connection.run(Outbox::new(sender), Arc::new(Notify::new()), ended).await });
        Self { source: SourceId::from(source), store: Store::default(), updates, cancel, tasks }
    }

    /// Waits until what the source states is so.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&SourceFacts) -> bool) {
        let waiting = async {
            while !self.store.sources().get(&self.source).is_some_and(&holds) {
                match self.updates.recv().await {
                    Some(Update::Facts(batch)) => drop(self.store.apply(batch)),
                    Some(Update::Status(source, status)) => drop(self.store.set_status(&source, status)),
                    Some(Update::Forget(source)) => drop(self.store.forget(&source)),
                    None => return Err("the source ended"),
                }
            }
            Ok(())
        };
        let outcome = tokio::time::timeout(DEADLINE, waiting).await.unwrap_or(Err("the time is up"));
        if let Err(why) = outcome {
            panic!("{what}: {why}; {:#?}", self.store.sources().get(&self.source));
        }
    }

    pub(crate) async fn until_state(&mut self, state: SourceState) -> SourceStatus {
        self.until(state.word(), |facts| facts.status.as_ref().is_some_and(|status| status.state == state)).await;
        self.facts().status.clone().unwrap()
    }

    /// Waits until the source is failing, and gives the code of the reason.
    pub(crate) async fn until_failing(&mut self) -> String {
        self.until_state(SourceState::Failing).await.fault.expect("a reason").code.to_string()
    }

    pub(crate) fn facts(&self) -> &SourceFacts {
        &self.store.sources()[&self.source]
    }

    /// Ends it as the engine does; it must end by itself.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(DEADLINE, ended).await.expect("it ends when it is told to");
    }
}

/// The measured calls of a source.
pub(crate) fn calls(facts: &SourceFacts) -> impl Iterator<Item = (&CallsFact, Signals)> {
    facts.observations().filter_map(|one| match &one.fact {
        Fact::Calls(fact) => match fact.basis {
            CallsBasis::Observed(signals) => Some((fact, signals)),
            _ => None,
        },
        _ => None,
    })
}

/// The breakers of a source.
pub(crate) fn breakers(facts: &SourceFacts) -> impl Iterator<Item = &BreakerFact> {
    facts.observations().filter_map(|one| match &one.fact {
        Fact::Breaker(fact) => Some(fact),
        _ => None,
    })
}

/// The codes of the parts of a source that fail while the rest works.
pub(crate) fn partial(facts: &SourceFacts) -> Vec<String> {
    let status = facts.status.iter();
    status.flat_map(|status| &status.partial).map(|fault| fault.code.to_string()).collect()
}
