//! Edits of keys, from the plan to the undo, on the demo's registry, which checks guards as Consul does.

#![allow(clippy::unwrap_used, reason = "a test that meets another answer fails right there")]

use std::sync::Arc;

use async_trait::async_trait;
use binnacle_demo::Registry;
use binnacle_engine::Clock;
use binnacle_engine::edits::merge::{Merge, Side};
use binnacle_engine::edits::{
    Base, Draft, DraftIntent, EditError, EditState, Edits, ExitClass, Expect, KeyConflict, Note, Plan, Stores,
    UndoReach, Verified,
};
use binnacle_history::History;
use binnacle_model::derive::config_id;
use binnacle_model::fact::StoreKind;
use binnacle_model::id::{ConfigId, SourceId, SourceKind};
use binnacle_sources::edit::{ConfigStore, Guard, KeyWrite, Outcome, Permission, StoredValue};
use binnacle_sources::{Connection, ConnectionSpec, Environment, Meter, Outbox, Probe, SourceError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const SOURCE: &str = "consul:demo";

/// The one connection there is.
struct OneConnection(Arc<dyn Connection>);

#[async_trait]
impl Stores for OneConnection {
    async fn connection_of(&self, source: &SourceId) -> Result<Arc<dyn Connection>, EditError> {
        if self.0.reaches(source).await? { Ok(self.0.clone()) } else { Err(EditError::unknown_source(source)) }
    }
}

/// A registry of its own, and two who edit in it.
struct Desk {
    registry: Registry,
    history: Arc<History>,
    edits: Edits,
    other: Edits,
}

impl Desk {
    async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let registry = Registry::start().await.unwrap();
        let history = Arc::new(History::in_memory().unwrap());
        let edits = edits(&registry, history.clone(), false);
        let other = edits_of_somebody_else(&registry);
        Self { registry, history, edits, other }
    }

    async fn put(&self, path: &str, bytes: &[u8]) -> StoredValue {
        write(&self.other, put(path, bytes)).await;
        self.read(path).await.unwrap()
    }

    async fn read(&self, path: &str) -> Option<StoredValue> {
        self.other.read(&id(path)).await.unwrap()
    }
}

fn edits(registry: &Registry, history: Arc<History>, read_only: bool) -> Edits {
    Edits::new(
        Arc::new(OneConnection(connection(registry))),
        history,
        Clock::system(),
        "ada@ship".to_owned(),
        read_only,
    )
}

fn connection(registry: &Registry) -> Arc<dyn Connection> {
    let spec = ConnectionSpec { kind: SourceKind::Consul, place: registry.url().to_string() };
    binnacle_sources::open(&spec, &Environment::default()).unwrap()
}

fn edits_of_somebody_else(registry: &Registry) -> Edits {
    edits(registry, Arc::new(History::in_memory().unwrap()), false)
}

fn id(path: &str) -> ConfigId {
    config_id(&SourceId::from(SOURCE), StoreKind::ConsulKv, path)
}

fn put(path: &str, bytes: &[u8]) -> Draft {
    Draft { id: id(path), intent: DraftIntent::Put { bytes: bytes.to_vec(), flags: None }, expect: None }
}

fn with_flags(path: &str, bytes: &[u8], flags: u64) -> Draft {
    Draft { intent: DraftIntent::Put { bytes: bytes.to_vec(), flags: Some(flags) }, ..put(path, b"") }
}

fn delete(path: &str) -> Draft {
    Draft { intent: DraftIntent::Delete, ..put(path, b"") }
}

async fn write(edits: &Edits, draft: Draft) -> binnacle_engine::edits::Applied {
    let plan = edits.plan(vec![draft]).await.unwrap();
    edits.apply(&plan, None).await.unwrap()
}

fn refused(result: Result<impl std::fmt::Debug, EditError>) -> Vec<KeyConflict> {
    match result {
        Err(error @ EditError::Refused { .. }) => {
            assert_eq!((error.code().as_str(), error.exit_class()), ("edit.refused", ExitClass::Refused));
            let EditError::Refused { conflicts, .. } = error else { unreachable!() };
            conflicts
        }
        other => panic!("not refused: {other:?}"),
    }
}

fn bytes(value: Option<StoredValue>) -> Option<Vec<u8>> {
    value.map(|value| value.bytes)
}

