//! `history`: how the signals of a service or an edge went.

use std::time::Duration;

use binnacle_engine::Engine;
use binnacle_model::id::EdgeId;
use binnacle_model::measured::{self, Measured};
use binnacle_model::snapshot::Snapshot;
use binnacle_sources::history::{LONGEST_REACH, SHORTEST_REACH, SignalHistory};
use serde_json::{Value, json};

use super::listing::{Names, millis, percent, pretty, rate};
use crate::arguments::{Form, Output};
use crate::duration::{self, short};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl history payments                         calls to payments, the last half hour
  binnaclectl history 'checkout -> payments' --since 2h
  binnaclectl history payments -o json | jq '.points[] | [.at, .p95_ms]'

The Prometheus that measures these calls is asked, at up to 121 moments and not more often than it scrapes. Each number looks \
back over the window that is told. A dash is a moment at which nobody measured. What processes counted that are gone is not in it.";

/// How the calls to a service, or of an edge, went: rates, errors and latencies over time
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A service by name or id, or an edge as `CALLER -> CALLEE`
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
            tell(session, engine, arguments, &measured).await
        })
        .await
}

async fn tell(session: &Session, engine: &Engine, arguments: &Arguments, measured: &Measured) -> Result<Exit, Failure> {
    let history = engine.signal_history(measured, arguments.since).await;
    let history = history.map_err(|error| Failure::from(error).of(&measured.source))?;
    let text = match arguments.output.form {
        Form::Json => pretty(&told(arguments, measured, &history))?,
        Form::Table => table(session, &history),
    };
    print(text).await?;
    for fault in &history.missing {
        session.warn(&Failure::of_fault(fault, measured.source.as_str()));
    }
    Ok(Exit::Fine)
}

/// What a history is of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Service(String),
    Edge(EdgeId),
}

impl Subject {
    fn measured(&self, snapshot: &Snapshot) -> Option<Measured> {
        match self {
            Self::Service(id) => measured::of_service(snapshot, id),
            Self::Edge(id) => measured::of_edge(snapshot, id.as_str()),
        }
    }
}

/// What a person names: a service by id or name, an edge by its two ends.
fn subject(snapshot: &Snapshot, named: &str) -> Result<Subject, Failure> {
    let names = Names::of(snapshot);
    let Some((from, to)) = named.split_once(" -> ") else {
        let is = |id: &str, name: &str| id == named || name == named;
        let services = snapshot.services.values();
        let found =
            services.filter(|service| is(service.id.as_str(), &service.name)).map(|service| service.id.to_string());
        return one(named, "service", found.collect()).map(Subject::Service);
    };
    let is_end = |id, text: &str| text == binnacle_model::id::ServiceId::as_str(id) || text == names.name(id);
    let edges = snapshot.edges.values();
    let found = edges.filter(|edge| is_end(&edge.from, from.trim()) && is_end(&edge.to, to.trim()));
    one(named, "edge", found.map(|edge| edge.id.to_string()).collect()).map(|id| Subject::Edge(EdgeId::from(id)))
}

fn one(named: &str, what: &str, mut found: Vec<String>) -> Result<String, Failure> {
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(last), false) => Err(Failure::new(
            "cli.several",
            Exit::Usage,
            format!("`{named}` is the name of several: {}, {last}", found.join(", ")),
            "Name it by its id.",
        )),
        (None, _) => Err(Failure::not_found(
            format!("no {what} is called `{named}`"),
            format!("See them with `binnaclectl {what}s`."),
        )),
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
        "missing": history.missing.iter().map(|fault| json!({
            "code": fault.code, "message": fault.detail, "hint": fault.hint,
        })).collect::<Vec<_>>(),
        "points": history.points.iter().map(point).collect::<Vec<_>>(),
    })
}

fn table(session: &Session, history: &SignalHistory) -> String {
    let mut table = Table::new(["AT", "RPS", "ERRORS", "P95"]);
    for point in &history.points {
        let signals = point.signals;
        let tone = match signals.error_ratio {
            Some(ratio) if ratio >= 0.05 => Tone::Bad,
            Some(ratio) if ratio >= 0.01 => Tone::Warning,
            _ => Tone::Plain,
        };
        table.row([
            Cell::text(point.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Cell::number(signals.rps.map(rate)),
            Cell::number(signals.error_ratio.map(percent)).in_tone(tone),
            Cell::number(signals.p95_ms.map(millis)),
        ]);
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

    #[test]
    fn what_fits_several_is_not_guessed() {
        assert_eq!(one("a", "service", vec!["x".into()]).unwrap(), "x");
        assert_eq!(one("a", "service", vec!["x".into(), "y".into()]).unwrap_err().code, "cli.several");
        assert_eq!(one("a", "edge", Vec::new()).unwrap_err().exit, Exit::No);
    }
}
