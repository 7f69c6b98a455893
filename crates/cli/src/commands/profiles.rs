//! `profiles`: the named sets of connections of this user.

use binnacle_engine::profile::{self, Listed, Profile};
use binnacle_view::text::visible;
use serde_json::{Value, json};

use super::listing::pretty;
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl profiles
  binnaclectl --profile shop health
  export BINNACLE_PROFILE=shop

A profile is a file $XDG_CONFIG_HOME/binnacle/profiles/NAME.toml (by default ~/.config/binnacle/profiles/NAME.toml):
  read_only = true
  [[source]]
  at = \"consul=https://consul.example.com:8501\"
  token_file = \"~/.config/consul/shop.token\"";

/// The named sets of connections: what each reads, whether it may write, and what is wrong with one
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let listed = profile::list(&session.environment).map_err(|error| Failure::from(&error))?;
    let text = match arguments.output.form {
        Form::Json => pretty(&listed.iter().map(row).collect::<Vec<_>>())?,
        Form::Table => table(session, &listed),
    };
    print(text).await?;
    Ok(Exit::Fine)
}

fn row(listed: &Listed) -> Value {
    let profile = listed.profile.as_ref().ok();
    let fault = listed.profile.as_ref().err();
    let sources = |profile: &Profile| {
        let source = |source: &profile::ProfileSource| {
            let mut object = json!({ "at": source.spec.to_string() });
            if let Value::Object(fields) = &mut object {
                fields.extend(source.settings.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
            }
            object
        };
        profile.sources.iter().map(source).collect::<Vec<_>>()
    };
    json!({
        "name": listed.name,
        "path": listed.path.display().to_string(),
        "read_only": profile.map(|profile| profile.rules.read_only),
        "sensitive": profile.map(|profile| &profile.rules.sensitive),
        "sources": profile.map(sources),
        "code": fault.map(profile::ProfileError::code),
        "detail": fault.map(ToString::to_string),
        "hint": fault.map(profile::ProfileError::hint),
    })
}

fn table(session: &Session, listed: &[Listed]) -> String {
    let mut table = Table::new(["PROFILE", "WRITES", "SOURCES"]);
    for one in listed {
        let (writes, sources) = match &one.profile {
            Err(error) => (Cell::text(error.code()).in_tone(Tone::Bad), "-".to_owned()),
            Ok(profile) => {
                let writes = if profile.rules.read_only { "read-only" } else { "read-write" };
                let sources: Vec<String> = profile.sources.iter().map(|source| source.spec.to_string()).collect();
                (Cell::text(writes), sources.join(", "))
            }
        };
        table.row([Cell::text(&one.name), writes, Cell::text(sources)]);
    }
    let mut text = Page::default();
    text.lines(table.render(&session.terminal));
    for error in listed.iter().filter_map(|one| one.profile.as_ref().err()) {
        text.line(format!("{}: {}. {}", error.code(), visible(&error.to_string(), false), error.hint()));
    }
    if let (true, Some(folder)) = (listed.is_empty(), profile::folder(&session.environment)) {
        text.line(format!("no profile in {}", visible(&folder.display().to_string(), false)));
    }
    text.text()
}
