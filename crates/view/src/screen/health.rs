//! What is wrong now, by cause: what [`causes`] groups, in words. A node that takes five services down is one row, and
//! callers that see errors stand behind the service that fails.

use std::collections::BTreeSet;

use binnacle_model::id::{CheckId, InstanceId, SourceId};
use binnacle_model::snapshot::{
    Alert, Breaker, Check, ConfigItem, Health, Instance, Service, Since, Snapshot, Source, SourceState,
};
use jiff::SignedDuration;

use super::causes::{self, Group, Signs, Thing, Trouble};
use super::{Happened, Scene, Table, alerts, count, named, plural, source_name, why_empty};
use crate::contract::health::{AlertState, Cause, ChangedKey, FailingCheck, HealthHead, HealthRow, Problem, Symptom};
use crate::contract::state::{HealthCounts, Subject, SubjectKind, millis};
use crate::text;

/// The screen.
pub fn table(scene: &Scene) -> Table<HealthHead, HealthRow> {
    let snapshot = &*scene.snapshot;
    let problems = problems(snapshot, &scene.happened);
    let checks = failing_checks(snapshot);
    let alerts = alerts::rows(snapshot);
    let in_state = |state| count(alerts.iter().filter(|alert| alert.state == state).count());
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
        firing: in_state(AlertState::Firing),
        pending: in_state(AlertState::Pending),
        no_alerts: alerts::why_none(snapshot),
        empty: (problems.is_empty() && checks.is_empty()).then(|| all_well(snapshot)),
    };
    let rows = problems.into_iter().map(HealthRow::Problem).chain(checks.into_iter().map(HealthRow::Check));
    Table { head, rows: rows.chain(alerts.into_iter().map(HealthRow::Alert)).collect() }
}

fn all_well(snapshot: &Snapshot) -> String {
    if snapshot.services.is_empty() {
        return why_empty(snapshot, "checks", "They come from Consul. Add a source.");
    }
    let services = snapshot.services.values().filter(|service| super::is_registered(service)).count();
    format!("Nothing is wrong: {} looked at, all checks that exist pass.", plural(services, "service"))
}

/// How long before a trouble a key of its service may have changed to be named with it.
const LATELY: SignedDuration = SignedDuration::from_mins(15);
/// What a check may be ahead of the store: they are watched side by side.
const AHEAD: SignedDuration = SignedDuration::from_secs(5);
/// The most names in one sentence.
const NAMES: usize = 3;

/// The causes, worst first, with what is behind each.
pub fn problems(snapshot: &Snapshot, happened: &[Happened]) -> Vec<Problem> {
    let groups = causes::groups(snapshot);
    let changed = if groups.is_empty() { Vec::new() } else { changed_keys(snapshot) };
    groups.iter().filter_map(|group| problem(snapshot, group, &changed, happened)).collect()
}

/// What of a problem differs by the sort of its cause.
struct Words {
    key: String,
    cause: Cause,
    title: String,
    reach: Vec<String>,
    detail: String,
    code: Option<String>,
    subjects: Vec<Subject>,
    since: Since,
}

fn problem(snapshot: &Snapshot, group: &Group<'_>, changed: &[&ConfigItem], happened: &[Happened]) -> Option<Problem> {
    let cause = &group.cause;
    let mut words = match cause.thing {
        Thing::Source(id) => of_source(snapshot, snapshot.sources.get(id)?),
        Thing::Node(source, node) => of_node(source, node, cause)?,
        Thing::Service(id) => of_service(snapshot, snapshot.services.get(id)?, cause)?,
        Thing::Breaker(id) => of_breaker(snapshot, snapshot.breakers.get(id)?),
        Thing::Alert(key) => of_alert(key, snapshot.alerts.get(key)?),
    };
    let changed = match cause.thing {
        Thing::Service(id) => latest_change(snapshot, snapshot.services.get(id)?, cause, changed),
        _ => None,
    };
    let changed = changed.map(|item| changed_key(item, happened));
    if !group.behind.is_empty() {
        words.reach.push(behind_words(snapshot, group));
    }
    if let Some(key) = &changed {
        words.reach.push(changed_words(key, cause));
        words.subjects.push(Subject { kind: SubjectKind::Config, id: key.id.clone() });
    }
    Some(Problem {
        key: words.key,
        cause: words.cause,
        title: words.title,
        health: group.worst().into(),
        since: words.since.into(),
        reach: words.reach.join(" · "),
        detail: words.detail,
        code: words.code,
        subjects: words.subjects,
        behind: group.behind.iter().filter_map(|symptom| of_symptom(snapshot, symptom)).collect(),
        changed,
    })
}

