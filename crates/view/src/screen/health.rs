//! What is wrong now, by cause: a node that takes five services down is one row, and callers that see errors are the reach
//! of the service that fails.

use std::collections::{BTreeMap, BTreeSet};

use binnacle_model::fact::BreakerState;
use binnacle_model::id::{InstanceId, ServiceId};
use binnacle_model::snapshot::{Breaker, Check, Edge, Health, Instance, Service, Since, Snapshot, Source, SourceState};

use super::{Table, count, named, plural, source_name, why_empty};
use crate::contract::health::{Cause, FailingCheck, HealthHead, HealthRow, Problem};
use crate::contract::state::{
    ERRORS_CRITICAL, ERRORS_WARNING, Health as HealthWord, HealthCounts, Since as SinceWord, Subject, SubjectKind,
    millis,
};
use crate::text;

/// The screen.
pub fn table(snapshot: &Snapshot) -> Table<HealthHead, HealthRow> {
    let problems = problems(snapshot);
    let checks = failing_checks(snapshot);
    let healths =
        snapshot.services.values().filter(|service| super::is_registered(service)).map(|service| service.health);
    let head = HealthHead {
        services: HealthCounts::of(healths),
        checks: HealthCounts::of(
            snapshot
                .services
                .values()
                .flat_map(|service| service.instances.iter().flat_map(|i| &i.checks))
                .map(|c| c.health),
        ),
        problems: count(problems.len()),
        empty: (problems.is_empty() && checks.is_empty()).then(|| all_well(snapshot)),
    };
    let rows = problems.into_iter().map(HealthRow::Problem).chain(checks.into_iter().map(HealthRow::Check));
    Table { head, rows: rows.collect() }
}

fn all_well(snapshot: &Snapshot) -> String {
    if snapshot.services.is_empty() {
        return why_empty(snapshot, "checks", "They come from Consul. Add a source.");
    }
    let services = snapshot.services.values().filter(|service| super::is_registered(service)).count();
    format!("Nothing is wrong: {} looked at, all checks that exist pass.", plural(services, "service"))
}

/// The causes, worst first, then the latest first.
pub fn problems(snapshot: &Snapshot) -> Vec<Problem> {
    let mut all: Vec<Problem> = snapshot.sources.values().filter_map(|source| of_source(snapshot, source)).collect();
    all.extend(of_nodes(snapshot));
    let consequences = Consequences::of(snapshot);
    all.extend(snapshot.services.values().filter_map(|service| of_service(snapshot, service, &consequences)));
    all.extend(snapshot.breakers.values().filter_map(|breaker| of_breaker_without_callee(snapshot, breaker)));
    all.sort_by(|a, b| b.health.cmp(&a.health).then(b.since.at.total_cmp(&a.since.at)).then_with(|| a.key.cmp(&b.key)));
    all
}

fn of_source(snapshot: &Snapshot, source: &Source) -> Option<Problem> {
    let name = source_name(&source.id);
    let fault = source.status.fault.as_ref().or(source.status.partial.first());
    let (health, title) = match source.status.state {
        SourceState::Failing => (HealthWord::Critical, format!("{name} does not answer")),
        SourceState::Stale => (HealthWord::Warning, format!("{name} is silent")),
        SourceState::Live | SourceState::Connecting if !source.status.partial.is_empty() => {
            (HealthWord::Warning, format!("A part of {name} cannot be read"))
        }
        _ => return None,
    };
    let stale = snapshot
        .services
        .values()
        .filter(|service| service.stale && service.facets.iter().any(|facet| facet.source == source.id));
    let reach = match (source.status.state.is_current(), stale.count()) {
        (true, _) => plural(source.status.partial.len(), "part"),
        (false, stale) => format!("{} shown as they were", plural(stale, "service")),
    };
    Some(Problem {
        key: format!("p:source:{}", source.id),
        cause: Cause::Source,
        title,
        health,
        since: SinceWord { at: millis(source.status.since), seen_changing: true },
        reach,
        detail: fault.map(|fault| text::first_line(&fault.detail)).unwrap_or_default(),
        code: fault.map(|fault| fault.code.to_string()),
        subjects: vec![Subject { kind: SubjectKind::Source, id: source.id.to_string() }],
    })
}

struct NodeTrouble<'a> {
    check: &'a Check,
    instances: BTreeSet<&'a InstanceId>,
    services: BTreeSet<&'a ServiceId>,
}

