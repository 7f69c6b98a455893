//! The first screen: what was found here, one click each, and nothing read before.

use lab::Consul;
use lab::window::{Launch, Window};
use serde_json::json;

#[tokio::test]
async fn a_consul_of_the_environment_is_found_and_one_click_shows_its_services() {
    let consul = Consul::open().await.unwrap();
    consul.client().unwrap().register(&json!({ "Name": "billing", "Port": 9000 })).await.unwrap();
    let address = consul.address();
    let window = Window::open(Launch { env: &[("CONSUL_HTTP_ADDR", &address)], ..Launch::default() }).await;
    window.shows("Found on this computer").await;
    window.shows("answers").await;
    window.click("button", "Connect").await;
    window.click("button", "Services").await;
    window.find("row", "billing").await;
    window.close().await;
}

#[tokio::test]
async fn a_consul_that_does_not_answer_is_said_with_its_address_and_the_demo_is_offered() {
    let port = lab::address::Port::reserve().unwrap();
    let address = format!("http://127.0.0.1:{}", port.number());
    let window = Window::open(Launch { env: &[("CONSUL_HTTP_ADDR", &address)], ..Launch::default() }).await;
    window.shows(&address).await;
    window.find("button", "Try again").await;
    window.find("button", "Start the demo fleet").await;
    window.close().await;
}

#[tokio::test]
async fn kube_contexts_are_listed_as_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(
        &file,
        "apiVersion: v1\nkind: Config\ncontexts:\n- name: minikube\n  context: {cluster: minikube}\n",
    )
    .unwrap();
    let kubeconfig = file.display().to_string();
    let window = Window::open(Launch { env: &[("KUBECONFIG", &kubeconfig)], ..Launch::default() }).await;
    window.shows("minikube").await;
    window.shows("next version").await;
    window.close().await;
}
