//! What registrations and switches of breakers have in common: who acts, where to, and where it is recorded.

use std::fmt;
use std::sync::Arc;

use binnacle_history::{History, HistoryError, StuckRecord};
use binnacle_model::id::SourceId;
use binnacle_sources::Connection;
use binnacle_sources::register::Verified;

use crate::clock::Clock;
use crate::edits::{EditError, Stores, on_history};

/// The road of one sort of writing. A clone is the same road.
#[derive(Clone)]
pub(crate) struct Audited {
    pub(crate) stores: Arc<dyn Stores>,
    pub(crate) clock: Clock,
    pub(crate) actor: Arc<str>,
    history: Arc<History>,
    read_only: bool,
    /// What is recorded, in words.
    what: &'static str,
}

impl fmt::Debug for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Audited");
        debug.field("actor", &self.actor).field("read_only", &self.read_only).finish_non_exhaustive()
    }
}

impl Audited {
    pub(crate) fn new(
        what: &'static str,
        stores: Arc<dyn Stores>,
        history: Arc<History>,
        clock: Clock,
        actor: Arc<str>,
        read_only: bool,
    ) -> Self {
        Self { stores, clock, actor, history, read_only, what }
    }

    /// The connection to write by; refused where nothing may be written.
    pub(crate) async fn writing_to(&self, source: &SourceId) -> Result<Arc<dyn Connection>, EditError> {
        if self.read_only || self.stores.rules_of(source).read_only {
            return Err(EditError::ReadOnly);
        }
        self.stores.connection_of(source).await
    }

    pub(crate) async fn recorded<T: Send + 'static>(
        &self,
        work: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, EditError> {
        on_history(self.history.clone(), work).await.map_err(EditError::History)
    }

    /// Records what has happened already; that it could not be recorded does not undo it.
    pub(crate) async fn noted(&self, work: impl FnOnce(&History) -> Result<(), HistoryError> + Send + 'static) {
        if let Err(error) = on_history(self.history.clone(), work).await {
            tracing::error!(code = error.code(), %error, "the result of a {} could not be recorded", self.what);
        }
    }
}

/// How the audit calls what was read back.
pub(crate) fn stuck_record(verified: &Verified) -> StuckRecord {
    match verified {
        Verified::Stuck => StuckRecord::Stuck,
        Verified::NotStuck(_) => StuckRecord::NotStuck,
    }
}

/// A reason as a person gave it; `None` where they gave none.
pub(crate) fn reason(why: Option<String>) -> Option<String> {
    why.map(|why| why.trim().to_owned()).filter(|why| !why.is_empty())
}