/// Checks of nodes: one row for each node and check, however many instances stand on it.
fn of_nodes(snapshot: &Snapshot) -> Vec<Problem> {
    let mut troubles: BTreeMap<(&str, &str, &str), NodeTrouble<'_>> = BTreeMap::new();
    for service in snapshot.services.values() {
        for instance in &service.instances {
            for check in instance.checks.iter().filter(|check| check.of_node && check.health != Health::Passing) {
                let node = instance.node.as_deref().unwrap_or_default();
                let trouble = troubles
                    .entry((check.evidence.source.as_str(), node, check.id.as_str()))
                    .or_insert_with(|| NodeTrouble { check, instances: BTreeSet::new(), services: BTreeSet::new() });
                trouble.instances.insert(&instance.id);
                trouble.services.insert(&service.id);
            }
        }
    }
    troubles
        .into_iter()
        .map(|((source, node, check_id), trouble)| Problem {
            key: format!("p:node:{source}:{node}:{check_id}"),
            cause: Cause::Node,
            title: format!(
                "Node {} is {}: {}",
                text::name(node),
                trouble.check.health.word(),
                text::name(&trouble.check.name)
            ),
            health: trouble.check.health.into(),
            since: trouble.check.since.into(),
            reach: format!(
                "{}, {}",
                plural(trouble.services.len(), "service"),
                plural(trouble.instances.len(), "instance")
            ),
            detail: text::first_line(&trouble.check.output),
            code: None,
            subjects: trouble.services.iter().map(|id| subject(SubjectKind::Service, id)).collect(),
        })
        .collect()
}

fn subject(kind: SubjectKind, id: &impl ToString) -> Subject {
    Subject { kind, id: id.to_string() }
}

/// What callers suffer, by callee.
#[derive(Default)]
struct Consequences<'a> {
    failing_calls: BTreeMap<&'a ServiceId, Vec<&'a Edge>>,
    breakers: BTreeMap<&'a ServiceId, Vec<&'a Breaker>>,
}

impl<'a> Consequences<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let mut all = Self::default();
        for edge in snapshot.edges.values() {
            if edge.signals.error_ratio.is_some_and(|ratio| ratio >= ERRORS_WARNING) {
                all.failing_calls.entry(&edge.to).or_default().push(edge);
            }
        }
        for breaker in snapshot.breakers.values().filter(|breaker| refuses(breaker)) {
            if let Some(callee) = &breaker.callee {
                all.breakers.entry(callee).or_default().push(breaker);
            }
        }
        all
    }

    fn words(&self, snapshot: &Snapshot, callee: &ServiceId) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(edges) = self.failing_calls.get(callee) {
            let worst = edges.iter().filter_map(|edge| edge.signals.error_ratio).fold(0.0, f64::max);
            let callers: Vec<String> = edges.iter().take(3).map(|edge| named(snapshot, &edge.from).name).collect();
            let more = if edges.len() > 3 { " and more" } else { "" };
            words.push(format!("up to {:.1} % errors at {}{more}", worst * 100.0, callers.join(", ")));
        }
        for breaker in self.breakers.get(callee).into_iter().flatten().take(3) {
            let caller = named(snapshot, &breaker.caller).name;
            words.push(format!("breaker at {caller} {}", breaker_words(breaker)));
        }
        words
    }
}

fn refuses(breaker: &Breaker) -> bool {
    matches!(breaker.state, BreakerState::Open | BreakerState::HalfOpen | BreakerState::ForcedOpen)
}

fn breaker_words(breaker: &Breaker) -> String {
    let word = binnacle_model::world::breaker_word(breaker.state).replace('_', "-");
    let count = match (breaker.open, breaker.of) {
        (0, _) => String::new(),
        (open, of) => format!(", {open} of {of}"),
    };
    match breaker.rejected_per_s.filter(|rate| *rate > 0.0) {
        Some(rate) => format!("{word}{count}, {rate:.1}/s rejected"),
        None => format!("{word}{count}"),
    }
}

fn breaker_health(state: BreakerState) -> Health {
    match state {
        BreakerState::Open => Health::Critical,
        BreakerState::ForcedOpen => Health::Maintenance,
        BreakerState::HalfOpen => Health::Warning,
        BreakerState::Closed | BreakerState::Disabled | BreakerState::Unknown => Health::Passing,
    }
}

