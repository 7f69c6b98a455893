//! `watch`: one line a change, written at once.

use std::time::Duration;

use binnacle_engine::Engine;
use binnacle_model::change::{Change, ChangeSet, Op, Subject};
use binnacle_model::id::Revision;
use binnacle_model::snapshot::Snapshot;
use binnacle_view::text::visible;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::listing::{Filter, word};
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl watch                                            every change, one JSON line each
  binnaclectl watch --only service --only breaker
  binnaclectl watch consul:dc1/kv/shop | while read -r line; do ...; done
  binnaclectl watch --count 1 consul:dc1/kv/shop/timeout       wait for one change, then exit 0
  binnaclectl watch -o table                                   for people

The first line has \"kind\":\"ready\" and says what is known; every line after it is one changed object:
  {\"revision\":7,\"at\":\"…\",\"op\":\"put\",\"kind\":\"config\",\"id\":\"consul:dc1/kv/a\",\"version\":\"42\",\"size\":2}
op is put (new or different) or removed. What came after the id depends on the kind; the whole object is in `snapshot`. \
A line with \"kind\":\"missed\" says that the reader was too slow and how many change sets it did not get.";

/// Changes as they happen, one line each
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Only changes of this kind; repeat it for several
    #[arg(long, value_enum, value_name = "KIND")]
    only: Vec<Kind>,
    /// Exit after so many changes
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Exit after this time: 30s, 10m
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    period: Option<Duration>,
    /// What to print
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORM", default_value_t = Form::Jsonl)]
    form: Form,
}

/// How changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// One JSON object a line
    Jsonl,
    /// One line a change, for people
    Table,
}

/// What can change, in the words of the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Source,
    Service,
    Edge,
    Breaker,
    Config,
    MeshRule,
    Session,
    ClusterService,
    Disagreement,
    Alert,
    Route,
}

impl Kind {
    fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Source(_) => Self::Source,
            Subject::Service(_) => Self::Service,
            Subject::Edge(_) => Self::Edge,
            Subject::Breaker(_) => Self::Breaker,
            Subject::Config(_) => Self::Config,
            Subject::MeshRule(_) => Self::MeshRule,
            Subject::Session(_) => Self::Session,
            Subject::ClusterService(_) => Self::ClusterService,
            Subject::Disagreement(_) => Self::Disagreement,
            Subject::Alert(_) => Self::Alert,
            Subject::Route(_) => Self::Route,
        }
    }
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_reading(async |engine, _| {
            let watching = Watching { arguments, left: arguments.count };
            match arguments.period {
                None => watching.run(engine).await,
                Some(period) => tokio::time::timeout(period, watching.run(engine)).await.unwrap_or(Ok(Exit::Fine)),
            }
        })
        .await
}

struct Watching<'a> {
    arguments: &'a Arguments,
    left: Option<u64>,
}

impl Watching<'_> {
    async fn run(mut self, engine: &Engine) -> Result<Exit, Failure> {
        // Listening begins before the picture is taken: what is in the picture is left out below, and nothing falls
        // between the two.
        let mut changes = engine.changes();
        let snapshot = engine.snapshot();
        print(self.ready(&snapshot)).await?;
        while self.left != Some(0) {
            let lines = match changes.recv().await {
                Ok(change_set) if change_set.revision <= snapshot.revision => continue,
                Ok(change_set) => self.lines(&change_set, &engine.snapshot()),
                Err(RecvError::Lagged(missed)) => self.missed(missed, &engine.snapshot()),
                Err(RecvError::Closed) => break,
            };
            if !lines.is_empty() {
                print(lines).await?;
            }
        }
        Ok(Exit::Fine)
    }

    fn ready(&self, snapshot: &Snapshot) -> String {
        let sources: Vec<Value> =
            snapshot.sources.values().map(|source| json!({ "id": source.id, "state": source.status.state })).collect();
        match self.arguments.form {
            Form::Jsonl => {
                let line = json!({
                    "kind": "ready", "revision": snapshot.revision, "at": snapshot.at, "sources": sources,
                    "services": snapshot.services.len(), "edges": snapshot.edges.len(),
                    "breakers": snapshot.breakers.len(), "config": snapshot.config.size(),
                });
                format!("{line}\n")
            }
            Form::Table => format!(
                "ready: {} sources, {} services, {} edges, {} breakers, {} config keys\n",
                snapshot.sources.len(),
                snapshot.services.len(),
                snapshot.edges.len(),
                snapshot.breakers.len(),
                snapshot.config.size()
            ),
        }
    }

    fn missed(&self, count: u64, snapshot: &Snapshot) -> String {
        match self.arguments.form {
            Form::Jsonl => {
                format!("{}\n", json!({ "kind": "missed", "change_sets": count, "revision": snapshot.revision }))
            }
            Form::Table => format!("missed {count} change sets: the reader is too slow\n"),
        }
    }

    /// The lines of one change set, which are written together: `--count` ends them.
    fn lines(&mut self, change_set: &ChangeSet, snapshot: &Snapshot) -> String {
        let mut text = String::new();
        for change in &change_set.changes {
            if self.left == Some(0) {
                break;
            }
            if !self.wants(change) {
                continue;
            }
            self.left = self.left.map(|left| left.saturating_sub(1));
            text.push_str(&self.line(change_set.revision, change_set.at, change, snapshot));
            text.push('\n');
        }
        text
    }

    fn wants(&self, change: &Change) -> bool {
        let kinds = &self.arguments.only;
        (kinds.is_empty() || kinds.contains(&Kind::of(&change.subject)))
            && self.arguments.filter.keeps(&[id_of(&change.subject)])
    }

    fn line(&self, revision: Revision, at: Timestamp, change: &Change, snapshot: &Snapshot) -> String {
        let details = match change.op {
            Op::Put => details(&change.subject, snapshot),
            Op::Removed => None,
        };
        match self.arguments.form {
            Form::Jsonl => {
                let line = Line { revision, at, change, details };
                // Ids and words always have a JSON form.
                serde_json::to_string(&line).unwrap_or_default()
            }
            Form::Table => {
                let kind = Kind::of(&change.subject);
                let id = visible(id_of(&change.subject), false);
                let about = details.as_ref().map(in_words).unwrap_or_default();
                format!("{}  {:7}  {:9}  {id}  {about}", at.strftime("%H:%M:%S%.3fZ"), word(change.op), kind_word(kind))
                    .trim_end()
                    .to_owned()
            }
        }
    }
}

