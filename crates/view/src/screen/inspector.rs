//! All that is known about one thing.

use std::collections::BTreeMap;

use binnacle_model::change::Subject as ModelSubject;
use binnacle_model::fact::{BreakerState, Fact, Signals};
use binnacle_model::id::{CheckId, ConfigId, SourceId, SourceKind};
use binnacle_model::measured;
use binnacle_model::snapshot::{
    Ability, Alert, Breaker, BreakerProcess, Check, Claim, ConfigItem, Disagreement, Edge, EdgeState, Facet, Health,
    Instance, JoinReason, Service, Snapshot, Source,
};
use binnacle_model::world::breaker_state;

use super::config_tree::edit_offer;
use super::evidence::signals_evidence;
use super::health::address;
use super::timeline::breaker_title;
use super::{
    Happened, Scene, Table, alerts, concerns, count, disagreements, facet_pips, limits, named, number, pip, pips,
    plural, runtime, source_name, stale_since,
};
use crate::contract::inspector::{
    Action, ActionKind, AlertLine, CallRow, CheckRow, Chip, ClaimRow, ConfigUsed, DisagreementLine, EmptySection,
    FactRow, InspectorBreaker, InspectorHead, InspectorRow, InstanceRow, PastState, ProcessRow, RuleRow, Section,
    SignalsRow,
};
use crate::contract::state::{Offer, Pip, Subject, SubjectKind, Tone, millis};
use crate::export::snapshot::pattern_word;
use crate::why::{self, ClaimKind, ClaimWhy, Counted};
use crate::{switch, text};

/// The most rows of one section.
const MOST: usize = 200;
/// The most keys that are said to belong to a service.
const MOST_KEYS: usize = 40;

/// The inspector of a subject.
pub fn table(scene: &Scene, subject: &Subject) -> Table<InspectorHead, InspectorRow> {
    let snapshot = &scene.snapshot;
    let shown = match subject.kind {
        SubjectKind::Service => snapshot.services.get(subject.id.as_str()).map(|service| of_service(scene, service)),
        SubjectKind::Edge => snapshot.edges.get(subject.id.as_str()).map(|edge| of_edge(scene, edge)),
        SubjectKind::Breaker => snapshot.breakers.get(subject.id.as_str()).map(|breaker| of_breaker(scene, breaker)),
        SubjectKind::Config => {
            snapshot.config.get(&ConfigId::from(subject.id.as_str())).map(|item| of_config(scene, item))
        }
        SubjectKind::Source => snapshot.sources.get(subject.id.as_str()).map(|source| of_source(source)),
    };
    let (mut head, rows) = shown.unwrap_or_else(|| (unknown(subject), Vec::new()));
    head.subject = subject.clone();
    Table { head, rows }
}

fn blank(title: String) -> InspectorHead {
    InspectorHead {
        subject: Subject { kind: SubjectKind::Service, id: String::new() },
        known: true,
        title,
        state: String::new(),
        health: None,
        breaker: None,
        since: None,
        stale: false,
        stale_since: None,
        chips: Vec::new(),
        actions: Vec::new(),
        empty: Vec::new(),
    }
}

fn unknown(subject: &Subject) -> InspectorHead {
    InspectorHead {
        known: false,
        state: "It is not, or no longer, in the picture.".to_owned(),
        ..blank(text::name(&subject.id))
    }
}

fn fact(key: &str, label: &str, value: String, pips: Vec<Pip>) -> FactRow {
    FactRow {
        key: key.to_owned(),
        section: Section::Facts,
        label: label.to_owned(),
        value,
        tone: Tone::Normal,
        at: None,
        link: None,
        pips,
    }
}

fn chip(label: &str, value: &str) -> Chip {
    Chip { label: text::name(label), value: text::name(value) }
}

fn health_tone(health: Health) -> Tone {
    match health {
        Health::Critical => Tone::Critical,
        Health::Warning => Tone::Warning,
        Health::Passing | Health::Unknown | Health::Maintenance => Tone::Normal,
    }
}

