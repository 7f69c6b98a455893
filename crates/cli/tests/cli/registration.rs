//! `register` and `deregister` on the demo's registry.

use binnacle_demo::Registry;

use crate::ran::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_planned_registered_verified_and_taken_out_again() {
    let home = Home::new();
    let registry = Registry::start().await.unwrap();
    let home = home.with("CONSUL_HTTP_ADDR", registry.url().as_str());
    let arguments = [
        "register",
        "web",
        "--id",
        "web-1",
        "--address",
        "127.0.0.1",
        "--port",
        "8080",
        "--tag",
        "v1",
        "--meta",
        "team=shop",
        "--check-ttl",
        "30s",
    ];
    let plan = home.run(&[&arguments[..], &["--dry-run", "-o", "json"]].concat()).await.exits(0).json();
    assert_eq!(plan["road"], "agent", "{plan}");
    assert!(plan["requests"][0]["path"].as_str().unwrap().starts_with("/v1/agent/service/register"), "{plan}");
    home.run(&["health", "web"]).await.exits(1);
    let done = home.run(&[&arguments[..], &["-o", "json"]].concat()).await.exits(0).json();
    assert_eq!((&done["verified"], &done["looked_again_after_s"]), (&true.into(), &serde_json::Value::Null), "{done}");
    let services = home.run(&["services", "web", "-o", "json"]).await.exits(0).json();
    let instance = &services[0]["instances"][0];
    assert_eq!((&instance["address"], &instance["port"]), (&"127.0.0.1".into(), &8080.into()));
    assert_eq!(instance["health"], "critical", "a TTL check begins critical");
    let id = instance["id"].as_str().unwrap();
    let removed = home.run(&["deregister", id]).await.exits(0).out;
    assert!(removed.contains("looked at once") && removed.contains("--look-again"), "{removed}");
    home.run(&["services", "web"]).await.exits(1);
    home.run(&["deregister", id, "--errors", "json"]).await.exits(1);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sticks_is_looked_at_again_after_the_time_given() {
    let home = Home::new();
    let registry = Registry::start().await.unwrap();
    let home = home.with("CONSUL_HTTP_ADDR", registry.url().as_str());
    let done = home.run(&["register", "web", "--port", "8080", "--look-again=100ms", "-o", "json"]).await;
    let done = done.exits(0).json();
    assert_eq!((&done["verified"], &done["looked_again_after_s"]), (&true.into(), &0.1.into()), "{done}");
    home.run(&["deregister", "consul:demo/x/web", "--look-again=soon"]).await.exits(2);
    home.run(&["deregister", "consul:demo/x/web", "--look-again", "--dry-run"]).await.exits(2);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_refuses_registrations() {
    let home = Home::new();
    let registry = Registry::start().await.unwrap();
    let home = home.with("CONSUL_HTTP_ADDR", registry.url().as_str());
    home.run(&["register", "web", "--port", "8080", "--read-only"]).await.exits(4);
    home.run(&["services", "web"]).await.exits(1);
    registry.stop().await;
}
