//! `health`: one answer for a script, the causes, and the checks behind it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::{Alert, Check, Health, Instance, Service, ServiceRole, Snapshot};
use binnacle_view::contract::health::{Problem, Symptom};
use binnacle_view::screen::alerts;
use binnacle_view::screen::health::problems;
use serde_json::{Value, json};

use super::listing::{Names, health_cell, pretty, word};
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl health                          exit 0 when all is well, 1 and the reasons when not
  binnaclectl health payments checkout        each named service must be there and be well
  binnaclectl health --fail-on critical       warnings are listed and do not count
  binnaclectl health -o json | jq -r '.reasons[].output'
  binnaclectl health -o json | jq -r '.causes[] | .title, .behind[].name'
  binnaclectl health -o json | jq '.alerts[] | select(.state == \"firing\")'

First the causes, worst first, each with what is behind it: callers of a service that fails stand under that service, \
and everything on a node that fails under the node. Then the checks that do not pass, which alone decide the exit code: \
calls that fail and alerts that fire are listed among the causes and do not count. Alerts of Prometheus stand between: whether \
one is silenced only Alertmanager knows, and that is not asked.

A service in maintenance was taken out on purpose and does not count. Services that no registry has, queues and topics \
have no health of their own. When a source gave no whole picture the exit code is 3, whatever the others say.";

/// Whether all is well: exit 0 or 1, the causes and the checks
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Only these services, by name or id; one that is not there counts as unwell
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// From which state on a service counts as unwell
    #[arg(long, value_enum, value_name = "HEALTH", default_value_t = FailOn::Warning)]
    fail_on: FailOn,
    #[command(flatten)]
    output: Output,
}

/// From where on a health is a "no".
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Warning and critical
    Warning,
    /// Critical alone
    Critical,
}

impl FailOn {
    fn is_unwell(self, health: Health) -> bool {
        match self {
            Self::Warning => matches!(health, Health::Warning | Health::Critical),
            Self::Critical => health == Health::Critical,
        }
    }
}

/// Why the answer is not a plain yes: one check of one instance.
struct Reason<'a> {
    service: &'a Service,
    instance: Option<&'a Instance>,
    check: Option<&'a Check>,
}

impl Reason<'_> {
    fn output(&self) -> Arc<str> {
        self.check.map_or_else(|| self.service.why(), |check| check.output.clone())
    }
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_reading(async |_, snapshot| {
            let answer = Answer::of(&snapshot, arguments);
            let text = match arguments.output.form {
                Form::Json => pretty(&answer.json())?,
                Form::Table => answer.table(session, &snapshot),
            };
            print(text).await?;
            if let Some(name) = answer.absent.first() {
                return Err(Failure::not_found(
                    format!("no service is called `{name}`"),
                    "See the names and ids with `binnaclectl services`.",
                ));
            }
            Ok(if answer.healthy { Exit::Fine } else { Exit::No })
        })
        .await
}

struct Answer<'a> {
    healthy: bool,
    counts: BTreeMap<Reverse<Health>, usize>,
    causes: Vec<Problem>,
    reasons: Vec<Reason<'a>>,
    alerts: Vec<&'a Alert>,
    absent: Vec<&'a str>,
}

impl<'a> Answer<'a> {
    fn of(snapshot: &'a Snapshot, arguments: &'a Arguments) -> Self {
        let is = |service: &Service, name: &str| *service.name == *name || service.id.as_str() == name;
        let names = &arguments.services;
        let services = snapshot.services.values().map(|service| &**service);
        let mut asked: Vec<&Service> = services
            .filter(|service| matches!(service.role, ServiceRole::Service | ServiceRole::Gateway))
            .filter(|service| names.is_empty() || names.iter().any(|name| is(service, name)))
            .collect();
        asked.sort_by(|a, b| (Reverse(a.health), &a.name, &a.id).cmp(&(Reverse(b.health), &b.name, &b.id)));
        let absent: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| !asked.iter().any(|service| is(service, name))).collect();
        let mut counts = BTreeMap::new();
        for service in &asked {
            *counts.entry(Reverse(service.health)).or_default() += 1;
        }
        let healthy = absent.is_empty() && !asked.iter().any(|service| arguments.fail_on.is_unwell(service.health));
        let reasons =
            asked.iter().filter(|service| service.health != Health::Passing).flat_map(|service| reasons(service));
        let is_about = |problem: &Problem, id: &str| {
            let behind = problem.behind.iter().any(|symptom| symptom.service.id == id);
            behind || problem.subjects.iter().any(|subject| subject.id == id)
        };
        let concerns =
            |problem: &Problem| names.is_empty() || asked.iter().any(|one| is_about(problem, one.id.as_str()));
        let causes = problems(snapshot, &[]).into_iter().filter(concerns).collect();
        let is_asked = |service: &ServiceId| asked.iter().any(|one| one.id == *service);
        let concerned = |alert: &Alert| names.is_empty() || alert.service.as_ref().is_some_and(is_asked);
        let alerts = alerts::sorted(snapshot).into_iter().map(|(_, alert)| alert).filter(|alert| concerned(alert));
        Self { healthy, counts, causes, reasons: reasons.collect(), alerts: alerts.collect(), absent }
    }

    fn json(&self) -> Value {
        let counts: serde_json::Map<String, Value> =
            self.counts.iter().map(|(Reverse(health), count)| (health.word().to_owned(), json!(count))).collect();
        let reason = |reason: &Reason<'_>| {
            json!({
                "service": reason.service.id,
                "name": reason.service.name,
                "health": reason.check.map_or(reason.service.health, |check| check.health),
                "instance": reason.instance.map(|instance| &instance.id),
                "check": reason.check.map(|check| &check.id),
                "output": Some(reason.output()).filter(|output| reason.check.is_some() || !output.is_empty()),
                "source": reason.check.map(|check| &check.evidence.source),
            })
        };
        json!({
            "healthy": self.healthy,
            "services": counts,
            "causes": self.causes.iter().map(cause_json).collect::<Vec<_>>(),
            "reasons": self.reasons.iter().map(reason).collect::<Vec<_>>(),
            "alerts": self.alerts.iter().map(|alert| alert_json(alert)).collect::<Vec<_>>(),
            "absent": self.absent,
        })
    }

    fn table(&self, session: &Session, snapshot: &Snapshot) -> String {
        let counts: Vec<String> =
            self.counts.iter().map(|(Reverse(health), count)| format!("{count} {}", health.word())).collect();
        let counts = if counts.is_empty() { "no services".to_owned() } else { counts.join(", ") };
        let mut text = format!("{}: {counts}\n", if self.healthy { "well" } else { "not well" });
        if !self.causes.is_empty() {
            text.push('\n');
            text.push_str(&causes_table(&self.causes).render(&session.terminal));
        }
        if !self.alerts.is_empty() {
            text.push('\n');
            text.push_str(&alerts_table(&self.alerts, &Names::of(snapshot)).render(&session.terminal));
        }
        if self.reasons.is_empty() {
            return text;
        }
        let names = Names::of(snapshot);
        let mut table = Table::new(["HEALTH", "SERVICE", "INSTANCE", "CHECK", "OUTPUT"]);
        for reason in &self.reasons {
            let health = reason.check.map_or(reason.service.health, |check| check.health);
            table.row([
                health_cell(health, reason.service.stale),
                Cell::text(names.name(&reason.service.id)),
                Cell::text(reason.instance.map_or("-", |instance| &instance.native_id)),
                Cell::text(reason.check.map_or("-", |check| &check.name)),
                Cell::text(reason.output().trim()),
            ]);
        }
        text.push('\n');
        text.push_str(&table.render(&session.terminal));
        text
    }
}

