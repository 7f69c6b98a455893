//! The command line. What holds for every command is here; each command's own options stand with the command.

use std::path::PathBuf;
use std::time::Duration;

use binnacle_sources::ConnectionSpec;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    breaker, breakers, completions, config, demo, dialect, disagreements, discover, doctor, edges, graph, health,
    history, logs, metrics, profiles, registration, services, snapshot, sources, watch, why,
};
use crate::duration;

const ABOUT: &str = "One live picture of a fleet of microservices, in the terminal";

const LONG_ABOUT: &str = "One live picture of a fleet of microservices, in the terminal: who is healthy, who calls whom, \
which circuit breakers are open, which config values are in force. Reads the same systems as the Binnacle app, edits \
config keys with a guard that the store itself checks, and registers services.";

const AFTER_HELP: &str = "\
Where it looks:
  --source consul=http://127.0.0.1:8500  just the sources named
  --profile shop                         otherwise the sources of this profile
  CONSUL_HTTP_ADDR                       otherwise the Consul of the consul command
  http://127.0.0.1:8500                  otherwise the usual address, if it answers
  the kubeconfig's current context       otherwise, if its cluster answers and no plugin has to sign in
  --demo                                 or a fleet that runs inside this process
The other CONSUL_* variables (token, TLS) count in every case but --demo; what a profile says of a source stands over them.

Exit codes:
  0    fine
  1    the answer is no: unhealthy, different, not found
  2    the command line makes no sense
  3    a source could not be reached, or gave no whole picture within --wait; \
what is known is printed all the same
  4    refused: the guard did not hold, no permission, read-only; nothing was written
  130  ended by Ctrl-C (143: by SIGTERM)

Examples:
  binnaclectl doctor                      what answers here, and as whom
  binnaclectl health                      exit 0 when all is well, 1 and the reasons if not
  binnaclectl config get consul:dc1/kv/shop/limits.yaml
  binnaclectl config set consul:dc1/kv/shop/timeout --value 30
  binnaclectl graph -o dot | dot -Tsvg > map.svg
  binnaclectl watch                       one JSON line a change
  binnaclectl --demo edges                a first look without any system

Every error is one line on stderr, `error[code]: what. hint`; with --errors json it is one JSON object.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "binnaclectl", version, about = ABOUT, long_about = LONG_ABOUT, after_long_help = AFTER_HELP)]
#[command(arg_required_else_help = true, subcommand_required = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "For every command")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Global {
    /// A system to read, such as consul=http://127.0.0.1:8500; repeat it for several
    #[arg(long = "source", value_name = "KIND=WHERE", global = true)]
    pub(crate) sources: Vec<ConnectionSpec>,
    /// Also read the Consul and Prometheus found inside each cluster that is read; see binnaclectl discover
    #[arg(long, global = true)]
    pub(crate) discover: bool,
    /// A named set of connections; with --source just the sources named are read, and the rest of the profile holds
    #[arg(long, value_name = "NAME", env = "BINNACLE_PROFILE", hide_env_values = true, global = true)]
    pub(crate) profile: Option<String>,
    /// Ask on the terminal for the ACL token of each Consul; it is kept nowhere
    #[arg(long, global = true)]
    pub(crate) ask_token: bool,
    /// Start the demo fleet inside this process and read it
    #[arg(long, global = true)]
    pub(crate) demo: bool,
    /// How long to wait until each source has given its first whole picture: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse, global = true)]
    pub(crate) wait: Duration,
    /// How errors are written to stderr
    #[arg(long, value_enum, value_name = "FORM", default_value_t = ErrorForm::Text, global = true)]
    pub(crate) errors: ErrorForm,
    /// The file in which edits are recorded [default: $XDG_STATE_HOME/binnacle/history.sqlite]
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) history: Option<PathBuf>,
    /// Refuse every write
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// When to use colours; never the only carrier of a meaning
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto, global = true)]
    pub(crate) color: Colour,
    /// Write a log to stderr: error, warn, info, debug, trace, or a filter such as binnacle_sources=debug
    #[arg(long, value_name = "FILTER", global = true)]
    pub(crate) log: Option<String>,
}

/// How errors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ErrorForm {
    /// error[code]: what. hint
    Text,
    /// One JSON object: {"code","message","hint","source"}
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a listing is printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A table for people
    Table,
    /// JSON for programs
    Json,
}

/// `-o`, for the commands that print a listing.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// What to print
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORM", default_value_t = Form::Table)]
    pub(crate) form: Form,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Sources(sources::Arguments),
    Services(services::Arguments),
    Health(health::Arguments),
    Disagreements(disagreements::Arguments),
    Edges(edges::Arguments),
    Why(why::Arguments),
    History(history::Arguments),
    Breakers(breakers::Arguments),
    Graph(graph::Arguments),
    Snapshot(snapshot::Arguments),
    Logs(logs::Arguments),
    Watch(watch::Arguments),
    Config(config::Arguments),
    Register(Box<registration::Register>),
    Deregister(registration::Deregister),
    Breaker(breaker::Arguments),
    Profiles(profiles::Arguments),
    Dialect(dialect::Arguments),
    Metrics(metrics::Arguments),
    Discover(discover::Arguments),
    Doctor(doctor::Arguments),
    Demo(demo::Arguments),
    Completions(completions::Arguments),
}
