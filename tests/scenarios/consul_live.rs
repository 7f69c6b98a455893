//! What is in a Consul is in the picture, and what changes there changes here, pushed.

use binnacle_model::fact::{CallsBasis, CheckStatus, Fact, InstanceRole, Party};
use binnacle_model::snapshot::{Ability, Health};
use lab::{Consul, Datacenters, Fleet};
use serde_json::json;

use crate::consul_picture::{Picture, count, fact, observed, status};

const DC1: &str = "consul:dc1";

#[tokio::test]
async fn a_service_with_its_checks_tags_meta_and_sidecar_is_read() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client
        .register(&json!({
            "Name": "web", "ID": "web-1", "Port": 8080, "Address": "10.1.2.3", "Tags": ["v1", "canary"],
            "Meta": { "team": "shop" },
            "Checks": [{ "CheckID": "alive", "Name": "alive", "TTL": "1h", "Status": "warning", "Notes": "n" }],
            "Connect": { "SidecarService": { "Proxy": { "Upstreams": [
                { "DestinationName": "db", "LocalBindPort": 9001 },
                { "DestinationName": "geo", "LocalBindPort": 9002, "Datacenter": "dc2" },
                { "DestinationName": "q", "LocalBindPort": 9003, "DestinationType": "prepared_query" },
            ] } } },
        }))
        .await
        .unwrap();
    let mut picture = Picture::at(&consul.address());

    let status = picture.live(DC1).await;

    assert_eq!(status.product.as_deref(), Some("Consul 1.22.7"));
    assert_eq!(status.address.as_ref(), consul.address());
    assert_eq!(status.fault, None);
    assert_eq!(status.partial, []);
    assert_eq!(status.abilities, [Ability::ReadConfig, Ability::EditConfig, Ability::Register]);
    let node = consul.node_name().to_owned();
    let Some(Fact::Instance(web)) = fact(&picture.world, DC1, "catalog", &format!("instance/{node}/web-1")) else {
        panic!("no instance");
    };
    assert_eq!((&*web.address, web.port, &web.role), ("10.1.2.3", 8080, &InstanceRole::Service));
    assert_eq!(web.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["v1", "canary"]);
    assert_eq!(web.meta.get("team").map(|value| &**value), Some("shop"));
    let sidecar = fact(&picture.world, DC1, "catalog", &format!("instance/{node}/web-1-sidecar-proxy"));
    let Some(Fact::Instance(sidecar)) = sidecar else { panic!("no sidecar") };
    assert!(matches!(&sidecar.role, InstanceRole::Sidecar { instance: Some(id), .. } if &**id == "web-1"));
    let upstreams: Vec<(&str, Option<&str>)> =
        sidecar.upstreams.iter().map(|up| (&*up.service.name, up.datacenter.as_deref())).collect();
    assert_eq!(upstreams, [("db", None), ("geo", Some("dc2"))]);
    let alive = observed(&picture.world, DC1, "health", &format!("{node}/alive")).unwrap();
    assert!(
        matches!(&alive.fact, Fact::Check(check) if check.status == CheckStatus::Warning && &*check.method == "ttl")
    );
    assert_eq!(&*alive.origin.query, "GET /v1/health/state/any?dc=dc1");
    let snapshot = picture.world.snapshot();
    let web = snapshot.services.values().find(|service| &*service.name == "web").unwrap();
    assert!(web.instances[0].sidecar);
    assert!(web.health >= Health::Warning, "the worst of its checks and its sidecar's");
    assert!(snapshot.services.values().all(|service| &*service.name != "web-sidecar-proxy"));
    picture.stop().await;
}

#[tokio::test]
async fn a_check_that_turns_critical_and_a_node_in_maintenance_are_seen() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let check = json!({ "CheckID": "c", "Name": "c", "TTL": "1h", "Status": "passing" });
    client.register(&json!({ "Name": "api", "Checks": [check] })).await.unwrap();
    let mut picture = Picture::at(&consul.address());
    picture.live(DC1).await;
    let key = format!("{}/c", consul.node_name());

    client.set_check("c", "fail", "disk <b>full</b>").await.unwrap();
    let check = picture
        .until("the check is critical", |world| match fact(world, DC1, "health", &key) {
            Some(Fact::Check(check)) if check.status == CheckStatus::Critical => Some(check),
            _ => None,
        })
        .await;
    assert_eq!(&*check.output, "disk <b>full</b>");

    client.put("/v1/agent/service/maintenance/api?enable=true&reason=upgrade", &json!(null)).await.unwrap();
    let key = format!("{}/_service_maintenance:api", consul.node_name());
    picture
        .until("the service is in maintenance", |world| match fact(world, DC1, "health", &key) {
            Some(Fact::Check(check)) if check.status == CheckStatus::Maintenance => {
                assert_eq!(&*check.output, "upgrade");
                Some(())
            }
            _ => None,
        })
        .await;

    client.deregister("api").await.unwrap();
    picture
        .until("it is gone with its checks", |world| {
            let gone =
                fact(world, DC1, "catalog", "service/api").is_none() && fact(world, DC1, "health", &key).is_none();
            gone.then_some(())
        })
        .await;
    picture.stop().await;
}

