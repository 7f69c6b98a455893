//! The lab itself: each server starts, answers, comes back, and is gone when its owner is gone.

use lab::{Consul, Fleet};

#[tokio::test]
async fn an_open_server_answers_and_is_gone_when_dropped() {
    let consul = Consul::open().await.unwrap();
    let pid = consul.pid().await.unwrap();
    let folder = consul.log().parent().unwrap().to_owned();
    assert_eq!(consul.client().unwrap().get("/v1/catalog/datacenters").await.unwrap(), serde_json::json!(["dc1"]));

    drop(consul);

    assert!(!lab::watchdog::process_exists(pid));
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_server_that_was_stopped_comes_back_at_its_address_with_its_data() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let address = consul.address();
    client.kv_put("kept", b"1").await.unwrap();

    consul.stop().await.unwrap();
    assert!(client.get("/v1/status/leader").await.is_err());
    consul.start().await.unwrap();

    assert_eq!(consul.address(), address);
    assert_eq!(client.kv_get("kept").await.unwrap().unwrap().value, b"1");

    consul.kill().await.unwrap();
    assert!(client.get("/v1/status/leader").await.is_err());
    consul.start().await.unwrap();
    assert_eq!(client.kv_get("kept").await.unwrap().unwrap().value, b"1");
}

#[tokio::test]
async fn a_fleet_is_loaded_as_stated() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    Fleet { services: 30, instances_per_service: 2, keys: 200 }.load(&client).await.unwrap();

    let services = client.get("/v1/catalog/services").await.unwrap();
    assert_eq!(services.as_object().unwrap().len(), 31, "30 and consul itself");
    let instances = client.get("/v1/health/service/svc-0007").await.unwrap();
    assert_eq!(instances.as_array().unwrap().len(), 2);
    assert_eq!(instances[0]["Checks"][0]["Status"], "passing");
    assert_eq!(client.get("/v1/kv/?keys").await.unwrap().as_array().unwrap().len(), 200);
    assert_eq!(client.kv_get(&Fleet::key(123)).await.unwrap().unwrap().value, b"value of key 123");
}
