//! `breaker`: a circuit breaker switched by hand, by the one road: plan, guard, carry out, read back, audit, undo.

use std::sync::Arc;

use binnacle_engine::edits::EditError;
use binnacle_engine::switch::{PlannedSwitch, SwitchedOver, Switches};
use binnacle_history::{History, SwitchId, SwitchRecord};
use binnacle_model::fact::Fact;
use binnacle_model::snapshot::{Breaker, Snapshot};
use binnacle_sources::register::Verified;
use binnacle_sources::switch::SwitchTo;
use binnacle_view::switch::{SwitchPoint, points};
use binnacle_view::text::visible;
use serde_json::{Value, json};

use super::config::Reach;
use super::listing::pretty;
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::table::{Cell, Table};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl breakers -o json | jq -r '.[].id'    shows the ids
  binnaclectl breaker force-open payments --dry-run
  binnaclectl breaker close payments --why 'the bank is back'
  binnaclectl breaker undo 3

ID is the id of a breaker, or its name where only one has it. It can be switched where its system offers that: resilience4j by \
Spring Boot's actuator (--source actuator=http://HOST:PORT), the limits of an Envoy whose layered_runtime has an admin_layer \
(--source envoy=http://HOST:PORT of its admin interface), and Alibaba's Sentinel by its command API (--source sentinel=http://HOST:8719). Any other is refused with the reason.

The state that the plan has seen is the guard: a breaker that moved meanwhile is left alone, exit 4. A breaker that is not in \
the system's list is not made. Afterwards the state is read back; exit 1 when it is another than was asked for.";

/// Switch a circuit breaker by hand: force-open, disable, close, undo, history
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Refuse every call until it is switched again
    ForceOpen(Switch),
    /// Let every call pass, whatever happens, until it is switched again
    Disable(Switch),
    /// Begin anew: closed, with nothing counted
    Close(Switch),
    /// Take a switch back, where the state before can be set
    Undo(Undo),
    /// Switches that were made from this computer, the latest first
    History(Past),
}

#[derive(clap::Args, Debug)]
struct Switch {
    /// The breaker, as `breakers` shows it
    id: String,
    /// The source to switch it in, where several report it
    #[arg(long = "in", value_name = "SOURCE")]
    source: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args, Debug)]
struct Undo {
    /// The number of the switch, see `breaker history`
    line: i64,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args, Debug)]
struct Past {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: u32,
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args, Debug)]
struct How {
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask on a terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::ForceOpen(switch) => switched(session, switch, SwitchTo::ForceOpen).await,
        Command::Disable(switch) => switched(session, switch, SwitchTo::Disable).await,
        Command::Close(switch) => switched(session, switch, SwitchTo::Close).await,
        Command::Undo(undo) => session.until_interrupted(undone(session, undo)).await,
        Command::History(past) => session.until_interrupted(history(session, past)).await,
    }
}

async fn switched(session: &Session, arguments: &Switch, to: SwitchTo) -> Result<Exit, Failure> {
    session
        .with_picture(session.history()?, async |engine, snapshot| {
            let point = point(&snapshot, arguments)?;
            let errand = Errand { session, switches: engine.switches().clone(), how: &arguments.how };
            errand.go(&errand.switches.plan(&point.source, &point.name, to).await?).await
        })
        .await
}

async fn undone(session: &Session, arguments: &Undo) -> Result<Exit, Failure> {
    let reach = Arc::new(Reach::open(session).await?);
    let read_only = session.rules()?.read_only;
    let switches = Switches::new(reach, session.history()?, session.clock.clone(), session.actor(), read_only);
    let errand = Errand { session, switches, how: &arguments.how };
    errand.go(&errand.switches.plan_undo(SwitchId::from(arguments.line)).await?).await
}

