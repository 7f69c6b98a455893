//! Profiles on real servers: two Consuls, each with its own token, and one with its own authority.

use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::{Clock, Engine, EngineConfig, profile};
use binnacle_history::History;
use binnacle_model::id::SourceId;
use binnacle_sources::Environment;
use lab::Consul;

#[tokio::test]
async fn two_consuls_with_different_tokens_and_authorities_are_read_by_one_profile() {
    lab::install_tls_provider();
    let secured = lab::shared::secured().await.unwrap();
    let other = Consul::builder().datacenter("other").acl().start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("binnacle/profiles");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, consul) in [("one", secured), ("other", &other)] {
        std::fs::write(home.path().join(name), consul.management_token().unwrap()).unwrap();
        consul.client().unwrap().kv_put(&format!("profiles/{name}"), b"1").await.unwrap();
    }
    let certificate = secured.client_certificate().unwrap();
    let text = format!(
        "[[source]]\nat = \"consul={}\"\ntoken_file = \"{}\"\nca_file = \"{}\"\nclient_cert = \"{}\"\nclient_key = \"{}\"\n\
         [[source]]\nat = \"consul={}\"\ntoken_file = \"{}\"\n",
        secured.address(),
        home.path().join("one").display(),
        certificate.ca.display(),
        certificate.certificate.display(),
        certificate.key.display(),
        other.address(),
        home.path().join("other").display(),
    );
    std::fs::write(folder.join("both.toml"), text).unwrap();
    let config = ("XDG_CONFIG_HOME".to_owned(), home.path().display().to_string());
    // A token of the surroundings that none of them knows.
    let token = ("CONSUL_HTTP_TOKEN".to_owned(), "11111111-2222-3333-4444-555555555555".to_owned());
    let environment: Environment = [config, token].into_iter().collect();

    let both = profile::find(&environment, "both").unwrap();
    let engine = Engine::start(EngineConfig {
        connections: both.openings(&environment),
        environment,
        history: Arc::new(History::in_memory().unwrap()),
        actor: "test".to_owned(),
        read_only: false,
        clock: Clock::system(),
    })
    .await
    .unwrap();
    let snapshot = engine.first_picture(Duration::from_secs(30)).await.unwrap();
    for (source, key) in [("consul:dc1", "profiles/one"), ("consul:other", "profiles/other")] {
        let source = SourceId::from(source);
        assert_eq!(snapshot.sources.get(&source).unwrap().status.partial, []);
        assert!(snapshot.config.values().any(|item| item.source == source && &*item.path == key), "{key}");
    }
    engine.stop().await;
}
