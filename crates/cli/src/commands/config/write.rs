//! `config set`, `config rm`, `config undo`: plan, show or apply, and say what came of it.

use std::path::PathBuf;

use binnacle_engine::edits::{Applied, Draft, DraftIntent, EditError, EditId, Edits, Expect, Plan};
use binnacle_model::id::ConfigId;
use binnacle_view::text::visible;
use tokio::io::AsyncReadExt as _;

use super::answer;
use super::reach::Reach;
use crate::arguments::{Form, Output};
use crate::commands::listing::pretty;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::terminal::print;

const SET_HELP: &str = "\
Examples:
  binnaclectl config set consul:dc1/kv/shop/timeout --value 30
  binnaclectl config set consul:dc1/kv/shop/limits.yaml --value-file limits.yaml --why 'sale on Friday'
  sed s/20/30/ old.yaml | binnaclectl config set consul:dc1/kv/shop/limits.yaml --value-file - --expect 48213
  binnaclectl config set consul:dc1/kv/shop/new --value x --expect absent
  binnaclectl config set consul:dc1/kv/shop/timeout --value 30 --dry-run

Without --expect the guard is the version that this command has read. Exit 4 when the guard does not hold: nothing is \
written, and both versions and their merge are shown.";

const REMOVE_HELP: &str = "\
Examples:
  binnaclectl config rm consul:dc1/kv/shop/timeout
  binnaclectl config rm consul:dc1/kv/shop/timeout --expect 48213 --dry-run

Removes this key alone: keys under it stay. On a terminal the key's name is asked for, unless --yes. Exit 1 when the key \
does not exist, 4 when the guard does not hold.";

const UNDO_HELP: &str = "\
Examples:
  binnaclectl config history consul:dc1/kv/shop/timeout
  binnaclectl config undo 17
  binnaclectl config undo 17 --dry-run

An undo is a new guarded edit: it restores the value and flags from before, and is refused (exit 4) when the key has moved \
since. It can be undone as well.";

/// A value that is larger than this is not read to its end: every store's limit is far below.
const LARGEST_INPUT: u64 = 64 * 1024 * 1024;

/// Write a key, guarded by its version
#[derive(clap::Args, Debug)]
#[command(after_help = SET_HELP)]
pub(super) struct Set {
    /// The key, such as consul:dc1/kv/shop/timeout
    id: String,
    #[command(flatten)]
    value: Value,
    /// The version that the key must have, or `absent` [default: the version read by this command]
    #[arg(long, value_name = "VERSION", value_parser = expectation)]
    expect: Option<Expect>,
    /// The application's own number beside the value [default: kept as it is]
    #[arg(long, value_name = "N")]
    flags: Option<u64>,
    #[command(flatten)]
    how: How,
}

/// Where the new value comes from: exactly one.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct Value {
    /// The new value
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    value: Option<String>,
    /// A file with the new value, byte for byte; - is the standard input
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
}

/// What the three have in common.
#[derive(clap::Args, Debug)]
struct How {
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Show the plan and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

/// Remove a key, guarded by its version
#[derive(clap::Args, Debug)]
#[command(after_help = REMOVE_HELP)]
pub(super) struct Remove {
    /// The key, such as consul:dc1/kv/shop/timeout
    id: String,
    /// The version that the key must have [default: the version read by this command]
    #[arg(long, value_name = "VERSION")]
    expect: Option<u64>,
    /// Do not ask on a terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    how: How,
}

/// Take an edit back, as a new guarded edit
#[derive(clap::Args, Debug)]
#[command(after_help = UNDO_HELP)]
pub(super) struct Undo {
    /// The number of the edit, see `config history`
    edit: i64,
    #[command(flatten)]
    how: How,
}

fn expectation(text: &str) -> Result<Expect, String> {
    match text {
        "absent" => Ok(Expect::Absent),
        version => {
            version.parse().map(Expect::Version).map_err(|_| format!("`{version}` is neither a version nor `absent`"))
        }
    }
}

pub(super) async fn set(session: &Session, arguments: &Set) -> Result<Exit, Failure> {
    let bytes = arguments.value.read().await?;
    let draft = Draft {
        id: ConfigId::from(arguments.id.as_str()),
        intent: DraftIntent::Put { bytes, flags: arguments.flags },
        expect: arguments.expect,
    };
    let errand = Errand { session, edits: Reach::edits(session).await?, how: &arguments.how };
    errand.go(errand.edits.plan(vec![draft]).await).await
}

pub(super) async fn remove(session: &Session, arguments: &Remove) -> Result<Exit, Failure> {
    let draft = Draft {
        id: ConfigId::from(arguments.id.as_str()),
        intent: DraftIntent::Delete,
        expect: arguments.expect.map(Expect::Version),
    };
    let errand = Errand { session, edits: Reach::edits(session).await?, how: &arguments.how };
    let plan = errand.edits.plan(vec![draft]).await;
    if plan.is_ok() && session.terminal.can_ask && !arguments.yes && !arguments.how.dry_run {
        confirm(&arguments.id).await?;
    }
    errand.go(plan).await
}

pub(super) async fn undo(session: &Session, arguments: &Undo) -> Result<Exit, Failure> {
    let errand = Errand { session, edits: Reach::edits(session).await?, how: &arguments.how };
    errand.go(errand.edits.plan_undo(EditId::from(arguments.edit)).await).await
}

/// The rest of the way, the same for all three.
struct Errand<'a> {
    session: &'a Session,
    edits: Edits,
    how: &'a How,
}

