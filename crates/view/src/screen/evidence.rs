//! The observations behind one fact.

use binnacle_model::fact::{
    AlertFact, AlertState, BreakerFact, CallsBasis, CallsFact, CheckStatus, CheckSubject, ClusterServiceFact,
    Direction, Fact, How, Observer, Party, RouteFact, Side, Signals, TargetFact, TargetHealth, WorkloadFact,
};
use binnacle_model::id::ConfigId;
use binnacle_model::snapshot::{Breaker, Edge, EdgeState, Evidence, Service, Snapshot, Source};

use super::inspector::{call_evidence, instance_evidence};
use super::limits::{self, rule_words};
use super::{letter, named, source_name};
use crate::contract::inspector::{EvidenceArgs, EvidenceCard, EvidenceReport};
use crate::contract::state::{SubjectKind, millis};
use crate::text;

/// The most cards that one report has.
const MOST: usize = 60;

/// The evidence for a fact of the inspector; `None` when the thing is no longer in the picture.
pub fn report(snapshot: &Snapshot, args: &EvidenceArgs) -> Option<EvidenceReport> {
    let id = args.subject.id.as_str();
    match args.subject.kind {
        SubjectKind::Service => of_service(snapshot, snapshot.services.get(id)?, &args.fact),
        SubjectKind::Edge => Some(of_edge(snapshot, snapshot.edges.get(id)?, &args.fact)),
        SubjectKind::Breaker => Some(of_breaker(snapshot, snapshot.breakers.get(id)?, &args.fact)),
        SubjectKind::Config => of_config(snapshot, id),
        SubjectKind::Source => Some(of_source(snapshot.sources.get(id)?)),
    }
}

fn of_service(snapshot: &Snapshot, service: &Service, fact: &str) -> Option<EvidenceReport> {
    let name = text::name(&service.name);
    let kind = fact.split_once(':').map_or(fact, |(kind, _)| kind);
    let rest = fact.split_once(':').map_or("", |(_, rest)| rest);
    match kind {
        "state" => Some(state_of_service(snapshot, service)),
        "joined" => {
            let rule = "Facets are one service when they share an instance by address and port, or by name where nothing speaks against it.";
            Some(build(
                snapshot,
                format!("{name} is known to {}", names(service)),
                rule,
                service.evidence.iter().chain(instance_evidence(service)),
            ))
        }
        "meta" => Some(build(
            snapshot,
            format!("{rest} of {name}"),
            "The meta data of the instances.",
            instance_evidence(service),
        )),
        "calls" => Some(build(snapshot, format!("Calls of {name}"), CALLS_RULE, call_evidence(snapshot, service))),
        "signals" => {
            let (title, rule) = if service.counted.is_empty() {
                (format!("Calls to {name}, summed"), SIGNALS_RULE)
            } else {
                (format!("Calls that {name} answers"), COUNTED_RULE)
            };
            Some(build(snapshot, title, rule, signals_evidence(snapshot, service)))
        }
        "call" => Some(of_edge(snapshot, snapshot.edges.get(rest)?, "state")),
        "breaker" => Some(of_breaker(snapshot, snapshot.breakers.get(rest)?, "state")),
        "config" => of_config(snapshot, rest),
        "instance" => {
            let instance = service.instances.iter().find(|instance| instance.id.as_str() == rest)?;
            let all = instance.witnesses().chain(instance.checks.iter().map(|check| &check.evidence));
            let title = format!("{} is {}", text::name(&instance.native_id), instance.health.word());
            Some(build(snapshot, title, "An instance is as its worst check, and its node's.", all))
        }
        "check" => {
            let checks = service
                .instances
                .iter()
                .flat_map(|instance| instance.checks.iter().map(move |check| (instance, check)));
            let found = checks.into_iter().find(|(instance, check)| format!("{}:{}", instance.id, check.id) == rest)?;
            let title = format!("{} is {}", text::name(&found.1.name), found.1.health.word());
            Some(build(snapshot, title, "What the source says of the check.", [&found.1.evidence]))
        }
        "workload" | "scaler" | "front" | "route" | "event" => {
            let told = super::runtime::evidence(snapshot, service, fact)?;
            Some(build(snapshot, format!("What its cluster says of {name}"), "The cluster's own word.", [told]))
        }
        "alert" => {
            let alert = snapshot.alerts.get(rest)?;
            let title = format!("{}: {}", super::alerts::words(alert), name);
            let rule = "The server's own word. Whether the alert is silenced or inhibited only Alertmanager knows: that is not known here.";
            Some(build(snapshot, title, rule, [&alert.evidence]))
        }
        "disagreement" => {
            let one = snapshot.disagreements.get(rest)?;
            let told = one.claims.iter().filter_map(|claim| claim.evidence.as_ref());
            let title = format!("{}: {}", super::disagreements::title(one.kind), text::name(&one.subject));
            let rule =
                "Only sources that are live are compared. A source that says nothing of it speaks by its silence.";
            let meaning = super::disagreements::meaning(one.kind).to_owned();
            let mut report = EvidenceReport { meaning, ..build(snapshot, title, rule, told) };
            for card in report.cards.iter_mut().take(1) {
                card.differs = true;
            }
            Some(report)
        }
        "rule" => {
            let rule = snapshot.mesh_rules.get(rest)?;
            Some(build(
                snapshot,
                text::name(&format!("{} {}", rule.rule, rule.name)),
                "The entry as the source has it.",
                [&rule.evidence],
            ))
        }
        _ => None,
    }
}

