//! How the signals of a thing went, asked of the server that measures them, and what its metrics mean. A question lives as long as
//! its future: who drops it takes the question back.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::id::SourceId;
use binnacle_model::measured::Measured;
use binnacle_sources::history::{BreakerHistory, Historian, HistoryQuery, SignalHistory};
use binnacle_sources::meaning::Meaning;
use binnacle_sources::{Connection, ErrorKind, SourceError};

use crate::Engine;
use crate::edits::Stores as _;

/// Why a source has no history to give.
fn none(source: &SourceId, kind: ErrorKind, came_back: &str, hint: &str) -> SourceError {
    let tried = format!("reading the history of signals from {source}");
    SourceError { system: "prometheus", kind, tried, came_back: came_back.to_owned(), hint: hint.to_owned() }
}

fn historian<'a>(connection: &'a dyn Connection, source: &SourceId) -> Result<&'a dyn Historian, SourceError> {
    let hint = "Only a metrics server does.";
    connection.historian().ok_or_else(|| none(source, ErrorKind::Unsupported, "it keeps no history", hint))
}

impl Engine {
    /// How the signals that these facts make up together went over the last `reach`.
    ///
    /// # Errors
    ///
    /// When the source is not connected, keeps no history, or does not answer.
    pub async fn signal_history(&self, of: &Measured, reach: Duration) -> Result<SignalHistory, SourceError> {
        let connection = self.keeper(&of.source).await?;
        historian(&*connection, &of.source)?.history(&HistoryQuery { facts: of.facts.clone(), reach }).await
    }

    /// In which states the breaker was over the last `reach` that these facts speak of.
    ///
    /// # Errors
    ///
    /// As for [`Engine::signal_history`].
    pub async fn breaker_history(&self, of: &Measured, reach: Duration) -> Result<BreakerHistory, SourceError> {
        let connection = self.keeper(&of.source).await?;
        historian(&*connection, &of.source)?.breaker_history(&HistoryQuery { facts: of.facts.clone(), reach }).await
    }

    async fn keeper(&self, source: &SourceId) -> Result<Arc<dyn Connection>, SourceError> {
        let found = self.shared.supervisor.connection_of(source).await;
        found.map_err(|_| {
            none(source, ErrorKind::NotFound, "it is not connected", "Connect it again, or look at another thing.")
        })
    }

    /// What the metric means that a query of a source's evidence is about; `None` where that is not known.
    pub async fn meaning(&self, source: &SourceId, query: &str) -> Option<Meaning> {
        self.shared.supervisor.connection_of(source).await.ok()?.meaning(query)
    }
}