/// The one place in which the named breaker is switched.
fn point(snapshot: &Snapshot, arguments: &Switch) -> Result<SwitchPoint, Failure> {
    let breaker = named(snapshot, &arguments.id)?;
    let none = |why: String| Failure::from(EditError::NoSwitch { what: breaker.id.to_string(), why });
    let mut found = points(snapshot, breaker).map_err(|why| none(why.to_owned()))?;
    if let Some(source) = &arguments.source {
        found.retain(|point| point.source.as_str() == source);
        if found.is_empty() {
            return Err(none(format!("{source} does not offer it")));
        }
    }
    if found.iter().any(|point| point.name == arguments.id) {
        found.retain(|point| point.name == arguments.id);
    }
    let several: Vec<String> = found.iter().map(|point| format!("{} ({})", point.source, point.name)).collect();
    match (found.pop_first(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(Failure::new(
            "cli.several",
            Exit::Usage,
            format!("{} is switched in {}", arguments.id, several.join(", ")),
            "Name one source with --in, or the breaker by its own name.",
        )),
    }
}

fn named<'a>(snapshot: &'a Snapshot, id: &str) -> Result<&'a Breaker, Failure> {
    let breakers = || snapshot.breakers.values().map(|breaker| &**breaker);
    if let Some(exact) = breakers().find(|breaker| breaker.id.as_str() == id) {
        return Ok(exact);
    }
    let called: Vec<&Breaker> = breakers().filter(|breaker| is_called(breaker, id)).collect();
    match called.as_slice() {
        [only] => Ok(only),
        [] => Err(none_called(snapshot, id)),
        several => Err(Failure::new(
            "cli.several",
            Exit::Usage,
            several.iter().map(|breaker| breaker.id.as_str()).collect::<Vec<_>>().join(", "),
            "Name one by its id.",
        )),
    }
}

/// A source that does not answer may have it.
fn none_called(snapshot: &Snapshot, id: &str) -> Failure {
    let silent = snapshot.sources.values().find_map(|source| Some((source, source.status.fault.as_ref()?)));
    match silent {
        Some((source, fault)) => Failure::of_fault(fault, source.id.as_str()),
        None => {
            Failure::not_found(format!("there is no breaker {id}"), "See with `binnaclectl breakers` what is there.")
        }
    }
}

/// Several breakers of a library toward one callee are one in the picture: each has its own name.
fn is_called(breaker: &Breaker, name: &str) -> bool {
    breaker.evidence.iter().any(|evidence| match &evidence.observation.fact {
        Fact::Breaker(fact) => &*fact.name == name,
        _ => false,
    })
}

/// Plan, show or carry out, and say what came of it.
struct Errand<'a> {
    session: &'a Session,
    switches: Switches,
    how: &'a How,
}

impl Errand<'_> {
    async fn go(&self, planned: &PlannedSwitch) -> Result<Exit, Failure> {
        let is_table = self.how.output.form == Form::Table;
        if self.how.dry_run {
            let text = if is_table {
                format!("{}nothing was changed (dry run)\n", plan_words(planned))
            } else {
                pretty(&plan_json(planned))?
            };
            print(text).await?;
            return Ok(Exit::Fine);
        }
        if is_table {
            print(plan_words(planned)).await?;
        }
        if self.session.terminal.can_ask && !self.how.yes {
            confirm(&planned.plan.breaker).await?;
        }
        let done = self.switches.carry_out(planned, self.how.why.clone()).await?;
        print(if is_table { format!("{}\n", done_words(&done)) } else { pretty(&done_json(planned, &done))? }).await?;
        match done.verified {
            Ok(Verified::Stuck) => Ok(Exit::Fine),
            Ok(Verified::NotStuck(_)) => Ok(Exit::No),
            // It was carried out; that it could not be looked at again is a warning.
            Err(error) => {
                self.session.warn(&error.into());
                Ok(Exit::Fine)
            }
        }
    }
}

fn plan_json(planned: &PlannedSwitch) -> Value {
    let plan = &planned.plan;
    json!({
        "dry_run": true,
        "source": plan.source,
        "breaker": plan.breaker,
        "to": plan.to.word(),
        "undo_of": planned.undo_of.map(SwitchId::number),
        "seen": plan.seen_word,
        "at": plan.at,
        "request": {
            "method": plan.request.method, "path": plan.request.path, "body": plan.request.body,
        },
        "undo": plan.way_back.to.map(SwitchTo::word),
        "undo_says": plan.way_back.says,
        "notes": plan.notes,
    })
}

