//! Edits of keys on a real Consul, the whole way: plan, guard, apply, read back, audit, undo.

use std::sync::Arc;

use async_trait::async_trait;
use binnacle_engine::Clock;
use binnacle_engine::edits::merge::Merge;
use binnacle_engine::edits::{
    Applied, Base, Draft, DraftIntent, EditError, EditState, Edits, ExitClass, Expect, KeyConflict, Note, Seen, Stores,
    UndoReach, Verified,
};
use binnacle_history::History;
use binnacle_model::derive::config_id;
use binnacle_model::fact::StoreKind;
use binnacle_model::id::{ConfigId, SourceId};
use binnacle_sources::edit::Permission;
use binnacle_sources::{Connection, Environment};
use lab::{Consul, ConsulClient, Fault, FaultyWire, KvPair};
use tempfile::TempDir;

/// The one connection there is.
pub(crate) struct OneConnection(pub(crate) Arc<dyn Connection>);

#[async_trait]
impl Stores for OneConnection {
    async fn connection_of(&self, source: &SourceId) -> Result<Arc<dyn Connection>, EditError> {
        if self.0.reaches(source).await? { Ok(self.0.clone()) } else { Err(EditError::unknown_source(source)) }
    }
}

/// Edits through this address, as the variables of a shell would have it.
pub(crate) fn edits_at(address: &str, variables: &[(&str, &str)], history: Arc<History>) -> Edits {
    let spec = format!("consul={address}").parse().unwrap();
    let environment: Environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let connection = binnacle_sources::open(&spec, &environment).unwrap();
    Edits::new(Arc::new(OneConnection(connection)), history, Clock::system(), "ada@ship".to_owned(), false)
}

/// Somebody at the shared server with a history of their own, and somebody else.
struct Desk {
    address: String,
    folder: TempDir,
    edits: Edits,
    other: ConsulClient,
}

impl Desk {
    async fn new() -> Self {
        let consul = lab::shared::open().await.unwrap();
        Self::at(&consul.address(), consul.client().unwrap())
    }

    fn at(address: &str, other: ConsulClient) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let history = Arc::new(History::open(&folder.path().join("history.sqlite")).unwrap());
        Self { address: address.to_owned(), edits: edits_at(address, &[], history), other, folder }
    }

    /// Closes everything and starts again with nothing but the file.
    fn restarted(self) -> Self {
        let Self { address, folder, edits, other } = self;
        drop(edits);
        let history = Arc::new(History::open(&folder.path().join("history.sqlite")).unwrap());
        Self { edits: edits_at(&address, &[], history), address, folder, other }
    }

    async fn write(&self, draft: Draft) -> Applied {
        let plan = self.edits.plan(vec![draft]).await.unwrap();
        self.edits.apply(&plan, None).await.unwrap()
    }

    async fn undo(&self, applied: &Applied) -> Applied {
        let plan = self.edits.plan_undo(applied.edit).await.unwrap();
        self.edits.apply(&plan, None).await.unwrap()
    }

    async fn there(&self, path: &str) -> Option<KvPair> {
        self.other.kv_get(path).await.unwrap()
    }

    async fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        self.there(path).await.map(|pair| pair.value)
    }
}

pub(crate) fn id_in(source: &str, path: &str) -> ConfigId {
    config_id(&SourceId::from(source), StoreKind::ConsulKv, path)
}

pub(crate) fn id(path: &str) -> ConfigId {
    id_in("consul:dc1", path)
}

pub(crate) fn put(path: &str, bytes: &[u8]) -> Draft {
    put_at(id(path), bytes)
}

pub(crate) fn put_at(id: ConfigId, bytes: &[u8]) -> Draft {
    Draft { id, intent: DraftIntent::Put { bytes: bytes.to_vec(), flags: None }, expect: None }
}

fn delete(path: &str) -> Draft {
    Draft { id: id(path), intent: DraftIntent::Delete, expect: None }
}