#[tokio::test]
async fn an_edit_is_planned_applied_read_back_and_recorded() {
    let desk = Desk::new().await;
    write(&desk.other, with_flags("shop/limits", b"items: 20\n", 42)).await;
    let before = desk.read("shop/limits").await.unwrap();

    let plan = desk.edits.plan(vec![put("shop/limits", b"items: 30\n")]).await.unwrap();
    let key = &plan.keys[0];
    assert_eq!(key.before.as_ref(), Some(&before));
    assert_eq!((key.guard, key.after()), (Guard::Version(before.version), Some(&b"items: 30\n"[..])));
    assert_eq!(key.notes, [Note::FlagsKept(42)]);
    assert_eq!(
        plan.preview(),
        [format!("PUT /v1/txn?dc=demo · put shop/limits · cas = {} · flags kept (42)", before.version)]
    );
    assert_eq!(bytes(desk.read("shop/limits").await).unwrap(), b"items: 20\n", "a plan writes nothing");

    let applied = desk.edits.apply(&plan, Some(" sale on Friday ".to_owned())).await.unwrap();
    let now = desk.read("shop/limits").await.unwrap();
    assert_eq!((now.bytes.as_slice(), now.flags), (&b"items: 30\n"[..], 42));
    assert_eq!((applied.keys[0].version, &applied.keys[0].verified), (Some(now.version), &Verified::AsWritten));
    assert_eq!((applied.undo, applied.not_settled.is_none()), (UndoReach::Always, true));

    let line = desk.edits.history(Some(&id("shop/limits")), 10).await.unwrap().remove(0);
    assert_eq!((line.id, line.state, line.actor.as_str()), (applied.edit, EditState::Applied, "ada@ship"));
    assert_eq!(line.why.as_deref(), Some("sale on Friday"));
    assert_eq!(line.keys[0].before.as_ref().unwrap().version, Some(before.version));
    assert_eq!(line.keys[0].after.as_ref().unwrap().version, Some(now.version));
}

#[tokio::test]
async fn a_key_changed_between_plan_and_apply_is_never_overwritten() {
    let desk = Desk::new().await;
    desk.put("app/x", b"a: 1\nb: 2\nc: 3\n").await;
    let plan = desk.edits.plan(vec![put("app/x", b"a: 1\nb: 2\nc: 30\n")]).await.unwrap();
    let theirs = desk.put("app/x", b"a: 10\nb: 2\nc: 3\n").await;

    let result = desk.edits.apply(&plan, None).await;
    let conflict = refused(result).remove(0);
    assert_eq!(desk.read("app/x").await, Some(theirs.clone()), "nothing was written");
    assert!(matches!(&conflict.base, Base::Value(base) if base.bytes == b"a: 1\nb: 2\nc: 3\n"));
    assert_eq!(conflict.theirs.as_ref(), Some(&theirs));
    let Merge::Text(merged) = &conflict.merge else { panic!("{conflict:?}") };
    assert_eq!(merged.text().as_deref(), Some("a: 10\nb: 2\nc: 30\n"));
    let line = desk.edits.history(None, 1).await.unwrap().remove(0);
    assert_eq!((line.state, line.error_code.as_deref()), (EditState::Refused, Some("edit.refused")));

    // What comes of it is a new edit with a new guard.
    let decided = conflict.decided(merged.text().unwrap().into_bytes());
    assert_eq!(decided.expect, Some(Expect::Version(theirs.version)));
    write(&desk.edits, decided).await;
    assert_eq!(bytes(desk.read("app/x").await).unwrap(), b"a: 10\nb: 2\nc: 30\n");
}

#[tokio::test]
async fn a_key_that_is_not_as_expected_is_refused_before_anything_is_sent() {
    let desk = Desk::new().await;
    desk.put("app/x", b"one\n").await;
    let seen = desk.edits.read(&id("app/x")).await.unwrap().unwrap();
    let theirs = desk.put("app/x", b"two\n").await;

    let expecting = |version| Draft { expect: Some(Expect::Version(version)), ..put("app/x", b"three\n") };
    let conflict = refused(desk.edits.plan(vec![expecting(seen.version)]).await).remove(0);
    assert!(matches!(&conflict.base, Base::Value(base) if base.bytes == b"one\n"), "as this process read it");
    assert_eq!(conflict.theirs, Some(theirs.clone()));
    let Merge::Text(merged) = &conflict.merge else { panic!("{conflict:?}") };
    assert_eq!((merged.conflicts(), merged.resolved(&[Side::Theirs]).as_deref()), (1, Some("two\n")));
    assert_eq!(desk.history.count().unwrap(), 0, "only what is sent is recorded");

    let conflict = refused(desk.edits.plan(vec![expecting(1)]).await).remove(0);
    assert_eq!(conflict.base, Base::NotKnown(1));
    desk.edits.plan(vec![expecting(theirs.version)]).await.unwrap();
}

