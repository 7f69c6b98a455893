//! Guarded writes of keys on a real server: what is written is exactly what was meant, or nothing is.

use binnacle_model::id::SourceId;
use binnacle_sources::ErrorKind;
use binnacle_sources::consul::Consul as Source;
use binnacle_sources::edit::{ConfigStore, Guard, Intent, KeyWrite, Outcome, Permission};
use lab::{Consul, ConsulClient, Fault, FaultyWire};

use crate::consul_picture::connect;

/// A key that no other scenario of this shared server uses.
struct Desk {
    store: Source,
    other: ConsulClient,
    dc1: SourceId,
}

async fn desk() -> Desk {
    let consul = lab::shared::open().await.unwrap();
    Desk { store: connect(&consul.address(), &[]), other: consul.client().unwrap(), dc1: SourceId::from("consul:dc1") }
}

impl Desk {
    async fn put(&self, path: &str, guard: Guard, bytes: &[u8], flags: u64) -> Outcome {
        let write = KeyWrite { path: path.to_owned(), guard, intent: Intent::Put { bytes: bytes.to_vec(), flags } };
        self.store.write(&self.dc1, &[write]).await.unwrap()
    }

    async fn delete(&self, path: &str, guard: Guard) -> Outcome {
        let write = KeyWrite { path: path.to_owned(), guard, intent: Intent::Delete };
        self.store.write(&self.dc1, &[write]).await.unwrap()
    }
}

fn version(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Applied(versions) => versions[0].unwrap(),
        Outcome::Refused(conflicts) => panic!("refused: {conflicts:?}"),
    }
}

#[tokio::test]
async fn a_write_says_which_version_it_made_and_keeps_the_flags() {
    let desk = desk().await;
    let made = version(&desk.put("edits/one", Guard::Absent, b"first", 42).await);
    let stored = desk.store.read(&desk.dc1, "edits/one").await.unwrap().unwrap();
    assert_eq!((stored.version, stored.bytes.as_slice(), stored.flags), (made, &b"first"[..], 42));
    let next = version(&desk.put("edits/one", Guard::Version(made), b"second", stored.flags).await);
    assert!(next > made);
    let kept = desk.other.kv_get("edits/one").await.unwrap().unwrap();
    assert_eq!((kept.value.as_slice(), kept.flags, kept.modify_index), (&b"second"[..], 42, next));
}

#[tokio::test]
async fn a_lock_survives_an_edit() {
    let desk = desk().await;
    let session = desk.other.session("edits").await.unwrap();
    assert!(desk.other.lock("edits/locked", &session, b"1").await.unwrap());
    let held = desk.store.read(&desk.dc1, "edits/locked").await.unwrap().unwrap();
    assert_eq!(held.lock_session.as_deref(), Some(session.as_str()));
    desk.put("edits/locked", Guard::Version(held.version), b"2", held.flags).await;
    let after = desk.other.kv_get("edits/locked").await.unwrap().unwrap();
    assert_eq!((after.session.as_deref(), after.value.as_slice()), (Some(session.as_str()), &b"2"[..]));
}

#[tokio::test]
async fn a_key_changed_elsewhere_is_never_overwritten() {
    let desk = desk().await;
    let read = version(&desk.put("edits/race", Guard::Absent, b"mine", 0).await);
    desk.other.kv_put("edits/race", b"theirs").await.unwrap();
    let Outcome::Refused(conflicts) = desk.put("edits/race", Guard::Version(read), b"mine again", 0).await else {
        panic!("a stale guard was let through");
    };
    assert_eq!(conflicts[0].path, "edits/race");
    assert_eq!(conflicts[0].current.as_ref().unwrap().bytes, b"theirs");
    let Outcome::Refused(conflicts) = desk.put("edits/race", Guard::Absent, b"x", 0).await else {
        panic!("a key that exists was created");
    };
    assert!(conflicts[0].current.is_some());
    assert_eq!(desk.other.kv_get("edits/race").await.unwrap().unwrap().value, b"theirs");
}

#[tokio::test]
async fn a_key_removed_elsewhere_refuses_an_edit_and_a_removal() {
    let desk = desk().await;
    let read = version(&desk.put("edits/gone", Guard::Absent, b"1", 0).await);
    desk.other.kv_delete("edits/gone").await.unwrap();
    for outcome in [
        desk.put("edits/gone", Guard::Version(read), b"2", 0).await,
        desk.delete("edits/gone", Guard::Version(read)).await,
    ] {
        let Outcome::Refused(conflicts) = outcome else { panic!("a guard on nothing was let through") };
        assert_eq!(conflicts[0].current, None);
    }
}

