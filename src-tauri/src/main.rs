//! The app's window. The only code that knows Tauri; what the window shows comes from the engine by way of `binnacle-view`.

mod actions;
mod arguments;
mod commands;
mod display;
mod edits;
mod failure;
#[cfg(target_os = "linux")]
mod graphics;
mod history;
mod logs;
mod preferences;
mod registration;
mod scene;
mod state;
mod stream;
mod switch;
mod tokens;
mod window;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::{Clock, Engine, EngineConfig, EngineError, Opening, profile};
use binnacle_history::History;
use binnacle_sources::Environment;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use arguments::Arguments;
use state::{App, Settings};

/// How long the engine may take to end its requests in order when the window is closed.
const LAST_WORDS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // First of all: everything that speaks TLS takes the provider that is installed here.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return refuse(
            "app.tls",
            "another TLS provider is installed already",
            "Report this: it cannot happen from outside.",
        );
    }
    let arguments = Arguments::parse();
    log(arguments.log.as_deref());
    if let Some(sentence) = display::missing() {
        eprintln!("{sentence}");
        return ExitCode::FAILURE;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => refuse(&refusal.code, &refusal.message, &refusal.hint),
    }
}

fn refuse(code: &str, message: &str, hint: &str) -> ExitCode {
    eprintln!("error[{code}]: {message}. {hint}");
    ExitCode::FAILURE
}

fn log(filter: Option<&str>) {
    let Some(filter) = filter else { return };
    let filter = EnvFilter::builder().parse_lossy(filter);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Why the app does not start.
struct Refusal {
    code: String,
    message: String,
    hint: String,
}

fn run(arguments: &Arguments) -> Result<(), Refusal> {
    let environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let history = Arc::new(open_history(arguments, &environment)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Refusal {
        code: "app.threads".to_owned(),
        message: format!("the threads of the engine did not start: {error}"),
        hint: "Free some memory or raise the limit of processes.".to_owned(),
    })?;
    // Tauri runs the commands on the engine's threads: one pool for the whole process.
    tauri::async_runtime::set(runtime.handle().clone());
    let clock = Clock::system();
    let config = EngineConfig {
        connections: connections(arguments, &environment)?,
        actor: actor(&environment),
        environment: environment.clone(),
        history,
        read_only: arguments.read_only,
        clock,
    };
    let started = async {
        let engine = Engine::start(config).await?;
        // One click on a cluster brings what is in it.
        engine.look_inside_clusters();
        Ok(engine)
    };
    let engine = runtime.block_on(started).map_err(|error: EngineError| Refusal {
        code: error.code(),
        message: error.to_string(),
        hint: error.hint(),
    })?;
    let settings = Settings { preferences: preferences::place(&environment), demo: arguments.demo };
    let app = Arc::new(App::new(engine.clone(), settings));
    let result = window::open(&app, &runtime);
    // The window is gone: nothing of the engine may outlive it.
    let stopped = runtime.block_on(async { tokio::time::timeout(LAST_WORDS, engine.stop()).await });
    if stopped.is_err() {
        tracing::error!("a task of the engine did not end in time and is cut off");
    }
    runtime.shutdown_background();
    result.map_err(|error| Refusal {
        code: "app.window".to_owned(),
        message: format!("the window did not open: {error}"),
        hint: "On Debian and Ubuntu it needs libwebkit2gtk-4.1; `make run` installs it.".to_owned(),
    })
}

/// What is opened at once: what is named, or else the profile's.
fn connections(arguments: &Arguments, environment: &Environment) -> Result<Vec<Opening>, Refusal> {
    let name = arguments.profile.as_deref().filter(|name| !name.is_empty());
    let profile = name.map(|name| profile::find(environment, name)).transpose().map_err(|error| Refusal {
        code: error.code().to_owned(),
        message: error.to_string(),
        hint: error.hint().to_owned(),
    })?;
    Ok(profile::openings(profile.as_ref(), &arguments.sources, environment))
}

/// The history named, or the usual one.
fn open_history(arguments: &Arguments, environment: &Environment) -> Result<History, Refusal> {
    let usual = || binnacle_history::usual_place(|name| environment.get(name).map(str::to_owned));
    let place = arguments.history.clone().or_else(usual).ok_or_else(|| Refusal {
        code: "history.no_place".to_owned(),
        message: "there is no place for the history of edits".to_owned(),
        hint: "Set HOME, or name a file with --history.".to_owned(),
    })?;
    History::open(&place).map_err(|error| Refusal {
        code: error.code().to_owned(),
        message: error.to_string(),
        hint: error.hint().to_owned(),
    })
}

/// Who edits, for the audit: the user and the machine.
fn actor(environment: &Environment) -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| environment.get(name)).unwrap_or("unknown");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => user.to_owned(),
        host => format!("{user}@{host}"),
    }
}
