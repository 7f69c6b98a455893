//! What is read, and how it is doing.

use binnacle_model::snapshot::{Ability, Source, SourceState};

use super::{ConnectionFacts, Scene, Table, failure, letter, number, source_name};
use crate::contract::sources::{ConnectionRow, SourceRow, SourcesHead};
use crate::contract::state::millis;
use crate::text;

/// The screen, worst first.
pub fn table(scene: &Scene) -> Table<SourcesHead, SourceRow> {
    let head = SourcesHead {
        connections: scene.connections.iter().map(|facts| connection(scene, facts)).collect(),
        kinds: scene.kinds.clone(),
        demo: scene.demo,
    };
    let mut sources: Vec<&Source> = scene.snapshot.sources.values().map(AsRef::as_ref).collect();
    sources.sort_by_key(|source| (rank(source), source.id.clone()));
    Table { head, rows: sources.into_iter().map(|source| row(scene, source)).collect() }
}

fn rank(source: &Source) -> u8 {
    match source.status.state {
        SourceState::Failing => 0,
        SourceState::Stale => 1,
        SourceState::Live if !source.status.partial.is_empty() => 2,
        SourceState::Connecting => 3,
        SourceState::Live => 4,
        SourceState::Off => 5,
    }
}

fn connection(scene: &Scene, facts: &ConnectionFacts) -> ConnectionRow {
    ConnectionRow {
        spec: text::name(&facts.spec),
        profile: text::name(&facts.profile),
        found: facts.found.clone(),
        read_only: facts.read_only.clone(),
        token: facts.token.as_ref().map(|token| token.origin.clone()),
        remembered: facts.token.as_ref().is_some_and(|token| token.remembered),
        wants_token: facts.token.as_ref().is_some_and(|token| token.anonymous || is_refused(scene, facts)),
        sources: facts.sources.iter().map(|source| text::name(source.as_str())).collect(),
        requests: number(facts.requests),
        failures: number(facts.failures),
        bytes: number(facts.bytes),
        last_answer: facts.last_answer.map(millis),
        inside: facts.inside.clone(),
        inside_fault: facts.inside_fault.clone(),
    }
}

/// Whether a source of a connection says that its token is not known, or may not read something.
fn is_refused(scene: &Scene, facts: &ConnectionFacts) -> bool {
    let sources = facts.sources.iter().filter_map(|id| scene.snapshot.sources.get(id));
    let mut faults = sources.flat_map(|source| source.status.fault.iter().chain(&source.status.partial));
    faults.any(|fault| fault.code.ends_with(".acl_denied") || fault.code.ends_with(".unauthenticated"))
}

fn row(scene: &Scene, source: &Source) -> SourceRow {
    let connection = scene.connections.iter().find(|connection| connection.sources.contains(&source.id));
    let meter = |read: fn(&ConnectionFacts) -> u64| connection.map_or(0.0, |connection| number(read(connection)));
    SourceRow {
        key: source.id.to_string(),
        letter: letter(&source.id),
        source_kind: source.id.kind().map(|kind| kind.word().to_owned()).unwrap_or_default(),
        name: source_name(&source.id),
        state: source.status.state.into(),
        since: millis(source.status.since),
        address: text::name(&source.status.address),
        product: source.status.product.as_deref().map(text::name),
        fault: source.status.fault.as_ref().map(|fault| failure(&source.id, fault)),
        partial: source.status.partial.iter().map(|fault| failure(&source.id, fault)).collect(),
        notes: source.status.notes.iter().map(|note| text::output(note)).collect(),
        next_try: source.status.next_try.map(millis),
        abilities: source.status.abilities.iter().map(|ability| words(*ability).to_owned()).collect(),
        facts: number(source.facts),
        connection: connection.map(|connection| connection.spec.clone()),
        requests: meter(|facts| facts.requests),
        failures: meter(|facts| facts.failures),
        bytes: meter(|facts| facts.bytes),
        last_answer: connection.and_then(|connection| connection.last_answer).map(millis),
    }
}

fn words(ability: Ability) -> &'static str {
    match ability {
        Ability::ReadConfig => "read keys",
        Ability::EditConfig => "edit keys",
        Ability::Register => "register services",
        Ability::SwitchBreakers => "switch breakers",
    }
}
