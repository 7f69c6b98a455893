//! The audit of edits: what is on disk, for whom, and what many processes at once make of it.

#![allow(clippy::unwrap_used, reason = "a test that meets another answer fails right there")]

use std::path::Path;
use std::process::{Command, Stdio};

use binnacle_history::{
    EditState, Filter, History, Kept, NewEdit, NewKey, NewRegistration, Settled, StuckRecord, Value,
};
use binnacle_model::id::{InstanceId, SourceId};
use jiff::Timestamp;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn value(version: Option<u64>, flags: u64, bytes: &[u8]) -> Value {
    Value { version, flags, bytes: bytes.to_vec() }
}

fn put(path: &str, before: &[u8], after: &[u8]) -> NewKey {
    NewKey {
        path: path.to_owned(),
        guard_version: Some(7),
        sensitive: false,
        before: Some(value(Some(7), 42, before)),
        after: Some(value(None, 42, after)),
    }
}

fn edit(keys: Vec<NewKey>) -> NewEdit {
    NewEdit {
        at: at(0),
        actor: "ada@ship".to_owned(),
        source: SourceId::from("consul:dc1"),
        connection: "consul=http://127.0.0.1:8500".to_owned(),
        why: Some("sale on Friday".to_owned()),
        undo_of: None,
        keys,
    }
}

fn all(newest: u32) -> Filter {
    Filter { key: None, newest }
}

#[test]
fn an_edit_is_found_again_after_the_file_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/history.sqlite");
    let history = History::open(&path).unwrap();
    let id = history.begin(&edit(vec![put("app/x", b"old \xff", b"new \x00")])).unwrap();
    history.settle(id, at(1), &Settled::Applied(vec![Some(8)])).unwrap();
    drop(history);

    let record = History::open(&path).unwrap().edit(id).unwrap().unwrap();
    assert_eq!((record.id, record.state, record.at, record.settled_at), (id, EditState::Applied, at(0), Some(at(1))));
    assert_eq!((record.actor.as_str(), record.why.as_deref()), ("ada@ship", Some("sale on Friday")));
    let [key] = record.keys.as_slice() else { panic!("one key: {record:?}") };
    assert_eq!((key.path.as_str(), key.guard_version, key.sensitive), ("app/x", Some(7), false));
    let kept = |version, bytes: &[u8]| {
        let size_bytes = bytes.len() as u64;
        Some(Kept { version: Some(version), flags: 42, size_bytes, bytes: Some(bytes.to_vec()) })
    };
    assert_eq!((key.before.clone(), key.after.clone()), (kept(7, b"old \xff"), kept(8, b"new \x00")));
}

#[test]
fn a_created_a_deleted_and_an_empty_key_are_told_apart() {
    let history = History::in_memory().unwrap();
    let created = NewKey { guard_version: None, before: None, ..put("created", b"", b"") };
    let deleted = NewKey { after: None, ..put("deleted", b"", b"") };
    let id = history.begin(&edit(vec![created, deleted])).unwrap();
    let record = history.edit(id).unwrap().unwrap();
    let [created, deleted] = record.keys.as_slice() else { panic!("two keys: {record:?}") };
    assert!(created.before.is_none() && created.guard_version.is_none());
    assert_eq!(created.after.as_ref().unwrap().bytes.as_deref(), Some(&b""[..]));
    assert!(deleted.after.is_none());
    assert_eq!(deleted.before.as_ref().unwrap().bytes.as_deref(), Some(&b""[..]));
}

#[test]
fn an_edit_that_was_never_settled_is_pending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    // Forgotten without closing, as a killed process leaves it.
    let history = std::mem::ManuallyDrop::new(History::open(&path).unwrap());
    let id = history.begin(&edit(vec![put("app/x", b"1", b"2")])).unwrap();

    let record = History::open(&path).unwrap().edit(id).unwrap().unwrap();
    assert_eq!((record.state, record.settled_at), (EditState::Pending, None));
    assert_eq!(record.keys.first().unwrap().after.as_ref().unwrap().version, None);
}

#[test]
fn a_line_is_settled_once() {
    let history = History::in_memory().unwrap();
    let id = history.begin(&edit(vec![put("a", b"", b"")])).unwrap();
    history.settle(id, at(1), &Settled::Refused("edit.refused".to_owned())).unwrap();
    let again = history.settle(id, at(2), &Settled::Applied(vec![Some(9)])).unwrap_err();
    assert_eq!(again.code(), "history.not_pending");
    let record = history.edit(id).unwrap().unwrap();
    assert_eq!((record.state, record.error_code.as_deref()), (EditState::Refused, Some("edit.refused")));
}