fn conflicts(result: Result<impl std::fmt::Debug, EditError>) -> Vec<KeyConflict> {
    match result {
        Err(EditError::Refused { conflicts, .. }) => conflicts,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn flags_and_the_lock_survive_an_edit_and_its_undo() {
    let desk = Desk::new().await;
    let path = "desk/locked";
    desk.other.kv_put_with_flags(path, b"old", 42).await.unwrap();
    let session = desk.other.session("edits").await.unwrap();
    assert!(desk.other.lock(path, &session, b"old").await.unwrap());
    desk.other.kv_put_with_flags(path, b"old", 42).await.unwrap();
    let before = desk.there(path).await.unwrap();
    assert_eq!((before.flags, before.session.as_deref()), (42, Some(session.as_str())));

    let plan = desk.edits.plan(vec![put(path, b"new")]).await.unwrap();
    assert_eq!(plan.keys[0].notes, [Note::Locked(session.clone()), Note::FlagsKept(42)]);
    let applied = desk.edits.apply(&plan, None).await.unwrap();
    let as_it_was = async |applied: &Applied, bytes: &[u8]| {
        assert_eq!(applied.keys[0].verified, Verified::AsWritten);
        let now = desk.there(path).await.unwrap();
        assert_eq!((now.value.as_slice(), Some(now.modify_index)), (bytes, applied.keys[0].version));
        assert_eq!((now.flags, now.session, now.lock_index), (42, Some(session.clone()), before.lock_index));
    };
    as_it_was(&applied, b"new").await;
    as_it_was(&desk.undo(&applied).await, b"old").await;
}

#[tokio::test]
async fn every_key_is_reached_exactly() {
    let desk = Desk::new().await;
    let keys = [
        "desk/with space",
        "desk/100%",
        "desk/%2F",
        "desk/what?",
        "desk/a#b",
        "desk/a+b&c=d",
        "desk/schlüssel/键/🗝",
        "desk/folder/",
        "/desk/leading",
        "desk//twice",
        "desk/./dot",
        "desk/../up",
        "desk/kv/kv/",
        "desk/\"quoted\"\\",
    ];
    for path in keys {
        let created = desk.write(put(path, path.as_bytes())).await;
        assert_eq!(created.keys[0].verified, Verified::AsWritten, "{path}");
        assert_eq!(desk.bytes(path).await.as_deref(), Some(path.as_bytes()), "{path}");
        let changed = desk.write(put(path, b"changed")).await;
        assert_eq!(desk.bytes(path).await.as_deref(), Some(&b"changed"[..]), "{path}");
        desk.undo(&changed).await;
        assert_eq!(desk.bytes(path).await.as_deref(), Some(path.as_bytes()), "{path}");
    }
    // None of them touched another one, and each goes alone.
    for (number, path) in keys.into_iter().enumerate() {
        assert_eq!(desk.bytes(path).await.as_deref(), Some(path.as_bytes()), "{path}");
        let removed = desk.write(delete(path)).await;
        assert_eq!(removed.keys[0].verified, Verified::AsWritten, "{path}");
        assert_eq!(desk.bytes(path).await, None, "{path}");
        for left in keys.iter().skip(number + 1) {
            assert!(desk.there(left).await.is_some(), "{left} went with {path}");
        }
    }
}

#[tokio::test]
async fn deleting_a_key_leaves_those_under_it_and_can_be_undone() {
    let desk = Desk::new().await;
    for path in ["desk/tree", "desk/tree/b", "desk/tree/c/d", "desk/tree2"] {
        desk.other.kv_put_with_flags(path, path.as_bytes(), 5).await.unwrap();
    }
    let plan = desk.edits.plan(vec![delete("desk/tree")]).await.unwrap();
    assert_eq!(plan.keys[0].beneath.keys, ["desk/tree/b", "desk/tree/c/d"]);
    let applied = desk.edits.apply(&plan, None).await.unwrap();
    assert_eq!(desk.bytes("desk/tree").await, None);
    for path in ["desk/tree/b", "desk/tree/c/d", "desk/tree2"] {
        assert_eq!(desk.bytes(path).await.as_deref(), Some(path.as_bytes()));
    }
    desk.undo(&applied).await;
    let restored = desk.there("desk/tree").await.unwrap();
    assert_eq!((restored.value.as_slice(), restored.flags), (&b"desk/tree"[..], 5));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_never_damaged() {
    let desk = Desk::new().await;
    let all: Vec<u8> = (0..=255).chain([0, 0xff, 0xfe, b'\r', b'\n', 0]).collect();
    let other: Vec<u8> = all.iter().rev().copied().collect();
    desk.other.kv_put("desk/binary", &all).await.unwrap();
    let plan = desk.edits.plan(vec![put("desk/binary", &other)]).await.unwrap();
    assert_eq!(plan.keys[0].notes, [Note::Binary]);
    let applied = desk.edits.apply(&plan, None).await.unwrap();
    assert_eq!(desk.bytes("desk/binary").await.unwrap(), other);
    let desk = desk.restarted();
    desk.undo(&applied).await;
    assert_eq!(desk.bytes("desk/binary").await.unwrap(), all);

    let again = desk.write(put("desk/binary", b"text")).await;
    desk.other.kv_put("desk/binary", &other).await.unwrap();
    let conflict = conflicts(desk.edits.plan_undo(again.edit).await).remove(0);
    assert_eq!(conflict.merge, Merge::ChooseSide, "a side is chosen whole");
}

#[tokio::test]
async fn the_limit_is_said_before_anything_is_sent() {
    let consul = Consul::open().await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let desk = Desk::at(&wire.address(), consul.client().unwrap());
    let limit = 512 * 1024;
    let error = desk.edits.plan(vec![put("desk/large", &vec![b'x'; limit + 1])]).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.too_large", ExitClass::Refused));
    assert!(error.to_string().contains("524289 bytes") && error.to_string().contains("524288"), "{error}");
    assert!(!wire.requests().iter().any(|request| request.contains("/v1/kv") || request.contains("/v1/txn")));

    let applied = desk.write(put("desk/large", &vec![b'x'; limit])).await;
    assert_eq!((&applied.keys[0].verified, applied.undo), (&Verified::AsWritten, UndoReach::Always));
    assert_eq!(desk.there("desk/large").await.map(|pair| pair.modify_index), applied.keys[0].version);
    let changed = desk.write(put("desk/large", &vec![b'y'; limit])).await;
    desk.undo(&changed).await;
    assert_eq!(desk.bytes("desk/large").await.unwrap(), vec![b'x'; limit]);
}

#[tokio::test]
async fn a_conflict_gives_both_versions_and_a_merge() {
    let desk = Desk::new().await;
    let path = "desk/contended.yaml";
    desk.other.kv_put(path, b"limits:\n  items: 20\n  pages: 5\ntimeout: 10\n").await.unwrap();
    let seen = desk.edits.read(&id(path)).await.unwrap().unwrap();
    let mine = b"limits:\n  items: 20\n  pages: 5\ntimeout: 30\n";
    let plan =
        desk.edits.plan(vec![Draft { expect: Some(Expect::Version(seen.version)), ..put(path, mine) }]).await.unwrap();
    desk.other.kv_put(path, b"limits:\n  items: 25\n  pages: 5\ntimeout: 10\n").await.unwrap();
    let theirs = desk.there(path).await.unwrap();

    let at_apply = conflicts(desk.edits.apply(&plan, None).await).remove(0);
    let again = Draft { expect: Some(Expect::Version(seen.version)), ..put(path, mine) };
    let at_plan = conflicts(desk.edits.plan(vec![again]).await).remove(0);
    assert_eq!(at_apply, at_plan);
    assert_eq!(desk.there(path).await.unwrap(), theirs, "nothing was written");
    assert_eq!(at_plan.base, Base::Value(seen));
    assert_eq!(at_plan.theirs.as_ref().map(|value| value.version), Some(theirs.modify_index));
    let Merge::Text(merged) = &at_plan.merge else { panic!("{at_plan:?}") };
    assert_eq!(merged.text().as_deref(), Some("limits:\n  items: 25\n  pages: 5\ntimeout: 30\n"));

    desk.write(at_plan.decided(merged.text().unwrap().into_bytes())).await;
    assert_eq!(desk.bytes(path).await.unwrap(), b"limits:\n  items: 25\n  pages: 5\ntimeout: 30\n");
}

#[tokio::test]
async fn a_delete_of_a_key_that_moved_or_went_is_refused() {
    let desk = Desk::new().await;
    let path = "desk/removed";
    desk.other.kv_put(path, b"1").await.unwrap();
    let plan = desk.edits.plan(vec![delete(path)]).await.unwrap();
    desk.other.kv_put(path, b"2").await.unwrap();
    assert_eq!(conflicts(desk.edits.apply(&plan, None).await)[0].merge, Merge::ChooseSide);
    assert_eq!(desk.bytes(path).await.unwrap(), b"2");

    let plan = desk.edits.plan(vec![delete(path)]).await.unwrap();
    desk.other.kv_delete(path).await.unwrap();
    assert_eq!(conflicts(desk.edits.apply(&plan, None).await)[0].merge, Merge::Same, "it is gone already");
}

#[tokio::test]
async fn an_undo_works_after_a_restart_and_only_while_nobody_wrote_since() {
    let desk = Desk::new().await;
    desk.other.kv_put_with_flags("desk/undone", b"old", 9).await.unwrap();
    let changed = desk.write(put("desk/undone", b"new")).await;
    let created = desk.write(put("desk/created", b"new")).await;
    let desk = desk.restarted();
    let undone = desk.undo(&changed).await;
    desk.undo(&created).await;
    let now = desk.there("desk/undone").await.unwrap();
    assert_eq!((now.value.as_slice(), now.flags), (&b"old"[..], 9));
    assert_eq!(desk.bytes("desk/created").await, None);
    assert_eq!(desk.edits.audited(changed.edit).await.unwrap().undone_by, Some(undone.edit));

    desk.other.kv_put("desk/undone", b"theirs").await.unwrap();
    conflicts(desk.edits.plan_undo(undone.edit).await);
    assert_eq!(desk.bytes("desk/undone").await.unwrap(), b"theirs");
}

#[tokio::test]
async fn a_token_that_may_not_write_is_told_so_before_the_write() {
    let consul = lab::shared::secured().await.unwrap();
    let management = consul.client().unwrap();
    management.kv_put("desk/mine/a", b"1").await.unwrap();
    management.kv_put("desk/theirs/a", b"1").await.unwrap();
    let rules = r#"key_prefix "desk/" { policy = "read" } key_prefix "desk/mine/" { policy = "write" }"#;
    management.acl_policy("edits-mine", rules).await.unwrap();
    let token = management.acl_token(&["edits-mine"]).await.unwrap();
    let certificate = consul.client_certificate().unwrap();
    let [ca, own, key] =
        [&certificate.ca, &certificate.certificate, &certificate.key].map(|path| path.display().to_string());
    let variables = [
        ("CONSUL_HTTP_TOKEN", token.as_str()),
        ("CONSUL_CACERT", &ca),
        ("CONSUL_CLIENT_CERT", &own),
        ("CONSUL_CLIENT_KEY", &key),
    ];
    let history = Arc::new(History::in_memory().unwrap());
    let edits = edits_at(&consul.address(), &variables, history.clone());

    let allowed = edits.plan(vec![put("desk/mine/a", b"2")]).await.unwrap();
    edits.apply(&allowed, None).await.unwrap();
    assert_eq!(management.kv_get("desk/mine/a").await.unwrap().unwrap().value, b"2");

    let plan = edits.plan(vec![put("desk/theirs/a", b"2")]).await.unwrap();
    assert!(matches!(plan.keys[0].permission, Permission::Denied(_)), "{plan:?}");
    let error = edits.apply(&plan, None).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("edit.denied", ExitClass::Refused));
    assert_eq!(management.kv_get("desk/theirs/a").await.unwrap().unwrap().value, b"1");
    assert_eq!(history.count().unwrap(), 1, "what was not sent is not in the audit");
}

#[tokio::test]
async fn a_lost_answer_is_neither_a_yes_nor_a_second_try() {
    let consul = Consul::open().await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let desk = Desk::at(&wire.address(), consul.client().unwrap());
    desk.other.kv_put("desk/lost", b"1").await.unwrap();
    let plan = desk.edits.plan(vec![put("desk/lost", b"2")]).await.unwrap();
    let sent_before = writes(&wire);
    wire.fault_times(1, "/v1/txn", Fault::CutHalfway);

    let error = desk.edits.apply(&plan, None).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("consul.outcome_unknown", ExitClass::Unreachable));
    let EditError::OutcomeUnknown { edit, seen, .. } = error else { panic!("{error:?}") };
    let now = desk.there("desk/lost").await.unwrap();
    assert_eq!(now.value, b"2", "here it did land");
    assert_eq!(seen[0].seen, Seen::AsWanted(Some(now.modify_index)));
    assert_eq!(writes(&wire) - sent_before, 2, "the write itself, and one question");
    let line = desk.edits.audited(edit).await.unwrap();
    assert_eq!((line.state, line.error_code.as_deref()), (EditState::Unknown, Some("consul.outcome_unknown")));
    assert_eq!(desk.edits.plan_undo(edit).await.unwrap_err().code(), "edit.undo_unavailable");
}

fn writes(wire: &FaultyWire) -> usize {
    wire.requests().iter().filter(|request| request.starts_with("PUT /v1/txn")).count()
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_refusal() {
    let consul = Consul::open().await.unwrap();
    let desk = Desk::at(&consul.address(), consul.client().unwrap());
    desk.other.kv_put("desk/gone", b"1").await.unwrap();
    let plan = desk.edits.plan(vec![put("desk/gone", b"2")]).await.unwrap();
    consul.stop().await.unwrap();
    let error = desk.edits.apply(&plan, None).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_class()), ("consul.unreachable", ExitClass::Unreachable));
    assert_eq!(desk.edits.plan(vec![put("desk/gone", b"2")]).await.unwrap_err().exit_class(), ExitClass::Unreachable);
    consul.start().await.unwrap();
    assert_eq!(desk.bytes("desk/gone").await.unwrap(), b"1");
    let applied = desk.edits.apply(&plan, None).await.unwrap();
    assert_eq!(applied.keys[0].verified, Verified::AsWritten, "the plan still holds");
    let states: Vec<EditState> = desk.edits.history(None, 10).await.unwrap().iter().map(|line| line.state).collect();
    assert_eq!(states.first(), Some(&EditState::Applied), "{states:?}");
}
