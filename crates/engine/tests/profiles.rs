//! Connections that a profile opens in a running engine: what it says of them holds, and for no others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets another answer fails right there")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use binnacle_demo::Registry;
use binnacle_engine::edits::{Draft, DraftIntent, ExitClass};
use binnacle_engine::{Clock, Engine, EngineConfig, Token, TokenOrigin};
use binnacle_history::History;
use binnacle_model::id::{ConfigId, SourceId, SourceKind};
use binnacle_sources::register::Registration;
use binnacle_sources::{ConnectionSpec, Environment};

const DEADLINE: Duration = Duration::from_secs(10);
const SECRET: &str = "no-word-for-secrets";

async fn registry() -> Registry {
    // The first test of this process wins; the others find it installed.
    drop(rustls::crypto::ring::default_provider().install_default());
    Registry::start().await.unwrap()
}

/// An engine whose profiles are in this folder.
async fn engine(home: &Path, history: Arc<History>) -> Engine {
    let config = EngineConfig {
        connections: Vec::new(),
        environment: [("XDG_CONFIG_HOME".to_owned(), home.display().to_string())].into_iter().collect(),
        history,
        actor: "test".to_owned(),
        read_only: false,
        clock: Clock::system(),
    };
    Engine::start(config).await.unwrap()
}

fn write_profile(home: &Path, name: &str, text: &str) {
    let folder = home.join("binnacle/profiles");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
}

fn spec(registry: &Registry) -> ConnectionSpec {
    ConnectionSpec { kind: SourceKind::Consul, place: registry.url().to_string() }
}

/// Waits for the first whole picture of every connection.
async fn picture(engine: &Engine) {
    engine.first_picture(DEADLINE).await.unwrap();
}

fn put(path: &str) -> Draft {
    let id = ConfigId::from(format!("consul:demo/kv/{path}"));
    Draft { id, intent: DraftIntent::Put { bytes: SECRET.into(), flags: None }, expect: None }
}

fn registration() -> Registration {
    Registration {
        name: "invoices".to_owned(),
        id: None,
        address: Some("127.0.0.1".to_owned()),
        port: 8080,
        tags: Vec::new(),
        meta: BTreeMap::new(),
        checks: Vec::new(),
        node: None,
    }
}

#[tokio::test]
async fn a_read_only_profile_opened_later_refuses_writes_of_plans_made_before() {
    let (home, history) = (tempfile::tempdir().unwrap(), Arc::new(History::in_memory().unwrap()));
    let registry = registry().await;
    let engine = engine(home.path(), history.clone()).await;
    engine.connect(&spec(&registry)).unwrap();
    picture(&engine).await;
    let plan = engine.edits().plan(vec![put("app/x")]).await.unwrap();
    let source = SourceId::from("consul:demo");
    let registering = engine.registry().plan_register(&source, &registration()).await.unwrap();

    write_profile(home.path(), "prod", &format!("read_only = true\n[[source]]\nat = \"{}\"\n", spec(&registry)));
    let profile = engine.profile("prod").unwrap();
    engine.open_profile(&profile).await.unwrap();
    picture(&engine).await;
    let reports = engine.connections();
    assert_eq!(reports.len(), 1, "the same address is one connection");
    assert!(reports[0].rules.read_only && reports[0].profile.as_ref().unwrap().as_str() == "prod");

    let refused = engine.edits().apply(&plan, None).await.unwrap_err();
    assert_eq!((refused.code().as_str(), refused.exit_class()), ("edit.read_only", ExitClass::Refused));
    let refused = engine.registry().carry_out(&registering, None).await.unwrap_err();
    assert_eq!((refused.code().as_str(), refused.exit_class()), ("edit.read_only", ExitClass::Refused));
    assert_eq!(history.count().unwrap(), 0);

    // Connecting to the same address again is no way around it.
    engine.connect(&spec(&registry)).unwrap();
    assert_eq!(engine.edits().apply(&plan, None).await.unwrap_err().code(), "edit.read_only");
    engine.stop().await;
}