#[test]
fn the_list_is_newest_first_by_key_or_of_all_and_leaves_large_values_out() {
    let history = History::in_memory().unwrap();
    let ids: Vec<_> =
        ["a", "b", "a"].map(|path| history.begin(&edit(vec![put(path, b"secret", b"x")])).unwrap()).into();
    let listed = |filter: &Filter| history.edits(filter).unwrap().iter().map(|edit| edit.id).collect::<Vec<_>>();
    assert_eq!(listed(&all(2)), [ids[2], ids[1]]);
    let key = Some((SourceId::from("consul:dc1"), "a".to_owned()));
    assert_eq!(listed(&Filter { key, newest: 10 }), [ids[2], ids[0]]);
    let elsewhere = Some((SourceId::from("consul:dc2"), "a".to_owned()));
    assert_eq!(listed(&Filter { key: elsewhere, newest: 10 }), []);
    assert_eq!(history.count().unwrap(), 3);
    history.begin(&edit(vec![put("a", &vec![b'x'; 20_000], b"5")])).unwrap();
    let key = history.edits(&all(1)).unwrap().remove(0).keys.remove(0);
    let bytes = |kept: Option<Kept>| kept.map(|kept| (kept.size_bytes, kept.bytes));
    assert_eq!((bytes(key.before), bytes(key.after)), (Some((20_000, None)), Some((1, Some(b"5".to_vec())))));
}

#[test]
fn an_undo_is_linked_both_ways_once_it_is_applied() {
    let history = History::in_memory().unwrap();
    let first = history.begin(&edit(vec![put("a", b"1", b"2")])).unwrap();
    let undo = history.begin(&NewEdit { undo_of: Some(first), ..edit(vec![put("a", b"2", b"1")]) }).unwrap();
    assert_eq!(history.edit(first).unwrap().unwrap().undone_by, None, "it may be refused yet");
    history.settle(undo, at(1), &Settled::Applied(vec![Some(9)])).unwrap();
    assert_eq!(history.edit(first).unwrap().unwrap().undone_by, Some(undo));
    assert_eq!(history.edit(undo).unwrap().unwrap().undo_of, Some(first));
}

#[test]
fn a_value_of_a_past_version_is_found_where_the_same_connection_saw_it() {
    let history = History::in_memory().unwrap();
    let id = history.begin(&edit(vec![put("a", b"seven", b"eight")])).unwrap();
    history.settle(id, at(1), &Settled::Applied(vec![Some(8)])).unwrap();
    let (dc1, place) = (SourceId::from("consul:dc1"), "consul=http://127.0.0.1:8500");
    let at_version = |connection: &str, path: &str, version| {
        history.value_at(&dc1, connection, path, version).unwrap().map(|value| value.bytes)
    };
    assert_eq!(at_version(place, "a", 7).as_deref(), Some(&b"seven"[..]));
    assert_eq!(at_version(place, "a", 8).as_deref(), Some(&b"eight"[..]));
    assert_eq!(at_version(place, "a", 9), None);
    assert_eq!(at_version(place, "b", 7), None);
    assert_eq!(at_version("consul=http://127.0.0.1:9500", "a", 7), None);
}

#[test]
fn the_value_of_a_sensitive_key_is_nowhere_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let history = History::open(&path).unwrap();
    let (old, new) = (b"correct horse battery staple".as_slice(), b"Tr0ub4dor&3 Tr0ub4dor&3".as_slice());
    let id = history.begin(&edit(vec![NewKey { sensitive: true, ..put("db/password", old, new) }])).unwrap();
    history.settle(id, at(1), &Settled::Applied(vec![Some(8)])).unwrap();

    let record = history.edit(id).unwrap().unwrap();
    let key = record.keys.first().unwrap();
    let (before, after) = (key.before.as_ref().unwrap(), key.after.as_ref().unwrap());
    assert_eq!((before.size_bytes, after.size_bytes), (old.len() as u64, new.len() as u64));
    assert_eq!((before.bytes.as_ref(), after.bytes.as_ref(), after.version), (None, None, Some(8)));
    let mut searched = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        searched += bytes.len();
        for secret in [old, new] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    assert!(searched > 4096, "the files were read");
}

#[test]
fn debug_output_has_no_values() {
    let history = History::in_memory().unwrap();
    let new = edit(vec![put("a", b"old value", b"new value")]);
    let id = history.begin(&new).unwrap();
    let text = format!("{new:?} {:?}", history.edit(id).unwrap().unwrap());
    assert!(!text.contains("value\"") && !text.contains("old value") && text.contains("size_bytes: 9"), "{text}");
}

