//! `dialect`: the files that say how metrics are named: which there are, whether one is right, and what comes out of one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{BreakerFact, CallsBasis, CallsFact, Fact, Party, ServedFact, Signals};
use binnacle_sources::scrape::dialect::{self, Dialect, DialectError, Dialects, Listed, Place};
use binnacle_sources::scrape::dump::{Tried, understand};
use binnacle_view::text::visible;
use serde_json::{Value, json};

use super::listing::{millis, percent, pretty, rate, word};
use super::metrics::saved;
use crate::arguments::{Form, Output};
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::table::{Cell, Table};
use crate::terminal::print;

const AFTER_HELP: &str = "\
A dialect is a TOML file that says which metrics of a library count calls and tell breakers; docs/dialects.md describes it. \
Your own are read from $XDG_CONFIG_HOME/binnacle/dialects/*.toml (by default ~/.config/binnacle/dialects/); one with the name \
of a built-in one stands in its place.";

/// How metrics are named: the dialects that are read with, a check of a file, and a trial of one on saved metrics
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    List(List),
    Check(Check),
    Test(Test),
}

/// Every dialect that is read with, where it comes from, and the files that are none
#[derive(clap::Args, Debug)]
struct List {
    #[command(flatten)]
    output: Output,
}

/// Whether a file is a dialect; if not, the line and the column of what is wrong
#[derive(clap::Args, Debug)]
struct Check {
    /// The TOML file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What edges, signals and breakers come out of a dialect and a process's saved metrics
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  curl -s http://127.0.0.1:9100/metrics > first; sleep 15; curl -s http://127.0.0.1:9100/metrics > second
  binnaclectl dialect test shoplib.toml --metrics first --metrics second --apart 15s
  binnaclectl dialect test istio --metrics first           one dump has no rates")]
struct Test {
    /// The TOML file, or the name of a dialect
    #[arg(value_name = "FILE|NAME")]
    file: String,
    /// What the process showed; give it twice for rates
    #[arg(long, value_name = "DUMP", required = true)]
    metrics: Vec<String>,
    /// How far the dumps are apart
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration::parse)]
    apart: Duration,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::List(arguments) => list(session, &arguments).await,
        Command::Check(arguments) => check(&arguments).await,
        Command::Test(arguments) => test(session, &arguments).await,
    }
}

fn failure(error: &DialectError, exit: Exit) -> Failure {
    let hint = "docs/dialects.md describes the file; `binnaclectl dialect check FILE` looks at it again.";
    Failure::new("cli.dialect", exit, error.to_string(), hint)
}

async fn list(session: &Session, arguments: &List) -> Result<Exit, Failure> {
    let dialects = Dialects::of(&session.environment);
    let text = match arguments.output.form {
        Form::Json => {
            let faults = dialects.faults().iter().map(|fault| {
                json!({ "name": null, "title": null, "path": fault.file, "metrics": [], "code": "cli.dialect", "detail": fault.to_string() })
            });
            pretty(&dialects.listed().iter().map(row).chain(faults).collect::<Vec<_>>())?
        }
        Form::Table => {
            let mut table = Table::new(["NAME", "OF", "FROM", "METRICS"]);
            for listed in dialects.listed() {
                let from = path(listed).map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
                let count = metrics(&listed.dialect).len().to_string();
                table.row([
                    Cell::text(&*listed.dialect.name),
                    Cell::text(&listed.dialect.title),
                    Cell::text(from),
                    Cell::text(count),
                ]);
            }
            let mut page = Page::default();
            page.lines(table.render(&session.terminal));
            for fault in dialects.faults() {
                page.line(format!("cli.dialect: {}. It is left out", visible(&fault.to_string(), false)));
            }
            page.text()
        }
    };
    print(text).await?;
    Ok(Exit::Fine)
}

fn path(listed: &Listed) -> Option<&Path> {
    match &listed.place {
        Place::BuiltIn(_) => None,
        Place::Own(path) => Some(path),
    }
}