#[tokio::test]
async fn a_token_changes_nothing_of_what_the_profile_says() {
    let (home, history) = (tempfile::tempdir().unwrap(), Arc::new(History::in_memory().unwrap()));
    let registry = registry().await;
    let engine = engine(home.path(), history).await;
    write_profile(home.path(), "prod", &format!("read_only = true\n[[source]]\nat = \"{}\"\n", spec(&registry)));
    engine.open_profile(&engine.profile("prod").unwrap()).await.unwrap();
    let place = spec(&registry);
    let report = || engine.connections().into_iter().find(|report| report.spec == place);
    let token = || Token::new("s3cret").unwrap();
    engine.use_remembered_token(&place, token()).await.unwrap();
    assert_eq!(report().unwrap().token, Some(TokenOrigin::Remembered));
    engine.connect_with_token(&place, token(), TokenOrigin::Entered).await.unwrap();
    engine.use_remembered_token(&place, token()).await.unwrap();
    assert_eq!(report().unwrap().token, Some(TokenOrigin::Entered), "what was entered stays");
    assert!(report().unwrap().rules.read_only);
    picture(&engine).await;
    let plan = engine.edits().plan(vec![put("app/x")]).await.unwrap();
    assert_eq!(engine.edits().apply(&plan, None).await.unwrap_err().code(), "edit.read_only");
    engine.connect_without_token(&place).await.unwrap();
    assert!(report().unwrap().rules.read_only && report().unwrap().token == Some(TokenOrigin::Nowhere));
    // What is closed is not opened again, least of all without the profile's rules.
    engine.disconnect(&place).await;
    engine.use_remembered_token(&place, token()).await.unwrap();
    engine.connect_without_token(&place).await.unwrap();
    assert!(report().is_none());
    engine.stop().await;
}

#[tokio::test]
async fn a_source_of_the_same_name_by_another_address_is_read_only_too() {
    let (home, history) = (tempfile::tempdir().unwrap(), Arc::new(History::in_memory().unwrap()));
    let registry = registry().await;
    let engine = engine(home.path(), history).await;
    let by_name = ConnectionSpec {
        kind: SourceKind::Consul,
        place: format!("http://localhost:{}", registry.url().port().unwrap()),
    };
    engine.connect(&by_name).unwrap();
    write_profile(home.path(), "prod", &format!("read_only = true\n[[source]]\nat = \"{}\"\n", spec(&registry)));
    engine.open_profile(&engine.profile("prod").unwrap()).await.unwrap();
    picture(&engine).await;
    let plan = engine.edits().plan(vec![put("app/x")]).await.unwrap();
    assert_eq!(engine.edits().apply(&plan, None).await.unwrap_err().code(), "edit.read_only");

    // The other one alone may write.
    engine.disconnect(&spec(&registry)).await;
    let plan = engine.edits().plan(vec![put("app/x")]).await.unwrap();
    engine.edits().apply(&plan, None).await.unwrap();
    engine.stop().await;
}

#[tokio::test]
async fn values_under_a_sensitive_prefix_are_not_recorded() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("history.sqlite");
    let history = Arc::new(History::open(&file).unwrap());
    let registry = registry().await;
    let text = format!("sensitive = [\"shop/private/\"]\n[[source]]\nat = \"{}\"\n", spec(&registry));
    write_profile(home.path(), "shop", &text);
    let engine = engine(home.path(), history).await;
    engine.open_profile(&engine.profile("shop").unwrap()).await.unwrap();
    picture(&engine).await;
    let plan = engine.edits().plan(vec![put("shop/private/x")]).await.unwrap();
    assert!(plan.keys[0].sensitive);
    engine.edits().apply(&plan, None).await.unwrap();
    let plan = engine.edits().plan(vec![put("other/shop/private/x")]).await.unwrap();
    assert!(!plan.keys[0].sensitive, "a prefix is the beginning of a key");
    engine.stop().await;
    drop(engine);
    for file in std::fs::read_dir(home.path()).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{}", file.display());
    }
}

#[tokio::test]
async fn a_profile_with_a_source_that_cannot_be_opened_opens_none() {
    let (home, history) = (tempfile::tempdir().unwrap(), Arc::new(History::in_memory().unwrap()));
    let registry = registry().await;
    let text = format!("[[source]]\nat = \"{}\"\n[[source]]\nat = \"consul=http://[nowhere\"\n", spec(&registry));
    write_profile(home.path(), "half", &text);
    let engine = engine(home.path(), history).await;
    let error = engine.open_profile(&engine.profile("half").unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "consul.misconfigured");
    assert!(engine.connections().is_empty());
    engine.stop().await;
}

/// The environment is where profiles are looked for; the tests of the file's own content stand beside the parser.
#[tokio::test]
async fn without_a_home_there_is_no_profile() {
    let none = Environment::default();
    assert_eq!(binnacle_engine::profile::list(&none), Ok(Vec::new()));
    assert_eq!(binnacle_engine::profile::find(&none, "prod").unwrap_err().code(), "profile.no_place");
}
