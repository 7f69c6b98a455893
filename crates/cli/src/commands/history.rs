//! `history`: how the signals of a service or an edge went, and in which states a breaker was.

use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::Engine;
use binnacle_model::id::{BreakerId, EdgeId};
use binnacle_model::measured::{self, Measured};
use binnacle_model::snapshot::{Fault, Snapshot};
use binnacle_sources::history::{BreakerHistory, LONGEST_REACH, SHORTEST_REACH, SignalHistory, StateRun};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::breakers::tone;
use super::listing::{pretty, signal_cells, word};
use super::naming;
use crate::arguments::{Form, Output};
use crate::duration::{self, short};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl history payments                         calls to payments, the last half hour
  binnaclectl history 'checkout -> payments' --since 2h
  binnaclectl history payments -o json | jq '.points[] | [.at, .p95_ms]'
  binnaclectl history 'checkout -> payments (failure)'    the states of a breaker, process by process

The Prometheus that measures these calls is asked, at up to 121 moments and not more often than it scrapes. Each number looks \
back over the window that is told. A dash is a moment at which nobody measured. What processes counted that are gone is not in it.";

/// How the calls to a service, or of an edge, went: rates, errors and latencies over time; or in which states a breaker was
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A service by name or id, an edge as `CALLER -> CALLEE`, or a breaker as `CALLER -> CALLEE (failure|capacity|endpoint)`
    #[arg(value_name = "ID")]
    id: String,
    /// How far back: 5m, 30m, 2h; at most 24h
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = reach)]
    since: Duration,
    #[command(flatten)]
    output: Output,
}

fn reach(text: &str) -> Result<Duration, String> {
    let reach = duration::parse(text).map_err(|error| error.to_string())?;
    if (SHORTEST_REACH..=LONGEST_REACH).contains(&reach) {
        return Ok(reach);
    }
    Err(format!("it must be between {} and {}", short(SHORTEST_REACH), short(LONGEST_REACH)))
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_rates(async |engine, snapshot| {
            let subject = subject(&snapshot, &arguments.id)?;
            let measured = subject.measured(&snapshot).ok_or_else(|| {
                let what = format!("no Prometheus that is read measures `{}`", arguments.id);
                Failure::not_found(
                    what,
                    "See with `binnaclectl edges` who measures what; name a Prometheus with --source.",
                )
            })?;
            tell(session, engine, arguments, (&subject, &measured)).await
        })
        .await
}

async fn tell(
    session: &Session,
    engine: &Engine,
    arguments: &Arguments,
    (subject, measured): (&Subject, &Measured),
) -> Result<Exit, Failure> {
    let failed = |error| Failure::from(error).of(&measured.source);
    let (text, missing) = if let Subject::Breaker(_) = subject {
        let history = engine.breaker_history(measured, arguments.since).await.map_err(failed)?;
        let text = match arguments.output.form {
            Form::Json => pretty(&states_told(arguments, measured, &history))?,
            Form::Table => states(session, &history),
        };
        (text, history.missing)
    } else {
        let history = engine.signal_history(measured, arguments.since).await.map_err(failed)?;
        let text = match arguments.output.form {
            Form::Json => pretty(&told(arguments, measured, &history))?,
            Form::Table => table(session, &history),
        };
        (text, history.missing)
    };
    print(text).await?;
    for fault in &missing {
        session.warn(&Failure::of_fault(fault, measured.source.as_str()));
    }
    Ok(Exit::Fine)
}

/// What a history is of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Service(String),
    Edge(EdgeId),
    Breaker(BreakerId),
}

impl Subject {
    fn measured(&self, snapshot: &Snapshot) -> Option<Measured> {
        match self {
            Self::Service(id) => measured::of_service(snapshot, id),
            Self::Edge(id) => measured::of_edge(snapshot, id.as_str()),
            Self::Breaker(id) => measured::of_breaker(snapshot, id.as_str()),
        }
    }
}

/// What a person names: a service by id or name, an edge by its two ends, a breaker by these and its kind.
fn subject(snapshot: &Snapshot, named: &str) -> Result<Subject, Failure> {
    if let Some(breaker) = naming::breaker(snapshot, named)? {
        return Ok(Subject::Breaker(breaker.id.clone()));
    }
    match naming::ends(named) {
        Some(ends) => Ok(Subject::Edge(naming::edge(snapshot, named, ends)?.id.clone())),
        None => Ok(Subject::Service(naming::service(snapshot, named)?.id.to_string())),
    }
}

fn told(arguments: &Arguments, measured: &Measured, history: &SignalHistory) -> Value {
    let point = |point: &binnacle_sources::history::HistoryPoint| {
        let signals = point.signals;
        json!({
            "at": point.at.to_string(),
            "rps": signals.rps, "error_ratio": signals.error_ratio, "p95_ms": signals.p95_ms,
        })
    };
    json!({
        "id": arguments.id,
        "source": measured.source.as_str(),
        "step_s": history.step.as_secs_f64(),
        "window_s": history.window.as_secs_f64(),
        "processes": history.processes,
        "queries": history.queries,
        "missing": missing(&history.missing),
        "points": history.points.iter().map(point).collect::<Vec<_>>(),
    })
}

fn states_told(arguments: &Arguments, measured: &Measured, history: &BreakerHistory) -> Value {
    let run =
        |run: &StateRun| json!({ "from": run.from.to_string(), "until": run.until.to_string(), "state": run.state });
    let course = |(process, runs): (&Arc<str>, &Vec<StateRun>)| json!({ "process": process, "runs": runs.iter().map(run).collect::<Vec<_>>() });
    let rejected =
        |(at, rejected): &(Timestamp, Option<f64>)| json!({ "at": at.to_string(), "rejected_per_s": rejected });
    json!({
        "id": arguments.id,
        "source": measured.source.as_str(),
        "step_s": history.step.as_secs_f64(),
        "queries": history.queries,
        "missing": missing(&history.missing),
        "processes": history.courses.iter().map(course).collect::<Vec<_>>(),
        "rejected": history.rejected_per_s.iter().map(rejected).collect::<Vec<_>>(),
    })
}

fn missing(faults: &[Fault]) -> Vec<Value> {
    let told = |fault: &Fault| json!({ "code": fault.code, "message": fault.detail, "hint": fault.hint });
    faults.iter().map(told).collect()
}

fn states(session: &Session, history: &BreakerHistory) -> String {
    let mut table = Table::new(["PROCESS", "STATE", "FROM", "UNTIL"]);
    for (process, runs) in &history.courses {
        for run in runs {
            table.row([
                Cell::text(&**process),
                Cell::text(word(run.state)).in_tone(tone(run.state)),
                moment(run.from),
                moment(run.until),
            ]);
        }
    }
    table.render(&session.terminal)
}

fn moment(at: Timestamp) -> Cell {
    Cell::text(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn table(session: &Session, history: &SignalHistory) -> String {
    let mut table = Table::new(["AT", "RPS", "ERRORS", "P95"]);
    for point in &history.points {
        let at = moment(point.at);
        let [rps, errors, p95] = signal_cells(&point.signals);
        table.row([at, rps, errors, p95]);
    }
    table.render(&session.terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reaches_back_between_a_minute_and_a_day() {
        assert_eq!(reach("30m"), Ok(Duration::from_secs(1800)));
        for text in ["59s", "25h", "0", "soon", ""] {
            assert!(reach(text).is_err(), "{text}");
        }
    }
}
