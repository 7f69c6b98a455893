//! What was found on this computer.

use super::{Scene, Table};
use crate::contract::first_run::{FirstRunHead, FoundRow};
use crate::contract::state::millis;

/// The first screen.
pub fn table(scene: &Scene) -> Table<FirstRunHead, FoundRow> {
    let head =
        FirstRunHead { looking: scene.found.looking, looked_at: scene.found.looked_at.map(millis), demo: scene.demo };
    let rows = scene.found.systems.iter().map(|system| {
        let connected = scene.connections.iter().any(|connection| system.spec.as_ref() == Some(&connection.spec));
        FoundRow { connected, ..system.clone() }
    });
    Table { head, rows: rows.collect() }
}
