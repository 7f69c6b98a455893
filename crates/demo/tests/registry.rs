//! What the demo's registry does with those who mean it no good.

#![allow(clippy::expect_used, reason = "a test that meets the unexpected has failed")]

use std::time::{Duration, Instant};

use binnacle_demo::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn registry() -> Registry {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Registry::start().await.expect("a registry")
}

/// Sends bytes as they are, and gives what came back until the other side hung up or the time was up.
async fn raw(registry: &Registry, request: &[u8]) -> String {
    let port = registry.url().port().expect("a port");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    // The server may hang up before it has read all of it.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str, host: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_page_that_found_the_port_by_a_name_of_its_own_is_not_answered() {
    let registry = registry().await;
    let answer = raw(&registry, &get("/v1/kv/?recurse", "evil.example:80")).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    for host in ["127.0.0.1:1", "localhost", "localhost:8500"] {
        let answer = raw(&registry, &get("/v1/status/leader", host)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    registry.stop().await;
}

#[tokio::test]
async fn garbage_is_refused_and_the_rest_stays_alive() {
    let registry = registry().await;
    let base = registry.url().as_str().trim_end_matches('/').to_owned();
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"PUT /v1/kv/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    ] {
        let answer = raw(&registry, request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let client = reqwest::Client::new();
    let deep = "[".repeat(200_000);
    let wide = format!("{{\"Name\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    for (path, body, status) in [
        ("/v1/txn", deep.clone(), 400),
        ("/v1/agent/service/register", deep.clone(), 400),
        ("/v1/config", deep, 400),
        ("/v1/agent/service/register", wide, 413),
        ("/v1/agent/service/register", "{\"Name\":\"x\",\"Port\":99999999999999999999}".to_owned(), 400),
        ("/v1/catalog/register", "null".to_owned(), 400),
    ] {
        let answer = client.put(format!("{base}{path}")).body(body).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    for path in ["/v1/kv/%ff", "/v1/kv/a%00b"] {
        let answer = client.get(format!("{base}{path}")).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 400, "{path}");
    }
    let answer = client.get(format!("{base}/v1/catalog/services")).send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "{}");
    registry.stop().await;
}

#[tokio::test]
async fn dropped_it_is_gone() {
    let registry = registry().await;
    let port = registry.url().port().expect("a port");
    drop(registry);
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        assert!(Instant::now() < end, "{port} still listens");
        tokio::task::yield_now().await;
    }
}