impl Errand<'_> {
    async fn go(&self, plan: Result<Plan, EditError>) -> Result<Exit, Failure> {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return self.refused(error).await,
        };
        if self.how.dry_run {
            let text = match self.how.output.form {
                Form::Json => pretty(&answer::plan_json(&plan))?,
                Form::Table => answer::plan_words(&plan, &self.session.terminal),
            };
            print(text).await?;
            return Ok(Exit::Fine);
        }
        match self.edits.apply(&plan, self.how.why.clone()).await {
            Ok(applied) => self.applied(&plan, &applied).await,
            Err(error) => self.refused(error).await,
        }
    }

    async fn applied(&self, plan: &Plan, applied: &Applied) -> Result<Exit, Failure> {
        let text = match self.how.output.form {
            Form::Json => pretty(&answer::applied_json(plan, applied))?,
            Form::Table => answer::applied_words(plan, applied),
        };
        print(text).await?;
        if let Some(error) = &applied.not_settled {
            self.session.warn(&Failure::of_history(error));
        }
        Ok(Exit::Fine)
    }

    /// A refusal shows what stands against the edit; every error ends the command.
    async fn refused(&self, error: EditError) -> Result<Exit, Failure> {
        if let EditError::Refused { conflicts, .. } = &error {
            let text = match self.how.output.form {
                Form::Json => pretty(&answer::refused_json(&error, conflicts))?,
                Form::Table => answer::refused_words(conflicts, &self.session.terminal),
            };
            print(text).await?;
        }
        Err(error.into())
    }
}

impl Value {
    async fn read(&self) -> Result<Vec<u8>, Failure> {
        match (&self.value, &self.value_file) {
            (Some(text), _) => Ok(text.clone().into_bytes()),
            (None, Some(path)) if path.as_os_str() == "-" => {
                let mut bytes = Vec::new();
                let read = tokio::io::stdin().take(LARGEST_INPUT).read_to_end(&mut bytes).await;
                read.map_err(|error| Failure::io("reading the standard input", &error))?;
                Ok(bytes)
            }
            (None, Some(path)) => {
                let read = async {
                    let mut bytes = Vec::new();
                    tokio::fs::File::open(path).await?.take(LARGEST_INPUT).read_to_end(&mut bytes).await?;
                    Ok(bytes)
                };
                read.await.map_err(|error| Failure::io(format!("reading {}", path.display()), &error))
            }
            // The parser has seen to it that one of them is there.
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// Asks for the key's name, on the terminal.
async fn confirm(id: &str) -> Result<(), Failure> {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let name = id.split_once("/kv/").map_or(id, |(_, path)| path);
    eprint!("This removes {}. Type {} to go on: ", visible(id, false), visible(name, false));
    let mut typed = String::new();
    let read = BufReader::new(tokio::io::stdin().take(64 * 1024)).read_line(&mut typed).await;
    read.map_err(|error| Failure::io("reading the answer", &error))?;
    if typed.trim_end_matches(['\r', '\n']) == name {
        return Ok(());
    }
    Err(Failure::new(
        "cli.not_confirmed",
        Exit::Refused,
        "the name that was typed is not the key's; nothing was removed",
        "Type it as shown, or use --yes.",
    ))
}
