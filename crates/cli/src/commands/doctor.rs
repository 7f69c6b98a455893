//! `doctor`: what was looked for, what answers and as whom, and whether edits can be recorded.

use std::path::Path;
use std::sync::Arc;

use binnacle_demo::Demo;
use binnacle_engine::Opening;
use binnacle_engine::discover::{self, Answer, Found};
use binnacle_history::History;
use binnacle_model::id::SourceKind;
use binnacle_sources::{Connection, ConnectionSpec, Environment, SourceError};
use serde_json::{Value, json};

use super::listing::pretty;
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl doctor
  binnaclectl doctor --source consul=https://consul.example.com:8501

Asks each system who it is and what this identity may do, and reads nothing else. Exit 0 when all that was named answers, or \
any of what was looked for, 3 when not. Variables are listed by name only: some hold secrets.";

/// What answers here, with which identity and permissions; where edits are recorded
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    output: Output,
}

/// Variables that change how systems are reached.
const VARIABLES: [&str; 16] = [
    "CONSUL_HTTP_ADDR",
    "CONSUL_HTTP_TOKEN",
    "CONSUL_HTTP_TOKEN_FILE",
    "CONSUL_HTTP_AUTH",
    "CONSUL_HTTP_SSL",
    "CONSUL_HTTP_SSL_VERIFY",
    "CONSUL_CACERT",
    "CONSUL_CAPATH",
    "CONSUL_CLIENT_CERT",
    "CONSUL_CLIENT_KEY",
    "CONSUL_TLS_SERVER_NAME",
    "CONSUL_NAMESPACE",
    "CONSUL_PARTITION",
    "PROMETHEUS_URL",
    "PROMETHEUS_HTTP_CONFIG_FILE",
    "KUBECONFIG",
];

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let demo = session.demo().await?;
    let (found, sought) = look(session, demo.as_ref()).await?;
    let history = history_state(session);
    let set: Vec<&str> = VARIABLES.into_iter().filter(|name| session.environment.get(name).is_some()).collect();
    let text = match arguments.output.form {
        Form::Json => pretty(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "environment": set,
            "looked_for": found.iter().map(found_json).collect::<Vec<_>>(),
            "history": history.json(),
        }))?,
        Form::Table => {
            let set = if set.is_empty() { "none of those that matter is set".to_owned() } else { set.join(", ") };
            format!(
                "binnaclectl {}\nenvironment: {set}\nhistory: {}\n\n{}",
                env!("CARGO_PKG_VERSION"),
                history.words(),
                found_table(session, &found)
            )
        }
    };
    print(text).await?;
    let asked: Vec<&Found> = found.iter().filter(|found| !matches!(found.answer, Answer::NotAsked(_))).collect();
    // Of what was only looked for, one that answers is enough.
    let enough = sought == Sought::Usual && asked.iter().any(|found| matches!(found.answer, Answer::Answers(_)));
    match asked.iter().find_map(|found| failed(found)).filter(|_| !enough) {
        Some((place, error)) => Err(Failure { exit: Exit::Unreachable, ..Failure::from(error.clone()).of(place) }),
        None if history.works() => Ok(Exit::Fine),
        None => Ok(Exit::Refused),
    }
}

fn failed(found: &Found) -> Option<(&str, &SourceError)> {
    match &found.answer {
        Answer::Fails(error) => Some((&found.place, error)),
        Answer::Answers(_) | Answer::NotAsked(_) => None,
    }
}

/// Why something was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sought {
    /// It was named: all of it must answer.
    Named,
    /// It is usually here.
    Usual,
}

/// What was named, or what is usually here.
async fn look(session: &Session, demo: Option<&Demo>) -> Result<(Vec<Found>, Sought), Failure> {
    let named = session.named().await?;
    if named.is_empty() && demo.is_none() {
        return Ok((look_around(session).await?, Sought::Usual));
    }
    let mut found = Vec::new();
    if let Some(demo) = demo {
        let spec = ConnectionSpec { kind: SourceKind::Consul, place: demo.registry().to_string() };
        found.push(Found {
            title: "demo fleet".to_owned(),
            place: format!("{} from --demo", spec.shown_place()),
            answer: ask(binnacle_sources::open(&spec, &Environment::default())).await,
            spec: Some(spec),
            signs_in: false,
        });
    }
    for opening in named {
        let from = match &opening.profile {
            Some(name) if session.global.sources.is_empty() => format!("profile {name}"),
            _ => "--source".to_owned(),
        };
        found.push(Found {
            title: opening.spec.kind.word().to_owned(),
            place: format!("{} from {from}", opening.spec.shown_place()),
            answer: ask(opening.open()).await,
            spec: Some(opening.spec),
            signs_in: false,
        });
    }
    Ok((found, Sought::Named))
}

