//! `config history`: who changed what, when, and what became of it.

use binnacle_engine::edits::Sensitive;
use binnacle_history::{EditRecord, EditState, Filter, History, Kept, KeyRecord};
use binnacle_model::derive::config_id;
use binnacle_model::fact::StoreKind;
use binnacle_view::summary::{self, Side};
use serde_json::{Value, json};

use super::reach;
use crate::arguments::{Form, Output};
use crate::commands::listing::pretty;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl config history
  binnaclectl config history consul:dc1/kv/shop/timeout --last 5
  binnaclectl config history -o json | jq '.[] | select(.state != \"applied\")'

CHANGE says what became of the value: `0 → 0.6`, or the first line that differs; of secrets and large values the sizes alone.

States: applied; refused (a guard did not hold, nothing was written); failed (nothing was written); unknown (the answer was \
lost); pending (on its way, or the program ended before it knew the answer). No source is asked: this is the record that the \
app and binnaclectl keep on this computer.";

/// Edits that were made from this computer, the latest first
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Only edits of this key
    id: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: u32,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let key = arguments.id.as_deref().map(reach::place).transpose()?;
    let place = session.history_place()?;
    // Looking does not make the file.
    let records = if place.exists() {
        History::open(&place)?.edits(&Filter { key, newest: arguments.last })?
    } else {
        Vec::new()
    };
    let text = match arguments.output.form {
        Form::Json => pretty(&records.iter().map(json).collect::<Vec<_>>())?,
        Form::Table => table(session, &records),
    };
    print(text).await?;
    match (&arguments.id, records.is_empty()) {
        (Some(id), true) => Err(Failure::not_found(
            format!("no edit of {id} is recorded"),
            format!("The record is {}; edits by other programs are not in it.", place.display()),
        )),
        _ => Ok(Exit::Fine),
    }
}

fn json(record: &EditRecord) -> Value {
    let version = |kept: &Option<Kept>| kept.as_ref().and_then(|kept| kept.version).map(|version| version.to_string());
    let size = |kept: &Option<Kept>| kept.as_ref().map(|kept| kept.size_bytes);
    let key = |key: &KeyRecord| {
        json!({
            "id": config_id(&record.source, StoreKind::ConsulKv, &key.path),
            "op": operation(key),
            "before_version": version(&key.before), "version": version(&key.after),
            "before_size": size(&key.before), "size": size(&key.after),
            "sensitive": key.sensitive,
            "change": change(key),
        })
    };
    json!({
        "edit": record.id.number(), "at": record.at, "settled_at": record.settled_at, "actor": record.actor,
        "source": record.source, "connection": record.connection, "why": record.why,
        "state": record.state.word(), "code": record.error_code,
        "undo_of": record.undo_of.map(binnacle_history::EditId::number),
        "undone_by": record.undone_by.map(binnacle_history::EditId::number),
        "keys": record.keys.iter().map(key).collect::<Vec<_>>(),
    })
}

/// What the edit did, in a few words; secrets and large values by their size.
fn change(key: &KeyRecord) -> String {
    let sensitive = Sensitive::default();
    let before = key.before.as_ref().map(|kept| side(key, kept));
    summary::of_change(before, key.after.as_ref().map(|kept| side(key, kept)), |line| sensitive.path(line))
}

fn side<'a>(key: &KeyRecord, kept: &'a Kept) -> Side<'a> {
    Side { size_bytes: kept.size_bytes, bytes: kept.bytes.as_deref().filter(|_| !key.sensitive) }
}

fn operation(key: &KeyRecord) -> &'static str {
    if key.after.is_some() { "put" } else { "delete" }
}

fn table(session: &Session, records: &[EditRecord]) -> String {
    let mut table = Table::new(["EDIT", "AT", "WHO", "STATE", "KEY", "OP", "CHANGE", "FROM", "TO", "WHY"]);
    for record in records {
        let why = match (&record.undo_of, &record.undone_by, &record.why) {
            (Some(undone), _, None) => format!("undo of {undone}"),
            (Some(undone), _, Some(why)) => format!("undo of {undone}: {why}"),
            (None, Some(by), why) => format!("{} (undone by {by})", why.as_deref().unwrap_or_default()),
            (None, None, why) => why.clone().unwrap_or_default(),
        };
        for key in &record.keys {
            let version = |kept: &Option<Kept>| Cell::number(kept.as_ref().and_then(|kept| kept.version));
            table.row([
                Cell::number(Some(record.id)),
                Cell::text(record.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
                Cell::text(&record.actor),
                Cell::text(record.state.word()).in_tone(tone(record.state)),
                Cell::text(config_id(&record.source, StoreKind::ConsulKv, &key.path).as_str()),
                Cell::text(operation(key)),
                Cell::text(change(key)),
                version(&key.before),
                version(&key.after),
                Cell::text(why.trim()),
            ]);
        }
    }
    table.render(&session.terminal)
}

fn tone(state: EditState) -> Tone {
    match state {
        EditState::Applied => Tone::Good,
        EditState::Pending | EditState::Unknown => Tone::Warning,
        EditState::Refused | EditState::Failed => Tone::Bad,
    }
}