/// A service with checks of its own that do not pass, or with callers that get errors or have their breakers open.
fn of_service(snapshot: &Snapshot, service: &Service, consequences: &Consequences<'_>) -> Option<Problem> {
    let staying = service.instances.iter().filter(|instance| instance.terminating.is_none());
    let own: Vec<(&Instance, &Check)> = staying
        .flat_map(|instance| instance.checks.iter().map(move |check| (instance.as_ref(), check)))
        .filter(|(_, check)| !check.of_node && !matches!(check.health, Health::Passing | Health::Unknown))
        .collect();
    let worst = own.iter().map(|(_, check)| *check).max_by_key(|check| check.health);
    let mut reach = Vec::new();
    let (cause, health, since, title, detail) = match worst {
        Some(check) => {
            let bad: BTreeSet<&InstanceId> = own.iter().map(|(instance, _)| &instance.id).collect();
            reach.push(format!("{} of {}", bad.len(), plural(service.instances.len(), "instance")));
            let cause = if check.health == Health::Maintenance { Cause::Maintenance } else { Cause::Service };
            let title = format!("{} is {}", text::name(&service.name), check.health.word());
            (
                cause,
                check.health,
                check.since,
                title,
                format!("{}: {}", text::name(&check.name), text::first_line(&check.output)),
            )
        }
        None if service.health >= Health::Warning && !service.workloads.is_empty() => {
            let title = format!("{} is {}", text::name(&service.name), service.health.word());
            (Cause::Service, service.health, service.since, title, text::first_line(&service.why()))
        }
        None => from_calls(snapshot, service, consequences)?,
    };
    reach.extend(consequences.words(snapshot, &service.id));
    let mut subjects = vec![subject(SubjectKind::Service, &service.id)];
    subjects.extend(
        consequences
            .failing_calls
            .get(&service.id)
            .into_iter()
            .flatten()
            .map(|edge| subject(SubjectKind::Edge, &edge.id)),
    );
    subjects.extend(
        consequences.breakers.get(&service.id).into_iter().flatten().map(|one| subject(SubjectKind::Breaker, &one.id)),
    );
    Some(Problem {
        key: format!("p:service:{}", service.id),
        cause,
        title,
        health: health.into(),
        since: since.into(),
        reach: reach.join(" · "),
        detail,
        code: None,
        subjects,
    })
}

fn from_calls(
    snapshot: &Snapshot,
    service: &Service,
    consequences: &Consequences<'_>,
) -> Option<(Cause, Health, Since, String, String)> {
    let name = text::name(&service.name);
    let breakers = consequences.breakers.get(&service.id).map(Vec::as_slice).unwrap_or_default();
    let by_breaker = breakers.iter().max_by_key(|breaker| breaker_health(breaker.state));
    if let Some(breaker) = by_breaker {
        let caller = named(snapshot, &breaker.caller).name;
        let title = format!("The breaker {caller} → {name} is {}", breaker_words(breaker));
        return Some((Cause::Breaker, breaker_health(breaker.state), breaker.since, title, String::new()));
    }
    let edges = consequences.failing_calls.get(&service.id)?;
    let worst = edges.iter().filter_map(|edge| edge.signals.error_ratio).fold(0.0, f64::max);
    let health = if worst >= ERRORS_CRITICAL { Health::Critical } else { Health::Warning };
    // Nobody keeps since when calls fail; the first sight of the present numbers is the earliest that can be vouched for.
    let at = edges.iter().flat_map(|edge| &edge.evidence).map(|one| one.observation.seen).max()?;
    Some((Cause::Calls, health, Since { at, seen_changing: false }, format!("Calls to {name} fail"), String::new()))
}

fn of_breaker_without_callee(snapshot: &Snapshot, breaker: &Breaker) -> Option<Problem> {
    if breaker.callee.is_some() || !refuses(breaker) {
        return None;
    }
    let title = super::timeline::breaker_title(snapshot, breaker);
    Some(Problem {
        key: format!("p:breaker:{}", breaker.id),
        cause: Cause::Breaker,
        title: format!("The breaker {title} is {}", breaker_words(breaker)),
        health: breaker_health(breaker.state).into(),
        since: breaker.since.into(),
        reach: named(snapshot, &breaker.caller).name,
        detail: String::new(),
        code: None,
        subjects: vec![subject(SubjectKind::Breaker, &breaker.id), subject(SubjectKind::Service, &breaker.caller)],
    })
}

fn failing_checks(snapshot: &Snapshot) -> Vec<FailingCheck> {
    let mut rows = Vec::new();
    for service in snapshot.services.values() {
        for instance in &service.instances {
            let failing = instance.checks.iter().filter(|check| check.health != Health::Passing);
            rows.extend(failing.map(|check| failing_check(snapshot, service, instance, check)));
        }
    }
    rows.sort_by(|a, b| {
        b.health.cmp(&a.health).then_with(|| (&a.service.name, &a.key).cmp(&(&b.service.name, &b.key)))
    });
    rows
}

fn failing_check(snapshot: &Snapshot, service: &Service, instance: &Instance, check: &Check) -> FailingCheck {
    FailingCheck {
        key: format!("c:{}:{}", instance.id, check.id),
        service: named(snapshot, &service.id),
        instance: instance.id.to_string(),
        address: address(instance),
        name: text::name(&check.name),
        method: text::name(&check.method),
        health: check.health.into(),
        since: check.since.into(),
        output: text::output(&check.output),
        of_node: check.of_node,
        node: instance.node.as_deref().map(text::name),
        stale: instance.stale,
        source: check.evidence.source.to_string(),
    }
}

/// `10.0.0.1:8080`, `[::1]:8080`, or the address alone where there is no port.
pub(crate) fn address(instance: &Instance) -> String {
    let host = text::name(&instance.address);
    match instance.port {
        0 => host,
        port if host.contains(':') => format!("[{host}]:{port}"),
        port => format!("{host}:{port}"),
    }
}
