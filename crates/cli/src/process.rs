//! The life of the process: command line, signals, runtime, exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use clap::error::ErrorKind;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, Command, ErrorForm};
use crate::commands;
use crate::failure::{Exit, Failure};
use crate::session::{Session, say};

/// How long the runtime may take to end after the command has. What is still blocked then (a read of the keyboard) ends
/// with the process.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs the command of this process's command line.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(not_understood(&error).code()),
    };
    start_log(arguments.global.log.as_deref());
    let runtime = match runtime(&arguments.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&Failure::io("starting the runtime", &error), "error", arguments.global.errors);
            return ExitCode::from(Exit::Usage.code());
        }
    };
    let exit = runtime.block_on(command(arguments));
    runtime.shutdown_timeout(LAST_WORDS);
    ExitCode::from(exit.code())
}

/// One thread serves one command best: nothing has to be handed from one core to another. The demo fleet alone is several
/// programs in one.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match command {
        Command::Demo(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.worker_threads(2).enable_all().build()
}

async fn command(arguments: Arguments) -> Exit {
    // Before anything is shown: whoever sees the first output may send a signal.
    let mut signals = Signals::new();
    let interrupt = CancellationToken::new();
    let session = Session::new(arguments.global, interrupt.clone());
    let mut work = std::pin::pin!(commands::run(&session, arguments.command));
    let mut ended_by = None;
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            exit = signals.next() => {
                if ended_by.replace(exit).is_some() {
                    // The second signal does not wait for anything.
                    break Err(Failure::silent(exit));
                }
                interrupt.cancel();
            }
        }
    };
    match (result, ended_by) {
        (Err(failure), Some(exit)) if failure.is_silent() => exit,
        (Ok(exit), _) => exit,
        (Err(failure), _) => {
            session.complain(&failure);
            failure.exit
        }
    }
}

/// The signals that end the command. Without handlers they do what they do by default: they end the process.
struct Signals(Option<(Signal, Signal)>);

impl Signals {
    fn new() -> Self {
        let (interrupts, terminations) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        Self(interrupts.ok().zip(terminations.ok()))
    }

    async fn next(&mut self) -> Exit {
        let Some((interrupts, terminations)) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = interrupts.recv() => Exit::Interrupted,
            _ = terminations.recv() => Exit::Terminated,
        }
    }
}

fn start_log(filter: Option<&str>) {
    let Some(filter) = filter else { return };
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(filter);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Help and version are answers; everything else is an error in the form that was asked for, as far as that can be told
/// from a command line that makes no sense.
fn not_understood(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // A reader that went away has read enough.
        let _ = error.print();
        return Exit::Fine;
    }
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let as_json = words.iter().any(|word| word == "--errors=json")
        || words.windows(2).any(|pair| matches!(pair, [option, form] if option == "--errors" && form == "json"));
    match (as_json, error.kind()) {
        (false, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) => {
            let _ = error.print();
        }
        (true, _) => say(&usage(error), "error", ErrorForm::Json),
        (false, _) => say(&usage(error), "error", ErrorForm::Text),
    }
    Exit::Usage
}

/// The parser's message in this program's form: its first paragraph is what is wrong, its tips and the usage are the hint.
fn usage(error: &clap::Error) -> Failure {
    let rendered = error.render().to_string();
    let mut paragraphs = rendered.split("\n\n").map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = paragraphs.next().unwrap_or_default();
    let hint = paragraphs.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    Failure::new("cli.usage", Exit::Usage, message.trim_start_matches("error: "), hint)
}