#[test]
fn registrations_are_recorded_with_what_the_catalog_said() {
    let history = History::in_memory().unwrap();
    let new = NewRegistration {
        at: at(0),
        actor: "ada@ship".to_owned(),
        source: SourceId::from("consul:dc1"),
        connection: "consul=http://127.0.0.1:8500".to_owned(),
        why: None,
        instance: InstanceId::from("consul:dc1/node-1/payments-1"),
        requests: vec!["PUT /v1/agent/service/register".to_owned()],
    };
    let line = history.begin_registration(&new).unwrap();
    assert_eq!(history.registrations(1).unwrap()[0].state, EditState::Pending);
    history.settle_registration(line, at(1), &Settled::Applied(Vec::new())).unwrap();
    history.verify_registration(line, at(2), StuckRecord::Stuck).unwrap();
    history.verify_registration(line, at(70), StuckRecord::NotStuck).unwrap();
    let records = history.registrations(10).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0].sent, records[0].state), (&new, EditState::Applied));
    assert_eq!(records[0].verified, Some((StuckRecord::NotStuck, at(70))));
}

const WRITERS: usize = 8;
const EDITS_EACH: usize = 50;

#[test]
fn many_processes_write_at_once_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let mut writers: Vec<_> = (0..WRITERS).map(|number| start_writer(&path, &number.to_string())).collect();
    for writer in &mut writers {
        assert!(writer.wait().unwrap().success());
    }
    let history = History::open(&path).unwrap();
    let records = history.edits(&all(10_000)).unwrap();
    assert_eq!(records.len(), WRITERS * EDITS_EACH);
    assert!(records.iter().all(|record| record.state == EditState::Applied && record.keys.len() == 1));
    for number in 0..WRITERS {
        let key = Some((SourceId::from("consul:dc1"), number.to_string()));
        assert_eq!(history.edits(&Filter { key, newest: 10_000 }).unwrap().len(), EDITS_EACH);
    }
}

#[test]
fn a_process_killed_in_the_middle_of_its_writes_leaves_a_whole_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let history = History::open(&path).unwrap();
    for round in 1..=5 {
        let mut writer = start_writer(&path, "endless");
        let seen = history.count().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while history.count().unwrap() < seen + 5 {
            assert!(std::time::Instant::now() < deadline, "round {round}: the writer writes");
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    let records = History::open(&path).unwrap().edits(&all(1_000_000)).unwrap();
    let pending = records.iter().filter(|record| record.state == EditState::Pending).count();
    assert!(records.iter().all(|record| record.keys.len() == 1), "no edit without its key");
    assert!(pending <= 5, "at most the one at which each was killed: {pending}");
}

/// Not a test by itself: the process that the two above start.
#[test]
fn writer() {
    let (Ok(path), Ok(key)) = (std::env::var("BINNACLE_TEST_HISTORY"), std::env::var("BINNACLE_TEST_KEY")) else {
        return;
    };
    let history = History::open(Path::new(&path)).unwrap();
    let rounds = if key == "endless" { usize::MAX } else { EDITS_EACH };
    for _ in 0..rounds {
        let id = history.begin(&edit(vec![put(&key, b"before", b"after")])).unwrap();
        history.settle(id, at(1), &Settled::Applied(vec![Some(8)])).unwrap();
    }
}

fn start_writer(path: &Path, key: &str) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer", "--nocapture"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("BINNACLE_TEST_HISTORY", path).env("BINNACLE_TEST_KEY", key).spawn().unwrap()
}

fn some_value() -> impl Strategy<Value = Option<Value>> {
    let value = (any::<u64>(), prop::collection::vec(any::<u8>(), 0..64));
    prop::option::of(value.prop_map(|(flags, bytes)| Value { version: None, flags, bytes }))
}

proptest! {
    #[test]
    fn what_is_recorded_is_read_back(
        path in ".*", guard_version: Option<u64>, before in some_value(), after in some_value(), version: u64, why: Option<String>,
    ) {
        let before = before.map(|value| Value { version: Some(version), ..value });
        let key = NewKey { path: path.clone(), guard_version, sensitive: false, before: before.clone(), after: after.clone() };
        let history = History::in_memory().unwrap();
        let id = history.begin(&NewEdit { why: why.clone(), ..edit(vec![key]) }).unwrap();
        let record = history.edit(id).unwrap().unwrap();
        prop_assert_eq!(&record.why, &why);
        let read = record.keys.first().unwrap();
        let plain = |kept: &Option<Kept>| kept.clone().map(|kept| Value {
            version: kept.version, flags: kept.flags, bytes: kept.bytes.unwrap(),
        });
        prop_assert_eq!((&read.path, read.guard_version), (&path, guard_version));
        prop_assert_eq!((plain(&read.before), plain(&read.after)), (before, after));
    }
}