/// One line of the public form.
#[derive(Serialize)]
struct Line<'a> {
    revision: Revision,
    at: Timestamp,
    #[serde(flatten)]
    change: &'a Change,
    #[serde(flatten)]
    details: Option<Value>,
}

fn id_of(subject: &Subject) -> &str {
    match subject {
        Subject::Source(id) => id.as_str(),
        Subject::Service(id) => id.as_str(),
        Subject::Edge(id) => id.as_str(),
        Subject::Breaker(id) => id.as_str(),
        Subject::Config(id) => id.as_str(),
        Subject::Disagreement(id) => id.as_str(),
        Subject::MeshRule(id)
        | Subject::Session(id)
        | Subject::ClusterService(id)
        | Subject::Alert(id)
        | Subject::Route(id) => id,
    }
}

/// What is worth saying of a changed object besides its id. `None` when it is gone again already.
fn details(subject: &Subject, snapshot: &Snapshot) -> Option<Value> {
    match subject {
        Subject::Source(id) => snapshot.sources.get(id).map(|source| {
            let code = source.status.fault.as_ref().map(|fault| &fault.code);
            json!({ "state": source.status.state, "code": code })
        }),
        Subject::Service(id) => snapshot.services.get(id).map(|service| {
            json!({
                "health": service.health, "stale": service.stale,
                "passing": service.passing(), "instances": service.instances.len(),
            })
        }),
        Subject::Edge(id) => snapshot.edges.get(id).map(|edge| {
            json!({
                "from": edge.from, "to": edge.to, "state": edge.state, "stale": edge.stale,
                "rps": edge.signals.rps, "error_ratio": edge.signals.error_ratio, "p95_ms": edge.signals.p95_ms,
            })
        }),
        Subject::Breaker(id) => snapshot.breakers.get(id).map(|breaker| {
            json!({
                "state": breaker.state, "stale": breaker.stale, "open": breaker.open, "of": breaker.of,
                "rejected_per_s": breaker.rejected_per_s,
            })
        }),
        Subject::Config(id) => {
            snapshot.config.get(id).map(|item| json!({ "version": item.version.to_string(), "size": item.size_bytes }))
        }
        Subject::MeshRule(id) => snapshot.mesh_rules.get(id).map(|rule| json!({ "summary": rule.summary })),
        Subject::Session(_) => None,
        Subject::Disagreement(id) => snapshot.disagreements.get(id).map(|one| {
            let claims = one.claims.iter().map(|claim| json!({ "source": claim.source, "says": claim.says }));
            json!({ "what": one.kind, "about": one.subject, "claims": claims.collect::<Vec<_>>() })
        }),
        Subject::Alert(id) => snapshot.alerts.get(id).map(|alert| {
            json!({
                "name": alert.fact.name, "state": alert.fact.state, "severity": alert.fact.severity,
                "service": alert.service, "summary": alert.fact.summary,
            })
        }),
        Subject::Route(id) => snapshot.routes.get(id).map(|route| {
            json!({ "host": route.fact.host, "path": route.fact.path, "target": route.fact.target.to_string() })
        }),
        Subject::ClusterService(id) => snapshot.cluster_services.get(id).map(|service| {
            let ready = service.backends.iter().filter(|backend| backend.ready).count();
            json!({ "backends": service.backends.len(), "ready": ready, "leads_to": service.leads_to })
        }),
    }
}

/// The details as `name value, name value`, without what nobody measured.
fn in_words(details: &Value) -> String {
    let Value::Object(fields) = details else { return String::new() };
    let known = fields.iter().filter(|(_, value)| !value.is_null() && **value != Value::Bool(false));
    let words = known.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {}", visible(text, false)),
        other => format!("{name} {other}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn kind_word(kind: Kind) -> String {
    use clap::ValueEnum as _;
    kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
