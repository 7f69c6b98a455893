//! What the window asks of metrics servers beyond the picture: how signals went, one history at a time (asking for another takes back
//! the one before, and so does closing), and what metrics mean.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use binnacle_model::id::SourceId;
use binnacle_model::measured::{self, Measured};
use binnacle_sources::history::{HistoryPoint, SignalHistory};
use binnacle_view::contract::Failure;
use binnacle_view::contract::history::{self as contract, HistoryArgs};
use binnacle_view::contract::inspector::{EvidenceReport, MetricMeaning};
use binnacle_view::contract::state::{SubjectKind, millis};
use binnacle_view::screen::source_name;
use binnacle_view::text;
use tokio_util::sync::CancellationToken;

use crate::failure;
use crate::state::App;

/// The history that was asked for last: its number, and what takes it back.
#[derive(Default)]
pub(crate) struct Desk {
    last: Mutex<(u32, CancellationToken)>,
}

impl Desk {
    /// Takes back what is under way, and gives out what takes back this one.
    fn open(&self, ask: u32) -> CancellationToken {
        let token = CancellationToken::new();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, before) = std::mem::replace(&mut *last, (ask, token.clone()));
        before.cancel();
        token
    }

    /// Takes this one back, if it is still the last.
    pub(crate) fn close(&self, ask: u32) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 == ask {
            last.1.cancel();
        }
    }
}

pub(crate) async fn of(app: &App, args: &HistoryArgs) -> Result<contract::SignalHistory, Failure> {
    let taken_back = app.history.open(args.ask);
    let measured = measured(app, args).ok_or_else(|| {
        failure::refused(
            "app.no_history",
            "no server that is connected keeps how these signals went",
            "Connect the Prometheus that measures these calls.",
        )
    })?;
    let reach = Duration::from_secs(args.reach_s.into());
    let asked = tokio::select! {
        biased;
        () = taken_back.cancelled() => return Err(failure::refused(
            "app.taken_back", "this was taken back: something else is looked at", "",
        )),
        asked = app.engine.signal_history(&measured, reach) => asked,
    };
    let history = asked.map_err(|error| failure::of_source(&error, Some(&measured.source)))?;
    Ok(told(&measured, &history))
}

/// The same report with what its metrics mean, where their servers say so.
pub(crate) async fn with_meanings(app: &App, mut report: EvidenceReport) -> EvidenceReport {
    for card in &mut report.cards {
        let meaning = app.engine.meaning(&SourceId::from(card.source.as_str()), &card.query).await;
        card.metric = meaning.map(|meaning| MetricMeaning {
            name: text::name(&meaning.metric),
            declared: meaning.kind.to_owned(),
            unit: text::name(&meaning.unit),
            help: text::output(&meaning.help),
            contradiction: meaning.contradiction.map(|words| text::output(&words)).unwrap_or_default(),
        });
    }
    report
}

fn measured(app: &App, args: &HistoryArgs) -> Option<Measured> {
    let snapshot = app.engine.snapshot();
    match args.subject.kind {
        SubjectKind::Service => measured::of_service(&snapshot, &args.subject.id),
        SubjectKind::Edge => measured::of_edge(&snapshot, &args.subject.id),
        SubjectKind::Breaker | SubjectKind::Config | SubjectKind::Source => None,
    }
}

fn told(measured: &Measured, history: &SignalHistory) -> contract::SignalHistory {
    let of_duration = |time: Duration| time.as_secs_f64() * 1000.0;
    let missing = history.missing.iter().map(|fault| Failure {
        code: fault.code.to_string(),
        message: text::output(&fault.detail),
        hint: text::output(&fault.hint),
        source: Some(measured.source.to_string()),
    });
    contract::SignalHistory {
        source: measured.source.to_string(),
        name: source_name(&measured.source),
        points: history.points.iter().map(point).collect(),
        step_ms: of_duration(history.step),
        window_ms: of_duration(history.window),
        processes: u32::try_from(history.processes).unwrap_or(u32::MAX),
        queries: history.queries.iter().map(|query| text::output(query)).collect(),
        missing: missing.collect(),
    }
}

fn point(point: &HistoryPoint) -> contract::HistoryPoint {
    let signals = point.signals;
    contract::HistoryPoint {
        at: millis(point.at),
        rps: signals.rps,
        error_ratio: signals.error_ratio,
        p95_ms: signals.p95_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_history_takes_back_the_one_before_and_a_late_close_takes_back_no_other() {
        let desk = Desk::default();
        let first = desk.open(1);
        let second = desk.open(2);
        assert!(first.is_cancelled() && !second.is_cancelled());
        desk.close(1);
        assert!(!second.is_cancelled());
        desk.close(2);
        assert!(second.is_cancelled());
    }
}
