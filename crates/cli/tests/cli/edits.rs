//! `config get/set/rm/undo/history/diff` on the demo's registry: what is written, what is refused, what is recorded.

use binnacle_demo::Registry;
use serde_json::Value;

use crate::ran::Home;

struct Store {
    registry: Registry,
    home: Home,
}

impl Store {
    async fn start() -> Self {
        let home = Home::new();
        let registry = Registry::start().await.unwrap();
        let home = home.with("CONSUL_HTTP_ADDR", registry.url().as_str());
        Self { registry, home }
    }

    /// Writes a key as another program would.
    async fn put_elsewhere(&self, path: &str, value: &'static [u8]) {
        let url = self.registry.url().join(&format!("v1/kv/{path}")).unwrap();
        let answer = reqwest::Client::new().put(url).body(value).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap().trim(), "true");
    }

    async fn value(&self, id: &str) -> Value {
        self.home.run(&["config", "get", id, "-o", "json"]).await.exits(0).json()
    }
}

const KEY: &str = "consul:demo/kv/app/x";

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_written_read_back_recorded_and_undone() {
    let store = Store::start().await;
    let home = &store.home;
    let created = home.run(&["config", "set", KEY, "--value", "one", "-o", "json"]).await.exits(0).json();
    assert_eq!((&created["applied"], &created["keys"][0]["verified"]), (&true.into(), &"verified".into()), "{created}");
    let changed =
        home.run_with(&["config", "set", KEY, "--value-file", "-", "--why", "a test", "-o", "json"], b"two").await;
    let changed = changed.exits(0).json();
    let now = store.value(KEY).await;
    assert_eq!((&now["text"], &now["version"]), (&"two".into(), &changed["keys"][0]["version"]));
    let history = home.run(&["config", "history", KEY, "-o", "json"]).await.exits(0).json();
    assert_eq!(history.as_array().unwrap().len(), 2, "{history}");
    assert_eq!((&history[0]["edit"], &history[0]["why"]), (&changed["edit"], &"a test".into()), "the latest first");
    assert!(history[0]["actor"].as_str().unwrap().starts_with("tester"), "{history}");
    assert_eq!(
        (&history[0]["keys"][0]["change"], &history[1]["keys"][0]["change"]),
        (&"one → two".into(), &"– → one".into())
    );
    assert!(home.run(&["config", "history", KEY]).await.exits(0).out.contains("one → two"));
    let edit = changed["edit"].to_string();
    home.run(&["config", "undo", &edit]).await.exits(0);
    assert_eq!(store.value(KEY).await["text"], "one");
    let created = created["edit"].to_string();
    let refused = home.run(&["config", "undo", &created, "--errors", "json"]).await.exits(4);
    assert_eq!(refused.error()["code"], "edit.refused", "the key has moved since its creation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_does_not_hold_is_refused_with_both_versions_and_a_merge() {
    let store = Store::start().await;
    store.put_elsewhere("app/x", b"a: 1\nb: 1\nc: 1\n").await;
    let seen = store.value(KEY).await["version"].as_str().unwrap().to_owned();
    store.put_elsewhere("app/x", b"a: 2\nb: 1\nc: 1\n").await;
    let arguments = ["config", "set", KEY, "--value", "a: 1\nb: 1\nc: 3\n", "--expect", &seen];
    let refused = store.home.run(&[&arguments[..], &["-o", "json", "--errors", "json"]].concat()).await.exits(4);
    assert_eq!(refused.error()["code"], "edit.refused");
    let conflict = &refused.json()["conflicts"][0];
    assert_eq!(conflict["theirs"]["text"], "a: 2\nb: 1\nc: 1\n", "{conflict}");
    assert_eq!(conflict["yours"]["text"], "a: 1\nb: 1\nc: 3\n");
    assert_eq!(store.value(KEY).await["text"], "a: 2\nb: 1\nc: 1\n", "nothing is written");
    let refused = store.home.run(&["config", "set", KEY, "--value", "x", "--expect", "absent"]).await.exits(4);
    assert!(refused.err.starts_with("error[edit.refused]: "), "{refused:#?}");
    store.home.run(&["config", "rm", KEY, "--expect", &seen]).await.exits(4);
    assert_eq!(store.value(KEY).await["text"], "a: 2\nb: 1\nc: 1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let store = Store::start().await;
    store.put_elsewhere("app/x", b"old\n").await;
    let before = store.value(KEY).await;
    let plan = store.home.run(&["config", "set", KEY, "--value", "new\n", "--dry-run"]).await.exits(0).out;
    for part in ["-old", "+new", before["version"].as_str().unwrap()] {
        assert!(plan.contains(part), "{part} is missing from: {plan}");
    }
    let plan = store.home.run(&["config", "rm", KEY, "--dry-run", "-o", "json"]).await.exits(0).json();
    assert_eq!(plan["keys"][0]["op"], "delete", "{plan}");
    assert_eq!(store.value(KEY).await, before);
    let history = store.home.run(&["config", "history", "-o", "json"]).await.exits(0).json();
    assert_eq!(history, serde_json::json!([]), "a plan is not an edit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_leaves_what_is_under_it_and_comes_back() {
    let store = Store::start().await;
    store.put_elsewhere("app/x", b"parent").await;
    store.put_elsewhere("app/x/y", b"child").await;
    let removed = store.home.run(&["config", "rm", KEY, "-o", "json"]).await.exits(0).json();
    store.home.run(&["config", "get", KEY]).await.exits(1);
    assert_eq!(store.value("consul:demo/kv/app/x/y").await["text"], "child");
    store.home.run(&["config", "undo", &removed["edit"].to_string()]).await.exits(0);
    assert_eq!(store.value(KEY).await["text"], "parent");
    store.home.run(&["config", "rm", "consul:demo/kv/no/such"]).await.exits(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_and_every_flag_survives() {
    let store = Store::start().await;
    let bytes: Vec<u8> = (0..=255).collect();
    let file = store.home.path().join("value.bin");
    std::fs::write(&file, &bytes).unwrap();
    let file = file.to_str().unwrap();
    store.home.run(&["config", "set", KEY, "--value-file", file, "--flags", "18446744073709551615"]).await.exits(0);
    store.home.run(&["config", "set", KEY, "--value-file", file]).await.exits(0);
    let value = store.value(KEY).await;
    assert_eq!((value["flags"].as_u64(), &value["text"], &value["size"]), (Some(u64::MAX), &Value::Null, &256.into()));
    let hex = store.home.run(&["config", "get", KEY]).await.exits(0).out;
    assert!(hex.starts_with("00000000  00 01 02 03") && hex.lines().count() == 16, "{hex}");
    let copy = store.home.path().join("copy.bin");
    let raw = store.home.start(&["config", "get", KEY, "--raw"]).wait_with_output().await.unwrap();
    std::fs::write(&copy, &raw.stdout).unwrap();
    assert_eq!(raw.stdout, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_named_by_their_id_whatever_is_in_them() {
    let store = Store::start().await;
    for path in
        ["with space", "per%cent", "quest?ion", "ha#sh", "plus+", "größe/支払い", "trailing/", "/leading", "in//side"]
    {
        let id = format!("consul:demo/kv/{path}");
        store.home.run(&["config", "set", &id, "--value", path]).await.exits(0);
        assert_eq!(store.home.run(&["config", "get", &id, "--raw"]).await.exits(0).out, path);
        assert_eq!(store.value(&id).await["id"], id.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_written_is_refused_before_the_write() {
    let store = Store::start().await;
    let refused =
        store.home.run(&["config", "set", KEY, "--value", "x", "--read-only", "--errors", "json"]).await.exits(4);
    assert_eq!(refused.error()["code"], "edit.read_only");
    let large = vec![b'x'; 512 * 1024 + 1];
    let arguments = ["config", "set", KEY, "--value-file", "-", "--errors", "json"];
    let refused = store.home.run_with(&arguments, &large).await.exits(4);
    assert_eq!(refused.error()["code"], "edit.too_large");
    store.home.run(&["config", "get", KEY]).await.exits(1);
    let nonsense = store.home.run(&["config", "get", "no id", "--errors", "json"]).await.exits(2);
    assert_eq!(nonsense.error()["code"], "edit.bad_id");
    let unknown = store.home.run(&["config", "get", "consul:elsewhere/kv/a", "--errors", "json"]).await;
    assert!([1, 3].contains(&unknown.code), "{unknown:#?}");
    let file =
        store.home.run(&["config", "set", KEY, "--value-file", "/no/such/file", "--errors", "json"]).await.exits(2);
    assert_eq!(file.error()["code"], "cli.io");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_written_and_not_recorded() {
    let store = Store::start().await;
    let id = "consul:demo/kv/app/db_password";
    let set = store.home.run(&["config", "set", id, "--value", "hunter2-hunter2", "-o", "json"]).await.exits(0).json();
    let folder = store.home.path().join(".local/state/binnacle");
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(15).any(|part| part == b"hunter2-hunter2"), "the secret is on the disk");
    }
    store.home.run(&["config", "set", id, "--value", "other"]).await.exits(0);
    let refused = store.home.run(&["config", "undo", &set["edit"].to_string(), "--errors", "json"]).await.exits(4);
    assert!(refused.error()["code"].as_str().unwrap().starts_with("edit."), "{refused:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_are_compared_by_what_they_say() {
    let store = Store::start().await;
    store.put_elsewhere("dev/a.yaml", b"max: 20\nname: x\n").await;
    store.put_elsewhere("prod/a.yaml", b"name:   x\nmax: 20 # items\n").await;
    let (dev, prod) = ("consul:demo/kv/dev", "consul:demo/kv/prod");
    store.home.run(&["config", "diff", dev, prod]).await.exits(0);
    store.put_elsewhere("prod/a.yaml", b"name: x\nmax: 30\n").await;
    store.put_elsewhere("prod/b", b"new").await;
    let diff = store.home.run(&["config", "diff", dev, prod, "-o", "json"]).await.exits(1).json();
    assert_eq!(diff["only_right"], serde_json::json!(["/b"]), "{diff}");
    assert_eq!(diff["changed"][0]["by_meaning"], serde_json::json!([{"at": "max", "left": 20, "right": 30}]));
    assert!(store.home.run(&["config", "diff", dev, prod]).await.exits(1).out.contains("max: 20 → 30"));
    store.home.run(&["config", "diff", dev, "consul:demo/kv/none"]).await.exits(1);
}
