//! The frame around every screen.

use std::collections::BTreeSet;

use binnacle_model::change::Subject;
use binnacle_model::fact::BreakerState;
use binnacle_model::snapshot::{Health, Source, SourceState};

use super::{Happened, Scene, Table, causes, count, failure, is_registered, letter, named, source_name};
use crate::contract::shell::{Announcement, Badge, LiveState, Screen, ShellHead, ShellSource};
use crate::contract::state::{HealthCounts, Tone, millis};
use crate::text;

/// The shell.
pub fn table(scene: &Scene) -> Table<ShellHead, ShellSource> {
    let (live, live_words) = live(scene);
    let (access, read_only) = access(scene);
    let head = ShellHead {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: profiles(scene),
        access: access.to_owned(),
        read_only,
        demo: scene.demo,
        live,
        live_words,
        services: HealthCounts::of(
            scene.snapshot.services.values().filter(|service| is_registered(service)).map(|service| service.health),
        ),
        badges: badges(scene),
        announcement: announcement(scene),
    };
    Table { head, rows: scene.snapshot.sources.values().map(|source| row(scene, source)).collect() }
}

fn row(scene: &Scene, source: &Source) -> ShellSource {
    let connection = scene.connections.iter().find(|connection| connection.sources.contains(&source.id));
    ShellSource {
        key: source.id.to_string(),
        letter: letter(&source.id),
        name: source_name(&source.id),
        state: source.status.state.into(),
        since: millis(source.status.since),
        last_answer: connection.and_then(|connection| connection.last_answer).map(millis),
        fault: source.status.fault.as_ref().map(|fault| failure(&source.id, fault)),
    }
}

/// Each profile of what is open, once.
fn profiles(scene: &Scene) -> String {
    let names: BTreeSet<&str> = scene.connections.iter().map(|connection| connection.profile.as_str()).collect();
    text::name(&names.into_iter().collect::<Vec<_>>().join(" + "))
}

/// Whether writes are possible, in words, and why not.
fn access(scene: &Scene) -> (&'static str, Option<String>) {
    if scene.read_only.is_some() {
        return ("read-only", scene.read_only.clone());
    }
    let refusing: Vec<&str> =
        scene.connections.iter().filter_map(|connection| connection.read_only.as_deref()).collect();
    let reasons: BTreeSet<&str> = refusing.iter().copied().collect();
    let words = match refusing.len() {
        0 => return ("read-write", None),
        all if all == scene.connections.len() => "read-only",
        _ => "partly read-only",
    };
    (words, Some(reasons.into_iter().collect::<Vec<_>>().join("; ")))
}

fn live(scene: &Scene) -> (LiveState, String) {
    let states: Vec<(&Source, SourceState)> =
        scene.snapshot.sources.values().map(|source| (source.as_ref(), source.status.state)).collect();
    let watched: Vec<_> = states.into_iter().filter(|(_, state)| *state != SourceState::Off).collect();
    if watched.is_empty() {
        return match scene.connections.as_slice() {
            [] => (LiveState::Nothing, "Nothing is connected".to_owned()),
            [one, ..] => (LiveState::Connecting, format!("Connecting to {}", text::name(&one.spec))),
        };
    }
    let bad: Vec<String> = watched
        .iter()
        .filter(|(_, state)| !state.is_current())
        .map(|(source, state)| format!("{} {}", source_name(&source.id), state.word()))
        .collect();
    let waiting: Vec<String> = watched
        .iter()
        .filter(|(_, state)| *state == SourceState::Connecting)
        .map(|(source, _)| source_name(&source.id))
        .collect();
    if bad.len() == watched.len() {
        (LiveState::Not, format!("Not live: {}", bad.join(", ")))
    } else if !bad.is_empty() {
        (LiveState::Partly, format!("Live, but {}", bad.join(", ")))
    } else if waiting.is_empty() {
        (LiveState::Live, "Live".to_owned())
    } else {
        (LiveState::Connecting, format!("Waiting for {}", waiting.join(", ")))
    }
}

fn badges(scene: &Scene) -> Vec<Badge> {
    let snapshot = &scene.snapshot;
    let groups = causes::groups(snapshot);
    let worst = groups.iter().map(causes::Group::worst).max();
    let open = snapshot
        .breakers
        .values()
        .filter(|breaker| matches!(breaker.state, BreakerState::Open | BreakerState::ForcedOpen))
        .count();
    let sources = snapshot
        .sources
        .values()
        .filter(|source| {
            matches!(source.status.state, SourceState::Failing | SourceState::Stale)
                || !source.status.partial.is_empty()
        })
        .count();
    let tone = if worst >= Some(Health::Critical) { Tone::Critical } else { Tone::Warning };
    let all = [
        Badge { screen: Screen::Health, count: count(groups.len()), tone },
        Badge { screen: Screen::Breakers, count: count(open), tone: Tone::Critical },
        Badge { screen: Screen::Disagreements, count: count(snapshot.disagreements.len()), tone: Tone::Warning },
        Badge { screen: Screen::Sources, count: count(sources), tone: Tone::Warning },
    ];
    all.into_iter().filter(|badge| badge.count > 0).collect()
}

/// The latest critical transition, loss of a source, or word of the app itself: the only things that are said aloud.
fn announcement(scene: &Scene) -> Option<Announcement> {
    let said = scene.said.as_ref().map(|(at, text)| Announcement { at: millis(*at), text: text::output(text) });
    match (said, seen(scene)) {
        (Some(said), Some(seen)) => Some(if said.at >= seen.at { said } else { seen }),
        (said, seen) => said.or(seen),
    }
}

fn seen(scene: &Scene) -> Option<Announcement> {
    scene.happened.iter().rev().find_map(|happened| {
        let Happened::Transition(transition) = happened else { return None };
        let words = match &transition.subject {
            Subject::Service(id) if &*transition.to == Health::Critical.word() => {
                format!("{} is critical", named(&scene.snapshot, id).name)
            }
            Subject::Source(id) if &*transition.to == SourceState::Failing.word() => {
                format!("{} does not answer", source_name(id))
            }
            Subject::Source(id)
                if &*transition.to == SourceState::Live.word()
                    && &*transition.from != SourceState::Connecting.word() =>
            {
                format!("{} is live again", source_name(id))
            }
            _ => return None,
        };
        Some(Announcement { at: millis(transition.at), text: words })
    })
}
