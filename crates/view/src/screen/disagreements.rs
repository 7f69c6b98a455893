//! What sources cannot both be right about: both claims side by side, what follows, and what to do next.

use std::cmp::Reverse;

use binnacle_model::derive::config_id;
use binnacle_model::fact::{Fact, StoreKind};
use binnacle_model::id::{ServiceId, SourceId, SourceKind};
use binnacle_model::snapshot::{
    Claim, Disagreement, DisagreementKind as Kind, Instance, Service, Snapshot, SourceState,
};

use super::evidence::how_word;
use super::inspector::register_offer;
use super::{Scene, Table, count, letter, named, source_name};
use crate::contract::disagreements::{
    ClaimCard, DisagreementKind, DisagreementRow, DisagreementsHead, KindCount, Step,
};
use crate::contract::state::{Subject, SubjectKind, millis};
use crate::text;

/// Every kind, the worst in effect first.
const KINDS: [Kind; 8] = [
    Kind::Zombie,
    Kind::PassingButUnready,
    Kind::ReadyButFailing,
    Kind::SelectsNothing,
    Kind::OtherPort,
    Kind::TargetDown,
    Kind::NotScraped,
    Kind::OtherValue,
];

/// The screen.
pub fn table(scene: &Scene) -> Table<DisagreementsHead, DisagreementRow> {
    let snapshot = &*scene.snapshot;
    let mut found: Vec<&Disagreement> = snapshot.disagreements.values().map(AsRef::as_ref).collect();
    found.sort_by_key(|one| (rank(one.kind), Reverse(one.since.at), one.id.clone()));
    let kinds = KINDS.into_iter().map(|kind| KindCount {
        kind: kind.into(),
        title: title(kind).to_owned(),
        count: count(found.iter().filter(|one| one.kind == kind).count()),
    });
    let (compared, not_compared) = (compared(snapshot), not_compared(snapshot));
    let head = DisagreementsHead {
        total: count(found.len()),
        kinds: kinds.collect(),
        empty: found.is_empty().then(|| empty(&compared)),
        compared,
        not_compared,
    };
    Table { head, rows: found.into_iter().map(|one| row(scene, one)).collect() }
}

fn rank(kind: Kind) -> usize {
    KINDS.iter().position(|one| *one == kind).unwrap_or(KINDS.len())
}

/// Those that concern a service, the worst in effect first.
pub(crate) fn of_service<'a>(snapshot: &'a Snapshot, service: &ServiceId) -> Vec<&'a Disagreement> {
    let all = snapshot.disagreements.values().map(AsRef::as_ref);
    let mut found: Vec<&Disagreement> = all.filter(|one| one.service.as_ref() == Some(service)).collect();
    found.sort_by_key(|one| (rank(one.kind), Reverse(one.since.at)));
    found
}

/// A kind for people.
pub(crate) fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Zombie => "Zombie registration",
        Kind::PassingButUnready => "Passing but not ready",
        Kind::ReadyButFailing => "Ready but failing",
        Kind::OtherPort => "Another port",
        Kind::SelectsNothing => "Selects nothing",
        Kind::TargetDown => "Target down",
        Kind::NotScraped => "Not scraped",
        Kind::OtherValue => "Another value",
    }
}

/// What follows from it.
pub(crate) fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Zombie => "Who finds the service by the registry is sent to where nothing of it runs.",
        Kind::PassingButUnready => {
            "Kubernetes sends it no calls; who finds it by the registry still does. The two ask different questions."
        }
        Kind::ReadyButFailing => {
            "Kubernetes sends it calls; who finds it by the registry is kept away. See whether the check asks the right \
             address and port."
        }
        Kind::OtherPort => {
            "Calls by the registry go to a port that the pod does not declare. They work only if something listens there \
             undeclared."
        }
        Kind::TargetDown => {
            "It serves, and its numbers are missing: rates and errors of its service are too low by its share, and alerts on \
             them are blind to it."
        }
        Kind::NotScraped => {
            "Its numbers are in no sum and no alert. See the selector of who scrapes, the port's name, and network policies."
        }
        Kind::OtherValue => {
            "Which of the two is in force depends on where the service reads it. They are the same setting by their names \
             alone: give it one home, or one value."
        }
        Kind::SelectsNothing => {
            "Calls to this name go nowhere. Compare the selector with the labels of the pods that it is meant for."
        }
    }
}

