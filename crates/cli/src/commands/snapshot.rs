//! `snapshot`: the whole picture as JSON, in the public and stable form.

use binnacle_view::export::PublicSnapshot;

use super::listing::pretty;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl snapshot > now.json
  binnaclectl snapshot | jq '.services[] | select(.health == \"critical\") | .name'
  binnaclectl snapshot --schema > snapshot.schema.json

The form is public: it changes only with an entry in the changelog. Values of config keys are never part of it.";

/// The whole picture as JSON
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// What to print
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORM", default_value_t = Form::Json)]
    form: Form,
    /// Print the JSON Schema of the form instead, and read nothing
    #[arg(long)]
    schema: bool,
}

/// The forms of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// The public JSON
    Json,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.schema {
        print(PublicSnapshot::schema()).await?;
        return Ok(Exit::Fine);
    }
    session
        .with_rates(async |_, snapshot| {
            let text = match arguments.form {
                Form::Json => pretty(&PublicSnapshot::of(&snapshot, session.clock.now()))?,
            };
            print(text).await?;
            Ok(Exit::Fine)
        })
        .await
}
