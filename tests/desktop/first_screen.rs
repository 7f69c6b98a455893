//! The first screen: what was found here, one click each, and nothing read before.

use lab::Consul;
use lab::cluster::Furnished;
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

/// Whether the row of a service, in the table that stands for the topology or in that of the services, says what a script asks.
fn of_row(service: &str, question: &str) -> String {
    format!(
        "const rows = [...document.querySelectorAll('[role=row]')]; \
         const row = rows.find((row) => (row.getAttribute('aria-label') ?? '').startsWith('{service},')); \
         return row !== undefined && ({question})(row);"
    )
}

#[tokio::test]
async fn one_click_on_minikube_shows_what_the_cluster_its_consul_and_its_prometheus_say_of_a_service() {
    let morning = Furnished::with_nodes(2).await.unwrap();
    morning.measured().await.unwrap();
    let kubeconfig = morning.cluster.kubeconfig().display().to_string();
    let window = Window::open(Launch { env: &[("KUBECONFIG", &kubeconfig)], ..Launch::default() }).await;
    window.shows("Kubernetes v1.37.2").await;
    let began = std::time::Instant::now();

    window.click("button", "Connect").await;

    // In the table that stands behind the canvas for those who do not see it.
    let measured = "(row) => /, [0-9.]+\\/s, /.test(row.getAttribute('aria-label'))";
    window.await_script("a rate at the cart, which only the Prometheus knows", &of_row("cart", measured)).await;
    eprintln!("the topology has the cart's rate {:.1} s after the one click", began.elapsed().as_secs_f64());
    window.click("button", "Services").await;
    let witnesses =
        "(row) => ['kube:minikube', 'consul:dc1@minikube'].every((source) => row.innerHTML.includes(source))";
    window.await_script("both registries at the cart", &of_row("cart", witnesses)).await;
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