#[tokio::test]
async fn keys_are_pushed_with_flags_lock_session_and_version_and_never_with_their_value() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let mut picture = Picture::at(&consul.address());
    picture.live(DC1).await;
    assert_eq!(count(&picture.world, DC1, "kv"), 0, "an empty store is a whole answer too");

    client.kv_put_with_flags("app/secret", b"hunter2-hunter2", 42).await.unwrap();
    let there = |key: &'static str| move |world: &binnacle_model::world::World| observed(world, DC1, "kv", key);
    let seen = picture.until("the key is there", there("app/secret")).await;
    let stored = client.kv_get("app/secret").await.unwrap().unwrap();
    assert_eq!(seen.version, Some(stored.modify_index));
    let Fact::Config(config) = &seen.fact else { panic!("no config fact") };
    assert_eq!((config.size_bytes, config.flags, config.created_version), (15, 42, stored.create_index));
    assert!(!format!("{:?}", picture.world.store()).contains("hunter2"));

    let session = client.session("locker").await.unwrap();
    assert!(client.lock("app/lock", &session, b"held").await.unwrap());
    picture
        .until("the lock is seen", |world| match fact(world, DC1, "kv", "app/lock") {
            Some(Fact::Config(config)) if config.lock_session.as_deref() == Some(session.as_str()) => Some(()),
            _ => None,
        })
        .await;
    picture.until("the session is seen", |world| fact(world, DC1, "sessions", &session)).await;

    client.kv_delete_tree("app").await.unwrap();
    picture.until("the keys are gone", |world| (count(world, DC1, "kv") == 0).then_some(())).await;
    picture.stop().await;
}

#[tokio::test]
async fn intentions_and_gateways_are_declared_calls_and_rules() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let mut picture = Picture::at(&consul.address());
    picture.live(DC1).await;

    client.intention("web", "db", "allow").await.unwrap();
    client.intention("*", "vault", "deny").await.unwrap();
    for entry in [
        json!({ "Kind": "proxy-defaults", "Name": "global", "Config": { "protocol": "http" } }),
        json!({ "Kind": "ingress-gateway", "Name": "edge", "Listeners": [
            { "Port": 8080, "Protocol": "http", "Services": [{ "Name": "web", "Hosts": ["x.example"] }] }] }),
        json!({ "Kind": "service-splitter", "Name": "web", "Splits": [
            { "Weight": 90 }, { "Weight": 10, "Service": "web-next" }] }),
        json!({ "Kind": "service-resolver", "Name": "geo", "Redirect": { "Service": "geo", "Datacenter": "dc2" } }),
    ] {
        client.config_entry(&entry).await.unwrap();
    }

    let call = |world: &binnacle_model::world::World, kind: &str, key: &str| match fact(
        world,
        DC1,
        &format!("mesh/{kind}"),
        key,
    ) {
        Some(Fact::Calls(call)) => Some(call),
        _ => None,
    };
    let allowed = picture
        .until("the intention", |world| {
            call(world, "service-intentions", "call/service-intentions/db/dc1%2Fweb/dc1/db")
        })
        .await;
    assert_eq!(allowed.basis, CallsBasis::Declared("intention".into()));
    let denied = picture
        .until("the denial", |world| call(world, "service-intentions", "call/service-intentions/vault/*/dc1/vault"))
        .await;
    assert_eq!((denied.basis, denied.caller), (CallsBasis::Denied("intention".into()), Party::Any));
    picture
        .until("the ingress", |world| call(world, "ingress-gateway", "call/ingress-gateway/edge/dc1%2Fedge/dc1/web"))
        .await;
    picture
        .until("the split", |world| call(world, "service-splitter", "call/service-splitter/web/dc1%2Fweb/dc1/web-next"))
        .await;
    let elsewhere = picture
        .until("the redirect", |world| call(world, "service-resolver", "call/service-resolver/geo/dc1%2Fgeo/dc2/geo"))
        .await;
    assert!(matches!(elsewhere.callee, Party::Service { source, .. } if source.as_str() == "consul:dc2"));
    let rule = fact(&picture.world, DC1, "mesh/service-splitter", "rule/service-splitter/web");
    assert!(matches!(rule, Some(Fact::MeshRule(rule)) if &*rule.summary == "90 % web, 10 % web-next"));

    client.delete("/v1/config/service-splitter/web").await.unwrap();
    picture.until("the split is gone", |world| (count(world, DC1, "mesh/service-splitter") == 0).then_some(())).await;
    picture.stop().await;
}