const CALLS_RULE: &str = "A call is observed when somebody counted it, declared when somebody configured it.";
const SIGNALS_RULE: &str = "Rates add up and error ratios are weighed by rate; of percentiles the slowest stands. Each call is counted by one side only.";

const COUNTED_RULE: &str = "Its own count holds the calls of those who count nothing. Its instances are summed; of several that count the same calls one is believed.";

/// Who says what the signals of a service are: it itself, where it counts what it answers, else its callers.
pub(super) fn signals_evidence<'a>(snapshot: &'a Snapshot, service: &'a Service) -> impl Iterator<Item = &'a Evidence> {
    let edges = snapshot.edges.values().filter(|edge| service.counted.is_empty() && edge.to == service.id);
    service.counted.iter().chain(edges.flat_map(|edge| &edge.evidence))
}

fn names(service: &Service) -> String {
    service.facets.iter().map(|facet| source_name(&facet.source)).collect::<Vec<_>>().join(", ")
}

fn state_of_service(snapshot: &Snapshot, service: &Service) -> EvidenceReport {
    let mut checks: Vec<_> = service.instances.iter().flat_map(|instance| &instance.checks).collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.health));
    let title = format!("{} is {}", text::name(&service.name), service.health.word());
    let rule = if checks.is_empty() {
        "No check is defined. Consul counts an instance without checks as passing; without a registry nobody says."
    } else {
        "A service is as its worst check: critical before warning, maintenance, unknown, passing."
    };
    if checks.is_empty() {
        return build(snapshot, title, rule, service.evidence.iter().chain(instance_evidence(service)));
    }
    build(snapshot, title, rule, checks.into_iter().map(|check| &check.evidence))
}

fn of_edge(snapshot: &Snapshot, edge: &Edge, fact: &str) -> EvidenceReport {
    let breaker = fact.strip_prefix("breaker:").and_then(|id| snapshot.breakers.get(id));
    if let Some(breaker) = breaker {
        return of_breaker(snapshot, breaker, "state");
    }
    let title = format!("{} calls {}", named(snapshot, &edge.from).name, named(snapshot, &edge.to).name);
    let rule = if fact == "signals" { SIGNALS_RULE } else { CALLS_RULE };
    let meaning = match edge.state {
        EdgeState::Undeclared => "Calls are counted that the configuration does not name, or forbids.",
        EdgeState::Observed | EdgeState::Declared => "",
    };
    EvidenceReport { meaning: meaning.to_owned(), ..build(snapshot, title, rule, &edge.evidence) }
}

