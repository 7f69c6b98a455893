//! Bad days of a cluster: what is wrong is said at the source, the rest of the picture stays, nothing old is shown as fresh, and
//! all of it is right again afterwards.

use std::time::Duration;

use binnacle_model::World;
use binnacle_model::fact::{Fact, RolloutState};
use binnacle_model::snapshot::{Fault, Health, SourceState, SourceStatus};
use binnacle_sources::kubernetes::Pace;
use lab::cluster::{Cluster, Credential};
use lab::until;
use serde_json::{Value, json};

use crate::consul_picture::{PATIENCE, Picture, count, fact, status};
use crate::kube_live::{MINIKUBE, connect, read, service, web};
use crate::laboratory_cluster::ONE_OF_ITS_OWN;

/// A server checks who asks when it is asked: with short watches it is asked often.
pub(crate) fn hasty() -> Pace {
    Pace { watch: Duration::from_secs(2), denied_pause: Duration::from_secs(2), ..Pace::default() }
}

/// Everything, in all namespaces.
fn everything() -> Value {
    json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"] }])
}

/// Waits until a source fails with one of these codes, and has everything marked as old.
async fn fails(picture: &mut Picture, source: &str, codes: &[&str], stale: &str) -> SourceStatus {
    let what = format!("{source} fails with one of {codes:?}");
    let failing = picture
        .until(&what, |world| {
            let status = status(world, source)?;
            let told = codes.iter().any(|code| status.fault.as_ref().is_some_and(|fault| &*fault.code == *code));
            (status.state == SourceState::Failing && told).then_some(status)
        })
        .await;
    assert!(failing.fault.as_ref().is_some_and(|fault| !fault.hint.is_empty()), "{failing:?}");
    assert!(service(&picture.world, stale).expect("what was known stays").stale, "and is marked as old");
    failing
}

/// Waits until a service has so many passing instances and is not old.
async fn passes(picture: &mut Picture, id: &str, instances: usize) {
    let what = format!("{instances} instances of {id} pass");
    picture.until(&what, |world| service(world, id).filter(|one| !one.stale && one.passing() == instances)).await;
}

fn partial(world: &World, source: &str, word: &str) -> Option<Fault> {
    status(world, source)?.partial.into_iter().find(|fault| fault.hint.contains(word))
}

#[tokio::test]
async fn a_client_certificate_that_expires_is_told_and_a_new_one_is_taken_up() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&web("kube-expires", 1)).await.unwrap();
    cluster.running_pods("kube-expires", "app=web", 1).await.unwrap();
    let user = cluster.user("expires", Credential::ClientCertificate, None, &everything()).await.unwrap();
    cluster.certify(&user, Duration::from_secs(8)).unwrap();
    let mut picture = Picture::of(connect(&user.kubeconfig, "expires").with_pace(hasty()));
    let id = "kube:expires/kube-expires/web";
    passes(&mut picture, id, 1).await;

    let failing = fails(&mut picture, "kube:expires", &["kube.unauthenticated", "kube.tls"], id).await;
    assert!(failing.fault.as_ref().unwrap().hint.contains("expired"), "{failing:?}");

    cluster.certify(&user, Duration::from_secs(3600)).unwrap();
    picture.live("kube:expires").await;
    passes(&mut picture, id, 1).await;
    picture.stop().await;
}

#[tokio::test]
async fn a_token_that_is_revoked_is_told_and_a_new_one_is_taken_up() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&web("kube-revoked", 1)).await.unwrap();
    cluster.running_pods("kube-revoked", "app=web", 1).await.unwrap();
    let user = cluster.user("revoked", Credential::TokenFile, None, &everything()).await.unwrap();
    let mut picture = Picture::of(connect(&user.kubeconfig, "revoked").with_pace(hasty()));
    let id = "kube:revoked/kube-revoked/web";
    passes(&mut picture, id, 1).await;

    cluster.kubectl(&["delete", "serviceaccount", "revoked", "-n", "lab-users"]).await.unwrap();
    let failing = fails(&mut picture, "kube:revoked", &["kube.unauthenticated"], id).await;
    assert!(failing.fault.as_ref().unwrap().hint.contains("withdrawn"), "{failing:?}");

    cluster.user("revoked", Credential::TokenFile, None, &everything()).await.unwrap();
    picture.live("kube:revoked").await;
    passes(&mut picture, id, 1).await;
    picture.stop().await;
}

