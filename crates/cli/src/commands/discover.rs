//! `discover`: what could be connected from here, on this computer and inside the clusters that answer, and why.

use binnacle_engine::discover::{self, Answer, Found};
use binnacle_model::id::SourceKind;
use binnacle_sources::kubernetes::inside::{self, Find};
use binnacle_sources::transport::no_answer;
use binnacle_sources::{Doors, ErrorKind, SourceError};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::listing::pretty;
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl discover
  binnaclectl discover --context minikube
  binnaclectl discover -o json | jq -r '.[] | select(.confirmed and .source) | \"--source \" + .source'
  binnaclectl --source kube=minikube --discover health

Looks at the environment, at the usual addresses, at the contexts of kubeconfig files, and inside the clusters that answer: their \
Services are listed, and those that stand for a known system (by label, then name, then port) are asked what they are. Nothing \
secret of the environment is sent to what is found. A cluster for which a program would have to sign in is looked into only when \
--context names it. Nothing is connected: every command reads what --source names, and with --discover also the Consul and \
Prometheus found in those clusters.

Exit 0 when something can be connected, 1 when nothing can, 3 when a context that was named cannot be looked into.";

/// What could be connected from here, also inside clusters: what it is, by what that shows, by which way it would be read
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Look into the cluster of this context alone; repeat it for several
    #[arg(long = "context", value_name = "NAME")]
    contexts: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// What one look brought.
enum Row {
    /// Something that is reached from here.
    Here(Found),
    /// Something inside a cluster.
    Inside(Find),
    /// A cluster that cannot be looked into.
    Shut { context: String, error: SourceError },
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let rows = look(session, &arguments.contexts).await;
    let text = match arguments.output.form {
        Form::Json => pretty(&rows.iter().map(row).collect::<Vec<_>>())?,
        Form::Table => table(session, &rows),
    };
    print(text).await?;
    let shut = rows.iter().find_map(|row| match row {
        Row::Shut { context, error } => Some((context, error)),
        _ => None,
    });
    match shut.filter(|_| !arguments.contexts.is_empty()) {
        Some((context, error)) => {
            let failure = Failure::from(error.clone()).of(format!("kube={context}"));
            Err(Failure { exit: Exit::Unreachable, ..failure })
        }
        None if rows.iter().any(can_be_connected) => Ok(Exit::Fine),
        None => Ok(Exit::No),
    }
}

async fn look(session: &Session, named: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut contexts = named.to_vec();
    if named.is_empty() {
        let found = discover::found(&session.environment).await;
        contexts.extend(
            found.iter().filter(|found| may_be_looked_into(found)).filter_map(|found| Some(found.spec.clone()?.place)),
        );
        rows.extend(found.into_iter().map(Row::Here));
    }
    let doors = Doors::default();
    let looks = contexts.iter().map(|context| look_inside(session, context, &doors));
    rows.extend(join_all(looks).await.into_iter().flatten());
    rows
}

/// A cluster that answers, and lets us in without a program that nobody has agreed to.
fn may_be_looked_into(found: &Found) -> bool {
    let is_cluster = found.spec.as_ref().is_some_and(|spec| spec.kind == SourceKind::Kube);
    is_cluster && !found.signs_in && matches!(found.answer, Answer::Answers(_))
}

async fn look_inside(session: &Session, context: &str, doors: &Doors) -> Vec<Row> {
    let patience = session.global.wait;
    let looked = tokio::time::timeout(patience, inside::look(context, &session.environment, doors)).await;
    let late = || no_answer("kube", format!("looking into the cluster of the context {context}"), context, patience);
    match looked.unwrap_or_else(|_| Err(late())) {
        Ok(finds) => finds.into_iter().map(Row::Inside).collect(),
        Err(error) => vec![Row::Shut { context: context.to_owned(), error }],
    }
}

fn can_be_connected(row: &Row) -> bool {
    match row {
        Row::Here(found) => found.spec.is_some() && matches!(found.answer, Answer::Answers(_)),
        Row::Inside(find) => find.spec.is_some() && find.is_confirmed(),
        Row::Shut { .. } => false,
    }
}

