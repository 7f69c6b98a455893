use std::sync::Arc;

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use binnacle_sources::Connection;

use super::EditError;

/// What holds for writes to a source, beyond what holds for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Refuse every write.
    pub read_only: bool,
    /// Beginnings of keys whose values are kept from the history.
    pub sensitive: Vec<String>,
}

impl Rules {
    /// Whether the key's value is kept from the history.
    pub fn is_sensitive(&self, path: &str) -> bool {
        self.sensitive.iter().any(|prefix| path.starts_with(prefix.as_str()))
    }

    /// What holds where both hold.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.read_only |= other.read_only;
        self.sensitive.extend_from_slice(&other.sensitive);
        self
    }
}

/// Finds the connection that brings a source, and what holds for it.
#[async_trait]
pub trait Stores: Send + Sync {
    /// The connection behind a source; [`EditError::unknown_source`] when there is none.
    async fn connection_of(&self, source: &SourceId) -> Result<Arc<dyn Connection>, EditError>;

    /// What holds for writes to this source.
    fn rules_of(&self, _source: &SourceId) -> Rules {
        Rules::default()
    }
}
