//! What meshes were told of when to refuse calls, at the edges that it is for, on a real Consul.

use std::sync::Arc;

use binnacle_model::World;
use binnacle_model::fact::{BreakerKind, BreakerState, OpensAt};
use binnacle_model::snapshot::Breaker;
use lab::Consul;
use serde_json::{Value, json};

use crate::consul_picture::Picture;

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