#[tokio::test]
async fn rights_that_are_narrowed_while_it_runs_are_told_and_used_again_once_they_are_back() {
    let cluster = lab::shared::cluster().await.unwrap();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db", "namespace": "kube-rights" },
                         "stringData": { "password": "x" } });
    cluster.apply(&web("kube-rights", 1)).await.unwrap();
    cluster.apply(&secret.to_string()).await.unwrap();
    cluster.running_pods("kube-rights", "app=web", 1).await.unwrap();
    let user = cluster.user("rights", Credential::TokenFile, None, &everything()).await.unwrap();
    let mut picture = Picture::of(connect(&user.kubeconfig, "rights").with_pace(hasty()));
    let (source, id) = ("kube:rights", "kube:rights/kube-rights/web");
    passes(&mut picture, id, 1).await;
    picture.until("keys of Secrets", |world| (count(world, source, "secret") > 0).then_some(())).await;

    let but = |missing: &[&str]| {
        let core = ["pods", "services", "nodes", "configmaps", "secrets", "events"];
        let core: Vec<_> = core.into_iter().filter(|one| !missing.contains(one)).collect();
        let groups =
            ["apps", "batch", "discovery.k8s.io", "networking.k8s.io", "autoscaling", "gateway.networking.k8s.io"];
        let verbs = ["get", "list", "watch"];
        json!([{ "apiGroups": [""], "resources": core, "verbs": verbs },
               { "apiGroups": groups, "resources": ["*"], "verbs": verbs }])
    };
    cluster.entitle("rights", &but(&["secrets"])).await.unwrap();
    picture.until("the missing rule", |world| partial(world, source, "resources: [\"secrets\"]")).await;
    picture
        .until("no key is shown that may not be seen", |world| (count(world, source, "secret") == 0).then_some(()))
        .await;
    picture.live(source).await;
    passes(&mut picture, id, 1).await;

    cluster.entitle("rights", &but(&["pods"])).await.unwrap();
    let failing = fails(&mut picture, source, &["kube.forbidden"], id).await;
    assert!(failing.fault.as_ref().unwrap().hint.contains("resources: [\"pods\"]"), "{failing:?}");

    cluster.entitle("rights", &everything()).await.unwrap();
    picture.live(source).await;
    passes(&mut picture, id, 1).await;
    picture.until("keys of Secrets again", |world| (count(world, source, "secret") > 0).then_some(())).await;
    let nothing_missing = |world: &World| status(world, source).filter(|status| status.partial.is_empty()).map(drop);
    picture.until("nothing is missing", nothing_missing).await;
    picture.stop().await;
}

#[tokio::test]
async fn namespaces_deleted_together_are_gone_and_what_a_finalizer_keeps_is_on_its_way_out() {
    let cluster = lab::shared::cluster().await.unwrap();
    let names: Vec<String> = (0..50).map(|number| format!("kube-mass-{number}")).collect();
    let all: Vec<Value> = names.iter().map(|name| serde_json::from_str(&web(name, 1)).unwrap()).collect();
    let items: Vec<&Value> = all.iter().flat_map(|list| list["items"].as_array().unwrap()).collect();
    cluster.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()).await.unwrap();
    let hold = json!({ "metadata": { "finalizers": ["example.com/hold"] } }).to_string();
    cluster.kubectl(&["patch", "deployment/web", "-n", "kube-mass-0", "--type=merge", "-p", &hold]).await.unwrap();
    let mut picture = read(&cluster.kubeconfig(), "minikube");
    let id = |name: &str| format!("{MINIKUBE}/{name}/web");
    let there = |world: &World| names.iter().filter(|name| service(world, &id(name)).is_some()).count();
    let passing = |world: &World| {
        names.iter().filter(|name| service(world, &id(name)).is_some_and(|one| one.passing() == 1)).count()
    };
    picture.by_the_lot(PATIENCE * 2, "all of them pass", |world| (passing(world) == 50).then_some(())).await;

    let delete: Vec<&str> =
        ["delete", "namespace", "--wait=false"].into_iter().chain(names.iter().map(String::as_str)).collect();
    cluster.kubectl(&delete).await.unwrap();

    picture.by_the_lot(PATIENCE * 2, "one is left", |world| (there(world) == 1).then_some(())).await;
    let left = picture
        .by_the_lot(PATIENCE, "it has no Pod, and that is said", |world| {
            service(world, &id("kube-mass-0"))
                .filter(|one| one.instances.is_empty() && one.health == Health::Maintenance)
        })
        .await;
    let workload = &left.workloads[0].fact;
    assert_eq!(workload.state, RolloutState::ScaledToZero);
    assert!(
        workload.message.contains("on its way out") && workload.message.contains("example.com/hold"),
        "{workload:?}"
    );
    assert_eq!(picture.live(MINIKUBE).await.fault, None);

    let free = json!({ "metadata": { "finalizers": null } }).to_string();
    cluster.kubectl(&["patch", "deployment/web", "-n", "kube-mass-0", "--type=merge", "-p", &free]).await.unwrap();
    picture.by_the_lot(PATIENCE, "all are gone", |world| (there(world) == 0).then_some(())).await;
    picture.stop().await;
}