fn of_breaker(snapshot: &Snapshot, breaker: &Breaker, fact: &str) -> EvidenceReport {
    let word = binnacle_model::world::breaker_word(breaker.state).replace('_', "-");
    let title = format!("{} is {word}", super::timeline::breaker_title(snapshot, breaker));
    match fact.strip_prefix("limit:") {
        Some(rule) => return of_limit(snapshot, breaker, title, Some(rule)),
        None if fact == "opens_at" && breaker.configured().is_some() => {
            return of_limit(snapshot, breaker, title, None);
        }
        None => {}
    }
    let report = fact.strip_prefix("report:");
    let process = fact.strip_prefix("process:");
    let chosen = breaker.evidence.iter().filter(|evidence| {
        let (object, fact) = (&evidence.observation.object, &evidence.observation.fact);
        let speaks_of = |process: &str| matches!(fact, Fact::Breaker(fact) if *fact.process(object) == *process);
        report.is_none_or(|key| format!("{}/{}", evidence.source, object.key) == key) && process.is_none_or(speaks_of)
    });
    if breaker.told_state().is_none() {
        let rule = "Nobody tells the state: what is known is what the mesh was told, and that says nothing of whether calls are refused.";
        return EvidenceReport {
            meaning: limits::switch_on(breaker).unwrap_or_default().to_owned(),
            ..build(snapshot, title, rule, &breaker.evidence)
        };
    }
    build(snapshot, title, "The most notable state among the caller's instances; the count says in how many.", chosen)
}

/// The rule that limits a breaker's calls, and the one that makes it void; without a name all of them.
fn of_limit(snapshot: &Snapshot, breaker: &Breaker, title: String, rule: Option<&str>) -> EvidenceReport {
    let meant = breaker.limits.iter().filter(|one| rule.is_none_or(|rule| *one.rule == *rule));
    let said = meant.flat_map(|one| std::iter::once(&one.evidence).chain(&one.void_by));
    let rule = "Of the rules of a mesh the one for the fewest callees and callers holds, and what a process tells is believed before it.";
    build(snapshot, title, rule, said)
}

fn of_config(snapshot: &Snapshot, id: &str) -> Option<EvidenceReport> {
    let item = snapshot.config.get(&ConfigId::from(id))?;
    let card = EvidenceCard {
        letter: letter(&item.source),
        source: item.source.to_string(),
        says: format!("version {}, {} bytes, flags {}", item.version, item.size_bytes, item.flags),
        query: text::output(&item.origin.query),
        metric: None,
        object: text::name(&item.path),
        how: how_word(item.origin.how).to_owned(),
        seen: millis(item.seen),
        version: item.version.to_string(),
        stale: is_stale(snapshot, &item.source),
        differs: false,
    };
    Some(EvidenceReport {
        title: text::name(&item.path),
        rule: "The store's own word. The value stays in the store and is read when it is shown.".to_owned(),
        cards: vec![card],
        more: 0,
        meaning: String::new(),
    })
}

fn of_source(source: &Source) -> EvidenceReport {
    let card = EvidenceCard {
        letter: letter(&source.id),
        source: source.id.to_string(),
        says: source.status.fault.as_ref().map_or_else(
            || source.status.state.word().to_owned(),
            |fault| text::output(&format!("{}: {}", source.status.state.word(), fault.detail)),
        ),
        query: text::name(&source.status.address),
        metric: None,
        object: text::name(source.id.as_str()),
        how: "seen by Binnacle itself".to_owned(),
        seen: millis(source.status.since),
        version: String::new(),
        stale: false,
        differs: false,
    };
    EvidenceReport {
        title: format!("{} is {}", source_name(&source.id), source.status.state.word()),
        rule: "Live while it answers; failing when an answer is an error or does not come.".to_owned(),
        cards: vec![card],
        more: 0,
        meaning: String::new(),
    }
}

fn build<'a>(
    snapshot: &Snapshot,
    title: String,
    rule: &str,
    evidence: impl IntoIterator<Item = &'a Evidence>,
) -> EvidenceReport {
    let mut cards = Vec::new();
    let mut more = 0;
    for one in evidence {
        if cards.len() < MOST {
            cards.push(card(snapshot, one));
        } else {
            more += 1;
        }
    }
    EvidenceReport { title, rule: rule.to_owned(), cards, more, meaning: String::new() }
}

fn is_stale(snapshot: &Snapshot, source: &binnacle_model::id::SourceId) -> bool {
    snapshot.sources.get(source).is_some_and(|source| !source.status.state.is_current())
}

