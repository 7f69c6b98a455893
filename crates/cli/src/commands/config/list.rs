//! `config ls`: which keys there are.

use binnacle_model::snapshot::{ConfigItem, Snapshot};
use serde_json::json;

use crate::arguments::{Form, Output};
use crate::commands::listing::{pretty, word};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl config ls
  binnaclectl config ls consul:dc1/kv/shop/
  binnaclectl config ls -o json | jq -r '.[].id'";

/// Keys with their versions and sizes, never their values
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Only keys whose id begins like this, such as consul:dc1/kv/shop/
    #[arg(value_name = "ID")]
    prefix: Option<String>,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_reading(async |_, snapshot| {
            let items = chosen(&snapshot, arguments.prefix.as_deref().unwrap_or_default());
            let text = match arguments.output.form {
                Form::Json => pretty(&items.iter().map(|item| json(item)).collect::<Vec<_>>())?,
                Form::Table => table(session, &items),
            };
            print(text).await?;
            match (&arguments.prefix, items.is_empty()) {
                (Some(prefix), true) => Err(Failure::not_found(
                    format!("no key's id begins with {prefix}"),
                    "See all keys with `binnaclectl config ls`.",
                )),
                _ => Ok(Exit::Fine),
            }
        })
        .await
}

fn chosen<'a>(snapshot: &'a Snapshot, prefix: &str) -> Vec<&'a ConfigItem> {
    let items = snapshot.config.values().map(|item| &**item);
    items.filter(|item| item.id.as_str().starts_with(prefix)).collect()
}

fn json(item: &ConfigItem) -> serde_json::Value {
    json!({
        "id": item.id, "store": item.store, "path": item.path, "version": item.version.to_string(),
        "size": item.size_bytes, "flags": item.flags, "lock_session": item.lock_session,
    })
}

fn table(session: &Session, items: &[&ConfigItem]) -> String {
    let mut table = Table::new(["ID", "VERSION", "SIZE", "FLAGS", "STORE", "LOCKED BY"]);
    for item in items {
        table.row([
            Cell::text(item.id.as_str()),
            Cell::number(Some(item.version)),
            Cell::number(Some(item.size_bytes)),
            Cell::number(Some(item.flags)),
            Cell::text(word(item.store)),
            Cell::text(item.lock_session.as_deref().unwrap_or("-")),
        ]);
    }
    table.render(&session.terminal)
}
