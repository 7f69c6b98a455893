//! The tree of keys.

use binnacle_view::contract::config::{ConfigRowKind, ConfigTreeParams};
use binnacle_view::screen::config_tree;

use super::fleet::Fleet;

fn tree(paths: &[&str], expanded: &[&str], search: Option<&str>) -> Vec<String> {
    let mut fleet = Fleet::new();
    for path in paths {
        fleet.key(path);
    }
    let params = ConfigTreeParams {
        expanded: expanded.iter().map(|&key| key.to_owned()).collect(),
        search: search.map(str::to_owned),
        limit: 100,
    };
    let rows = config_tree::table(&fleet.scene(), &params).rows;
    let line = |row: &binnacle_view::contract::config::ConfigTreeRow| {
        let indent = "  ".repeat(row.depth as usize);
        match row.kind {
            ConfigRowKind::Key => format!("{indent}{} = {}", row.label, row.path),
            _ => format!("{indent}{} ({})", row.label, row.keys.unwrap()),
        }
    };
    rows.iter().map(line).collect()
}

const STORE: &str = "s:consul:dc1";

#[test]
fn only_what_is_open_is_listed_and_the_rest_is_counted() {
    let paths = ["app/a", "app/b/c", "top"];
    assert_eq!(tree(&paths, &[], None), ["consul dc1 (3)"]);
    assert_eq!(tree(&paths, &[STORE], None), ["consul dc1 (3)", "  app (2)", "  top = top"]);
    assert_eq!(
        tree(&paths, &[STORE, "f:consul:dc1/kv/app/"], None),
        ["consul dc1 (3)", "  app (2)", "    a = app/a", "    b (1)", "  top = top"]
    );
}

#[test]
fn a_key_stands_beside_the_folder_of_the_same_name() {
    assert_eq!(
        tree(&["a", "a-b", "a/", "a/b"], &[STORE, "f:consul:dc1/kv/a/"], None),
        ["consul dc1 (4)", "  a = a", "  a-b = a-b", "  a (2)", "    (empty) = a/", "    b = a/b"]
    );
}

#[test]
fn a_key_that_ends_with_a_slash_and_has_nothing_beneath_is_a_key() {
    assert_eq!(tree(&["a/"], &[STORE], None), ["consul dc1 (1)", "  a/ = a/"]);
}

#[test]
fn empty_segments_are_folders_of_their_own() {
    assert_eq!(
        tree(
            &["/lead", "a//b"],
            &[STORE, "f:consul:dc1/kv/", "f:consul:dc1/kv//", "f:consul:dc1/kv/a/", "f:consul:dc1/kv/a//"],
            None
        ),
        ["consul dc1 (2)", "  (empty) (1)", "    lead = /lead", "  a (1)", "    (empty) (1)", "      b = a//b"]
    );
}

#[test]
fn a_search_lists_whole_paths_without_regard_to_case() {
    assert_eq!(tree(&["app/Timeout", "other"], &[], Some("TIME")), ["consul dc1 (1)", "  app/Timeout = app/Timeout"]);
}