#[tokio::test]
async fn a_removal_touches_that_key_alone() {
    let desk = desk().await;
    let read = version(&desk.put("edits/tree", Guard::Absent, b"1", 0).await);
    for below in ["edits/tree/a", "edits/tree/", "edits/treehouse"] {
        desk.put(below, Guard::Absent, b"stays", 0).await;
    }
    assert_eq!(desk.store.beneath(&desk.dc1, "edits/tree", 10).await.unwrap(), ["edits/tree/", "edits/tree/a"]);
    assert_eq!(desk.store.beneath(&desk.dc1, "edits/tree/", 10).await.unwrap(), ["edits/tree/a"]);
    assert_eq!(desk.store.beneath(&desk.dc1, "edits/tree", 1).await.unwrap().len(), 1);
    let Outcome::Refused(_) = desk.delete("edits/tree", Guard::Version(read + 1)).await else {
        panic!("a wrong version was removed");
    };
    assert_eq!(desk.delete("edits/tree", Guard::Version(read)).await, Outcome::Applied(vec![None]));
    assert!(desk.other.kv_get("edits/tree").await.unwrap().is_none());
    for below in ["edits/tree/a", "edits/tree/", "edits/treehouse"] {
        assert!(desk.other.kv_get(below).await.unwrap().is_some(), "{below}");
    }
}

#[tokio::test]
async fn every_key_is_reached_exactly_as_it_is_named() {
    let desk = desk().await;
    let names = [
        "edits/sp ace",
        "edits/per%cent",
        "edits/per%25",
        "edits/what?",
        "edits/ha#sh",
        "edits/pl+us",
        "edits/ünïcode/键",
        "edits/slash/",
        "/edits/leading",
        "edits//double",
        "edits/a/../b",
        "edits/./dot",
        "edits/line\nbreak",
        "edits/\"quote\\",
        "edits/&amp=1",
        "edits/\u{202e}rtl",
    ];
    for name in names {
        let made = version(&desk.put(name, Guard::Absent, name.as_bytes(), 1).await);
        let stored = desk.store.read(&desk.dc1, name).await.unwrap().unwrap();
        assert_eq!((stored.version, stored.bytes.as_slice()), (made, name.as_bytes()), "{name:?}");
        let parent = name.trim_end_matches('/').rsplit_once('/').unwrap().0;
        assert!(desk.store.beneath(&desk.dc1, parent, 1000).await.unwrap().iter().any(|key| key == name), "{name:?}");
        assert_eq!(desk.delete(name, Guard::Version(made)).await, Outcome::Applied(vec![None]), "{name:?}");
        assert_eq!(desk.store.read(&desk.dc1, name).await.unwrap(), None, "{name:?}");
    }
}

#[tokio::test]
async fn bytes_of_any_kind_come_back_as_they_were() {
    let desk = desk().await;
    let all: Vec<u8> = (0..=255).collect();
    for (name, bytes) in [("edits/bytes/all", all.as_slice()), ("edits/bytes/empty", b""), ("edits/bytes/nul", b"\0")] {
        desk.put(name, Guard::Absent, bytes, 0).await;
        assert_eq!(desk.store.read(&desk.dc1, name).await.unwrap().unwrap().bytes, bytes);
        assert_eq!(desk.other.kv_get(name).await.unwrap().unwrap().value, bytes);
    }
}

#[tokio::test]
async fn a_value_up_to_the_limit_is_written_and_one_above_is_refused_before_it_is_sent() {
    let desk = desk().await;
    let limit = usize::try_from(desk.store.value_limit_bytes()).unwrap();
    for (name, size) in [("edits/big/390k", 390 * 1024), ("edits/big/most ?#%", limit)] {
        let value = vec![b'x'; size];
        let Outcome::Applied(_) = desk.put(name, Guard::Absent, &value, 9).await else { panic!("{name}") };
        let stored = desk.store.read(&desk.dc1, name).await.unwrap().unwrap();
        assert_eq!((stored.bytes.len(), stored.flags), (size, 9));
        let Outcome::Refused(conflicts) = desk.put(name, Guard::Version(1), &value, 9).await else { panic!("{name}") };
        assert_eq!(conflicts[0].current.as_ref().unwrap().version, stored.version);
    }
    let write = |path: &str, size: usize| KeyWrite {
        path: path.to_owned(),
        guard: Guard::Absent,
        intent: Intent::Put { bytes: vec![0; size], flags: 0 },
    };
    let before = binnacle_sources::Connection::meter(&desk.store).requests();
    for refused in [write("edits/big/over", limit + 1), write("edits//odd", limit), write("", 1)] {
        assert_eq!(desk.store.write(&desk.dc1, &[refused]).await.unwrap_err().kind, ErrorKind::Invalid);
    }
    assert_eq!(binnacle_sources::Connection::meter(&desk.store).requests(), before);
}