/// The metrics that it reads.
fn metrics(dialect: &Dialect) -> std::collections::BTreeSet<String> {
    dialect.series().iter().flat_map(|(series, _)| &series.names).map(ToString::to_string).collect()
}

fn row(listed: &Listed) -> Value {
    json!({
        "name": listed.dialect.name,
        "title": listed.dialect.title,
        "path": path(listed).map(|path| path.display().to_string()),
        "metrics": metrics(&listed.dialect),
        "code": null,
        "detail": null,
    })
}

async fn check(arguments: &Check) -> Result<Exit, Failure> {
    let dialect = dialect::read(&arguments.file).map_err(|error| failure(&error, Exit::No))?;
    let Dialect { name, title, types: _, calls, served, breakers, channels } = &dialect;
    let counts = format!(
        "calls {}, served {}, breakers {}, channels {}",
        calls.len(),
        served.len(),
        breakers.len(),
        channels.len()
    );
    let file = visible(&arguments.file.display().to_string(), false);
    print(format!("{file} is the dialect {name} ({}): {counts}\n", visible(title, false))).await?;
    Ok(Exit::Fine)
}

/// A file where there is one, else the dialect of that name.
fn chosen(session: &Session, asked: &str) -> Result<Listed, Failure> {
    let path = Path::new(asked);
    let known = Dialects::of(&session.environment);
    let named = known.listed().iter().find(|listed| *listed.dialect.name == *asked);
    match named {
        Some(listed) if !path.exists() => Ok(listed.clone()),
        _ => {
            let dialect = dialect::read(path).map_err(|error| failure(&error, Exit::Usage))?;
            Ok(Listed { dialect: Arc::new(dialect), place: Place::Own(path.to_owned()) })
        }
    }
}

async fn test(session: &Session, arguments: &Test) -> Result<Exit, Failure> {
    let dialects = Dialects::new(vec![chosen(session, &arguments.file)?], Vec::new());
    let mut answers = Vec::new();
    for path in &arguments.metrics {
        answers.push(saved(path).await?);
    }
    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let process = Party::Named(Arc::from("the process"));
    let tried = understand(&dialects, &process, &answers, arguments.apart);
    let text = match arguments.output.form {
        Form::Json => pretty(&as_json(&tried))?,
        Form::Table => as_tables(session, &tried),
    };
    print(text).await?;
    if tried.observations.is_empty() {
        let message = "nothing in these metrics is read by this dialect";
        let hint =
            "`binnaclectl metrics DUMP` shows what they hold; names and labels must be exactly those of the file.";
        return Err(Failure::not_found(message, hint));
    }
    Ok(Exit::Fine)
}

/// What came out, by kind.
struct Found<'a> {
    edges: Vec<(&'a CallsFact, Signals)>,
    served: Vec<&'a ServedFact>,
    breakers: Vec<&'a BreakerFact>,
}

fn found(tried: &Tried) -> Found<'_> {
    let mut found = Found { edges: Vec::new(), served: Vec::new(), breakers: Vec::new() };
    for observation in &tried.observations {
        match &observation.fact {
            Fact::Calls(calls) => {
                if let CallsBasis::Observed(signals) = calls.basis {
                    found.edges.push((calls, signals));
                }
            }
            Fact::Served(served) => found.served.push(served),
            Fact::Breaker(breaker) => found.breakers.push(breaker),
            _ => {}
        }
    }
    found
}

fn party(party: &Party) -> String {
    match party {
        Party::Named(name) | Party::Outside(name) | Party::Channel(name) => name.to_string(),
        Party::NamedIn { namespace, name } => format!("{namespace}/{name}"),
        Party::Supposed(names) => names.join(" or "),
        Party::Pod { namespace, pod, .. } => format!("{namespace}/{pod}"),
        Party::Address { host, port: 0 } => host.to_string(),
        Party::Address { host, port } => format!("{host}:{port}"),
        Party::Service { service, .. } => service.to_string(),
        Party::Any => "any".to_owned(),
    }
}