fn of_source(snapshot: &Snapshot, source: &Source) -> Words {
    let name = source_name(&source.id);
    let fault = source.status.fault.as_ref().or(source.status.partial.first());
    let title = match source.status.state {
        SourceState::Failing => format!("{name} does not answer"),
        SourceState::Stale => format!("{name} is silent"),
        _ => format!("A part of {name} cannot be read"),
    };
    let stale = snapshot
        .services
        .values()
        .filter(|service| service.stale && service.facets.iter().any(|facet| facet.source == source.id));
    let reach = match (source.status.state.is_current(), stale.count()) {
        (true, _) => Some(plural(source.status.partial.len(), "part")),
        (false, 0) => None,
        (false, stale) => Some(format!("{} shown as they were", plural(stale, "service"))),
    };
    Words {
        key: format!("p:source:{}", source.id),
        cause: Cause::Source,
        title,
        reach: reach.into_iter().collect(),
        detail: fault.map(|fault| text::first_line(&fault.detail)).unwrap_or_default(),
        code: fault.map(|fault| fault.code.to_string()),
        subjects: vec![Subject { kind: SubjectKind::Source, id: source.id.to_string() }],
        since: Since { at: source.status.since, seen_changing: true },
    }
}

/// A node, however many instances stand on it.
fn of_node(source: &SourceId, node: &str, cause: &Trouble<'_>) -> Option<Words> {
    let check = cause.signs.worst_of_nodes()?;
    let checks: BTreeSet<&CheckId> = cause.signs.nodes.iter().map(|(_, check)| &check.id).collect();
    let instances: BTreeSet<&InstanceId> = cause.signs.nodes.iter().map(|(instance, _)| &instance.id).collect();
    let more =
        if checks.len() > 1 { format!(" and {}", plural(checks.len() - 1, "more check")) } else { String::new() };
    Some(Words {
        key: format!("p:node:{source}:{node}"),
        cause: Cause::Node,
        title: format!("Node {} is {}: {}{more}", text::name(node), state_words(check.health), text::name(&check.name)),
        reach: vec![plural(instances.len(), "instance")],
        detail: text::first_line(&check.output),
        code: None,
        subjects: Vec::new(),
        since: check.since,
    })
}

/// An alert that speaks of nothing that is known.
fn of_alert(key: &str, alert: &Alert) -> Words {
    Words {
        key: format!("p:alert:{key}"),
        cause: Cause::Alert,
        title: format!("Alert {}", alerts::words(alert)),
        reach: vec!["it speaks of no service that is known".to_owned()],
        detail: text::first_line(&alert.fact.summary),
        code: None,
        subjects: vec![subject(SubjectKind::Source, &alert.evidence.source)],
        since: alert.since,
    }
}

fn state_words(health: Health) -> &'static str {
    if health == Health::Maintenance { "in maintenance" } else { health.word() }
}

