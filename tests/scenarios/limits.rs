//! What meshes were told of when to refuse calls, at the edges that it is for, on a real Consul and a real cluster without either mesh.

use std::sync::Arc;

use binnacle_model::World;
use binnacle_model::fact::{BreakerKind, BreakerState, OpensAt};
use binnacle_model::snapshot::Breaker;
use lab::cluster::Cluster;
use lab::{Consul, until};
use serde_json::{Value, json};

use crate::consul_picture::{PATIENCE, Picture, status};
use crate::kube_bad_days::hasty;
use crate::kube_live::connect;
use crate::laboratory_cluster::ONE_OF_ITS_OWN;

/// The configured limits of every breaker, in words.
fn limits(world: &World, from: &str, to: &str) -> Vec<(BreakerKind, BreakerState, Option<OpensAt>, Vec<String>)> {
    let on_it = |one: &&Arc<Breaker>| {
        one.caller.as_str() == from && one.callee.as_ref().is_some_and(|callee| callee.as_str() == to)
    };
    let snapshot = world.snapshot();
    let each = snapshot.breakers.values().filter(on_it).map(|one| {
        assert_eq!((one.told_state(), one.of, one.rejected_per_s), (None, 0, None), "nobody measures here");
        let rules = one.limits.iter().map(|limit| limit.rule.to_string()).collect();
        (one.kind, one.state, one.opens_at(), rules)
    });
    each.collect()
}

#[tokio::test]
async fn limits_of_an_upstream_stand_at_its_edge_and_follow_what_the_caller_is_told() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let upstreams = json!([{ "DestinationName": "db", "LocalBindPort": 9001 },
                           { "DestinationName": "geo", "LocalBindPort": 9002 }]);
    let sidecar = json!({ "SidecarService": { "Proxy": { "Upstreams": upstreams } } });
    client.register(&json!({ "Name": "web", "Port": 8080, "Connect": sidecar })).await.unwrap();
    client.register(&json!({ "Name": "db", "Port": 5432 })).await.unwrap();
    client.register(&json!({ "Name": "geo", "Port": 8081 })).await.unwrap();
    let told = |config: &Value| json!({ "Kind": "service-defaults", "Name": "web", "UpstreamConfig": config });
    let for_all = json!({ "Limits": { "MaxConnections": 30, "MaxConcurrentRequests": 20 } });
    let for_db = json!({ "Name": "db", "PassiveHealthCheck": { "MaxFailures": 4, "Interval": "10s" } });
    client.config_entry(&told(&json!({ "Defaults": for_all, "Overrides": [for_db] }))).await.unwrap();
    let mut picture = Picture::at(&consul.address());
    picture.live("consul:dc1").await;

    let rule = || vec!["service-defaults web".to_owned()];
    let row = |kind, opens_at| (kind, BreakerState::Unknown, Some(opens_at), rule());
    let capacity = || row(BreakerKind::Capacity, OpensAt::AtOnce(20));
    let (web, db, geo) = ("consul:dc1/web", "consul:dc1/db", "consul:dc1/geo");
    picture
        .until("both limits of db", |world| {
            let both = [capacity(), row(BreakerKind::Endpoint, OpensAt::InARow(4))];
            (limits(world, web, db) == both).then_some(())
        })
        .await;
    assert_eq!(limits(&picture.world, web, geo), [capacity()]);

    let off = json!({ "Name": "db", "Limits": { "MaxConnections": u32::MAX },
                      "PassiveHealthCheck": { "EnforcingConsecutive5xx": 0 } });
    client.config_entry(&told(&json!({ "Overrides": [off] }))).await.unwrap();
    picture
        .until("both are switched off", |world| {
            let off = |kind| (kind, BreakerState::Disabled, None, rule());
            (limits(world, web, db) == [off(BreakerKind::Capacity), off(BreakerKind::Endpoint)]).then_some(())
        })
        .await;
    assert_eq!(limits(&picture.world, web, geo), []);

    client.delete("/v1/config/service-defaults/web").await.unwrap();
    picture.until("the rule is gone", |world| limits(world, web, db).is_empty().then_some(())).await;
    picture.stop().await;
}

/// A kind with a schema that takes anything.
fn kind(group: &str, names: [&str; 2], versions: &[&str]) -> Value {
    let [name, plural] = names;
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(place, version)| {
            json!({ "name": version, "served": true, "storage": place == 0,
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } })
        })
        .collect();
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": { "group": group, "scope": "Namespaced", "versions": versions,
                  "names": { "kind": name, "plural": plural, "singular": name.to_lowercase() } } })
}

fn destination_rule(version: &str, name: &str, spec: &Value) -> String {
    json!({ "apiVersion": format!("networking.istio.io/{version}"), "kind": "DestinationRule",
            "metadata": { "name": name, "namespace": "limits" }, "spec": spec })
    .to_string()
}

