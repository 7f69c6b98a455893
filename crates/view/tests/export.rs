//! The public JSON and its schema.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use binnacle_view::export::PublicSnapshot;

#[test]
fn the_committed_schema_is_made_from_these_types() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/snapshot.schema.json");
    let schema = PublicSnapshot::schema();
    if std::env::var_os("BINNACLE_WRITE").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema,
        "snapshot.schema.json is stale: run this test again with BINNACLE_WRITE=1 and commit it"
    );
}
