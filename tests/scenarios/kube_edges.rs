//! What a cluster's own objects declare of calls: variables, routes and network policies.

use std::sync::Arc;

use binnacle_model::World;
use binnacle_model::fact::{CallsBasis, Fact};
use binnacle_model::snapshot::{Edge, EdgeState};
use lab::cluster::Credential;
use serde_json::{Value, json};

use crate::kube_live::read;

/// A Deployment with a Service of its name in front.
fn workload(namespace: &str, name: &str, env: &Value) -> [Value; 2] {
    [
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": namespace },
          "spec": { "replicas": 1, "selector": { "matchLabels": { "app": name } }, "template": {
            "metadata": { "labels": { "app": name } },
            "spec": { "containers": [{ "name": "main", "image": "main:1", "env": env,
                                       "ports": [{ "containerPort": 8080 }] }] } } } }),
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": namespace },
          "spec": { "selector": { "app": name }, "ports": [{ "port": 8080 }] } }),
    ]
}

/// Web is told by a variable where the cart is, a policy lets it in there, and a route leads to it.
pub(crate) fn shop(namespace: &str) -> String {
    let env = json!([
        { "name": "CART_URL", "value": "http://ann:s3cret-word@cart:8080/api?key=s3cret-word" },
        { "name": "CART_PASSWORD", "value": "s3cret.word" },
        { "name": "LEVEL", "value": "debug" },
        { "name": "PAY_URL", "valueFrom": { "configMapKeyRef": { "name": "urls", "key": "pay", "optional": true } } },
    ]);
    let policy = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "to-cart", "namespace": namespace },
        "spec": { "podSelector": { "matchLabels": { "app": "cart" } },
                  "ingress": [{ "from": [{ "podSelector": { "matchLabels": { "app": "web" } } }] }] } });
    let backend = json!({ "service": { "name": "web", "port": { "number": 8080 } } });
    let ingress = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": "front", "namespace": namespace },
        "spec": { "ingressClassName": "nginx", "defaultBackend": backend } });
    let mut items = vec![json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } })];
    items.extend(workload(namespace, "web", &env));
    items.extend(workload(namespace, "cart", &json!([])));
    items.extend(workload(namespace, "pay", &json!([])));
    items.extend([policy, ingress]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

fn edge(world: &World, from: &str, to: &str) -> Option<Arc<Edge>> {
    world.snapshot().edges.get(format!("{from} -> {to}").as_str()).cloned()
}

/// What declares an edge.
fn words(edge: &Edge) -> Vec<String> {
    let declared = edge.evidence.iter().filter_map(|one| match &one.observation.fact {
        Fact::Calls(calls) => match &calls.basis {
            CallsBasis::Declared(by) => Some(by.to_string()),
            CallsBasis::Denied(_) | CallsBasis::Observed(_) => None,
        },
        _ => None,
    });
    declared.collect()
}

const VARIABLE: &str = "variable CART_URL of container main in Deployment web";

#[tokio::test]
async fn variables_policies_and_routes_declare_edges_until_they_are_taken_away() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&shop("kube-edges")).await.unwrap();
    let id = |name: &str| format!("kube:minikube/kube-edges/{name}");
    let mut picture = read(&cluster.kubeconfig(), "minikube");
    picture.live("kube:minikube").await;

    let found = picture
        .until("what a variable and a policy declare", |world| {
            edge(world, &id("web"), &id("cart")).filter(|edge| words(edge).len() == 2)
        })
        .await;
    assert_eq!(
        (found.state, words(&found)),
        (EdgeState::Declared, vec![VARIABLE.to_owned(), "network policy kube-edges/to-cart".to_owned()])
    );
    let outside = "external:outside, by ingress nginx";
    let route = picture.until("the route", |world| edge(world, outside, &id("web"))).await;
    assert_eq!(words(&route), ["Ingress kube-edges/front"]);
    assert!(edge(&picture.world, &id("web"), &id("pay")).is_none(), "a reference is not followed");
    let all = format!("{:?} {:?}", picture.world.snapshot(), picture.world.store());
    assert!(!all.contains("s3cret"), "no part of a value but host and port is kept");

    cluster.kubectl(&["delete", "networkpolicy/to-cart", "-n", "kube-edges"]).await.unwrap();
    let left = picture
        .until("the policy is gone", |world| edge(world, &id("web"), &id("cart")).filter(|edge| words(edge).len() == 1))
        .await;
    assert_eq!(words(&left), [VARIABLE]);
    cluster.kubectl(&["set", "env", "deployment/web", "-n", "kube-edges", "CART_URL-"]).await.unwrap();
    picture.until("the variable is gone", |world| edge(world, &id("web"), &id("cart")).is_none().then_some(())).await;
    cluster.kubectl(&["delete", "namespace", "kube-edges", "--wait=false"]).await.unwrap();
    picture.stop().await;
}

#[tokio::test]
async fn without_the_right_to_see_policies_the_rule_is_named_and_the_rest_is_there() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&shop("kube-edges-narrow")).await.unwrap();
    let rules = json!([
        { "apiGroups": ["", "apps", "batch", "discovery.k8s.io"], "verbs": ["get", "list", "watch"],
          "resources": ["pods", "nodes", "services", "configmaps", "secrets", "events", "deployments", "replicasets",
                        "statefulsets", "daemonsets", "jobs", "cronjobs", "endpointslices"] },
        { "apiGroups": ["networking.k8s.io", "autoscaling"], "verbs": ["get", "list", "watch"],
          "resources": ["ingresses", "horizontalpodautoscalers"] },
    ]);
    let user = cluster.user("policies", Credential::TokenFile, None, &rules).await.unwrap();
    let mut picture = read(&user.kubeconfig, "policies");
    picture.live("kube:policies").await;
    let (web, cart) = ("kube:policies/kube-edges-narrow/web", "kube:policies/kube-edges-narrow/cart");
    let found = picture.until("the variable's edge", |world| edge(world, web, cart)).await;
    assert_eq!(words(&found), [VARIABLE]);
    let status = picture
        .until("the refusal", |world| {
            let status = crate::consul_picture::status(world, "kube:policies")?;
            status.unseen.iter().any(|one| &**one == "networkpolicies").then_some(status)
        })
        .await;
    let fault = status.partial.iter().find(|fault| fault.hint.contains("\"networkpolicies\"")).unwrap();
    assert_eq!(&*fault.code, "kube.forbidden");
    cluster.kubectl(&["delete", "namespace", "kube-edges-narrow", "--wait=false"]).await.unwrap();
    picture.stop().await;
}