fn of_service(scene: &Scene, service: &Service) -> (InspectorHead, Vec<InspectorRow>) {
    let snapshot = &scene.snapshot;
    let mut chips = vec![chip("dc", &service.place)];
    chips.extend(service.namespace.as_deref().map(|namespace| chip("ns", namespace)));
    chips.extend(service.tags.iter().take(8).map(|tag| chip("tag", tag)));
    let mut rows = service_facts(snapshot, service);
    rows.extend(disagreement_rows(snapshot, service));
    rows.extend(runtime::workloads(service).into_iter().map(InspectorRow::Fact));
    rows.extend(runtime::ways_in(snapshot, service).into_iter().map(InspectorRow::Fact));
    rows.extend(runtime::events(service).into_iter().map(InspectorRow::Fact));
    rows.extend(signals_row(snapshot, service));
    rows.extend(calls(snapshot, service));
    rows.extend(service.instances.iter().take(MOST).map(|one| InspectorRow::Instance(instance_row(scene, one))));
    rows.extend(check_rows(service));
    rows.extend(alert_rows(snapshot, service));
    rows.extend(breaker_rows(snapshot, service));
    rows.extend(rule_rows(snapshot, service));
    rows.extend(config_used(snapshot, service));
    let head = InspectorHead {
        state: format!("{}{}", service.health.word(), instance_words(service)),
        health: Some(service.health.into()),
        since: Some(service.since.into()),
        stale: service.stale,
        stale_since: stale_since(snapshot, service.stale, service.facets.iter().map(|facet| &facet.source)),
        chips,
        actions: service_actions(scene, service, &rows),
        empty: empty_sections(snapshot, service, &rows),
        ..blank(text::name(&service.name))
    };
    (head, rows)
}

fn instance_words(service: &Service) -> String {
    match service.instances.len() {
        0 => String::new(),
        all => format!(", {} of {} passing", service.passing(), plural(all, "instance")),
    }
}

fn service_facts(snapshot: &Snapshot, service: &Service) -> Vec<InspectorRow> {
    let pips = facet_pips(&service.facets);
    let state = FactRow {
        tone: health_tone(service.health),
        at: Some(millis(service.since.at)),
        ..fact("state", "State", format!("{}{}", service.health.word(), instance_words(service)), pips.clone())
    };
    let joined = match service.facets.len() {
        0 | 1 => "one source".to_owned(),
        all => format!("{all} sources, {}", join_words(service)),
    };
    let mut facts = vec![state, fact("joined", "Joined", joined, pips)];
    if service.facets.len() > 1 {
        facts.push(fact("joined:names", "Known as", known_as(service), facet_pips(&service.facets)));
    }
    let versions = meta_values(service, "version");
    if !versions.is_empty() {
        facts.push(fact("meta:version", "Version", versions, super::pips(instance_evidence(service))));
    }
    let (mut incoming, mut outgoing, mut undeclared) = (0, 0, 0);
    for edge in snapshot.edges.values() {
        incoming += usize::from(edge.to == service.id);
        outgoing += usize::from(edge.from == service.id);
        let concerned = edge.to == service.id || edge.from == service.id;
        undeclared += usize::from(concerned && edge.state == EdgeState::Undeclared);
    }
    let calls = format!("{incoming} in · {outgoing} out, {undeclared} undeclared");
    facts.push(fact("calls", "Calls", calls, super::pips(call_evidence(snapshot, service))));
    facts.into_iter().map(InspectorRow::Fact).collect()
}

/// What each source calls it, and why that is believed to be the same one.
fn known_as(service: &Service) -> String {
    let one = |facet: &Facet| {
        let why = facet.joined_by.map(|reason| format!(", {}", reason_words(reason))).unwrap_or_default();
        format!("{}: {}{why}", source_name(&facet.source), facet.name)
    };
    text::output(&service.facets.iter().map(one).collect::<Vec<_>>().join("\n"))
}

fn reason_words(reason: JoinReason) -> &'static str {
    match reason {
        JoinReason::Name => "by name",
        JoinReason::Explicit => "by id",
        JoinReason::Instances => "by address and port",
    }
}

/// By what the weakest of the facets is joined.
fn join_words(service: &Service) -> &'static str {
    let weakest = service.facets.iter().filter_map(|facet| facet.joined_by).max();
    reason_words(weakest.unwrap_or(JoinReason::Instances))
}

/// The distinct values of a meta key over all instances.
fn meta_values(service: &Service, key: &str) -> String {
    let mut values: Vec<String> =
        service.instances.iter().filter_map(|instance| instance.meta.get(key)).map(|value| text::name(value)).collect();
    values.sort();
    values.dedup();
    values.join(", ")
}

pub(crate) fn instance_evidence(service: &Service) -> impl Iterator<Item = &binnacle_model::snapshot::Evidence> {
    service.instances.iter().flat_map(|instance| std::iter::once(&instance.evidence).chain(&instance.witnesses))
}

pub(crate) fn call_evidence<'a>(
    snapshot: &'a Snapshot,
    service: &'a Service,
) -> impl Iterator<Item = &'a binnacle_model::snapshot::Evidence> {
    let edges = snapshot.edges.values().filter(|edge| edge.to == service.id || edge.from == service.id);
    edges.flat_map(|edge| &edge.evidence)
}