fn row(scene: &Scene, one: &Disagreement) -> DisagreementRow {
    let snapshot = &*scene.snapshot;
    DisagreementRow {
        key: one.id.to_string(),
        kind: one.kind.into(),
        title: title(one.kind).to_owned(),
        subject: text::name(&one.subject),
        service: one.service.as_ref().map(|id| named(snapshot, id)),
        claims: one.claims.iter().enumerate().map(|(place, claim)| card(scene, claim, place == 0)).collect(),
        meaning: meaning(one.kind).to_owned(),
        since: one.since.into(),
        steps: steps(scene, one),
    }
}

fn card(scene: &Scene, claim: &Claim, doubt: bool) -> ClaimCard {
    let told = claim.evidence.as_ref().map(|evidence| &evidence.observation);
    // Who is silent was silent when it answered last.
    let answered = || scene.connections.iter().find(|one| one.sources.contains(&claim.source))?.last_answer;
    ClaimCard {
        letter: letter(&claim.source),
        source: claim.source.to_string(),
        name: source_name(&claim.source),
        says: text::output(&claim.says),
        query: told.map(|seen| text::output(&seen.origin.query)).unwrap_or_default(),
        how: told.map(|seen| how_word(seen.origin.how).to_owned()).unwrap_or_default(),
        seen: told.map(|seen| seen.seen).or_else(answered).map(millis),
        doubt,
    }
}

/// What to do about it, the best first.
fn steps(scene: &Scene, one: &Disagreement) -> Vec<Step> {
    let snapshot = &*scene.snapshot;
    let service = one.service.as_ref().and_then(|id| snapshot.services.get(id));
    let instance = service
        .and_then(|service| service.instances.iter().find(|instance| Some(&instance.id) == one.instance.as_ref()));
    let shown = service.map(|service| show(service, instance.map(AsRef::as_ref)));
    let first = match (one.kind, instance) {
        (Kind::Zombie, Some(instance)) => Some(deregister(scene, instance)),
        (Kind::OtherValue, _) => one.claims.iter().find_map(open_key),
        _ => None,
    };
    let command = command(one).map(|text| Step::Copy { label: "Copy the command".to_owned(), text });
    first.into_iter().chain(shown).chain(command).collect()
}

fn deregister(scene: &Scene, instance: &Instance) -> Step {
    let source = &instance.evidence.source;
    Step::Deregister {
        label: "Deregister…".to_owned(),
        source: source.to_string(),
        instance: instance.id.to_string(),
        name: text::name(&instance.native_id),
        offer: register_offer(scene, source),
    }
}

/// Opens the key of a store that is edited here.
fn open_key(claim: &Claim) -> Option<Step> {
    let Fact::Config(fact) = &claim.evidence.as_ref()?.observation.fact else { return None };
    let id = (fact.store == StoreKind::ConsulKv).then(|| config_id(&claim.source, fact.store, &fact.path))?;
    Some(Step::Show {
        label: "Open the key".to_owned(),
        subject: Subject { kind: SubjectKind::Config, id: id.to_string() },
        fact: None,
    })
}

fn show(service: &Service, instance: Option<&Instance>) -> Step {
    let is_pod = instance.is_some_and(|one| one.uid.is_some());
    Step::Show {
        label: if is_pod { "Show the pod".to_owned() } else { format!("Show {}", text::name(&service.name)) },
        subject: Subject { kind: SubjectKind::Service, id: service.id.to_string() },
        fact: instance.map(|one| format!("instance:{}", one.id)),
    }
}