#[tokio::test]
async fn the_base_of_a_merge_comes_from_the_audit_when_another_process_wrote_it() {
    let desk = Desk::new().await;
    let applied = write(&desk.edits, put("app/x", b"a\nb\nc\n")).await;
    desk.put("app/x", b"A\nb\nc\n").await;

    let later = edits(&desk.registry, desk.history.clone(), false);
    let expect = applied.keys[0].version.map(Expect::Version);
    let conflict = refused(later.plan(vec![Draft { expect, ..put("app/x", b"a\nb\nC\n") }]).await).remove(0);
    let Merge::Text(merged) = &conflict.merge else { panic!("{conflict:?}") };
    assert_eq!(merged.text().as_deref(), Some("A\nb\nC\n"));
}

#[tokio::test]
async fn absent_is_a_guard_too() {
    let desk = Desk::new().await;
    let absent = || Draft { expect: Some(Expect::Absent), ..put("new", b"mine") };
    let plan = desk.edits.plan(vec![absent()]).await.unwrap();
    assert_eq!((plan.keys[0].guard, plan.keys[0].notes.as_slice()), (Guard::Absent, &[Note::Creates][..]));
    desk.put("new", b"theirs").await;
    let conflict = refused(desk.edits.apply(&plan, None).await).remove(0);
    assert_eq!((&conflict.base, bytes(conflict.theirs)), (&Base::Absent, Some(b"theirs".to_vec())));
    refused(desk.edits.plan(vec![absent()]).await);
    assert_eq!(bytes(desk.read("new").await).unwrap(), b"theirs");
}

#[tokio::test]
async fn several_keys_are_written_all_or_none() {
    let desk = Desk::new().await;
    desk.put("a", b"1").await;
    desk.put("b", b"1").await;
    let drafts = || vec![put("a", b"2"), delete("b"), put("c", b"2")];
    let plan = desk.edits.plan(drafts()).await.unwrap();
    let theirs = desk.put("b", b"theirs").await;
    let conflicts = refused(desk.edits.apply(&plan, None).await);
    assert_eq!((conflicts.len(), &conflicts[0].id, &conflicts[0].merge), (1, &id("b"), &Merge::ChooseSide));
    assert_eq!(bytes(desk.read("a").await).unwrap(), b"1");
    assert_eq!((desk.read("b").await, desk.read("c").await), (Some(theirs), None));

    let plan = desk.edits.plan(drafts()).await.unwrap();
    let applied = desk.edits.apply(&plan, None).await.unwrap();
    assert!(applied.keys.iter().all(|key| key.verified == Verified::AsWritten), "{applied:?}");
    assert_eq!((desk.read("b").await, bytes(desk.read("c").await)), (None, Some(b"2".to_vec())));

    let undo = desk.edits.plan_undo(applied.edit).await.unwrap();
    desk.edits.apply(&undo, None).await.unwrap();
    assert_eq!(bytes(desk.read("a").await).unwrap(), b"1");
    assert_eq!((bytes(desk.read("b").await), desk.read("c").await), (Some(b"theirs".to_vec()), None));
}

