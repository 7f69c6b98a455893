//! What the window asks of metrics servers beyond the picture: how signals and breakers went, one history of a kind at a time (asking for
//! another takes back the one before, and so does closing), and what metrics mean.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use binnacle_model::id::SourceId;
use binnacle_model::measured::{self, Measured};
use binnacle_model::snapshot::{Edge, Fault};
use binnacle_sources::SourceError;
use binnacle_sources::history::{HistoryPoint, StateRun};
use binnacle_view::contract::Failure;
use binnacle_view::contract::history::{self as contract, HistoryArgs};
use binnacle_view::contract::inspector::{EvidenceReport, MetricMeaning};
use binnacle_view::contract::state::{SubjectKind, millis};
use binnacle_view::screen::source_name;
use binnacle_view::text;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::failure;
use crate::state::App;

/// The histories that were asked for last, one of a kind: its number, and what takes it back.
#[derive(Default)]
pub(crate) struct Desk {
    last: Mutex<BTreeMap<Of, (u32, CancellationToken)>>,
}

/// The kinds of history. One of each may be looked at at a time, in places of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Signals,
    Breaker,
}

impl Desk {
    /// Takes back what is under way of this kind, and gives out what takes back this one.
    fn open(&self, of: Of, ask: u32) -> CancellationToken {
        let token = CancellationToken::new();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, before)) = last.insert(of, (ask, token.clone())) {
            before.cancel();
        }
        token
    }

    /// Takes this one back, if it is still the last of its kind.
    pub(crate) fn close(&self, ask: u32) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, token) in last.values().filter(|(number, _)| *number == ask) {
            token.cancel();
        }
    }
}

/// The answer, unless it is taken back before.
async fn unless<T>(taken_back: CancellationToken, asked: impl Future<Output = T>) -> Result<T, Failure> {
    let words = "this was taken back: something else is looked at";
    tokio::select! {
        biased;
        () = taken_back.cancelled() => Err(failure::refused("app.taken_back", words, "")),
        answer = asked => Ok(answer),
    }
}

fn none() -> Failure {
    failure::refused(
        "app.no_history",
        "no server that is connected keeps how this went",
        "Connect the Prometheus that measures it.",
    )
}

pub(crate) async fn of(app: &App, args: &HistoryArgs) -> Result<contract::SignalHistory, Failure> {
    let taken_back = app.history.open(Of::Signals, args.ask);
    let measured = measured(app, args).ok_or_else(none)?;
    let reach = Duration::from_secs(args.reach_s.into());
    let history = unless(taken_back, app.engine.signal_history(&measured, reach)).await?;
    let history = history.map_err(|error| failure::of_source(&error, Some(&measured.source)))?;
    Ok(contract::SignalHistory {
        source: measured.source.to_string(),
        name: source_name(&measured.source),
        points: history.points.iter().map(point).collect(),
        step_ms: in_ms(history.step),
        window_ms: in_ms(history.window),
        processes: u32::try_from(history.processes).unwrap_or(u32::MAX),
        queries: told(&history.queries),
        missing: missing(&measured.source, &history.missing),
    })
}

pub(crate) async fn of_breaker(app: &App, args: &HistoryArgs) -> Result<contract::BreakerHistory, Failure> {
    let taken_back = app.history.open(Of::Breaker, args.ask);
    let snapshot = app.engine.snapshot();
    let measured = measured::of_breaker(&snapshot, &args.subject.id).ok_or_else(none)?;
    let calls = snapshot.breakers.get(args.subject.id.as_str()).and_then(|breaker| {
        let is_its = |edge: &&Arc<Edge>| edge.from == breaker.caller && Some(&edge.to) == breaker.callee.as_ref();
        measured::of_edge(&snapshot, snapshot.edges.values().find(is_its)?.id.as_str())
    });
    let reach = Duration::from_secs(args.reach_s.into());
    let asked = async {
        let history = app.engine.breaker_history(&measured, reach).await?;
        // Its states are worth showing without its calls.
        let calls = match &calls {
            Some(calls) => {
                let went = app.engine.signal_history(calls, reach).await;
                went.map(Some).map_err(|error| failure::of_source(&error, Some(&calls.source)))
            }
            None => Ok(None),
        };
        Ok((history, calls))
    };
    let (history, calls) = unless(taken_back, asked)
        .await?
        .map_err(|error: SourceError| failure::of_source(&error, Some(&measured.source)))?;
    let mut missing = missing(&measured.source, &history.missing);
    let calls = calls.unwrap_or_else(|failed| {
        missing.push(failed);
        None
    });
    let run = |run: &StateRun| contract::BreakerRun {
        from: millis(run.from),
        to: millis(run.until),
        state: run.state.into(),
    };
    let course = |(process, runs): (&Arc<str>, &Vec<StateRun>)| contract::BreakerCourse {
        process: text::name(process),
        runs: runs.iter().map(run).collect(),
    };
    let rejected = |(at, rejected_per_s): &(Timestamp, Option<f64>)| contract::RejectedPoint {
        at: millis(*at),
        rejected_per_s: *rejected_per_s,
    };
    let queries = history.queries.iter().chain(calls.iter().flat_map(|calls| &calls.queries));
    Ok(contract::BreakerHistory {
        source: measured.source.to_string(),
        name: source_name(&measured.source),
        courses: history.courses.iter().map(course).collect(),
        rejected: history.rejected_per_s.iter().map(rejected).collect(),
        calls: calls.iter().flat_map(|calls| &calls.points).map(point).collect(),
        step_ms: in_ms(history.step),
        queries: told(queries),
        missing,
    })
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

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn told<'a>(queries: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<String> {
    queries.into_iter().map(|query| text::output(query)).collect()
}

fn missing(source: &SourceId, faults: &[Fault]) -> Vec<Failure> {
    let failure = |fault: &Fault| Failure {
        code: fault.code.to_string(),
        message: text::output(&fault.detail),
        hint: text::output(&fault.hint),
        source: Some(source.to_string()),
    };
    faults.iter().map(failure).collect()
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
        let (other, first) = (desk.open(Of::Breaker, 7), desk.open(Of::Signals, 1));
        let second = desk.open(Of::Signals, 2);
        assert!(first.is_cancelled() && !second.is_cancelled());
        desk.close(1);
        assert!(!second.is_cancelled());
        desk.close(2);
        assert!(second.is_cancelled() && !other.is_cancelled());
    }
}
