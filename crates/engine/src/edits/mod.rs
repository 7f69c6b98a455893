//! Edits of config keys: plan, guard, apply, read back, audit, undo. There is no other way to write a key.
//!
//! 1. [`Edits::plan`] reads the keys and says what will be done, under which guard, and what a person should know before.
//! 2. [`Edits::apply`] records the edit as pending, sends it once with the guard that the store itself checks, reads the keys
//!    back, and records the result. Nothing is ever sent a second time.
//! 3. A key that changed underneath is [`EditError::Refused`] with both versions and their [`merge`]; what a person makes
//!    of it is a new draft with a new guard.
//! 4. [`Edits::plan_undo`] plans a new guarded edit that takes an older one back.

mod address;
mod apply;
mod conflict;
mod draft;
mod error;
mod memory;
pub mod merge;
mod plan;
mod sensitive;
mod stores;
mod undo;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use binnacle_history::{History, HistoryError};
use binnacle_model::id::{ConfigId, SourceId};
use binnacle_sources::Connection;
use binnacle_sources::edit::{ConfigStore, StoredValue};

pub use address::place_of;
pub use apply::{Applied, AppliedKey, Seen, SeenKey, UndoReach, Verified};
pub use binnacle_history::{EditId, EditRecord as AuditEntry, EditState, Kept, KeyRecord};
pub use conflict::{Base, KeyConflict};
pub use draft::{Draft, DraftIntent, Expect};
pub use error::{EditError, ExitClass};
pub use plan::{Beneath, KeyPlan, Note, Plan};
pub use sensitive::Sensitive;
pub use stores::{Rules, Stores};

use crate::clock::Clock;
use memory::Memory;

/// The one road for writing config keys.
pub struct Edits {
    stores: Arc<dyn Stores>,
    history: Arc<History>,
    clock: Clock,
    actor: String,
    read_only: bool,
    sensitive: Sensitive,
    memory: Mutex<Memory>,
}

impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edits").field("actor", &self.actor).field("read_only", &self.read_only).finish_non_exhaustive()
    }
}

impl Edits {
    /// Edits by this actor, recorded in this history.
    pub fn new(stores: Arc<dyn Stores>, history: Arc<History>, clock: Clock, actor: String, read_only: bool) -> Self {
        let (sensitive, memory) = (Sensitive::default(), Mutex::default());
        Self { stores, history, clock, actor, read_only, sensitive, memory }
    }

    /// What marks a key, or a line of a value, as a secret.
    pub fn sensitive(&self) -> &Sensitive {
        &self.sensitive
    }

    /// The same with further words that mark a key as sensitive.
    #[must_use]
    pub fn with_sensitive(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.sensitive.add(words);
        self
    }

    /// Whether every write to this source is refused.
    pub fn read_only(&self, source: &SourceId) -> bool {
        self.read_only || self.stores.rules_of(source).read_only
    }

    /// The key as it is now; `None` when it does not exist. What was read is the base of a later merge.
    pub async fn read(&self, id: &ConfigId) -> Result<Option<StoredValue>, EditError> {
        let (source, path) = place_of(id)?;
        let connection = self.stores.connection_of(&source).await?;
        let value = store_of(&*connection, &source)?.read(&source, &path).await?;
        if let Some(value) = &value {
            self.memory().remember(id, value);
        }
        Ok(value)
    }

    /// The largest value that the source's store takes, in bytes.
    pub async fn value_limit_bytes(&self, source: &SourceId) -> Result<u64, EditError> {
        let connection = self.stores.connection_of(source).await?;
        Ok(store_of(&*connection, source)?.value_limit_bytes())
    }

    /// The audit, the newest first: of one key, or of all. Values are not part of it; [`Edits::audited`] has them.
    pub async fn history(&self, key: Option<&ConfigId>, newest: u32) -> Result<Vec<AuditEntry>, EditError> {
        let key = key.map(place_of).transpose()?;
        self.recorded(move |history| history.edits(&binnacle_history::Filter { key, newest })).await
    }

    /// One edit of the audit, with the values that were kept.
    pub async fn audited(&self, edit: EditId) -> Result<AuditEntry, EditError> {
        self.recorded(move |history| history.edit(edit)).await?.ok_or(EditError::NoSuchEdit(edit))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a piece of work on the history, whose calls block, on a thread for such work.
    async fn recorded<T: Send + 'static>(
        &self,
        work: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, EditError> {
        on_history(self.history.clone(), work).await.map_err(EditError::History)
    }
}

/// See [`Edits::recorded`].
pub(crate) async fn on_history<T: Send + 'static>(
    history: Arc<History>,
    work: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, HistoryError> {
    let ended = tokio::task::spawn_blocking(move || work(&history)).await;
    ended.unwrap_or_else(|error| Err(HistoryError::Failed(format!("the work on it did not end: {error}"))))
}

fn store_of<'a>(connection: &'a dyn Connection, source: &SourceId) -> Result<&'a dyn ConfigStore, EditError> {
    connection.config_store().ok_or_else(|| EditError::NoStore(source.clone()))
}
