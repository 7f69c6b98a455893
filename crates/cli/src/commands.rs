//! The commands, one file a group.

pub(crate) mod breaker;
pub(crate) mod breakers;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod dialect;
pub(crate) mod disagreements;
pub(crate) mod discover;
pub(crate) mod doctor;
pub(crate) mod edges;
pub(crate) mod graph;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod listing;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod naming;
pub(crate) mod profiles;
pub(crate) mod registration;
pub(crate) mod services;
pub(crate) mod snapshot;
pub(crate) mod sources;
pub(crate) mod watch;
pub(crate) mod why;

use crate::arguments::Command;
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Runs a command to its end.
pub(crate) async fn run(session: &Session, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Sources(arguments) => sources::run(session, &arguments).await,
        Command::Services(arguments) => services::run(session, &arguments).await,
        Command::Health(arguments) => health::run(session, &arguments).await,
        Command::Disagreements(arguments) => disagreements::run(session, &arguments).await,
        Command::Edges(arguments) => edges::run(session, &arguments).await,
        Command::Why(arguments) => why::run(session, &arguments).await,
        Command::History(arguments) => history::run(session, &arguments).await,
        Command::Breakers(arguments) => breakers::run(session, &arguments).await,
        Command::Graph(arguments) => graph::run(session, &arguments).await,
        Command::Snapshot(arguments) => snapshot::run(session, &arguments).await,
        Command::Logs(arguments) => logs::run(session, &arguments).await,
        Command::Watch(arguments) => watch::run(session, &arguments).await,
        Command::Config(arguments) => config::run(session, arguments).await,
        Command::Register(arguments) => registration::register(session, &arguments).await,
        Command::Deregister(arguments) => registration::deregister(session, &arguments).await,
        Command::Breaker(arguments) => breaker::run(session, &arguments).await,
        Command::Profiles(arguments) => profiles::run(session, &arguments).await,
        Command::Dialect(arguments) => session.until_interrupted(dialect::run(session, arguments)).await,
        Command::Metrics(arguments) => session.until_interrupted(metrics::run(session, &arguments)).await,
        Command::Discover(arguments) => session.until_interrupted(discover::run(session, &arguments)).await,
        Command::Doctor(arguments) => session.until_interrupted(doctor::run(session, &arguments)).await,
        Command::Demo(_) => session.until_interrupted(demo::run()).await,
        Command::Completions(arguments) => completions::run(&arguments).await,
    }
}
