//! `sources`: the systems that are read, and how they are doing.

use binnacle_engine::Engine;
use binnacle_model::snapshot::{Fault, Snapshot, Source, SourceState};
use binnacle_view::text::visible;
use serde_json::{Value, json};

use super::listing::pretty;
use crate::arguments::{Form, Output};
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl sources
  binnaclectl sources -o json | jq '.[] | select(.state != \"live\")'

States: connecting (no whole picture yet), live, stale (silent for longer than it should be), failing (with the code and \
what to do), off.";

/// The systems that are read: their state, what they state, and how many requests that took
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_reading(async |engine, snapshot| {
            let text = match arguments.output.form {
                Form::Json => pretty(&json(engine, &snapshot))?,
                Form::Table => table(session, engine, &snapshot),
            };
            print(text).await?;
            Ok(Exit::Fine)
        })
        .await
}

/// What a connection did, for one of its sources. Several sources of one connection share its numbers.
struct Traffic {
    requests: u64,
    failures: u64,
    bytes: u64,
    last_answer: Option<jiff::Timestamp>,
}

fn traffic(engine: &Engine, source: &Source) -> Option<Traffic> {
    let report = engine.connections().into_iter().find(|report| report.sources.contains(&source.id))?;
    let meter = report.meter;
    Some(Traffic {
        requests: meter.requests(),
        failures: meter.failures(),
        bytes: meter.bytes(),
        last_answer: meter.last_answer(),
    })
}

fn json(engine: &Engine, snapshot: &Snapshot) -> Value {
    let fault = |fault: &Fault| json!({ "code": fault.code, "detail": fault.detail, "hint": fault.hint });
    let row = |source: &Source| {
        let status = &source.status;
        let traffic = traffic(engine, source);
        json!({
            "id": source.id,
            "kind": source.id.kind().map(binnacle_model::id::SourceKind::word),
            "state": status.state,
            "since": status.since,
            "code": status.fault.as_ref().map(|fault| &fault.code),
            "detail": status.fault.as_ref().map(|fault| &fault.detail),
            "hint": status.fault.as_ref().map(|fault| &fault.hint),
            "partial": status.partial.iter().map(fault).collect::<Vec<_>>(),
            "notes": status.notes,
            "address": status.address,
            "product": status.product,
            "next_try": status.next_try,
            "abilities": status.abilities,
            "facts": source.facts,
            "requests": traffic.as_ref().map(|traffic| traffic.requests),
            "failures": traffic.as_ref().map(|traffic| traffic.failures),
            "bytes": traffic.as_ref().map(|traffic| traffic.bytes),
            "last_answer": traffic.and_then(|traffic| traffic.last_answer),
        })
    };
    snapshot.sources.values().map(|source| row(source)).collect()
}

fn table(session: &Session, engine: &Engine, snapshot: &Snapshot) -> String {
    let mut table = Table::new(["SOURCE", "STATE", "FOR", "PRODUCT", "FACTS", "REQUESTS", "FAILED", "ADDRESS"]);
    let now = session.clock.now();
    for source in snapshot.sources.values() {
        let status = &source.status;
        let traffic = traffic(engine, source);
        let age = std::time::Duration::try_from(now.duration_since(status.since)).unwrap_or_default();
        table.row([
            Cell::text(source.id.as_str()),
            Cell::text(status.state.word()).in_tone(tone(status.state)),
            Cell::number(Some(duration::short(age))),
            Cell::text(status.product.as_deref().unwrap_or("-")),
            Cell::number(Some(source.facts)),
            Cell::number(traffic.as_ref().map(|traffic| traffic.requests)),
            Cell::number(traffic.as_ref().map(|traffic| traffic.failures)),
            Cell::text(&status.address),
        ]);
    }
    let mut text = Page::default();
    text.lines(table.render(&session.terminal));
    for source in snapshot.sources.values() {
        for fault in source.status.fault.iter().chain(&source.status.partial) {
            let said = format!("{}: {}. {}", fault.code, fault.detail.trim_end_matches('.'), fault.hint);
            text.line(format!("{}  {}", visible(source.id.as_str(), false), visible(&said, false)));
        }
        for note in &source.status.notes {
            text.line(format!("{}  {}", visible(source.id.as_str(), false), visible(note, false)));
        }
    }
    text.text()
}

fn tone(state: SourceState) -> Tone {
    match state {
        SourceState::Live => Tone::Good,
        SourceState::Connecting | SourceState::Stale => Tone::Warning,
        SourceState::Failing => Tone::Bad,
        SourceState::Off => Tone::Dim,
    }
}