#[tokio::test]
async fn an_undo_restores_value_and_flags_and_can_be_undone() {
    let desk = Desk::new().await;
    write(&desk.other, with_flags("app/x", b"\xff\x00old", 7)).await;
    let applied = write(&desk.edits, with_flags("app/x", b"new", 8)).await;
    // Another process, with nothing but the history.
    let later = edits(&desk.registry, desk.history.clone(), false);
    let plan = later.plan_undo(applied.edit).await.unwrap();
    assert_eq!(plan.undo_of, Some(applied.edit));
    assert_eq!(plan.keys[0].guard, Guard::Version(applied.keys[0].version.unwrap()));
    let undone = later.apply(&plan, None).await.unwrap();
    let now = desk.read("app/x").await.unwrap();
    assert_eq!((now.bytes.as_slice(), now.flags), (&b"\xff\x00old"[..], 7));
    assert_eq!(later.audited(applied.edit).await.unwrap().undone_by, Some(undone.edit));
    assert_eq!(later.plan_undo(applied.edit).await.unwrap_err().code(), "edit.undo_unavailable", "once is enough");

    let redo = later.plan_undo(undone.edit).await.unwrap();
    later.apply(&redo, None).await.unwrap();
    let now = desk.read("app/x").await.unwrap();
    assert_eq!((now.bytes.as_slice(), now.flags), (&b"new"[..], 8));
}

#[tokio::test]
async fn an_undo_is_refused_when_the_key_has_moved_since() {
    let desk = Desk::new().await;
    desk.put("app/x", b"old\n").await;
    let applied = write(&desk.edits, put("app/x", b"new\n")).await;
    let theirs = desk.put("app/x", b"theirs\n").await;
    let conflict = refused(desk.edits.plan_undo(applied.edit).await).remove(0);
    assert!(matches!(&conflict.base, Base::Value(base) if base.bytes == b"new\n"));
    assert_eq!(conflict.theirs, Some(theirs.clone()));
    assert_eq!(desk.read("app/x").await, Some(theirs));
}

#[tokio::test]
async fn an_undo_never_trusts_the_version_alone() {
    let desk = Desk::new().await;
    desk.put("app/x", b"old").await;
    let applied = write(&desk.edits, put("app/x", b"new")).await;
    // Another registry under the same name, whose key came to the same version with other content.
    let anew = Registry::start().await.unwrap();
    let there = edits_of_somebody_else(&anew);
    let version = applied.keys[0].version.unwrap();
    let mut reached = 0;
    while reached < version {
        reached = write(&there, put("app/x", format!("entirely different {reached}").as_bytes())).await.keys[0]
            .version
            .unwrap();
    }
    assert_eq!(reached, version);
    let later = edits(&anew, desk.history.clone(), false);
    refused(later.plan_undo(applied.edit).await);
}

#[tokio::test]
async fn a_plan_is_for_the_connection_that_it_was_made_for() {
    let (desk, elsewhere) = (Desk::new().await, Desk::new().await);
    let plan = desk.edits.plan(vec![put("app/x", b"1")]).await.unwrap();
    let error = elsewhere.edits.apply(&plan, None).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.other_connection", ExitClass::Refused));
    assert_eq!((elsewhere.read("app/x").await, elsewhere.history.count().unwrap()), (None, 0));
}

#[tokio::test]
async fn what_wrote_nothing_cannot_be_undone() {
    let desk = Desk::new().await;
    desk.put("app/x", b"1").await;
    let plan = desk.edits.plan(vec![put("app/x", b"2")]).await.unwrap();
    desk.put("app/x", b"3").await;
    let Err(EditError::Refused { edit: Some(edit), .. }) = desk.edits.apply(&plan, None).await else { panic!() };
    assert_eq!(desk.edits.plan_undo(edit).await.unwrap_err().code(), "edit.undo_unavailable");
    assert_eq!(desk.edits.plan_undo(99.into()).await.unwrap_err().code(), "edit.no_such_edit");
}

#[tokio::test]
async fn a_secret_is_not_recorded_and_undone_only_by_the_program_that_changed_it() {
    let desk = Desk::new().await;
    desk.put("db/password", b"old secret").await;
    let plan = desk.edits.plan(vec![put("db/password", b"new secret")]).await.unwrap();
    assert!(plan.keys[0].sensitive && plan.keys[0].notes.contains(&Note::Sensitive));
    let applied = desk.edits.apply(&plan, None).await.unwrap();
    assert_eq!(applied.undo, UndoReach::WhileRunning);
    let line = desk.edits.audited(applied.edit).await.unwrap();
    assert!(
        line.keys[0].before.as_ref().unwrap().bytes.is_none() && line.keys[0].after.as_ref().unwrap().bytes.is_none()
    );

    let later = edits(&desk.registry, desk.history.clone(), false);
    let error = later.plan_undo(applied.edit).await.unwrap_err();
    assert_eq!(error.code(), "edit.undo_unavailable");
    assert!(!error.hint().is_empty());
    let undo = desk.edits.plan_undo(applied.edit).await.unwrap();
    desk.edits.apply(&undo, None).await.unwrap();
    assert_eq!(bytes(desk.read("db/password").await).unwrap(), b"old secret");
    let shown = format!("{:?} {line:?} {undo:?}", desk.edits);
    assert!(!shown.contains("secret\"") && !shown.contains(&format!("{:?}", b"old secret")), "{shown}");
}