fn disagreement_rows(snapshot: &Snapshot, service: &Service) -> Vec<InspectorRow> {
    let all = disagreements::of_service(snapshot, &service.id).into_iter().take(MOST);
    let row = |one: &Disagreement| DisagreementLine {
        key: format!("disagreement:{}", one.id),
        section: Section::Disagreements,
        id: one.id.to_string(),
        title: disagreements::title(one.kind).to_owned(),
        subject: text::name(&one.subject),
        says: one.claims.iter().map(claim_words).collect(),
        since: one.since.into(),
        pips: claim_pips(one),
    };
    all.map(|one| InspectorRow::Disagreement(row(one))).collect()
}

fn alert_rows(snapshot: &Snapshot, service: &Service) -> Vec<InspectorRow> {
    let all = alerts::of_service(snapshot, &service.id).into_iter().take(MOST);
    let line = |(key, alert): (&str, &Alert)| AlertLine {
        key: format!("alert:{key}"),
        section: Section::Alerts,
        alert: alerts::row(snapshot, key, alert),
        pips: pips([&alert.evidence]),
    };
    all.map(|one| InspectorRow::Alert(line(one))).collect()
}

fn claim_words(claim: &Claim) -> String {
    text::output(&format!("{}: {}", source_name(&claim.source), claim.says))
}

fn claim_pips(one: &Disagreement) -> Vec<Pip> {
    one.claims.iter().enumerate().map(|(place, claim)| Pip { differs: place == 0, ..pip(&claim.source) }).collect()
}

fn signals_row(snapshot: &Snapshot, service: &Service) -> Option<InspectorRow> {
    if service.signals == Signals::default() {
        return None;
    }
    let evidence = signals_evidence(snapshot, service);
    Some(InspectorRow::Signals(SignalsRow {
        key: "signals".to_owned(),
        section: Section::Signals,
        signals: service.signals.into(),
        tone: Tone::from(&service.signals),
        history: measured::of_service(snapshot, service.id.as_str()).map(|one| one.source.to_string()),
        pips: pips(evidence),
    }))
}

fn calls(snapshot: &Snapshot, service: &Service) -> Vec<InspectorRow> {
    let mut rows: Vec<CallRow> = snapshot
        .edges
        .values()
        .filter(|edge| edge.to == service.id || edge.from == service.id)
        .map(|edge| call_row(snapshot, edge, edge.to == service.id))
        .collect();
    let loudest = |row: &CallRow| row.signals.rps.unwrap_or(-1.0);
    rows.sort_by(|a, b| b.incoming.cmp(&a.incoming).then(loudest(b).total_cmp(&loudest(a))).then(a.key.cmp(&b.key)));
    rows.into_iter().take(MOST).map(InspectorRow::Call).collect()
}

fn call_row(snapshot: &Snapshot, edge: &Edge, incoming: bool) -> CallRow {
    CallRow {
        key: format!("call:{}", edge.id),
        section: Section::Calls,
        incoming,
        other: named(snapshot, if incoming { &edge.from } else { &edge.to }),
        edge: edge.id.to_string(),
        words: edge_words(edge),
        signals: edge.signals.into(),
        tone: Tone::from(&edge.signals),
        pips: pips(&edge.evidence),
    }
}

