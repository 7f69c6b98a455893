//! `breakers`: circuit breakers and their states.

use std::cmp::Reverse;

use binnacle_model::fact::BreakerState;
use binnacle_model::snapshot::{Breaker, Snapshot};
use binnacle_view::export::snapshot::PublicBreaker;
use binnacle_view::screen::limits::opening;

use super::listing::{Filter, Names, pretty, rate, word};
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl breakers                       the open ones first
  binnaclectl breakers checkout -o json

Kinds: failure (opens when calls fail), capacity (refuses when too many are under way), endpoint (takes single endpoints \
out). OPEN counts the caller's instances in which it lets no call pass. A state that is derived is told by nobody: it is \
concluded from counts of openings and closings. FAILING is counted by the breaker itself, in its own window; it opens from OPENS AT on. \
A rule behind it says that this is what a mesh was told; where nobody tells the state too, that is unknown.";

/// Circuit breakers: whose calls they guard, their state, and how many calls they refuse
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_rates(async |_, snapshot| {
            let breakers = chosen(&snapshot, &arguments.filter);
            let text = match arguments.output.form {
                Form::Json => pretty(&breakers.iter().map(|breaker| PublicBreaker::of(breaker)).collect::<Vec<_>>())?,
                Form::Table => table(session, &snapshot, &breakers),
            };
            print(text).await?;
            arguments.filter.found_or_no(breakers.len(), "breaker")?;
            Ok(Exit::Fine)
        })
        .await
}

/// The breakers that fit, the most notable state first.
fn chosen<'a>(snapshot: &'a Snapshot, filter: &Filter) -> Vec<&'a Breaker> {
    let breakers = snapshot.breakers.values().map(|breaker| &**breaker);
    let mut breakers: Vec<&Breaker> =
        breakers.filter(|breaker| filter.keeps(&[breaker.id.as_str(), &breaker.name])).collect();
    breakers.sort_by(|a, b| (Reverse(a.told_state()), &a.id).cmp(&(Reverse(b.told_state()), &b.id)));
    breakers
}

fn table(session: &Session, snapshot: &Snapshot, breakers: &[&Breaker]) -> String {
    let names = Names::of(snapshot);
    let mut table = Table::new([
        "CALLER",
        "CALLEE",
        "NAME",
        "KIND",
        "STATE",
        "OPEN",
        "REJECTED/S",
        "FAILING",
        "OPENS AT",
        "SOURCE",
    ]);
    for breaker in breakers {
        let mut sources: Vec<&str> = breaker.evidence.iter().map(|evidence| evidence.source.as_str()).collect();
        sources.dedup();
        let mut state = word(breaker.state);
        let marks = [(breaker.derived, "derived"), (breaker.stale, "stale")];
        for (_, mark) in marks.into_iter().filter(|(is_so, _)| *is_so) {
            state = format!("{state} ({mark})");
        }
        let opening = opening(breaker);
        table.row([
            Cell::text(names.name(&breaker.caller)),
            Cell::text(breaker.callee.as_ref().map_or("-", |callee| names.name(callee))),
            Cell::text(&breaker.name),
            Cell::text(word(breaker.kind)),
            Cell::text(state).in_tone(tone(breaker.state)),
            Cell::text(breaker.told_state().map_or("-".to_owned(), |_| format!("{} of {}", breaker.open, breaker.of))),
            Cell::number(breaker.rejected_per_s.map(rate)),
            Cell::number(breaker.failing().map(|ratio| format!("{:.1} %", ratio * 100.0))),
            Cell::text(if opening.is_empty() { "-" } else { &opening }),
            Cell::text(sources.join(", ")),
        ]);
    }
    table.render(&session.terminal)
}

pub(crate) fn tone(state: BreakerState) -> Tone {
    match state {
        BreakerState::Closed => Tone::Good,
        BreakerState::Disabled | BreakerState::Unknown => Tone::Dim,
        BreakerState::HalfOpen => Tone::Warning,
        BreakerState::ForcedOpen => Tone::Person,
        BreakerState::Open => Tone::Bad,
    }
}
