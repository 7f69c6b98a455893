//! `config`: keys of config stores, and edits of them by the one road: plan, guard, apply, read back, audit, undo.
//!
//! These commands do not run the engine: each opens the connection that it needs and asks for its keys alone.

mod answer;
mod diff;
mod history;
mod list;
mod meaning;
mod reach;
mod read;
mod write;

pub(crate) use reach::Reach;

use crate::failure::{Exit, Failure};
use crate::session::Session;

const AFTER_HELP: &str = "\
An ID is the id in the JSON of `snapshot`: the source, /kv/, and the key exactly as the store has it, such as \
consul:dc1/kv/shop/limits.yaml. Quote it when the key has spaces or other characters that the shell takes for its own.

Every write is guarded: the store itself checks that the key still has the version that was read (or that --expect \
names), and refuses otherwise. A refused write is exit code 4, writes nothing, and is never tried again by itself.";

/// Read and edit config keys: ls, get, set, rm, undo, history, diff
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Ls(list::Arguments),
    Get(read::Arguments),
    Set(write::Set),
    Rm(write::Remove),
    Undo(write::Undo),
    History(history::Arguments),
    Diff(diff::Arguments),
}

pub(crate) async fn run(session: &Session, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Ls(arguments) => list::run(session, &arguments).await,
        Command::Get(arguments) => session.until_interrupted(read::run(session, &arguments)).await,
        Command::Set(arguments) => session.until_interrupted(write::set(session, &arguments)).await,
        Command::Rm(arguments) => session.until_interrupted(write::remove(session, &arguments)).await,
        Command::Undo(arguments) => session.until_interrupted(write::undo(session, &arguments)).await,
        Command::History(arguments) => session.until_interrupted(history::run(session, &arguments)).await,
        Command::Diff(arguments) => session.until_interrupted(diff::run(session, &arguments)).await,
    }
}