/// `observed · http · request response · json`.
fn edge_words(edge: &Edge) -> String {
    use binnacle_model::fact::{Pattern, Payload, Protocol};
    let state = match edge.state {
        EdgeState::Observed => "observed",
        EdgeState::Declared => "declared, not observed",
        EdgeState::Undeclared => "observed, undeclared",
    };
    let protocol = match edge.protocol {
        Protocol::Http => "http",
        Protocol::Grpc => "grpc",
        Protocol::Tcp => "tcp",
        Protocol::Messaging => "messaging",
        Protocol::Unknown => "",
    };
    let pattern =
        if edge.pattern == Pattern::Unknown { String::new() } else { pattern_word(edge.pattern).replace('_', "/") };
    let payload = match edge.payload {
        Payload::Json => "json",
        Payload::Xml => "xml",
        Payload::Binary => "binary",
        Payload::Unknown => "",
    };
    [state, protocol, &pattern, payload].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn instance_row(scene: &Scene, instance: &Instance) -> InstanceRow {
    let passing = instance.checks.iter().filter(|check| check.health == Health::Passing).count();
    InstanceRow {
        key: format!("instance:{}", instance.id),
        section: Section::Instances,
        id: instance.id.to_string(),
        native_id: text::name(&instance.native_id),
        address: address(instance),
        node: instance.node.as_deref().map(text::name),
        health: instance.health.into(),
        since: instance.since.into(),
        note: if instance.health == Health::Passing { String::new() } else { runtime::note(instance) },
        terminating: instance.terminating.map(millis),
        passing: count(passing),
        checks: count(instance.checks.len()),
        sidecar: instance.sidecar,
        tags: instance.tags.iter().map(|tag| text::name(tag)).collect(),
        meta: instance.meta.iter().take(MOST_KEYS).map(|(key, value)| chip(key, value)).collect(),
        stale: instance.stale,
        deregister: register_offer(scene, &instance.evidence.source),
        logs: instance.pod().map(|(source, _)| logs_offer(scene, source)),
        pips: pips(instance.witnesses()),
    }
}

fn logs_offer(scene: &Scene, source: &SourceId) -> Offer {
    match scene.snapshot.sources.get(source) {
        Some(known) if known.status.state.is_current() => Offer::yes(),
        _ => Offer::no(format!("{} does not answer", source_name(source))),
    }
}

pub(crate) fn register_offer(scene: &Scene, source: &SourceId) -> Offer {
    if let Some(reason) = scene.read_only_for(source) {
        return Offer::no(reason);
    }
    let known = scene.snapshot.sources.get(source);
    match known {
        Some(known) if !known.status.state.is_current() => {
            Offer::no(format!("{} does not answer", source_name(source)))
        }
        Some(known) if known.status.abilities.contains(&Ability::Register) => Offer::yes(),
        _ => Offer::no(format!("{} offers no registration to this token", source_name(source))),
    }
}

/// The checks, worst first. A check of a node stands once, however many instances are on it.
fn check_rows(service: &Service) -> Vec<InspectorRow> {
    let mut nodes: BTreeMap<(Option<&str>, &CheckId), usize> = BTreeMap::new();
    let mut rows: Vec<CheckRow> = Vec::new();
    for instance in &service.instances {
        for check in &instance.checks {
            if check.of_node {
                let place = *nodes.entry((instance.node.as_deref(), &check.id)).or_insert(rows.len());
                if let Some(row) = rows.get_mut(place) {
                    row.instances += 1;
                    continue;
                }
            }
            rows.push(check_row(instance, check));
        }
    }
    rows.sort_by(|a, b| b.health.cmp(&a.health).then_with(|| a.key.cmp(&b.key)));
    rows.into_iter().take(MOST).map(InspectorRow::Check).collect()
}

fn check_row(instance: &Instance, check: &Check) -> CheckRow {
    let at = if check.of_node { instance.node.as_ref().unwrap_or(&instance.native_id) } else { &instance.native_id };
    CheckRow {
        key: format!("check:{}:{}", instance.id, check.id),
        section: Section::Checks,
        name: text::name(&check.name),
        method: text::name(&check.method),
        at: text::name(at),
        health: check.health.into(),
        since: check.since.into(),
        output: text::output(&check.output),
        seen: millis(check.evidence.observation.seen),
        of_node: check.of_node,
        instances: 1,
        pips: pips([&check.evidence]),
    }
}

fn breaker_rows(snapshot: &Snapshot, service: &Service) -> Vec<InspectorRow> {
    let mut breakers: Vec<&Breaker> = snapshot
        .breakers
        .values()
        .filter(|one| one.caller == service.id || one.callee.as_ref() == Some(&service.id))
        .map(AsRef::as_ref)
        .collect();
    breakers.sort_by(|a, b| (b.told_state(), &a.id).cmp(&(a.told_state(), &b.id)));
    breakers.into_iter().take(MOST).map(|one| InspectorRow::Breaker(breaker_row(snapshot, one))).collect()
}

fn breaker_row(snapshot: &Snapshot, breaker: &Breaker) -> InspectorBreaker {
    InspectorBreaker {
        key: format!("breaker:{}", breaker.id),
        section: Section::Breakers,
        id: breaker.id.to_string(),
        caller: named(snapshot, &breaker.caller),
        callee: breaker.callee.as_ref().map(|callee| named(snapshot, callee)),
        name: text::name(&breaker.name),
        breaker_kind: breaker.kind.into(),
        state: breaker.state.into(),
        since: breaker.since.into(),
        open: breaker.open,
        of: breaker.of,
        rejected_per_s: breaker.rejected_per_s,
        pips: pips(&breaker.evidence),
    }
}

fn rule_rows(snapshot: &Snapshot, service: &Service) -> Vec<InspectorRow> {
    let about = |name: &str| name == &*service.name || name == "*";
    let knows = |source: &SourceId| service.facets.iter().any(|facet| facet.source == *source);
    let rules = snapshot.mesh_rules.iter().filter(|(_, rule)| about(&rule.name) && knows(&rule.evidence.source));
    let row = |key: &str, rule: &binnacle_model::snapshot::MeshRule| RuleRow {
        key: format!("rule:{key}"),
        section: Section::Rules,
        rule: text::name(&rule.rule),
        name: text::name(&rule.name),
        summary: text::output(&rule.summary),
        pips: pips([&rule.evidence]),
    };
    rules.take(MOST).map(|(key, rule)| InspectorRow::Rule(row(key, rule))).collect()
}

/// Keys with the service's name as a segment of their path, in the stores that know the service.
fn config_used(snapshot: &Snapshot, service: &Service) -> Vec<InspectorRow> {
    let belongs = |item: &&ConfigItem| concerns(item, &service.name);
    let items = snapshot.config.values().map(AsRef::as_ref).filter(belongs).take(MOST_KEYS);
    items
        .map(|item| {
            InspectorRow::Config(ConfigUsed {
                key: format!("config:{}", item.id),
                section: Section::Config,
                id: item.id.to_string(),
                path: text::name(&item.path),
                reason: "by name".to_owned(),
                version: item.version.to_string(),
                size_bytes: number(item.size_bytes),
                seen: millis(item.seen),
                pips: vec![pip(&item.source)],
            })
        })
        .collect()
}

fn service_actions(scene: &Scene, service: &Service, rows: &[InspectorRow]) -> Vec<Action> {
    let first_key = rows.iter().find_map(|row| match row {
        InspectorRow::Config(used) => Some(used.id.clone()),
        _ => None,
    });
    let key = first_key.as_deref().and_then(|id| scene.snapshot.config.get(&ConfigId::from(id)));
    let mut actions = Vec::new();
    let edit = match key {
        Some(key) => edit_offer(scene, &key.source),
        None => Offer::no("No key has this service's name in its path"),
    };
    actions.push(Action {
        does: ActionKind::EditConfig,
        label: "Edit config".to_owned(),
        target: first_key.unwrap_or_default(),
        offer: edit,
    });
    let knows =
        |kind: SourceKind| service.facets.iter().map(|facet| &facet.source).find(|one| one.kind() == Some(kind));
    let registry = knows(SourceKind::Consul).cloned();
    if let Some(source) = registry.filter(|_| super::is_registered(service)) {
        actions.push(Action {
            does: ActionKind::Register,
            label: "Register an instance".to_owned(),
            target: source.to_string(),
            offer: register_offer(scene, &source),
        });
    }
    actions
}

fn empty_sections(snapshot: &Snapshot, service: &Service, rows: &[InspectorRow]) -> Vec<EmptySection> {
    let is_empty = |section: Section| !rows.iter().any(|row| section_of(row) == section);
    let no_instance = match service.role {
        binnacle_model::snapshot::ServiceRole::External => "No registry knows it: it is only seen as a callee.",
        binnacle_model::snapshot::ServiceRole::Channel => "A queue or topic has no instances.",
        _ => "No instance is registered.",
    };
    let asked = snapshot.sources.keys().any(|source| source.kind() == Some(SourceKind::Prometheus));
    let no_alert = if asked { "No alert speaks of it." } else { "No Prometheus is connected: nobody tells of alerts." };
    let all = [
        (Section::Signals, "Nobody measures calls to it."),
        (Section::Calls, "No call to or from it is known."),
        (Section::Instances, no_instance),
        (Section::Checks, "No check is defined: without one, nobody says how it is."),
        (Section::Alerts, no_alert),
        (
            Section::Breakers,
            "No breaker is known. They come from an actuator, an Envoy, a Sentinel, a Hystrix stream, metrics or a mesh's rules.",
        ),
        (Section::Rules, "No rule of the mesh names it."),
        (Section::Config, "No key has its name in its path."),
    ];
    let empty = all.into_iter().filter(|(section, _)| is_empty(*section));
    let mut empty: Vec<EmptySection> =
        empty.map(|(section, reason)| EmptySection { section, reason: reason.to_owned() }).collect();
    // What an account may not see is said where it is missed, also where something of it is there.
    for (section, collections) in [
        (Section::Instances, &["pods"][..]),
        (Section::Workloads, &["deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs"]),
        (Section::Reached, &["services", "endpointslices", "ingresses", "httproutes"]),
        (Section::Events, &["events"]),
    ] {
        if let Some(reason) = runtime::unseen(snapshot, service, collections) {
            empty.retain(|one| one.section != section);
            empty.push(EmptySection { section, reason });
        }
    }
    empty
}

fn section_of(row: &InspectorRow) -> Section {
    match row {
        InspectorRow::Fact(row) => row.section,
        InspectorRow::Disagreement(row) => row.section,
        InspectorRow::Signals(row) => row.section,
        InspectorRow::Call(row) => row.section,
        InspectorRow::Instance(row) => row.section,
        InspectorRow::Check(row) => row.section,
        InspectorRow::Alert(row) => row.section,
        InspectorRow::Breaker(row) => row.section,
        InspectorRow::Process(row) => row.section,
        InspectorRow::Claim(row) => row.section,
        InspectorRow::Rule(row) => row.section,
        InspectorRow::Config(row) => row.section,
    }
}

/// Why an edge is here: one sentence, then each statement with what becomes of it.
fn why_rows(scene: &Scene, edge: &Edge) -> Vec<InspectorRow> {
    let why = why::of_edge(&scene.snapshot, edge, scene.now);
    let because = FactRow { section: Section::Why, ..fact("because", "It is", why.because, pips(&edge.evidence)) };
    let claim = |(place, claim): (usize, ClaimWhy)| ClaimRow {
        key: format!("claim:{place}"),
        section: Section::Why,
        says: claim_says(&claim),
        believed: claim.believed,
        denies: claim.kind == ClaimKind::Denied,
        because: claim.because,
        seen: millis(claim.said.seen),
        stale: claim.said.stale,
        pips: vec![pip(&SourceId::from(claim.said.source.as_str()))],
        query: claim.said.query,
    };
    let claims = why.claims.into_iter().enumerate().take(MOST).map(|one| InspectorRow::Claim(claim(one)));
    std::iter::once(InspectorRow::Fact(because)).chain(claims).collect()
}

/// `counted at the caller · istio · 96/s · 31.4 % errors`, `declared by intention`.
fn claim_says(claim: &ClaimWhy) -> String {
    let by = |what: &str| format!("{what} by {}", claim.by.as_deref().unwrap_or_default());
    let counted = match (claim.kind, claim.counted_at) {
        (ClaimKind::Declared, _) => return by("declared"),
        (ClaimKind::Denied, _) => return by("denied"),
        (ClaimKind::Observed, Some(Counted::Caller)) => "counted at the caller",
        (ClaimKind::Observed, Some(Counted::Between)) => "counted by a proxy on the way",
        (ClaimKind::Observed, Some(Counted::Callee)) => "counted at the callee",
        (ClaimKind::Observed, None) => "counted",
    };
    let signals = &claim.signals;
    let parts = [
        Some(counted.to_owned()),
        claim.dialect.clone(),
        signals.rps.map(|rps| format!("{rps:.1}/s")),
        signals.error_ratio.map(|ratio| format!("{:.1} % errors", ratio * 100.0)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn of_edge(scene: &Scene, edge: &Edge) -> (InspectorHead, Vec<InspectorRow>) {
    let snapshot = &scene.snapshot;
    let (from, to) = (named(snapshot, &edge.from), named(snapshot, &edge.to));
    let service = |id: &str| Some(Subject { kind: SubjectKind::Service, id: id.to_owned() });
    let mut rows = vec![
        InspectorRow::Fact(fact("state", "Known as", edge_words(edge), pips(&edge.evidence))),
        InspectorRow::Fact(FactRow {
            link: service(&from.id),
            ..fact("from", "Caller", from.name.clone(), Vec::new())
        }),
        InspectorRow::Fact(FactRow { link: service(&to.id), ..fact("to", "Callee", to.name.clone(), Vec::new()) }),
    ];
    rows.extend(why_rows(scene, edge));
    let mut empty = Vec::new();
    if edge.signals == Signals::default() {
        empty.push(EmptySection { section: Section::Signals, reason: "Nobody measures these calls.".to_owned() });
    } else {
        rows.push(InspectorRow::Signals(SignalsRow {
            key: "signals".to_owned(),
            section: Section::Signals,
            signals: edge.signals.into(),
            tone: Tone::from(&edge.signals),
            history: measured::of_edge(snapshot, edge.id.as_str()).map(|one| one.source.to_string()),
            pips: pips(&edge.evidence),
        }));
    }
    let on_it = |one: &&Breaker| one.caller == edge.from && one.callee.as_ref() == Some(&edge.to);
    let breakers: Vec<&Breaker> = snapshot.breakers.values().map(AsRef::as_ref).filter(on_it).collect();
    if breakers.is_empty() {
        let reason =
            "No breaker is known on it. They come from an actuator, an Envoy, a Sentinel, a Hystrix stream, metrics or a mesh's rules.".to_owned();
        empty.push(EmptySection { section: Section::Breakers, reason });
    }
    rows.extend(breakers.into_iter().map(|one| InspectorRow::Breaker(breaker_row(snapshot, one))));
    let head = InspectorHead {
        state: edge_words(edge),
        stale: edge.stale,
        stale_since: stale_since(snapshot, edge.stale, edge.evidence.iter().map(|one| &one.source)),
        empty,
        ..blank(format!("{} → {}", from.name, to.name))
    };
    (head, rows)
}

fn of_breaker(scene: &Scene, breaker: &Breaker) -> (InspectorHead, Vec<InspectorRow>) {
    let snapshot = &scene.snapshot;
    let word = binnacle_model::world::breaker_word(breaker.state).replace('_', "-");
    let state = match (breaker.told_state(), breaker.state) {
        (Some(_), _) => format!("{word}, {} of {}", breaker.open, plural(breaker.of as usize, "instance")),
        (None, BreakerState::Disabled) => format!("{word} by its rule"),
        (None, _) => format!("{word}: limits are set, and nobody tells the state"),
    };
    let service = |id: &str| Some(Subject { kind: SubjectKind::Service, id: id.to_owned() });
    let pips = pips(&breaker.evidence);
    let caller = named(snapshot, &breaker.caller);
    let rejected = breaker.rejected_per_s.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1} /s"));
    let mut facts = vec![
        FactRow { at: Some(millis(breaker.since.at)), ..fact("state", "State", state.clone(), pips.clone()) },
        fact("name", "Name", text::name(&breaker.name), pips.clone()),
        FactRow { link: service(&caller.id), ..fact("caller", "Caller", caller.name, pips.clone()) },
    ];
    if let Some(callee) = breaker.callee.as_ref().map(|callee| named(snapshot, callee)) {
        facts.push(FactRow { link: service(&callee.id), ..fact("callee", "Callee", callee.name, pips.clone()) });
    }
    if let Some(failing) = breaker.failing() {
        facts.push(fact("failing", "Failing", format!("{:.1} %", failing * 100.0), pips.clone()));
    }
    let opening = limits::opening(breaker);
    if !opening.is_empty() {
        let said = breaker.configured().map(|one| super::pips([&one.evidence]));
        facts.push(fact("opens_at", "Opens at", opening, said.unwrap_or_else(|| pips.clone())));
    }
    if breaker.derived {
        let how = "concluded from counts of openings and closings: nobody tells it".to_owned();
        facts.push(fact("derived", "Known by", how, pips.clone()));
    }
    if breaker.told_state().is_some() {
        facts.push(fact("rejected", "Rejected", rejected, pips.clone()));
    }
    facts.extend(breaker.limits.iter().take(MOST).map(|one| {
        let value = format!("{} · {}", limits::words(one), limits::values(&one.limit));
        fact(&format!("limit:{}", one.rule), "Configured", value, super::pips([&one.evidence]))
    }));
    if let Some(how) = limits::switch_on(breaker) {
        facts.push(fact("switch_on", "To see its state", how.to_owned(), pips));
    }
    for evidence in breaker.evidence.iter().take(MOST) {
        let Fact::Breaker(report) = &evidence.observation.fact else { continue };
        let word = binnacle_model::world::breaker_word(report.state).replace('_', "-");
        let raw: Vec<String> = report.raw.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let value = text::name(&format!("{word} · {}", raw.join(" · ")));
        let key = format!("report:{}/{}", evidence.source, evidence.observation.object.key);
        let process = report.process(&evidence.observation.object);
        facts.push(fact(&key, &text::name(&process), value, super::pips([evidence])));
    }
    let head = InspectorHead {
        state,
        breaker: Some(breaker.state.into()),
        since: Some(breaker.since.into()),
        stale: breaker.stale,
        stale_since: stale_since(snapshot, breaker.stale, breaker.evidence.iter().map(|one| &one.source)),
        actions: switch_actions(scene, breaker),
        ..blank(breaker_title(snapshot, breaker))
    };
    (head, facts.into_iter().map(InspectorRow::Fact).chain(process_rows(scene, breaker)).collect())
}

/// What each process went through since the start, the most notable state first.
fn process_rows(scene: &Scene, breaker: &Breaker) -> Vec<InspectorRow> {
    let mut past: BTreeMap<&str, Vec<PastState>> = BTreeMap::new();
    let whole = ModelSubject::Breaker(breaker.id.clone());
    for happened in &scene.happened {
        let Happened::Transition(one) = happened else { continue };
        let Some(process) = one.process.as_deref().filter(|_| one.subject == whole) else { continue };
        let (Some(from), Some(to)) = (breaker_state(&one.from), breaker_state(&one.to)) else { continue };
        past.entry(process).or_default().push(PastState { at: millis(one.at), from: from.into(), to: to.into() });
    }
    let mut processes: Vec<&BreakerProcess> = breaker.processes.iter().collect();
    processes.sort_by(|a, b| (b.state, &a.process).cmp(&(a.state, &b.process)));
    let row = |one: &BreakerProcess| ProcessRow {
        key: format!("process:{}", one.process),
        section: Section::Processes,
        process: text::name(&one.process),
        state: one.state.into(),
        since: one.since.into(),
        derived: one.derived,
        rejected_per_s: one.rejected_per_s,
        failing: one.tripping.failing,
        stale: one.stale,
        past: past.remove(&*one.process).unwrap_or_default(),
    };
    processes.into_iter().take(MOST).map(row).map(InspectorRow::Process).collect()
}

fn switch_actions(scene: &Scene, breaker: &Breaker) -> Vec<Action> {
    let action = |does: ActionKind, label: &str, to: BreakerState| Action {
        does,
        label: label.to_owned(),
        target: breaker.id.to_string(),
        offer: switch_offer(scene, breaker, to),
    };
    vec![
        action(ActionKind::ForceOpen, "Force open…", BreakerState::ForcedOpen),
        action(ActionKind::Disable, "Disable…", BreakerState::Disabled),
        action(ActionKind::Close, "Close…", BreakerState::Closed),
    ]
}

fn switch_offer(scene: &Scene, breaker: &Breaker, to: BreakerState) -> Offer {
    let points = match switch::points(&scene.snapshot, breaker) {
        Ok(points) => points,
        Err(why) => return Offer::no(format!("It cannot be switched from here: {why}.")),
    };
    match (points.first(), points.len()) {
        (Some(only), 1) => match switch::why_not(only, breaker.state, to) {
            Some(why) => Offer::no(format!("It cannot be switched so from here: {why}.")),
            None => scene.read_only_for(&only.source).map_or_else(Offer::yes, Offer::no),
        },
        (_, many) => Offer::no(format!("{many} processes offer it: name one with binnaclectl breaker and --in.")),
    }
}

fn of_config(scene: &Scene, item: &ConfigItem) -> (InspectorHead, Vec<InspectorRow>) {
    let snapshot = &scene.snapshot;
    let pips = vec![pip(&item.source)];
    let stale = snapshot.sources.get(&item.source).is_some_and(|source| !source.status.state.is_current());
    let size = match item.size_bytes {
        1 => "1 byte".to_owned(),
        bytes => format!("{bytes} bytes"),
    };
    let mut facts = vec![
        FactRow {
            link: Some(Subject { kind: SubjectKind::Source, id: item.source.to_string() }),
            ..fact("store", "Store", source_name(&item.source), pips.clone())
        },
        FactRow { at: Some(millis(item.seen)), ..fact("state", "Version", item.version.to_string(), pips.clone()) },
        fact("size", "Size", size, pips.clone()),
        fact("flags", "Flags", item.flags.to_string(), pips.clone()),
    ];
    if let Some(session) = &item.lock_session {
        facts.push(fact("lock", "Locked by", lock_words(snapshot, session), pips));
    }
    let offer = edit_offer(scene, &item.source);
    let action = |does: ActionKind, label: &str| Action {
        does,
        label: label.to_owned(),
        target: item.id.to_string(),
        offer: offer.clone(),
    };
    let head = InspectorHead {
        state: format!("version {}", item.version),
        stale,
        stale_since: stale_since(snapshot, stale, [&item.source]),
        actions: vec![action(ActionKind::EditConfig, "Edit"), action(ActionKind::DeleteConfig, "Delete…")],
        ..blank(text::name(&item.path))
    };
    (head, facts.into_iter().map(InspectorRow::Fact).collect())
}

/// The session that holds a lock, with its name and node where the picture has them.
pub fn lock_words(snapshot: &Snapshot, session: &str) -> String {
    let known = snapshot.sessions.get(session).map(|evidence| &evidence.observation.fact);
    match known {
        Some(Fact::Session(fact)) if fact.name.is_empty() => text::name(&format!("{session} on {}", fact.node)),
        Some(Fact::Session(fact)) => text::name(&format!("{} ({session}) on {}", fact.name, fact.node)),
        _ => text::name(session),
    }
}

fn of_source(source: &Source) -> (InspectorHead, Vec<InspectorRow>) {
    let status = &source.status;
    let pips = vec![pip(&source.id)];
    let tone = if status.state.is_current() { Tone::Normal } else { Tone::Critical };
    let state = FactRow {
        tone,
        at: Some(millis(status.since)),
        ..fact("state", "State", status.state.word().to_owned(), pips.clone())
    };
    let mut facts = vec![state, fact("address", "Address", text::name(&status.address), pips.clone())];
    facts
        .extend(status.product.as_deref().map(|product| fact("product", "Product", text::name(product), pips.clone())));
    facts.push(fact(
        "facts",
        "States",
        plural(usize::try_from(source.facts).unwrap_or(usize::MAX), "fact"),
        pips.clone(),
    ));
    for (place, fault) in status.fault.iter().chain(&status.partial).enumerate() {
        let words = format!("{}: {} {}", fault.code, fault.detail, fault.hint);
        facts.push(FactRow {
            tone: Tone::Warning,
            ..fact(&format!("fault:{place}"), "Cannot read", text::output(&words), pips.clone())
        });
    }
    let try_now = Action {
        does: ActionKind::TryNow,
        label: "Try now".to_owned(),
        target: source.id.to_string(),
        offer: if status.state.is_current() { Offer::no("It answers") } else { Offer::yes() },
    };
    let head = InspectorHead {
        state: status.state.word().to_owned(),
        stale: !status.state.is_current(),
        stale_since: (!status.state.is_current()).then(|| millis(status.since)),
        actions: vec![try_now],
        ..blank(source_name(&source.id))
    };
    (head, facts.into_iter().map(InspectorRow::Fact).collect())
}