/// What shows both sides in a terminal.
fn command(one: &Disagreement) -> Option<String> {
    if one.kind == Kind::Zombie {
        return one.instance.as_ref().map(|id| text::command(&["binnaclectl", "deregister", id.as_str(), "--dry-run"]));
    }
    let told = one.claims.iter().filter_map(|claim| claim.evidence.as_ref());
    told.filter(|evidence| evidence.source.kind() == Some(SourceKind::Kube)).find_map(|evidence| {
        let context = format!("--context={}", evidence.source.place());
        let (namespace, name, kind) = match &evidence.observation.fact {
            Fact::Instance(fact) => fact.id.split_once('/').map(|(space, name)| (space, name, "pod"))?,
            Fact::Check(fact) => {
                let mut parts = fact.id.split('/');
                (parts.next()?, parts.next()?, "pod")
            }
            Fact::Config(fact) => {
                let mut parts = fact.path.splitn(3, '/');
                (parts.next()?, parts.next()?, "configmap")
            }
            Fact::ClusterService(fact) => (fact.name.namespace.as_deref()?, &*fact.name.name, "service"),
            _ => return None,
        };
        Some(text::command(&["kubectl", &context, "-n", namespace, "describe", kind, name]))
    })
}

fn of_kind(snapshot: &Snapshot, kind: SourceKind) -> Vec<(&SourceId, SourceState)> {
    let known = snapshot.sources.values().filter(|source| source.id.kind() == Some(kind));
    known.map(|source| (&source.id, source.status.state)).collect()
}

fn live_names(snapshot: &Snapshot, kind: SourceKind) -> Option<String> {
    let live = of_kind(snapshot, kind).into_iter().filter(|(_, state)| *state == SourceState::Live);
    let names: Vec<String> = live.map(|(id, _)| source_name(id)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Who was compared with whom.
fn compared(snapshot: &Snapshot) -> Vec<String> {
    let mut all = Vec::new();
    let (registries, clusters) = (live_names(snapshot, SourceKind::Consul), live_names(snapshot, SourceKind::Kube));
    if let (Some(registries), Some(clusters)) = (&registries, &clusters) {
        all.push(format!("The registrations and checks of {registries} with the pods of {clusters}."));
        all.push(format!("The keys of {registries} with the ConfigMaps of {clusters}, by their names."));
    }
    if let (Some(servers), Some(clusters)) = (live_names(snapshot, SourceKind::Prometheus), &clusters) {
        all.push(format!("The scrape targets of {servers} with the pods of {clusters}."));
    }
    all.extend(clusters.map(|clusters| format!("The selectors of {clusters} with its pods.")));
    all
}

/// What could not be compared, and why.
fn not_compared(snapshot: &Snapshot) -> Vec<String> {
    let mut all = Vec::new();
    for (kind, sentence) in [
        (SourceKind::Kube, "Kubernetes is not connected: nothing to compare registrations with."),
        (SourceKind::Consul, "No Consul is connected: nothing to compare pods with."),
        (SourceKind::Prometheus, "No Prometheus is connected: whether pods are scraped is not known."),
    ] {
        let known = of_kind(snapshot, kind);
        if known.is_empty() {
            all.push(sentence.to_owned());
        }
        all.extend(
            known.into_iter().filter(|(_, state)| *state != SourceState::Live).map(|(id, state)| {
                format!("{} is {}: what is old contradicts nothing.", source_name(id), state.word())
            }),
        );
    }
    let limited = snapshot.sources.values().filter(|source| !source.status.unseen.is_empty());
    all.extend(limited.map(|source| {
        let unseen: Vec<String> = source.status.unseen.iter().map(|one| text::name(one)).collect();
        format!(
            "{} does not show all of its {}: what is not seen there proves nothing.",
            source_name(&source.id),
            unseen.join(", ")
        )
    }));
    all
}

fn empty(compared: &[String]) -> String {
    if compared.is_empty() {
        "Nothing was compared: that takes two sources that speak of the same things.".to_owned()
    } else {
        "Nothing: what the sources say fits together.".to_owned()
    }
}

impl From<Kind> for DisagreementKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Zombie => Self::Zombie,
            Kind::ReadyButFailing => Self::ReadyButFailing,
            Kind::PassingButUnready => Self::PassingButUnready,
            Kind::OtherPort => Self::OtherPort,
            Kind::SelectsNothing => Self::SelectsNothing,
            Kind::TargetDown => Self::TargetDown,
            Kind::NotScraped => Self::NotScraped,
            Kind::OtherValue => Self::OtherValue,
        }
    }
}