fn card(snapshot: &Snapshot, evidence: &Evidence) -> EvidenceCard {
    let observation = &evidence.observation;
    EvidenceCard {
        letter: letter(&evidence.source),
        source: evidence.source.to_string(),
        says: text::output(&says(&observation.fact)),
        query: text::output(&observation.origin.query),
        metric: None,
        object: text::name(&format!("{}/{}", observation.object.collection, observation.object.key)),
        how: how_word(observation.origin.how).to_owned(),
        seen: millis(observation.seen),
        version: observation.version.map(|version| version.to_string()).unwrap_or_default(),
        stale: is_stale(snapshot, &evidence.source),
        differs: false,
    }
}

pub(crate) fn how_word(how: How) -> &'static str {
    match how {
        How::Pushed => "pushed",
        How::Asked => "asked",
    }
}

/// A statement in words.
pub fn says(fact: &Fact) -> String {
    match fact {
        Fact::Service(service) => format!("service {} exists, tags: {}", service.service, list(&service.tags)),
        Fact::Node(node) => format!("node {} at {}", node.name, node.address),
        Fact::Instance(instance) => format!(
            "instance {} of {} at {}:{}, tags: {}",
            instance.id,
            instance.service,
            instance.address,
            instance.port,
            list(&instance.tags)
        ),
        Fact::Check(check) => {
            let status = match check.status {
                CheckStatus::Passing => "passing",
                CheckStatus::Warning => "warning",
                CheckStatus::Critical => "critical",
                CheckStatus::Maintenance => "maintenance",
                CheckStatus::Unknown => "in a state that is not known",
            };
            let of = match &check.subject {
                CheckSubject::Node(node) => format!("node {node}"),
                CheckSubject::Instance { id, .. } => format!("instance {id}"),
            };
            format!("{} of {of} is {status}\n{}", check.name, check.output)
        }
        Fact::Config(config) => format!("{}: {} bytes, flags {}", config.path, config.size_bytes, config.flags),
        Fact::Calls(calls) => calls_words(calls),
        Fact::Breaker(breaker) => breaker_words(breaker),
        Fact::Limits(rule) => rule_words(rule),
        Fact::Served(served) => {
            format!("calls that {} answered{}", party(&served.process), signals_words(&served.signals))
        }
        Fact::MeshRule(rule) => format!("{} {}: {}", rule.rule, rule.name, rule.summary),
        Fact::Session(session) => format!("session {} {} on {}", session.id, session.name, session.node),
        Fact::Workload(workload) => workload_words(workload),
        Fact::ClusterService(service) => cluster_service_words(service),
        Fact::Route(route) => route_words(route),
        Fact::Mention(mention) => format!(
            "variable {} of container {} in {} {} names {}",
            mention.variable,
            mention.container,
            mention.kind.word(),
            mention.workload,
            mention.target
        ),
        Fact::NetworkPolicy(policy) => {
            let what = match policy.direction {
                Direction::In => "enters",
                Direction::Out => "leaves",
            };
            format!("network policy {} is about what {what} Pods with {}", policy.name, policy.selects)
        }
        Fact::Event(event) => {
            format!("{} ({} times, says {}): {}", event.reason, event.count, event.reporter, event.message)
        }
        Fact::Autoscaler(scaler) => format!(
            "autoscaler {} keeps {} between {} and {}, has {} and wants {}\n{}",
            scaler.name, scaler.service, scaler.min, scaler.max, scaler.current, scaler.desired, scaler.complaint
        ),
        Fact::Backends(backends) => {
            let ready = backends.backends.iter().filter(|backend| backend.ready).count();
            format!("{} has {} backends here, {ready} of them ready", backends.service, backends.backends.len())
        }
        Fact::Target(target) => target_words(target),
        Fact::Alert(alert) => alert_words(alert),
    }
}