fn as_json(tried: &Tried) -> Value {
    let Found { edges, served, breakers } = found(tried);
    let edge = |(calls, signals): &(&CallsFact, Signals)| {
        json!({
            "from": party(&calls.caller), "to": party(&calls.callee), "protocol": calls.protocol, "pattern": calls.pattern,
            "observer": calls.observer.side, "signals": signals,
        })
    };
    let answered = |served: &&ServedFact| {
        json!({
            "process": party(&served.process), "offers": served.offers, "protocol": served.protocol, "signals": served.signals,
        })
    };
    let breaker = |breaker: &&BreakerFact| {
        json!({
            "caller": party(&breaker.caller), "callee": breaker.callee.as_ref().map(party), "name": breaker.name,
            "kind": breaker.kind, "state": breaker.state, "derived": breaker.derived,
            "rejected_per_s": breaker.rejected_per_s, "raw": breaker.raw,
        })
    };
    let rejected = tried.last.refused.iter();
    json!({
        "edges": edges.iter().map(edge).collect::<Vec<_>>(),
        "served": served.iter().map(answered).collect::<Vec<_>>(),
        "breakers": breakers.iter().map(breaker).collect::<Vec<_>>(),
        "accepted": tried.last.tally.got,
        "rejected": rejected.map(|one| json!({ "line": one.line, "reason": one.reason.to_string() })).collect::<Vec<_>>(),
    })
}

fn numbers(signals: &Signals) -> [Cell; 5] {
    [
        Cell::number(signals.rps.map(rate)),
        Cell::number(signals.error_ratio.map(percent)),
        Cell::number(signals.p50_ms.map(millis)),
        Cell::number(signals.p95_ms.map(millis)),
        Cell::number(signals.p99_ms.map(millis)),
    ]
}

fn as_tables(session: &Session, tried: &Tried) -> String {
    let Found { edges, served, breakers } = found(tried);
    let mut page = Page::default();
    if !edges.is_empty() {
        let mut table = Table::new(["FROM", "TO", "PROTOCOL", "COUNTED AT", "RPS", "ERRORS", "P50", "P95", "P99"]);
        for (calls, signals) in edges {
            let [rps, errors, p50, p95, p99] = numbers(&signals);
            let (from, to) = (Cell::text(party(&calls.caller)), Cell::text(party(&calls.callee)));
            let side = Cell::text(word(calls.observer.side));
            table.row([from, to, Cell::text(word(calls.protocol)), side, rps, errors, p50, p95, p99]);
        }
        page.lines(table.render(&session.terminal));
    }
    if !served.is_empty() {
        let mut table = Table::new(["ANSWERED BY", "AS", "PROTOCOL", "RPS", "ERRORS", "P50", "P95", "P99"]);
        for one in served {
            let [rps, errors, p50, p95, p99] = numbers(&one.signals);
            let offers = Cell::text(one.offers.as_deref().unwrap_or("-"));
            table.row([
                Cell::text(party(&one.process)),
                offers,
                Cell::text(word(one.protocol)),
                rps,
                errors,
                p50,
                p95,
                p99,
            ]);
        }
        page.lines(table.render(&session.terminal));
    }
    if !breakers.is_empty() {
        let mut table = Table::new(["CALLER", "CALLEE", "NAME", "KIND", "STATE", "REJECTED/S"]);
        for one in breakers {
            let state = word(one.state);
            table.row([
                Cell::text(party(&one.caller)),
                Cell::text(one.callee.as_ref().map_or_else(|| "-".to_owned(), party)),
                Cell::text(&*one.name),
                Cell::text(word(one.kind)),
                Cell::text(if one.derived { format!("{state} (derived)") } else { state }),
                Cell::number(one.rejected_per_s.map(rate)),
            ]);
        }
        page.lines(table.render(&session.terminal));
    }
    for refused in &tried.last.refused {
        page.line(format!("line {} is refused: {}", refused.line, refused.reason));
    }
    page.text()
}
