//! The status that a source has published last.

use binnacle_model::snapshot::{SourceState, SourceStatus};
use jiff::Timestamp;

/// Knows what was published last, so that only news is published.
#[derive(Debug, Default)]
pub(crate) struct Published(Option<SourceStatus>);

impl Published {
    /// The last one; `None` before the first.
    pub(crate) fn last(&self) -> Option<&SourceStatus> {
        self.0.as_ref()
    }

    /// Since when the source is in this state: as it was published while it is the same.
    pub(crate) fn since(&self, state: SourceState, now: Timestamp) -> Timestamp {
        self.last().filter(|last| last.state == state).map_or(now, |last| last.since)
    }

    /// The status to publish; `None` when it is the published one.
    pub(crate) fn news(&mut self, status: SourceStatus) -> Option<SourceStatus> {
        if self.last() == Some(&status) {
            return None;
        }
        self.0 = Some(status.clone());
        Some(status)
    }
}
