//! How the signals of a thing went, asked of the server that measures them, and what its metrics mean. A question lives as long as
//! its future: who drops it takes the question back.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::id::SourceId;
use binnacle_model::measured::Measured;
use binnacle_sources::history::{HistoryQuery, SignalHistory};
use binnacle_sources::meaning::Meaning;
use binnacle_sources::{Connection, ErrorKind, SourceError};

use crate::Engine;
use crate::edits::Stores as _;

/// Why a source has no history to give.
fn none(source: &SourceId, kind: ErrorKind, came_back: &str, hint: &str) -> SourceError {
    let tried = format!("reading the history of signals from {source}");
    SourceError { system: "prometheus", kind, tried, came_back: came_back.to_owned(), hint: hint.to_owned() }
}

impl Engine {
    /// How the signals that these facts make up together went over the last `reach`.
    ///
    /// # Errors
    ///
    /// When the source is not connected, keeps no history, or does not answer.
    pub async fn signal_history(&self, of: &Measured, reach: Duration) -> Result<SignalHistory, SourceError> {
        let found = self.shared.supervisor.connection_of(&of.source).await;
        let connection: Arc<dyn Connection> = found.map_err(|_| {
            none(&of.source, ErrorKind::NotFound, "it is not connected", "Connect it again, or look at another thing.")
        })?;
        let historian = connection.historian().ok_or_else(|| {
            none(&of.source, ErrorKind::Unsupported, "it keeps no history", "Only a metrics server does.")
        })?;
        historian.history(&HistoryQuery { facts: of.facts.clone(), reach }).await
    }

    /// What the metric means that a query of a source's evidence is about; `None` where that is not known.
    pub async fn meaning(&self, source: &SourceId, query: &str) -> Option<Meaning> {
        self.shared.supervisor.connection_of(source).await.ok()?.meaning(query)
    }
}
