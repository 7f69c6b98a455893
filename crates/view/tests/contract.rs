//! The committed TypeScript is the contract's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use binnacle_view::contract::typescript;

/// Set to write the files instead of comparing them.
const WRITE: &str = "BINNACLE_WRITE";

#[test]
fn the_committed_typescript_is_made_from_these_types() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/host/contract");
    for (name, text) in typescript::files() {
        let path = folder.join(name);
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{name} is stale: run this test again with {WRITE}=1 and commit what it writes");
    }
}