/// A kind of route with a schema that takes anything, in one version.
fn routes_of(kind: &str, version: &str) -> String {
    let singular = kind.to_lowercase();
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{singular}s.gateway.networking.k8s.io"),
                      "annotations": { "api-approved.kubernetes.io": "unapproved, of the lab" } },
        "spec": { "group": "gateway.networking.k8s.io", "scope": "Namespaced",
            "names": { "kind": kind, "plural": format!("{singular}s"), "singular": singular },
            "versions": [{ "name": version, "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }] } })
    .to_string()
}

fn route(kind: &str, version: &str) -> String {
    json!({ "apiVersion": format!("gateway.networking.k8s.io/{version}"), "kind": kind,
        "metadata": { "name": "web", "namespace": "kube-kinds" },
        "spec": { "hostnames": ["web.example.com"], "rules": [{ "backendRefs": [{ "name": "web", "port": 80 }] }] } })
    .to_string()
}

/// Applies what cannot be before its kind is served.
async fn apply_once_served(cluster: &Cluster, object: &str) {
    until("the kind to be served", PATIENCE, async || cluster.apply(object).await).await.unwrap();
}

#[tokio::test]
async fn a_kind_in_an_unknown_version_is_left_out_and_one_that_comes_and_goes_is_followed() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&web("kube-kinds", 1)).await.unwrap();
    cluster.apply(&routes_of("HTTPRoute", "v1alpha2")).await.unwrap();
    apply_once_served(cluster, &route("HTTPRoute", "v1alpha2")).await;
    let mut picture = Picture::of(connect(&cluster.kubeconfig(), "minikube").with_pace(hasty()));
    let routes = |world: &World| count(world, MINIKUBE, "httproutes");
    let well = picture.live(MINIKUBE).await;
    assert_eq!((well.fault, well.partial), (None, vec![]));
    passes(&mut picture, "kube:minikube/kube-kinds/web", 1).await;
    assert_eq!(routes(&picture.world), 0);

    let remove = ["delete", "customresourcedefinition", "httproutes.gateway.networking.k8s.io"];
    cluster.kubectl(&remove).await.unwrap();
    cluster.apply(&routes_of("HTTPRoute", "v1")).await.unwrap();
    apply_once_served(cluster, &route("HTTPRoute", "v1")).await;
    picture.until("the route", |world| (routes(world) == 1).then_some(())).await;

    cluster.kubectl(&remove).await.unwrap();
    picture.until("no route", |world| (routes(world) == 0).then_some(())).await;
    cluster.apply(&routes_of("GRPCRoute", "v1alpha2")).await.unwrap();
    apply_once_served(cluster, &route("GRPCRoute", "v1alpha2")).await;
    let of_grpc = |world: &World| count(world, MINIKUBE, "grpcroutes");
    picture.until("the route in the older version", |world| (of_grpc(world) == 1).then_some(())).await;
    cluster.kubectl(&["delete", "customresourcedefinition", "grpcroutes.gateway.networking.k8s.io"]).await.unwrap();
    picture.until("no route of gRPC", |world| (of_grpc(world) == 0).then_some(())).await;
    let still = picture.live(MINIKUBE).await;
    assert_eq!((still.fault, still.partial), (None, vec![]));
    passes(&mut picture, "kube:minikube/kube-kinds/web", 1).await;
    cluster.kubectl(&["delete", "namespace", "kube-kinds", "--wait=false"]).await.unwrap();
    picture.stop().await;
}

#[tokio::test]
async fn a_server_that_hangs_is_told_and_what_it_forgot_meanwhile_is_gone() {
    let _alone = ONE_OF_ITS_OWN.lock().await;
    let cluster = Cluster::with_nodes(1).await.unwrap();
    cluster.apply(&web("kube-hangs", 2)).await.unwrap();
    let pods = cluster.running_pods("kube-hangs", "app=web", 2).await.unwrap();
    let mut picture = read(&cluster.kubeconfig(), "minikube");
    let id = "kube:minikube/kube-hangs/web";
    passes(&mut picture, id, 2).await;

    let hung = cluster.hang_api_server().await.unwrap();
    let codes = ["kube.timed_out", "kube.unreachable", "kube.cut_off"];
    let failing = fails(&mut picture, MINIKUBE, &codes, id).await;
    assert!(failing.next_try.is_some(), "{failing:?}");
    drop(hung);
    picture.nudge.notify_waiters();
    picture.live(MINIKUBE).await;
    passes(&mut picture, id, 2).await;

    // Nobody replaces a Pod that nobody saw going, and nobody sends an event for it.
    cluster.kubectl(&["delete", "deployment/web", "-n", "kube-hangs", "--cascade=orphan"]).await.unwrap();
    cluster.kubectl(&["delete", "replicaset", "-n", "kube-hangs", "-l", "app=web", "--cascade=orphan"]).await.unwrap();
    let instance = |world: &World, pod: &str| fact(world, MINIKUBE, "pods", &format!("instance/kube-hangs/{pod}"));
    cluster.stop_api_server().await.unwrap();
    picture.state(MINIKUBE, SourceState::Failing).await;
    cluster.lose(&format!("/registry/pods/kube-hangs/{}", pods[0].name)).await.unwrap();
    cluster.compact().await.unwrap();
    let before = picture.resets;
    cluster.start_api_server().await.unwrap();
    picture.live(MINIKUBE).await;
    picture.until("the lost Pod is gone", |world| instance(world, &pods[0].name).is_none().then_some(())).await;
    assert!(matches!(instance(&picture.world, &pods[1].name), Some(Fact::Instance(_))), "the other one stays");
    assert!(picture.resets > before, "it was listed anew");
    picture.stop().await;
}