fn subject(kind: SubjectKind, id: &impl ToString) -> Subject {
    Subject { kind, id: id.to_string() }
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

/// A service with checks of its own that complain, or with callers that get errors or have their breakers open.
fn of_service(snapshot: &Snapshot, service: &Service, cause: &Trouble<'_>) -> Option<Words> {
    let signs = &cause.signs;
    let name = text::name(&service.name);
    let own = signs.worst_own().filter(|check| check.health >= signs.callers_health());
    let mut words = Words {
        key: format!("p:service:{}", service.id),
        cause: Cause::Service,
        title: String::new(),
        reach: own_words(service, signs).into_iter().chain(alert_words(signs)).chain(callers_words(signs)).collect(),
        detail: signs.worst_own().map(check_words).unwrap_or_default(),
        code: None,
        subjects: vec![subject(SubjectKind::Service, &service.id)],
        since: first_sight(signs),
    };
    let rollout = signs.rollout.filter(|one| one.health >= signs.callers_health());
    if let Some(rollout) = rollout {
        words.title = format!("{name} is {}", state_words(rollout.health));
        words.detail = text::first_line(&rollout.why());
        words.since = rollout.since;
    } else if let Some(check) =
        own.or_else(|| signs.worst_of_nodes().filter(|_| signs.callers_health() <= Health::Unknown))
    {
        words.cause = if check.health == Health::Maintenance { Cause::Maintenance } else { Cause::Service };
        words.title = format!("{name} is {}", state_words(check.health));
        words.since = check.since;
    } else if let Some(alert) =
        signs.worst_alert().filter(|alert| alert.health() >= Some(signs.callers_health().max(Health::Warning)))
    {
        words.cause = Cause::Alert;
        words.title = format!("Alert {} for {name}", alerts::words(alert));
        words.detail = text::first_line(&alert.fact.summary);
        words.since = alert.since;
        if signs.alerts.len() == 1 {
            // The title says it.
            words.reach.retain(|one| Some(one) != alert_words(signs).as_ref());
        }
    } else if !signs.calls_in.is_empty() {
        words.cause = Cause::Calls;
        words.title = format!("Calls to {name} fail");
    } else {
        let breaker = signs.worst_breaker()?;
        let caller = named(snapshot, &breaker.caller).name;
        words.cause = Cause::Breaker;
        words.title = format!("The breaker {caller} → {name} is {}", breaker_words(breaker));
        words.since = breaker.since;
    }
    words.reach.extend(suffered_words(snapshot, signs).into_iter().map(|one| format!("its {one}")));
    words.subjects.extend(signs.calls_in.iter().map(|edge| subject(SubjectKind::Edge, &edge.id)));
    words.subjects.extend(signs.breakers_in.iter().map(|one| subject(SubjectKind::Breaker, &one.id)));
    Some(words)
}

/// Nobody keeps since when calls fail; the first sight of the present numbers is the earliest that can be vouched for.
fn first_sight(signs: &Signs<'_>) -> Since {
    let evidence = signs.calls_in.iter().flat_map(|edge| &edge.evidence);
    let at = evidence.map(|one| one.observation.seen).max().unwrap_or_default();
    Since { at, seen_changing: false }
}

fn check_words(check: &Check) -> String {
    format!("{}: {}", text::name(&check.name), text::first_line(&check.output))
}

fn own_words(service: &Service, signs: &Signs<'_>) -> Option<String> {
    let bad: BTreeSet<&InstanceId> = signs.own.iter().map(|(instance, _)| &instance.id).collect();
    let all = plural(service.instances.len(), "instance");
    (!bad.is_empty()).then(|| format!("{} of {all}", bad.len()))
}

/// The alerts about it that fire, by name.
fn alert_words(signs: &Signs<'_>) -> Option<String> {
    let names: BTreeSet<String> = signs.alerts.iter().map(|alert| text::name(&alert.fact.name)).collect();
    let more = names.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown: Vec<String> = names.into_iter().take(NAMES).collect();
    (!shown.is_empty()).then(|| format!("{}: {}{more}", plural_alerts(signs.alerts.len()), shown.join(", ")))
}

fn plural_alerts(number: usize) -> String {
    if number == 1 { "1 alert fires".to_owned() } else { format!("{number} alerts fire") }
}

/// What its callers meet, in numbers; who they are stands with the symptoms.
fn callers_words(signs: &Signs<'_>) -> Vec<String> {
    let worst = signs.calls_in.iter().filter_map(|edge| edge.signals.error_ratio).reduce(f64::max);
    let breakers = signs.breakers_in.len();
    let refusing = (breakers > 0).then(|| format!("{} not closed", plural(breakers, "breaker")));
    worst.map(|ratio| format!("up to {:.1} % errors", ratio * 100.0)).into_iter().chain(refusing).collect()
}

/// What it meets itself as a caller.
fn suffered_words(snapshot: &Snapshot, signs: &Signs<'_>) -> Vec<String> {
    let calls = signs.calls_out.iter().filter_map(|edge| {
        let ratio = edge.signals.error_ratio?;
        Some(format!("calls to {}: {:.1} % errors", named(snapshot, &edge.to).name, ratio * 100.0))
    });
    let breakers = signs.breakers_out.iter().filter_map(|breaker| {
        let callee = named(snapshot, breaker.callee.as_ref()?).name;
        Some(format!("breaker to {callee}: {}", breaker_words(breaker)))
    });
    calls.take(NAMES).chain(breakers.take(NAMES)).collect()
}

fn of_symptom(snapshot: &Snapshot, symptom: &causes::Symptom<'_>) -> Option<Symptom> {
    let Thing::Service(id) = symptom.trouble.thing else { return None };
    let service = snapshot.services.get(id)?;
    let signs = &symptom.trouble.signs;
    let mut words: Vec<String> = suffered_words(snapshot, signs);
    let fails = signs.calls_in.iter().filter_map(|edge| edge.signals.error_ratio).reduce(f64::max);
    words.extend(fails.map(|ratio| format!("calls to it: up to {:.1} % errors", ratio * 100.0)));
    if let (Some(count), Some(check)) = (own_words(service, signs), signs.worst_own()) {
        words.push(format!("{count} {}: {}", state_words(check.health), check_words(check)));
    }
    words.extend(alert_words(signs));
    let on_nodes: BTreeSet<&InstanceId> = signs.nodes.iter().map(|(instance, _)| &instance.id).collect();
    if !on_nodes.is_empty() {
        words.push(format!("{} of {} on it", on_nodes.len(), plural(service.instances.len(), "instance")));
    }
    Some(Symptom {
        service: named(snapshot, id),
        health: symptom.trouble.health.into(),
        since: symptom.trouble.since.map(Into::into),
        words: words.join(" · "),
        also: symptom.also.iter().map(|thing| thing_name(snapshot, *thing)).collect(),
    })
}

fn thing_name(snapshot: &Snapshot, thing: Thing<'_>) -> String {
    match thing {
        Thing::Source(id) => source_name(id),
        Thing::Node(_, node) => format!("node {}", text::name(node)),
        Thing::Alert(key) => snapshot
            .alerts
            .get(key)
            .map_or_else(|| text::name(key), |one| format!("alert {}", text::name(&one.fact.name))),
        Thing::Service(id) => named(snapshot, id).name,
        Thing::Breaker(id) => snapshot
            .breakers
            .get(id)
            .map_or_else(|| text::name(id.as_str()), |breaker| super::timeline::breaker_title(snapshot, breaker)),
    }
}

fn behind_words(snapshot: &Snapshot, group: &Group<'_>) -> String {
    let all = group.behind.len();
    let names: Vec<String> =
        group.behind.iter().take(NAMES).map(|symptom| thing_name(snapshot, symptom.trouble.thing)).collect();
    let more = if all > NAMES { format!(" and {} more", all - NAMES) } else { String::new() };
    format!("{} behind it: {}{more}", plural(all, "service"), names.join(", "))
}

fn of_breaker(snapshot: &Snapshot, breaker: &Breaker) -> Words {
    let title = super::timeline::breaker_title(snapshot, breaker);
    Words {
        key: format!("p:breaker:{}", breaker.id),
        cause: Cause::Breaker,
        title: format!("The breaker {title} is {}", breaker_words(breaker)),
        reach: vec![named(snapshot, &breaker.caller).name],
        detail: String::new(),
        code: None,
        subjects: vec![subject(SubjectKind::Breaker, &breaker.id), subject(SubjectKind::Service, &breaker.caller)],
        since: breaker.since,
    }
}

/// The keys that were seen to change lately. A source's first picture comes before it is live: that is no change.
fn changed_keys(snapshot: &Snapshot) -> Vec<&ConfigItem> {
    let live_since = |item: &ConfigItem| snapshot.sources.get(&item.source).map(|source| source.status.since);
    let all = snapshot.config.values().map(AsRef::as_ref);
    all.filter(|item| live_since(item).is_some_and(|since| item.seen > since)).collect()
}

/// The latest change of a key with the service's name in its path, shortly before the trouble began.
fn latest_change<'a>(
    snapshot: &Snapshot,
    service: &Service,
    cause: &Trouble<'_>,
    changed: &[&'a ConfigItem],
) -> Option<&'a ConfigItem> {
    let began = cause.since.map(|since| since.at).or(snapshot.at)?;
    let of_it = changed.iter().copied().filter(|item| super::concerns(item, &service.name));
    let before = of_it.filter(|item| {
        let lead = began.duration_since(item.seen);
        -AHEAD <= lead && lead <= LATELY
    });
    before.max_by_key(|item| (item.seen, &item.id))
}

fn changed_key(item: &ConfigItem, happened: &[Happened]) -> ChangedKey {
    let summary = happened.iter().rev().find_map(|one| match one {
        Happened::Edit { id, summary, at, .. } if *id == item.id.as_str() => {
            let apart = at.duration_since(item.seen).abs();
            (apart <= AHEAD).then(|| text::name(summary))
        }
        _ => None,
    });
    ChangedKey {
        id: item.id.to_string(),
        path: text::name(&item.path),
        at: millis(item.seen),
        summary: summary.unwrap_or_default(),
    }
}

fn changed_words(key: &ChangedKey, cause: &Trouble<'_>) -> String {
    let change = if key.summary.is_empty() { String::new() } else { format!(": {}", key.summary) };
    match cause.since {
        Some(_) => format!("after a change of {}{change}", key.path),
        None => format!("{} changed lately{change}", key.path),
    }
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