fn plan_words(planned: &PlannedSwitch) -> String {
    let plan = &planned.plan;
    let mut text = Page::default();
    text.line(format!(
        "{} at {}: {} (now {})",
        visible(&plan.breaker, false),
        visible(&plan.at, false),
        plan.to.word(),
        visible(&plan.seen_word, false)
    ));
    let request = &plan.request;
    text.line(format!("  {} {}", visible(&request.method, false), visible(&request.path, false)));
    text.line(format!("    {}", visible(&request.body, false)));
    for note in plan.notes.iter().chain([&plan.way_back.says]) {
        text.line(format!("  {}", visible(note, false)));
    }
    text.text()
}

fn done_json(planned: &PlannedSwitch, done: &SwitchedOver) -> Value {
    let (verified, says) = match &done.verified {
        Ok(Verified::Stuck) => (Some(true), None),
        Ok(Verified::NotStuck(says)) => (Some(false), Some(says.clone())),
        Err(error) => (None, Some(error.to_string())),
    };
    let mut object = plan_json(planned);
    if let Value::Object(fields) = &mut object {
        fields.insert("dry_run".to_owned(), json!(false));
        fields.insert("line".to_owned(), json!(done.line.number()));
        fields.insert("verified".to_owned(), json!(verified));
        fields.insert("system_says".to_owned(), json!(says));
    }
    object
}

fn done_words(done: &SwitchedOver) -> String {
    let line = done.line;
    match &done.verified {
        Ok(Verified::Stuck) => format!("done, and the system says the same (switch {line})"),
        Ok(Verified::NotStuck(says)) => format!("done, and now: {} (switch {line})", visible(says, false)),
        Err(error) => format!("done; the breaker could not be read back ({}; switch {line})", error.code()),
    }
}

async fn history(session: &Session, arguments: &Past) -> Result<Exit, Failure> {
    let place = session.history_place()?;
    // Looking does not make the file.
    let records = if place.exists() { History::open(&place)?.switches(arguments.last)? } else { Vec::new() };
    let text = match arguments.output.form {
        Form::Json => pretty(&records.iter().map(record_json).collect::<Vec<_>>())?,
        Form::Table => table(session, &records),
    };
    print(text).await?;
    Ok(Exit::Fine)
}

fn record_json(record: &SwitchRecord) -> Value {
    let sent = &record.sent;
    json!({
        "line": record.id.number(), "at": sent.at, "settled_at": record.settled_at, "actor": sent.actor,
        "source": sent.source, "connection": sent.connection, "why": sent.why, "breaker": sent.breaker,
        "to": sent.switched_to, "seen": sent.seen, "undo": sent.way_back, "request": sent.request,
        "undo_of": sent.undo_of.map(SwitchId::number), "undone_by": record.undone_by.map(SwitchId::number),
        "state": record.state.word(), "error": record.error_code,
        "verified": record.verified.map(|(stuck, _)| stuck.word()),
    })
}

fn table(session: &Session, records: &[SwitchRecord]) -> String {
    let mut table = Table::new(["SWITCH", "AT", "ACTOR", "SOURCE", "BREAKER", "FROM", "TO", "STATE", "WHY"]);
    for record in records {
        let sent = &record.sent;
        table.row([
            Cell::text(record.id.to_string()),
            Cell::text(sent.at.to_string()),
            Cell::text(&sent.actor),
            Cell::text(sent.source.as_str()),
            Cell::text(&sent.breaker),
            Cell::text(&sent.seen),
            Cell::text(&sent.switched_to),
            Cell::text(record.state.word()),
            Cell::text(sent.why.as_deref().unwrap_or("-")),
        ]);
    }
    table.render(&session.terminal)
}

/// Asks for the breaker's name, on the terminal.
async fn confirm(name: &str) -> Result<(), Failure> {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
    eprint!("This changes what calls get through. Type {} to go on: ", visible(name, false));
    let mut typed = String::new();
    let read = BufReader::new(tokio::io::stdin().take(64 * 1024)).read_line(&mut typed).await;
    read.map_err(|error| Failure::io("reading the answer", &error))?;
    if typed.trim_end_matches(['\r', '\n']) == name {
        return Ok(());
    }
    Err(Failure::new(
        "cli.not_confirmed",
        Exit::Refused,
        "the name that was typed is not the breaker's; nothing was switched",
        "Type it as shown, or use --yes.",
    ))
}