/// What is usually here; with `--ask-token` the usual Consul is asked with that.
async fn look_around(session: &Session) -> Result<Vec<Found>, Failure> {
    let mut found = discover::found(&session.environment).await;
    if session.global.ask_token
        && let Some(spec) = found.first().and_then(|found| found.spec.clone())
    {
        let opening = session.with_token(Opening::new(spec, &session.environment)).await?;
        if let Some(first) = found.first_mut() {
            first.answer = ask(opening.open()).await;
        }
    }
    Ok(found)
}

async fn ask(opened: Result<Arc<dyn Connection>, SourceError>) -> Answer {
    let probed = match opened {
        Ok(connection) => connection.probe().await,
        Err(error) => Err(error),
    };
    match probed {
        Ok(probe) => Answer::Answers(probe),
        Err(error) => Answer::Fails(error),
    }
}

fn found_json(found: &Found) -> Value {
    let spec = found.spec.as_ref().map(ToString::to_string);
    match &found.answer {
        Answer::Answers(probe) => json!({
            "title": found.title, "place": found.place, "source": spec, "answer": "answers",
            "product": probe.product, "detail": probe.detail, "took_ms": probe.took.as_secs_f64() * 1000.0,
        }),
        Answer::Fails(error) => json!({
            "title": found.title, "place": found.place, "source": spec, "answer": "fails",
            "code": error.code(), "detail": error.to_string(), "hint": error.hint,
        }),
        Answer::NotAsked(why) => json!({
            "title": found.title, "place": found.place, "source": spec, "answer": "not_asked", "detail": why,
        }),
    }
}

fn found_table(session: &Session, found: &[Found]) -> String {
    let mut table = Table::new(["LOOKED FOR", "WHERE", "ANSWER", "WHAT IT SAYS"]);
    for found in found {
        let (answer, says) = match &found.answer {
            Answer::Answers(probe) => {
                let took = super::listing::millis(probe.took.as_secs_f64() * 1000.0);
                (
                    Cell::text(format!("answers in {took}")).in_tone(Tone::Good),
                    format!("{} · {}", probe.product, probe.detail),
                )
            }
            Answer::Fails(error) => (Cell::text(error.code()).in_tone(Tone::Bad), format!("{error}. {}", error.hint)),
            Answer::NotAsked(why) => (Cell::text("not asked").in_tone(Tone::Dim), why.clone()),
        };
        table.row([Cell::text(&found.title), Cell::text(&found.place), answer, Cell::text(says)]);
    }
    table.render(&session.terminal)
}

/// Whether edits can be recorded, found out without creating anything.
enum HistoryState {
    /// It is there, with so many edits.
    Works { path: String, edits: usize, size_bytes: u64 },
    /// The first edit creates it.
    NotYet { path: String },
    /// Edits are refused, since they cannot be recorded.
    Broken(Failure),
}

fn history_state(session: &Session) -> HistoryState {
    let path = match session.history_place() {
        Ok(path) => path,
        Err(failure) => return HistoryState::Broken(failure),
    };
    let shown = path.display().to_string();
    match std::fs::metadata(&path) {
        Err(_) if !path.exists() => HistoryState::NotYet { path: shown },
        Err(error) => HistoryState::Broken(Failure::io(shown, &error)),
        Ok(metadata) => match count(&path) {
            Ok(edits) => HistoryState::Works { path: shown, edits, size_bytes: metadata.len() },
            Err(failure) => HistoryState::Broken(failure),
        },
    }
}

fn count(path: &Path) -> Result<usize, Failure> {
    Ok(History::open(path)?.count()?)
}

impl HistoryState {
    fn works(&self) -> bool {
        !matches!(self, Self::Broken(_))
    }

    fn words(&self) -> String {
        match self {
            Self::Works { path, edits, size_bytes } => format!("{path} ({edits} edits, {size_bytes} bytes)"),
            Self::NotYet { path } => format!("{path} (not there yet; the first edit creates it)"),
            Self::Broken(failure) => failure.text("error").trim_end().to_owned(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Works { path, edits, size_bytes } => {
                json!({ "path": path, "state": "works", "edits": edits, "size_bytes": size_bytes })
            }
            Self::NotYet { path } => json!({ "path": path, "state": "not_yet" }),
            Self::Broken(failure) => {
                json!({ "state": "broken", "code": failure.code, "detail": failure.message, "hint": failure.hint })
            }
        }
    }
}