#[tokio::test]
async fn every_datacenter_is_a_source_of_its_own_and_one_that_dies_fails_alone() {
    let pair = Datacenters::open().await.unwrap();
    let (first, second) = (&pair.dc1, &pair.dc2);
    second.client().unwrap().kv_put("only/there", b"1").await.unwrap();
    let mut picture = Picture::at(&first.address());

    picture.live(&format!("consul:{}", first.datacenter())).await;
    let there = format!("consul:{}", second.datacenter());
    picture.live(&there).await;
    assert!(observed(&picture.world, &there, "kv", "only/there").is_some());

    second.kill().await.unwrap();
    let failing = picture.state(&there, binnacle_model::snapshot::SourceState::Failing).await;
    assert_eq!(failing.fault.unwrap().code.as_ref(), "consul.server_error");
    assert!(failing.next_try.is_some());
    assert!(observed(&picture.world, &there, "kv", "only/there").is_some(), "its facts stay");
    let here = status(&picture.world, &format!("consul:{}", first.datacenter())).unwrap();
    assert_eq!(here.state, binnacle_model::snapshot::SourceState::Live);

    second.start().await.unwrap();
    picture.live(&there).await;
    picture.stop().await;
}

#[tokio::test]
async fn hostile_names_pass_through_as_they_are() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let names = ["<script>alert(1)</script>".to_owned(), "\u{202e}live\u{200f}".to_owned(), "x".repeat(10_000)];
    for (number, name) in names.iter().enumerate() {
        client.register(&json!({ "Name": name, "ID": format!("hostile-{number}"), "Tags": [name] })).await.unwrap();
    }
    let mut picture = Picture::at(&consul.address());
    picture.live(DC1).await;
    for name in &names {
        let key = format!("service/{name}");
        assert!(
            matches!(fact(&picture.world, DC1, "catalog", &key), Some(Fact::Service(fact)) if *fact.service.name == **name)
        );
    }
    picture.stop().await;
}

#[tokio::test]
async fn a_hundred_thousand_keys_are_read_and_one_of_them_changes() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    Fleet { services: 1, instances_per_service: 1, keys: 100_000 }.load(&client).await.unwrap();
    let mut picture = Picture::at(&consul.address());
    picture.live(DC1).await;
    assert_eq!(count(&picture.world, DC1, "kv"), 100_000);

    let key = Fleet::key(77_777);
    client.kv_put(&key, b"changed, and longer than before").await.unwrap();
    picture
        .until("the change is seen", |world| match fact(world, DC1, "kv", &key) {
            Some(Fact::Config(config)) if config.size_bytes == 31 => Some(()),
            _ => None,
        })
        .await;
    assert_eq!(count(&picture.world, DC1, "kv"), 100_000);
    picture.stop().await;
}

#[tokio::test]
async fn a_value_and_a_key_that_are_not_utf8_break_nothing() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put("binary", &[0xff, 0x00, 0xfe]).await.unwrap();
    client.request(reqwest::Method::PUT, "/v1/kv/odd%ff", vec![1]).await.unwrap();
    let mut picture = Picture::at(&consul.address());
    picture.live(DC1).await;
    let binary = fact(&picture.world, DC1, "kv", "binary");
    assert!(matches!(binary, Some(Fact::Config(config)) if config.size_bytes == 3));
    assert_eq!(count(&picture.world, DC1, "kv"), 2);
    picture.stop().await;
}

#[tokio::test]
async fn an_old_consul_is_read_with_its_intentions_and_all() {
    let consul = Consul::builder().release(lab::Release::Old).start().await.unwrap();
    let client = consul.client().unwrap();
    client
        .register(&json!({ "Name": "web", "Port": 80, "Check": { "TTL": "1h", "Status": "passing" } }))
        .await
        .unwrap();
    client.kv_put("old", b"1").await.unwrap();
    let intention = json!({ "SourceName": "web", "DestinationName": "db", "SourceType": "consul", "Action": "deny" });
    let body = serde_json::to_vec(&intention).unwrap();
    client.request(reqwest::Method::POST, "/v1/connect/intentions", body).await.unwrap();
    let mut picture = Picture::at(&consul.address());

    let status = picture.live(DC1).await;

    assert_eq!(status.product.as_deref(), Some("Consul 1.8.7"));
    assert!(observed(&picture.world, DC1, "kv", "old").is_some());
    let node = consul.node_name().to_owned();
    assert!(fact(&picture.world, DC1, "catalog", &format!("instance/{node}/web")).is_some());
    picture
        .until("the intention", |world| {
            let call = fact(world, DC1, "mesh/intentions", "call/service-intentions/db/dc1%2Fweb/dc1/db")?;
            matches!(call, Fact::Calls(call) if call.basis == CallsBasis::Denied("intention".into())).then_some(())
        })
        .await;
    client.register(&json!({ "Name": "later", "Port": 81 })).await.unwrap();
    picture.until("a change", |world| fact(world, DC1, "catalog", "service/later")).await;
    let status = status_now(&picture);
    assert_eq!(status.partial, [], "what this release does not have is no fault");
    picture.stop().await;
}

fn status_now(picture: &Picture) -> binnacle_model::snapshot::SourceStatus {
    status(&picture.world, DC1).unwrap()
}