fn cause_json(problem: &Problem) -> Value {
    let symptom = |symptom: &Symptom| {
        json!({
            "service": symptom.service.id,
            "name": symptom.service.name,
            "health": symptom.health,
            "words": symptom.words,
            "also": symptom.also,
        })
    };
    json!({
        "cause": problem.cause,
        "title": problem.title,
        "health": problem.health,
        "reach": problem.reach,
        "detail": problem.detail,
        "code": problem.code,
        "behind": problem.behind.iter().map(symptom).collect::<Vec<_>>(),
    })
}

fn alert_json(alert: &Alert) -> Value {
    let fact = &alert.fact;
    json!({
        "name": fact.name,
        "state": fact.state,
        "severity": fact.severity,
        "health": alert.health(),
        "since": alert.since.at,
        "summary": fact.summary,
        "service": alert.service,
        "labels": fact.labels,
        "stale": alert.stale,
        "source": alert.evidence.source,
    })
}

/// Every alert: the firing before the pending.
fn alerts_table(alerts: &[&Alert], names: &Names<'_>) -> Table {
    let mut table = Table::new(["ALERT", "STATE", "SEVERITY", "SINCE", "SERVICE", "SAYS"]);
    for alert in alerts {
        let (fact, age) = (&alert.fact, if alert.stale { " (stale)" } else { "" });
        let tone = match alert.health() {
            Some(Health::Critical) => Tone::Bad,
            Some(_) => Tone::Warning,
            None => Tone::Plain,
        };
        table.row([
            Cell::text(&fact.name),
            Cell::text(format!("{}{age}", word(fact.state))).in_tone(tone),
            Cell::text(if fact.severity.is_empty() { "-" } else { &fact.severity }),
            Cell::text(alert.since.at.to_string()),
            Cell::text(alert.service.as_ref().map_or("-", |service| names.name(service))),
            Cell::text(fact.summary.lines().next().unwrap_or_default()),
        ]);
    }
    table
}

/// Each cause with what is behind it, indented.
fn causes_table(causes: &[Problem]) -> Table {
    let mut table = Table::new(["HEALTH", "CAUSE", "REACH"]);
    for problem in causes {
        table.row([health_cell(problem.health, false), Cell::text(&problem.title), Cell::text(&problem.reach)]);
        for symptom in &problem.behind {
            let also = match symptom.also.as_slice() {
                [] => String::new(),
                also => format!(" · also behind {}", also.join(", ")),
            };
            let name = format!("  └ {}", symptom.service.name);
            table.row([
                health_cell(symptom.health, false),
                Cell::text(name),
                Cell::text(format!("{}{also}", symptom.words)),
            ]);
        }
    }
    table
}

/// Every check of the service that does not pass, worst first; the service alone when no check says why.
fn reasons(service: &Service) -> Vec<Reason<'_>> {
    let mut reasons: Vec<Reason<'_>> = service
        .instances
        .iter()
        .flat_map(|instance| instance.checks.iter().map(move |check| (instance, check)))
        .filter(|(_, check)| check.health != Health::Passing)
        .map(|(instance, check)| Reason { service, instance: Some(instance), check: Some(check) })
        .collect();
    reasons.sort_by_key(|reason| Reverse(reason.check.map(|check| check.health)));
    if reasons.is_empty() {
        reasons.push(Reason { service, instance: None, check: None });
    }
    reasons
}