#[tokio::test]
async fn rules_of_a_mesh_in_a_cluster_are_followed_in_the_version_that_is_served_and_are_quiet_where_there_are_none() {
    let _alone = ONE_OF_ITS_OWN.lock().await;
    let cluster = Cluster::with_nodes(1).await.unwrap();
    cluster.apply(&crate::kube_edges::shop("limits")).await.unwrap();
    let (web, cart) = ("kube:minikube/limits/web", "kube:minikube/limits/cart");
    let mut picture = Picture::of(connect(&cluster.kubeconfig(), "minikube").with_pace(hasty()));
    let well = picture.live("kube:minikube").await;
    assert_eq!((well.fault, well.partial, well.unseen), (None, vec![], vec![]), "no mesh is installed");
    picture
        .until("the edge", |world| {
            world.snapshot().edges.contains_key(format!("{web} -> {cart}").as_str()).then_some(())
        })
        .await;
    assert_eq!(limits(&picture.world, web, cart), []);

    let rules = kind("networking.istio.io", ["DestinationRule", "destinationrules"], &["v1beta1", "v1alpha3"]);
    cluster.apply(&rules.to_string()).await.unwrap();
    let spec = json!({ "host": "cart", "trafficPolicy": {
        "connectionPool": { "http": { "http2MaxRequests": 8 } },
        "outlierDetection": { "consecutive5xxErrors": 3 } } });
    let apply = async |object: &str| until("the kind", PATIENCE, async || cluster.apply(object).await).await.unwrap();
    apply(&destination_rule("v1beta1", "cart", &spec)).await;
    let row = |kind, opens_at, rule: &str| (kind, BreakerState::Unknown, Some(opens_at), vec![rule.to_owned()]);
    let rule = "DestinationRule limits/cart";
    picture
        .until("the rule's limits", |world| {
            let both = [
                row(BreakerKind::Capacity, OpensAt::AtOnce(8), rule),
                row(BreakerKind::Endpoint, OpensAt::InARow(3), rule),
            ];
            (limits(world, web, cart) == both).then_some(())
        })
        .await;

    let odd = json!({ "host": "cart", "trafficPolicy": { "outlierDetection": { "consecutive5xxErrors": "many" } } });
    apply(&destination_rule("v1beta1", "odd", &odd)).await;
    let told = picture
        .until("the odd rule is told", |world| {
            let status = status(world, "kube:minikube")?;
            status.partial.iter().find(|fault| fault.detail.contains("limits/odd")).cloned()
        })
        .await;
    assert_eq!(&*told.code, "kube.not_understood");
    assert_eq!(limits(&picture.world, web, cart).len(), 2, "it costs itself only");

    let far = json!({ "host": "*.limits.svc.cluster.local", "trafficPolicy": { "outlierDetection": {} } });
    apply(&destination_rule("v1beta1", "all", &far)).await;
    cluster.kubectl(&["delete", "destinationrule", "cart", "odd", "-n", "limits"]).await.unwrap();
    picture
        .until("the wider rule", |world| {
            let left = [row(BreakerKind::Endpoint, OpensAt::InARow(5), "DestinationRule limits/all")];
            (limits(world, web, cart) == left).then_some(())
        })
        .await;
    cluster.kubectl(&["delete", "customresourcedefinition", "destinationrules.networking.istio.io"]).await.unwrap();
    picture.until("no rule", |world| limits(world, web, cart).is_empty().then_some(())).await;

    let annotate = |value: &'static str| ["annotate", "service/cart", "-n", "limits", value];
    cluster.kubectl(&annotate("balancer.linkerd.io/failure-accrual=consecutive")).await.unwrap();
    let of_linkerd = |opens_at| row(BreakerKind::Endpoint, opens_at, "Service limits/cart");
    picture
        .until("the annotation", |world| (limits(world, web, cart) == [of_linkerd(OpensAt::InARow(7))]).then_some(()))
        .await;
    cluster.apply(&kind("linkerd.io", ["ServiceProfile", "serviceprofiles"], &["v1alpha2"]).to_string()).await.unwrap();
    let profile = json!({ "apiVersion": "linkerd.io/v1alpha2", "kind": "ServiceProfile",
        "metadata": { "name": "cart.limits.svc.cluster.local", "namespace": "limits" }, "spec": { "routes": [] } });
    apply(&profile.to_string()).await;
    let off = picture
        .until("the profile makes it void", |world| {
            let found = limits(world, web, cart);
            (found.first()?.1 == BreakerState::Disabled).then_some(found)
        })
        .await;
    assert_eq!((off.len(), off[0].2), (1, None));
    cluster.kubectl(&["delete", "customresourcedefinition", "serviceprofiles.linkerd.io"]).await.unwrap();
    picture
        .until("it is in force again", |world| {
            (limits(world, web, cart) == [of_linkerd(OpensAt::InARow(7))]).then_some(())
        })
        .await;
    let still = picture.live("kube:minikube").await;
    assert_eq!((still.fault, still.partial), (None, vec![]));
    cluster.kubectl(&["delete", "namespace", "limits", "--wait=false"]).await.unwrap();
    picture.stop().await;
}
