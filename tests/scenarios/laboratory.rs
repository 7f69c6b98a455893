//! The lab itself: each server starts, answers, comes back, and is gone when its owner is gone.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use lab::{
    Certificates, ClientCertificate, Cluster, Consul, ConsulClient, Datacenters, Fault, FaultyWire, Fleet, LabError,
    Release, until,
};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

/// How long a state may take to come. Generous: it bounds a failure, not a success.
const PATIENCE: Duration = Duration::from_secs(60);

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

#[tokio::test]
async fn an_old_server_answers() {
    let consul = Consul::builder().release(Release::Old).start().await.unwrap();
    let agent = consul.client().unwrap().get("/v1/agent/self").await.unwrap();
    assert!(agent["Config"]["Version"].as_str().unwrap().starts_with("1.8."), "{agent}");
}

#[tokio::test]
async fn an_old_server_can_be_secured() {
    let authority = Arc::new(Certificates::new().await.unwrap());
    let consul = Consul::builder().release(Release::Old).acl().tls(authority).start().await.unwrap();
    assert_is_secured(&consul).await;
}

#[tokio::test]
async fn a_secured_server_wants_a_token_and_a_certificate() {
    let consul = Consul::secured().await.unwrap();
    assert_is_secured(&consul).await;
}

async fn assert_is_secured(consul: &Consul) {
    let client = consul.client().unwrap();
    client.kv_put("open/x", b"1").await.unwrap();
    client.kv_put("closed/x", b"1").await.unwrap();
    client.acl_policy("reader", r#"key_prefix "open/" { policy = "read" }"#).await.unwrap();
    let token = client.acl_token(&["reader"]).await.unwrap();

    let reader = consul.client_with(Some(&token)).unwrap();
    assert_eq!(reader.get("/v1/kv/open/x?raw").await.unwrap(), 1);
    assert!(matches!(reader.get("/v1/kv/closed/x").await, Err(LabError::Refused { status: 403, .. })));
    let nobody = consul.client_with(None).unwrap();
    assert!(matches!(nobody.get("/v1/kv/open/x").await, Err(LabError::Refused { status: 403, .. })));

    let strangers = Certificates::new().await.unwrap();
    let stranger = strangers.client("dc1").unwrap();
    let certificate = ClientCertificate { ca: consul.client_certificate().unwrap().ca.clone(), ..stranger };
    let stranger = ConsulClient::new(consul.url().unwrap(), Some(&token), Some(&certificate)).unwrap();
    assert!(matches!(stranger.get("/v1/kv/open/x").await, Err(LabError::Request { .. })));

    let other_name = consul.address_without_certificate().parse().unwrap();
    let misled = ConsulClient::new(other_name, Some(&token), consul.client_certificate()).unwrap();
    assert!(matches!(misled.get("/v1/kv/open/x").await, Err(LabError::Request { .. })));
}

#[tokio::test]
async fn two_open_datacenters_answer_for_each_other() {
    let Datacenters { dc1, dc2 } = &Datacenters::open().await.unwrap();
    dc1.client().unwrap().put("/v1/kv/where?dc=dc2", &json!("there")).await.unwrap();
    assert_eq!(dc2.client().unwrap().kv_get("where").await.unwrap().unwrap().value, br#""there""#);
    assert!(dc1.client().unwrap().kv_get("where").await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_of_one_secured_datacenter_is_good_in_the_other() {
    let both = Datacenters::secured().await.unwrap();
    let client = both.dc1.client().unwrap();
    client.acl_policy("writer", r#"key_prefix "" { policy = "write" }"#).await.unwrap();
    let token = client.acl_token(&["writer"]).await.unwrap();
    let there = both.dc2.client_with(Some(&token)).unwrap();
    until("the token in dc2", Duration::from_secs(30), async || there.kv_put("x", b"1").await).await.unwrap();
}

#[tokio::test]
async fn three_servers_elect_another_leader_when_theirs_is_killed() {
    let cluster = Cluster::open().await.unwrap();
    let first = cluster.leader().await.unwrap().node_name().to_owned();
    cluster.follower().await.unwrap().client().unwrap().kv_put("before", b"1").await.unwrap();

    let killed = cluster.kill_leader().await.unwrap();

    assert_eq!(killed.node_name(), first);
    let leader = cluster.leader().await.unwrap();
    assert_ne!(leader.node_name(), first);
    let client = leader.client().unwrap();
    assert!(client.kv_get("before").await.unwrap().is_some());
    killed.start().await.unwrap();
    assert!(killed.client().unwrap().kv_get("before").await.unwrap().is_some());
}

#[tokio::test]
async fn a_config_entry_an_intention_a_lock_and_a_check_can_be_arranged() {
    let consul = lab::shared::open().await.unwrap();
    let client = consul.client().unwrap();
    client
        .config_entry(&json!({ "Kind": "service-defaults", "Name": "laboratory", "Protocol": "http" }))
        .await
        .unwrap();
    client.intention("laboratory-web", "laboratory", "deny").await.unwrap();
    let session = client.session("laboratory").await.unwrap();
    assert!(client.lock("laboratory/lock", &session, b"me").await.unwrap());
    let locked = client.kv_get("laboratory/lock").await.unwrap().unwrap();
    assert_eq!(locked.session, Some(session));
    assert!(!client.kv_cas("laboratory/lock", b"you", locked.modify_index + 1).await.unwrap());
    assert!(client.kv_cas("laboratory/lock", b"you", locked.modify_index).await.unwrap());
    client.kv_put("laboratory//inside", b"reached").await.unwrap();
    assert_eq!(client.kv_get("laboratory//inside").await.unwrap().unwrap().value, b"reached");

    let service = json!({ "Name": "laboratory", "Check": { "CheckID": "laboratory-ttl", "TTL": "10m" } });
    client.register(&service).await.unwrap();
    client.set_check("laboratory-ttl", "warn", "half full & <b>half</b> empty").await.unwrap();
    let checks = until("the check in the catalog", PATIENCE, async || {
        let checks = client.get("/v1/health/checks/laboratory").await.unwrap();
        if checks[0]["Status"] == "warning" { Ok(checks) } else { Err(checks) }
    })
    .await
    .unwrap();
    assert_eq!(checks[0]["Output"], "half full & <b>half</b> empty");
    client.deregister("laboratory").await.unwrap();
}

fn assert_matches(answer: Result<serde_json::Value, LabError>, expected: impl FnOnce(&LabError) -> bool) {
    let seen = format!("{answer:?}");
    assert!(answer.is_err_and(|error| expected(&error)), "{seen}");
}

#[tokio::test]
async fn a_faulty_wire_shows_each_fault_and_passes_all_else() {
    let consul = lab::shared::open().await.unwrap();
    consul.client().unwrap().kv_put("wire/x", b"12345678").await.unwrap();
    let wire = FaultyWire::to(consul).await.unwrap();
    let client = ConsulClient::new(wire.url().unwrap(), None, None).unwrap();
    let read = async || client.get("/v1/kv/wire/x?raw").await;
    let good = json!(12_345_678);
    assert_eq!(read().await.unwrap(), good);

    wire.fault_times(2, "/v1/kv/", Fault::Status(429, "rate limit".into()));
    assert_eq!(client.get("/v1/catalog/datacenters").await.unwrap(), json!(["dc1"]));
    for _ in 0..2 {
        assert_matches(read().await, |error| matches!(error, LabError::Refused { status: 429, .. }));
    }
    assert_eq!(read().await.unwrap(), good);
    assert_eq!((wire.requests().len(), wire.faults_shown()), (5, 2));
    assert_eq!(wire.requests()[1], "GET /v1/catalog/datacenters");

    wire.fault("", Fault::CutHalfway);
    assert_matches(read().await, |error| matches!(error, LabError::Request { .. }));
    wire.mend();
    wire.fault("", Fault::Body("<html>".into()));
    assert_matches(read().await, |error| matches!(error, LabError::Unexpected { .. }));
    wire.mend();
    wire.fault("", Fault::Index(3));
    let answer = client.request(reqwest::Method::GET, "/v1/kv/wire/x", "").await.unwrap();
    assert_eq!(answer.headers()["X-Consul-Index"], "3");
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()[0]["Key"], "wire/x");
    wire.mend();

    wire.refuse().await.unwrap();
    assert_matches(read().await, |error| matches!(error, LabError::Request { source, .. } if source.is_connect()));
    wire.accept().await.unwrap();
    assert_eq!(read().await.unwrap(), good);

    wire.fault("", Fault::Stall);
    let shown = wire.faults_shown();
    let (stalled, ()) = tokio::join!(read(), async {
        let seen = async || if wire.faults_shown() > shown { Ok(()) } else { Err("not there") };
        until("the request on the wire", PATIENCE, seen).await.unwrap();
        wire.cut();
    });
    assert_matches(stalled, |error| matches!(error, LabError::Request { .. }));
}

#[tokio::test]
async fn a_blocking_query_goes_through_the_wire() {
    let consul = lab::shared::open().await.unwrap();
    let writer = consul.client().unwrap();
    writer.kv_put("wire/watched", b"1").await.unwrap();
    let index = writer.kv_get("wire/watched").await.unwrap().unwrap().modify_index;
    let wire = FaultyWire::to(consul).await.unwrap();
    let client = ConsulClient::new(wire.url().unwrap(), None, None).unwrap();
    let path = format!("/v1/kv/wire/watched?index={index}&wait=60s");
    let (answer, ()) = tokio::join!(client.get(&path), async {
        let seen = async || if wire.requests().is_empty() { Err("not there") } else { Ok(()) };
        until("the query on the wire", PATIENCE, seen).await.unwrap();
        writer.kv_put("wire/watched", b"2").await.unwrap();
    });
    assert!(answer.unwrap()[0]["ModifyIndex"].as_u64().unwrap() > index);
}

#[tokio::test]
async fn the_shop_has_every_health_sidecars_intentions_and_keys() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    lab::shop::load(&client).await.unwrap();
    lab::shop::load(&client).await.unwrap();

    let health = until("the checks in the catalog", PATIENCE, async || {
        let checks = client.get("/v1/health/state/any").await.unwrap();
        let count = |status: &str| {
            checks
                .as_array()
                .unwrap()
                .iter()
                .filter(|check| check["Name"] == "health" && check["Status"] == status)
                .count()
        };
        let counts = (count("passing"), count("warning"), count("critical"));
        if counts == (9, 2, 2) { Ok(()) } else { Err(format!("{counts:?}")) }
    });
    health.await.unwrap();
    let proxies = client.get("/v1/catalog/service/web-sidecar-proxy").await.unwrap();
    assert_eq!(proxies[0]["ServiceProxy"]["Upstreams"].as_array().unwrap().len(), 3);
    assert_eq!(client.get("/v1/connect/intentions").await.unwrap().as_array().unwrap().len(), 9);
    assert_eq!(client.kv_get("shop/features/new checkout?").await.unwrap().unwrap().value, b"true");
    assert_eq!(client.kv_get("shop/logo.png").await.unwrap().unwrap().flags, 42);
}

#[tokio::test]
async fn servers_and_their_folders_are_gone_when_their_process_is_killed() {
    let mut owner = Owner::start().await;
    assert_eq!((owner.pids.len(), owner.folders.len()), (3, 4));
    owner.assert_runs();

    owner.process.kill().await.unwrap();

    owner.is_gone().await;
}

#[tokio::test]
async fn what_is_left_by_a_process_that_was_killed_with_its_watchdogs_is_cleared_at_the_next_start() {
    // What belongs to somebody who lives is not touched.
    let living = Consul::open().await.unwrap();
    let mut owner = Owner::start().await;
    for pid in &owner.pids {
        kill(parent(*pid));
    }
    owner.process.kill().await.unwrap();
    assert!(owner.pids.iter().all(|pid| lab::watchdog::process_exists(*pid)), "nobody is there to end them");

    lab::leftovers::clear();

    assert!(lab::watchdog::process_exists(living.pid().await.unwrap()) && living.log().exists());
    owner.is_gone().await;
}

/// A process that owns servers, apart from this one.
struct Owner {
    process: tokio::process::Child,
    pids: Vec<u32>,
    folders: Vec<PathBuf>,
}

impl Owner {
    /// Starts the lab's own executable, and waits until all of the lab is there.
    async fn start() -> Self {
        let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_lab"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut pids, mut folders) = (Vec::new(), Vec::new());
        while let Some(line) = lines.next_line().await.unwrap().filter(|line| !line.contains("Ctrl-C")) {
            if let Some((pid, log)) = line.strip_prefix("# process ").and_then(|rest| rest.split_once(", log ")) {
                pids.push(pid.parse().unwrap());
                folders.push(Path::new(log).parent().unwrap().to_owned());
            }
            if let Some(ca) = line.strip_prefix("export CONSUL_CACERT=") {
                folders.push(Path::new(ca).parent().unwrap().to_owned());
            }
        }
        Self { process, pids, folders }
    }

    fn assert_runs(&self) {
        assert!(self.pids.iter().all(|pid| lab::watchdog::process_exists(*pid)));
        assert!(self.folders.iter().all(|folder| folder.exists()));
    }

    async fn is_gone(&self) {
        until("servers and folders to be gone", PATIENCE, async || {
            let left = self.pids.iter().filter(|pid| lab::watchdog::process_exists(**pid)).count()
                + self.folders.iter().filter(|folder| folder.exists()).count();
            if left == 0 { Ok(()) } else { Err(format!("{left} of them are left")) }
        })
        .await
        .unwrap();
    }
}

/// The process that started this one: field 4 of `/proc/PID/stat`, two after the name.
fn parent(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn kill(pid: u32) {
    let kill = ["-c".to_owned(), format!("kill -s KILL {pid}")];
    assert!(std::process::Command::new("/bin/sh").args(kill).status().unwrap().success());
}
