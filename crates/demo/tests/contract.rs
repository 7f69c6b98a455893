//! The contract with Consul, held by the demo's registry. The scenario tests run the same assertions on real servers.
//!
//! `BINNACLE_CONTRACT_ADDR=http://127.0.0.1:8500` runs them on a server of your own instead; it will be written to.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that meets the unexpected has failed")]

#[macro_use]
#[path = "../../../tests/scenarios/consul_contract.rs"]
mod consul_contract;

use binnacle_demo::Registry;
use consul_contract::{Release, Server};
use url::Url;

/// A server, and the registry that must live as long as it is asked.
async fn server() -> (Option<Registry>, Server) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Ok(address) = std::env::var("BINNACLE_CONTRACT_ADDR") {
        let url = Url::parse(&address).expect("BINNACLE_CONTRACT_ADDR is a URL");
        let me = reqwest::get(url.join("v1/agent/self").expect("a path")).await.expect("an answer");
        let me: serde_json::Value = me.json().await.expect("JSON");
        let old = me["Config"]["Version"].as_str().is_some_and(|version| version.starts_with("1.8."));
        return (None, Server::new(url, if old { Release::Old } else { Release::Current }));
    }
    let registry = Registry::start().await.expect("a registry");
    let url = registry.url().clone();
    (Some(registry), Server::new(url, Release::Current))
}

macro_rules! run {
    ($($assertion:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $assertion() {
                let (registry, server) = server().await;
                consul_contract::$assertion(&server).await;
                if let Some(registry) = registry {
                    registry.stop().await;
                }
            }
        )*
    };
}

each_assertion!(run);
