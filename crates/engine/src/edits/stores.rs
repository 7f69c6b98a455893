use std::sync::Arc;

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use binnacle_sources::Connection;

use super::EditError;

/// Finds the connection that brings a source.
#[async_trait]
pub trait Stores: Send + Sync {
    /// The connection behind a source; [`EditError::unknown_source`] when there is none.
    async fn connection_of(&self, source: &SourceId) -> Result<Arc<dyn Connection>, EditError>;
}
