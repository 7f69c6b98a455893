//! `edges`: who calls whom.

use binnacle_model::snapshot::{Edge, EdgeState, Snapshot};
use binnacle_view::export::snapshot::PublicEdge;

use super::listing::{Filter, Names, millis, pretty, signal_cells, word};
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl edges                          every edge, failing calls first
  binnaclectl edges payments                 calls from and to payments
  binnaclectl edges -o json | jq '.[] | select(.state == \"undeclared\")'

States: observed (measured), declared (configured, not measured), undeclared (measured, though the configuration names \
other partners only, or denies it). A dash is a number that nobody measured. `graph` draws the same.";

/// Who calls whom, with rates, errors and latencies where somebody measures them
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
            let edges = chosen(&snapshot, &arguments.filter);
            let text = match arguments.output.form {
                Form::Json => pretty(&edges.iter().map(|edge| PublicEdge::of(edge)).collect::<Vec<_>>())?,
                Form::Table => table(session, &snapshot, &edges),
            };
            print(text).await?;
            arguments.filter.found_or_no(edges.len(), "edge")?;
            Ok(Exit::Fine)
        })
        .await
}

/// The edges that fit, the most errors first.
fn chosen<'a>(snapshot: &'a Snapshot, filter: &Filter) -> Vec<&'a Edge> {
    let edges = snapshot.edges.values().map(|edge| &**edge);
    let mut edges: Vec<&Edge> = edges.filter(|edge| filter.keeps(&[edge.from.as_str(), edge.to.as_str()])).collect();
    let errors = |edge: &Edge| edge.signals.error_ratio.unwrap_or_default() * edge.signals.rps.unwrap_or_default();
    edges.sort_by(|a, b| errors(b).total_cmp(&errors(a)).then_with(|| a.id.cmp(&b.id)));
    edges
}

fn table(session: &Session, snapshot: &Snapshot, edges: &[&Edge]) -> String {
    let names = Names::of(snapshot);
    let mut table = Table::new(["FROM", "TO", "STATE", "PROTOCOL", "PATTERN", "RPS", "ERRORS", "P95", "P99"]);
    for edge in edges {
        let [rps, errors, p95] = signal_cells(&edge.signals);
        let state = match (edge.state, edge.stale) {
            (state, false) => word(state),
            (state, true) => format!("{} (stale)", word(state)),
        };
        table.row([
            Cell::text(names.name(&edge.from)),
            Cell::text(names.name(&edge.to)),
            Cell::text(state).in_tone(if edge.state == EdgeState::Undeclared { Tone::Warning } else { Tone::Plain }),
            Cell::text(word(edge.protocol)),
            Cell::text(word(edge.pattern)),
            rps,
            errors,
            p95,
            Cell::number(edge.signals.p99_ms.map(millis)),
        ]);
    }
    table.render(&session.terminal)
}
