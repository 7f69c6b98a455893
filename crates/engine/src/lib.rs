//! Runs the sources, keeps the model, publishes snapshots, and carries edits: the only crate that spawns.
