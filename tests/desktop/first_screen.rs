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

/// A Deployment with a Service in front of it.
fn web() -> String {
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } },
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": "shop" },
          "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "web" } }, "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "registry.k8s.io/pause:3.10" }] } } } },
        { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": "shop" },
          "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] } },
    ]})
    .to_string()
}

#[tokio::test]
async fn a_cluster_of_the_kubeconfig_is_found_and_one_click_shows_its_services() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&web()).await.unwrap();
    cluster.running_pods("shop", "app=web", 2).await.unwrap();
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let window = Window::open(Launch { env: &[("KUBECONFIG", &kubeconfig)], ..Launch::default() }).await;
    window.shows("minikube").await;
    window.shows("Kubernetes v1.37.2").await;
    window.click("button", "Connect").await;
    window.click("button", "Services").await;
    window.find("row", "web").await;
    window.close().await;
}

#[tokio::test]
async fn a_context_that_leads_nowhere_is_listed_with_the_reason() {
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
    window.shows("names the cluster `minikube`, which no file has").await;
    window.close().await;
}
