//! What was found on this computer.

use super::{Scene, Table};
use crate::contract::first_run::{FirstRunHead, FoundRow, ProfileRow};
use crate::contract::state::millis;

/// The first screen.
pub fn table(scene: &Scene) -> Table<FirstRunHead, FoundRow> {
    let head = FirstRunHead {
        looking: scene.found.looking,
        looked_at: scene.found.looked_at.map(millis),
        demo: scene.demo,
        profiles: scene.found.profiles.iter().map(|profile| with_state(scene, profile)).collect(),
        profiles_fault: scene.found.profiles_fault.clone(),
    };
    let rows = scene.found.systems.iter().map(|system| {
        let connected = scene.connections.iter().any(|connection| system.spec.as_ref() == Some(&connection.spec));
        FoundRow { connected, ..system.clone() }
    });
    Table { head, rows: rows.collect() }
}

fn with_state(scene: &Scene, profile: &ProfileRow) -> ProfileRow {
    let is_open = |spec: &String| {
        scene.connections.iter().any(|connection| connection.spec == *spec && connection.profile == profile.name)
    };
    ProfileRow { open: profile.fault.is_none() && profile.sources.iter().all(is_open), ..profile.clone() }
}