#[tokio::test]
async fn a_read_only_profile_plans_and_never_writes() {
    let desk = Desk::new().await;
    let before = desk.put("app/x", b"1").await;
    let reader = edits(&desk.registry, desk.history.clone(), true);
    let plan = reader.plan(vec![put("app/x", b"2")]).await.unwrap();
    let error = reader.apply(&plan, None).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.read_only", ExitClass::Refused));
    assert_eq!((desk.read("app/x").await, desk.history.count().unwrap()), (Some(before), 0));
}

#[tokio::test]
async fn the_limit_is_said_before_the_write() {
    let desk = Desk::new().await;
    let limit = 512 * 1024;
    let error = desk.edits.plan(vec![put("big", &vec![b'x'; limit + 1])]).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.too_large", ExitClass::Refused));
    let text = error.to_string();
    assert!(text.contains("524289") && text.contains("524288"), "{text}");

    let applied = write(&desk.edits, put("big", &vec![b'x'; limit])).await;
    assert_eq!(applied.keys[0].verified, Verified::AsWritten);
    let undo = desk.edits.plan_undo(applied.edit).await.unwrap();
    desk.edits.apply(&undo, None).await.unwrap();
    assert_eq!(desk.read("big").await, None);
}

#[tokio::test]
async fn deleting_a_key_leaves_the_keys_under_it_alone() {
    let desk = Desk::new().await;
    for path in ["a", "a/b", "a/c/d", "ab"] {
        desk.put(path, b"1").await;
    }
    let plan = desk.edits.plan(vec![delete("a")]).await.unwrap();
    assert_eq!(plan.keys[0].beneath.keys, ["a/b", "a/c/d"]);
    assert_eq!(plan.keys[0].notes, [Note::KeysBeneathStay]);
    desk.edits.apply(&plan, None).await.unwrap();
    assert_eq!(desk.read("a").await, None);
    for path in ["a/b", "a/c/d", "ab"] {
        assert!(desk.read(path).await.is_some(), "{path}");
    }
    let error = desk.edits.plan(vec![delete("a")]).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.not_found", ExitClass::No));
}

#[tokio::test]
async fn many_keys_beneath_are_named_in_part_and_said_to_be_more() {
    let desk = Desk::new().await;
    let drafts = (0..30).map(|number| put(&format!("a/{number:02}"), b"1")).collect();
    let plan = desk.other.plan(drafts).await.unwrap();
    desk.other.apply(&plan, None).await.unwrap();
    let plan = desk.edits.plan(vec![put("a", b"1")]).await.unwrap();
    assert_eq!((plan.keys[0].beneath.keys.len(), plan.keys[0].beneath.more), (20, true));
}