fn workload_words(workload: &WorkloadFact) -> String {
    let mut words =
        format!("{} {} is {}", workload.kind.word(), workload.name, workload.state.word().replace('_', " "));
    let counts = [
        ("wanted", workload.desired),
        ("updated", workload.updated),
        ("ready", workload.ready),
        ("available", workload.available),
    ];
    let counts: Vec<String> =
        counts.into_iter().filter_map(|(word, count)| count.map(|count| format!("{count} {word}"))).collect();
    if !counts.is_empty() {
        words = format!("{words}: {}", counts.join(", "));
    }
    if workload.message.is_empty() { words } else { format!("{words}\n{}", workload.message) }
}

fn route_words(route: &RouteFact) -> String {
    let host = route.host.as_deref().unwrap_or("*");
    let scheme = if route.tls { "https" } else { "http" };
    format!("{} {}: {scheme}://{host}{} leads to {}", route.kind, route.name, route.path, route.target)
}

fn cluster_service_words(service: &ClusterServiceFact) -> String {
    let name = &service.name;
    if let Some(host) = &service.external_name {
        return format!("Service {name} is another name for {host}");
    }
    let at =
        if service.addresses.is_empty() { "no address of its own".to_owned() } else { service.addresses.join(", ") };
    let ports: Vec<String> = service.ports.iter().map(|port| port.port.to_string()).collect();
    let selector: Vec<String> = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("Service {name} has {at}, ports {}, and selects {}", ports.join(", "), selector.join(","))
}

fn list(words: &[std::sync::Arc<str>]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn party(party: &Party) -> String {
    match party {
        Party::Service { service, .. } => service.to_string(),
        Party::Address { host, port } => format!("{host}:{port}"),
        Party::Pod { namespace, pod, .. } => format!("{namespace}/{pod}"),
        Party::NamedIn { namespace, name } => format!("{namespace}/{name}"),
        Party::Supposed(names) => names.join(" or "),
        Party::Named(name) | Party::Channel(name) | Party::Outside(name) => name.to_string(),
        Party::Any => "any service".to_owned(),
    }
}

fn calls_words(calls: &CallsFact) -> String {
    let pair = format!("{} → {}", party(&calls.caller), party(&calls.callee));
    match &calls.basis {
        CallsBasis::Declared(by) => format!("{pair}, declared by {by}"),
        CallsBasis::Denied(by) => format!("{pair}, denied by {by}"),
        CallsBasis::Observed(signals) => {
            format!("{pair}{}{}", signals_words(signals), observer_words(&calls.observer))
        }
    }
}

/// Each number behind a comma.
fn signals_words(signals: &Signals) -> String {
    let mut parts = vec![String::new()];
    parts.extend(signals.rps.map(|rps| format!("{rps:.2}/s")));
    parts.extend(signals.error_ratio.map(|ratio| format!("{:.2} % errors", ratio * 100.0)));
    parts.extend(signals.p50_ms.map(|ms| format!("p50 {ms:.1} ms")));
    parts.extend(signals.p95_ms.map(|ms| format!("p95 {ms:.1} ms")));
    parts.extend(signals.p99_ms.map(|ms| format!("p99 {ms:.1} ms")));
    parts.join(", ")
}

/// Where calls were counted, when not at the caller.
fn observer_words(observer: &Observer) -> &'static str {
    match observer.side {
        Side::Caller => "",
        Side::Between => ", counted on the way",
        Side::Callee => ", counted at the callee",
    }
}

fn breaker_words(breaker: &BreakerFact) -> String {
    let word = binnacle_model::world::breaker_word(breaker.state).replace('_', "-");
    let raw: Vec<String> = breaker.raw.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let word = if breaker.derived { format!("{word} (derived: nobody tells it)") } else { word };
    format!("{} of {} is {word}\n{}", breaker.name, party(&breaker.caller), raw.join("\n"))
}

fn target_words(target: &TargetFact) -> String {
    let health = match target.health {
        TargetHealth::Up => "up",
        TargetHealth::Unknown => "not scraped yet",
        TargetHealth::Down => "down",
    };
    format!("target {} of {} is {health}\n{}", target.url, target.job, target.last_error)
}

fn alert_words(alert: &AlertFact) -> String {
    let state = match alert.state {
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
    };
    let about = alert.about.as_ref().map_or_else(String::new, |about| format!(" about {}", party(about)));
    format!("alert {}{about} is {state}\n{}", alert.name, alert.summary)
}