fn row(row: &Row) -> Value {
    match row {
        Row::Here(found) => {
            let answer = match &found.answer {
                Answer::Answers(probe) => {
                    json!({ "confirmed": true, "version": probe.product, "detail": probe.detail })
                }
                Answer::Fails(error) => unconfirmed(error),
                Answer::NotAsked(why) => json!({ "confirmed": false, "detail": why }),
            };
            let source = found.spec.as_ref().map(ToString::to_string);
            with(
                answer,
                json!({
                    "product": found.title, "place": found.place, "cluster": null, "recognised_by": null,
                    "way": "direct", "source": source, "why_not": null,
                }),
            )
        }
        Row::Inside(find) => {
            let answer = match &find.answer {
                Ok((product, detail)) => json!({ "confirmed": true, "version": product, "detail": detail }),
                Err(error) => unconfirmed(error),
            };
            let source = find.spec.as_ref().map(ToString::to_string);
            let way = Some(&find.way).filter(|way| !way.is_empty());
            with(
                answer,
                json!({
                    "product": find.product.title(), "place": find.service, "cluster": find.context,
                    "recognised_by": find.by.to_string(), "way": way, "source": source, "why_not": find.why_not,
                }),
            )
        }
        Row::Shut { context, error } => with(
            unconfirmed(error),
            json!({
                "product": "Kubernetes", "place": context, "cluster": context, "recognised_by": null, "way": null,
                "source": null, "why_not": "the cluster cannot be looked into",
            }),
        ),
    }
}

fn unconfirmed(error: &SourceError) -> Value {
    json!({ "confirmed": false, "code": error.code(), "detail": error.to_string(), "hint": error.hint })
}

/// Both objects in one: what it is first, what it said behind.
fn with(answer: Value, of: Value) -> Value {
    match (of, answer) {
        (Value::Object(mut fields), Value::Object(more)) => {
            fields.extend(more);
            Value::Object(fields)
        }
        (of, _) => of,
    }
}

fn table(session: &Session, rows: &[Row]) -> String {
    let mut table = Table::new(["FOUND", "WHERE", "RECOGNISED BY", "ANSWER", "BY", "TO CONNECT"]);
    for row in rows {
        table.row(match row {
            Row::Here(found) => [
                Cell::text(&found.title),
                Cell::text(&found.place),
                Cell::text("-"),
                match &found.answer {
                    Answer::Answers(probe) => good(&probe.product, &probe.detail),
                    Answer::Fails(error) => bad(error),
                    Answer::NotAsked(why) => Cell::text(why).in_tone(Tone::Dim),
                },
                Cell::text("direct"),
                to_connect(found.spec.as_ref().map(ToString::to_string).filter(|_| can_be_connected(row)), None),
            ],
            Row::Inside(find) => [
                Cell::text(find.product.title()),
                Cell::text(format!("{} · {}", find.context, find.service)),
                Cell::text(find.by.to_string()),
                match &find.answer {
                    Ok((product, detail)) => good(product, detail),
                    Err(error) => bad(error),
                },
                Cell::text(if find.way.is_empty() { "-" } else { &find.way }),
                to_connect(find.spec.as_ref().map(ToString::to_string), find.why_not.as_deref()),
            ],
            Row::Shut { context, error } => [
                Cell::text("Kubernetes"),
                Cell::text(context),
                Cell::text("-"),
                bad(error),
                Cell::text("-"),
                to_connect(None, Some("it cannot be looked into")),
            ],
        });
    }
    table.render(&session.terminal)
}

fn good(product: &str, detail: &str) -> Cell {
    let parts = [product, detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    Cell::text(parts.join(" · ")).in_tone(Tone::Good)
}

fn bad(error: &SourceError) -> Cell {
    let unasked = error.kind == ErrorKind::Unsupported;
    let words = if unasked { error.came_back.clone() } else { format!("not confirmed: {}", error.came_back) };
    Cell::text(words).in_tone(if unasked { Tone::Dim } else { Tone::Warning })
}

fn to_connect(spec: Option<String>, why_not: Option<&str>) -> Cell {
    match (spec, why_not) {
        (Some(spec), None) => Cell::text(format!("--source {spec}")),
        (_, Some(why)) => Cell::text(why).in_tone(Tone::Dim),
        (None, None) => Cell::text("-"),
    }
}