#[tokio::test]
async fn several_keys_are_written_together_or_not_at_all() {
    let desk = desk().await;
    let old = version(&desk.put("edits/all/1", Guard::Absent, b"1", 0).await);
    let write = |path: &str, guard| KeyWrite {
        path: path.to_owned(),
        guard,
        intent: Intent::Put { bytes: b"new".to_vec(), flags: 0 },
    };
    let writes = [write("edits/all/1", Guard::Version(old)), write("edits/all/2", Guard::Version(1))];
    let Outcome::Refused(conflicts) = desk.store.write(&desk.dc1, &writes).await.unwrap() else { panic!("half of it") };
    assert_eq!(conflicts.iter().map(|conflict| conflict.path.as_str()).collect::<Vec<_>>(), ["edits/all/2"]);
    assert_eq!(desk.other.kv_get("edits/all/1").await.unwrap().unwrap().value, b"1");

    let removal = KeyWrite { path: "edits/all/1".to_owned(), guard: Guard::Version(old), intent: Intent::Delete };
    let outcome = desk.store.write(&desk.dc1, &[removal, write("edits/all/2", Guard::Absent)]).await.unwrap();
    let made = desk.other.kv_get("edits/all/2").await.unwrap().unwrap().modify_index;
    assert_eq!(outcome, Outcome::Applied(vec![None, Some(made)]));
}

#[tokio::test]
async fn a_lost_answer_is_said_to_be_unknown_and_a_refused_connection_is_not() {
    let consul = Consul::open().await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let store = connect(&wire.address(), &[]);
    let dc1 = SourceId::from("consul:dc1");
    let write = |path: &str| {
        [KeyWrite {
            path: path.to_owned(),
            guard: Guard::Absent,
            intent: Intent::Put { bytes: b"1".to_vec(), flags: 0 },
        }]
    };
    for (path, fault) in [
        ("cut", Fault::CutHalfway),
        ("not/json", Fault::Body("<html>".to_owned())),
        ("leader/lost", Fault::Status(500, "rpc error: leadership lost while committing log".to_owned())),
    ] {
        wire.fault("/v1/txn", fault);
        let error = store.write(&dc1, &write(path)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{path}: {error}");
        wire.mend();
    }
    assert!(consul.client().unwrap().kv_get("cut").await.unwrap().is_some(), "it did happen");

    wire.fault("/v1/txn", Fault::Status(500, "No cluster leader".to_owned()));
    assert_eq!(store.write(&dc1, &write("x")).await.unwrap_err().kind, ErrorKind::ServerError);
    wire.mend();
    wire.refuse().await.unwrap();
    assert_eq!(store.write(&dc1, &write("x")).await.unwrap_err().kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_token_writes_where_it_may_and_is_told_before_where_it_may_not() {
    let consul = lab::shared::secured().await.unwrap();
    let admin = consul.client().unwrap();
    let rules = "key_prefix \"team/\" { policy = \"write\" } key_prefix \"open/\" { policy = \"read\" }";
    admin.acl_policy("edits-team", rules).await.unwrap();
    let token = admin.acl_token(&["edits-team"]).await.unwrap();
    let certificate = consul.client_certificate().unwrap();
    let store = connect(
        &consul.address(),
        &[
            ("CONSUL_HTTP_TOKEN", &token),
            ("CONSUL_CACERT", certificate.ca.to_str().unwrap()),
            ("CONSUL_CLIENT_CERT", certificate.certificate.to_str().unwrap()),
            ("CONSUL_CLIENT_KEY", certificate.key.to_str().unwrap()),
        ],
    );
    let dc1 = SourceId::from("consul:dc1");
    let write = |path: &str| {
        [KeyWrite {
            path: path.to_owned(),
            guard: Guard::Absent,
            intent: Intent::Put { bytes: b"1".to_vec(), flags: 0 },
        }]
    };
    assert_eq!(store.may_write(&dc1, "team/x").await.unwrap(), Permission::Allowed);
    assert!(matches!(store.may_write(&dc1, "open/x").await.unwrap(), Permission::Denied(_)));
    assert!(matches!(store.write(&dc1, &write("team/x")).await.unwrap(), Outcome::Applied(_)));
    assert_eq!(store.write(&dc1, &write("open/x")).await.unwrap_err().kind, ErrorKind::AclDenied);
    admin.kv_put("closed/x", b"1").await.unwrap();
    assert_eq!(store.read(&dc1, "closed/x").await.unwrap_err().kind, ErrorKind::AclDenied);
    let open = lab::shared::open().await.unwrap();
    let free = connect(&open.address(), &[]);
    assert_eq!(free.may_write(&dc1, "anything").await.unwrap(), Permission::Allowed);
}