#[tokio::test]
async fn drafts_that_are_not_one_edit_are_refused() {
    let desk = Desk::new().await;
    let code = async |drafts: Vec<Draft>| desk.edits.plan(drafts).await.unwrap_err().code();
    assert_eq!(code(vec![]).await, "edit.bad_draft");
    assert_eq!(code(vec![put("a", b"1"), delete("a")]).await, "edit.bad_draft");
    let elsewhere = Draft { id: ConfigId::from("consul:dc9/kv/a"), ..put("a", b"1") };
    assert_eq!(code(vec![put("a", b"1"), elsewhere.clone()]).await, "edit.bad_draft");
    assert_eq!(code(vec![elsewhere]).await, "edit.unknown_source");
    assert_eq!(code(vec![Draft { expect: Some(Expect::Absent), ..delete("a") }]).await, "edit.bad_draft");
    assert_eq!(code(vec![Draft { id: ConfigId::from("a"), ..put("a", b"1") }]).await, "edit.bad_id");
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_said_to() {
    let desk = Desk::new().await;
    desk.put("a", b"1").await;
    let same: Plan = desk.edits.plan(vec![put("a", b"1")]).await.unwrap();
    assert!(same.changes_nothing() && same.keys[0].notes == [Note::ChangesNothing]);
    let applied = desk.edits.apply(&same, None).await.unwrap();
    assert_eq!(applied.keys[0].verified, Verified::AsWritten);
}

#[tokio::test]
async fn an_edit_that_cannot_be_recorded_is_not_sent() {
    let desk = Desk::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let edits = edits(&desk.registry, Arc::new(History::open(&path).unwrap()), false);
    let plan = edits.plan(vec![put("a", b"1")]).await.unwrap();
    // What any program with the rights of this user may do to the file.
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE edit_key").unwrap();
    let error = edits.apply(&plan, None).await.unwrap_err();
    assert!(error.code().starts_with("history."), "{error}");
    assert_eq!(desk.read("a").await, None);
}

/// A store in which somebody else writes right after each write and before the read-back. No real server can be made to
/// show this at a chosen moment; everything else is the real connection's.
struct OvertakenStore {
    connection: Arc<dyn Connection>,
    other: Edits,
}

impl OvertakenStore {
    fn store(&self) -> &dyn ConfigStore {
        self.connection.config_store().unwrap()
    }
}

#[async_trait]
impl ConfigStore for OvertakenStore {
    fn value_limit_bytes(&self) -> u64 {
        self.store().value_limit_bytes()
    }

    async fn read(&self, source: &SourceId, path: &str) -> Result<Option<StoredValue>, SourceError> {
        self.store().read(source, path).await
    }

    async fn beneath(&self, source: &SourceId, path: &str, limit: usize) -> Result<Vec<String>, SourceError> {
        self.store().beneath(source, path, limit).await
    }

    async fn may_write(&self, source: &SourceId, path: &str) -> Result<Permission, SourceError> {
        self.store().may_write(source, path).await
    }

    fn request_line(&self, source: &SourceId, writes: &[KeyWrite]) -> String {
        self.store().request_line(source, writes)
    }

    async fn write(&self, source: &SourceId, writes: &[KeyWrite]) -> Result<Outcome, SourceError> {
        let outcome = self.store().write(source, writes).await;
        for key in writes {
            write_later(&self.other, &key.path).await;
        }
        outcome
    }
}

async fn write_later(other: &Edits, path: &str) {
    write(other, put(path, b"a moment later")).await;
}

#[async_trait]
impl Connection for OvertakenStore {
    fn spec(&self) -> &ConnectionSpec {
        self.connection.spec()
    }

    fn meter(&self) -> &Arc<Meter> {
        self.connection.meter()
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        self.connection.probe().await
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        self.connection.reaches(source).await
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        self.connection.run(out, nudge, cancel).await;
    }

    fn config_store(&self) -> Option<&dyn ConfigStore> {
        Some(self)
    }
}

#[tokio::test]
async fn a_key_that_somebody_changed_right_after_is_applied_and_said_to_be_changed_since() {
    let desk = Desk::new().await;
    desk.put("a", b"1").await;
    desk.put("b", b"1").await;
    let overtaken =
        OvertakenStore { connection: connection(&desk.registry), other: edits_of_somebody_else(&desk.registry) };
    let stores = Arc::new(OneConnection(Arc::new(overtaken)));
    let edits = Edits::new(stores, desk.history.clone(), Clock::system(), "ada@ship".to_owned(), false);

    let plan = edits.plan(vec![put("a", b"2"), delete("b")]).await.unwrap();
    let applied = edits.apply(&plan, None).await.unwrap();
    let now = desk.read("a").await.unwrap();
    assert_eq!(applied.keys[0].verified, Verified::ChangedSince(Some(now.version)));
    assert!(applied.keys[0].version.unwrap() < now.version);
    let created_again = desk.read("b").await.unwrap().version;
    assert_eq!(applied.keys[1].verified, Verified::ChangedSince(Some(created_again)));
    let line = edits.audited(applied.edit).await.unwrap();
    assert_eq!(
        (line.state, line.keys[0].after.as_ref().unwrap().version),
        (EditState::Applied, applied.keys[0].version)
    );
    refused(edits.plan_undo(applied.edit).await);
}
