//! `graph`: the topology for other tools.

use binnacle_view::export::graph;

use super::listing::pretty;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl graph -o dot | dot -Tsvg > map.svg
  binnaclectl graph -o mermaid                paste it into a README
  binnaclectl graph -o json | jq '.edges | length'";

/// The topology as Graphviz, Mermaid or JSON
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// What to print
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORM", default_value_t = Form::Dot)]
    form: Form,
}

/// The forms of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Graphviz
    Dot,
    /// A Mermaid flowchart
    Mermaid,
    /// Nodes and edges
    Json,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_rates(async |_, snapshot| {
            let text = match arguments.form {
                Form::Dot => graph::dot(&snapshot),
                Form::Mermaid => graph::mermaid(&snapshot),
                Form::Json => pretty(&graph::json(&snapshot))?,
            };
            print(text).await?;
            Ok(Exit::Fine)
        })
        .await
}
