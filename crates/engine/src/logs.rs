//! Logs that a person looks at: read all the time by a task of the engine, so that an unread one holds up no watch on the
//! same connection, and kept in a ring until they are fetched. Nothing of them goes anywhere else.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use binnacle_model::id::SourceId;
use binnacle_sources::logs::{LogContainers, LogLine, LogQuery, LogStream, Logs};
use binnacle_sources::{Connection, ErrorKind, SourceError};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Engine;
use crate::edits::Stores as _;

/// How many lines wait to be fetched, at most; the oldest go first.
pub const LINES_KEPT: usize = 10_000;
/// How many bytes of text they may have together.
pub const BYTES_KEPT: usize = 4 * 1024 * 1024;

/// What arrived since the last time.
#[derive(Debug, Default)]
pub struct LogBatch {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// How many lines before these were dropped because nobody fetched them in time.
    pub dropped: u64,
    /// Set when nothing will follow.
    pub ended: Option<LogEnd>,
}

/// How a log ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Why it broke off; `None` when it ended by itself.
    pub error: Option<SourceError>,
}

/// A log that is read until this is dropped.
#[derive(Debug)]
pub struct OpenLog {
    ring: Arc<Ring>,
    _end: DropGuard,
}

impl OpenLog {
    /// Waits for lines, but no longer than this, and takes at most so many.
    pub async fn fetch(&self, most: usize, within: Duration) -> LogBatch {
        let arrived = self.ring.arrived.notified();
        if self.ring.lock().is_silent() {
            // Nothing by then is an answer as well.
            let _ = tokio::time::timeout(within, arrived).await;
        }
        self.ring.lock().take(most)
    }
}

#[derive(Debug, Default)]
struct Ring {
    held: Mutex<Held>,
    arrived: Notify,
}

impl Ring {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, lines: Vec<LogLine>) {
        self.lock().push(lines);
        self.arrived.notify_one();
    }

    fn end(&self, error: Option<SourceError>) {
        self.lock().ended = Some(LogEnd { error });
        self.arrived.notify_one();
    }
}

#[derive(Debug, Default)]
struct Held {
    lines: VecDeque<LogLine>,
    bytes: usize,
    dropped: u64,
    ended: Option<LogEnd>,
}

impl Held {
    fn is_silent(&self) -> bool {
        self.lines.is_empty() && self.ended.is_none()
    }

    fn push(&mut self, lines: Vec<LogLine>) {
        for line in lines {
            self.bytes += line.text.len();
            self.lines.push_back(line);
        }
        while self.lines.len() > LINES_KEPT || self.bytes > BYTES_KEPT {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.text.len();
            self.dropped += 1;
        }
    }

    fn take(&mut self, most: usize) -> LogBatch {
        let lines: Vec<LogLine> = self.lines.drain(..self.lines.len().min(most)).collect();
        self.bytes -= lines.iter().map(|line| line.text.len()).sum::<usize>();
        let ended = if self.lines.is_empty() { self.ended.clone() } else { None };
        LogBatch { lines, dropped: std::mem::take(&mut self.dropped), ended }
    }
}

async fn read(mut stream: Box<dyn LogStream>, ring: Arc<Ring>, cancel: CancellationToken) {
    loop {
        let next = tokio::select! {
            () = cancel.cancelled() => return,
            next = stream.next() => next,
        };
        match next {
            Ok(Some(lines)) => ring.push(lines),
            Ok(None) => return ring.end(None),
            Err(error) => return ring.end(Some(error)),
        }
    }
}

/// Why a source has no log to give.
fn none(source: &SourceId, kind: ErrorKind, came_back: &str, hint: &str) -> SourceError {
    let tried = format!("reading a log of {source}");
    SourceError { system: "kube", kind, tried, came_back: came_back.to_owned(), hint: hint.to_owned() }
}

impl Engine {
    /// The containers of a Pod, given as `NAMESPACE/NAME`.
    ///
    /// # Errors
    ///
    /// When the source is not connected, has no logs, or does not tell.
    pub async fn log_containers(&self, source: &SourceId, pod: &str) -> Result<LogContainers, SourceError> {
        let connection = self.connection(source).await?;
        logs_of(&*connection, source)?.containers(pod).await
    }

    /// A log as it comes, for a reader that takes every line.
    ///
    /// # Errors
    ///
    /// As above.
    pub async fn stream_log(&self, source: &SourceId, query: &LogQuery) -> Result<Box<dyn LogStream>, SourceError> {
        let connection = self.connection(source).await?;
        logs_of(&*connection, source)?.open_log(query).await
    }

    /// A log that is fetched in batches, for a window.
    ///
    /// # Errors
    ///
    /// As above.
    pub async fn open_log(&self, source: &SourceId, query: &LogQuery) -> Result<OpenLog, SourceError> {
        let stream = self.stream_log(source, query).await?;
        let (ring, cancel) = (Arc::new(Ring::default()), CancellationToken::new());
        self.spawn(read(stream, ring.clone(), cancel.clone()));
        Ok(OpenLog { ring, _end: cancel.drop_guard() })
    }

    async fn connection(&self, source: &SourceId) -> Result<Arc<dyn Connection>, SourceError> {
        let found = self.shared.supervisor.connection_of(source).await;
        let hint = "Connect it again, or look at another copy.";
        found.map_err(|_| none(source, ErrorKind::NotFound, "it is not connected", hint))
    }
}

fn logs_of<'a>(connection: &'a dyn Connection, source: &SourceId) -> Result<&'a dyn Logs, SourceError> {
    let hint = "Only Kubernetes has the logs of what it runs.";
    connection.logs().ok_or_else(|| none(source, ErrorKind::Unsupported, "it has no logs", hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { at: None, text: text.to_owned(), left_out: 0 }
    }

    #[test]
    fn the_oldest_lines_go_when_nobody_fetches_them() {
        let mut held = Held::default();
        held.push((0..LINES_KEPT + 5).map(|number| line(&number.to_string())).collect());
        let batch = held.take(2);
        assert_eq!((batch.dropped, batch.lines[0].text.as_str(), batch.lines.len()), (5, "5", 2));
        assert_eq!(held.take(usize::MAX).dropped, 0, "told once");
        assert!(held.is_silent() && held.bytes == 0);
        let wide = "x".repeat(BYTES_KEPT / 2);
        held.push(vec![line(&wide), line(&wide), line("last")]);
        assert_eq!((held.take(9).lines.len(), held.dropped), (2, 0));
    }

    #[test]
    fn the_end_is_told_after_the_last_line() {
        let mut held = Held { ended: Some(LogEnd { error: None }), ..Held::default() };
        held.push(vec![line("a"), line("b")]);
        assert!(held.take(1).ended.is_none());
        assert_eq!(held.take(1).ended, Some(LogEnd { error: None }));
    }
}
