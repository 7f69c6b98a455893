//! `binnaclectl` on real Consul and Prometheus servers.

use std::process::Stdio;
use std::time::Duration;

use lab::{Consul, Prometheus, job};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::binnaclectl::executable;

const DEADLINE: Duration = Duration::from_secs(60);

/// A home folder, and the variables of one shell.
pub(crate) struct Shell {
    home: TempDir,
    variables: Vec<(String, String)>,
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// The variables that the `consul` command would need for this server.
    fn at(consul: &Consul) -> Self {
        let mut shell = Self::new().with("CONSUL_HTTP_ADDR", consul.address());
        if let Some(token) = consul.management_token() {
            shell = shell.with("CONSUL_HTTP_TOKEN", token);
        }
        if let Some(certificate) = consul.client_certificate() {
            shell = shell
                .with("CONSUL_CACERT", certificate.ca.display())
                .with("CONSUL_CLIENT_CERT", certificate.certificate.display())
                .with("CONSUL_CLIENT_KEY", certificate.key.display());
        }
        shell
    }

    pub(crate) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    async fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(executable().await);
        command.args(arguments).env_clear().env("HOME", self.home.path()).env("USER", "tester");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let child = self.start(arguments).await;
        let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
        let output = output.expect("the command takes too long").unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    #[track_caller]
    fn error(&self) -> Value {
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {}", self.err))
    }
}

#[tokio::test]
async fn a_real_consul_is_read_and_its_health_is_a_yes_or_a_no() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let shell = Shell::at(&consul);
    client
        .register(&json!({ "Name": "web", "ID": "web-1", "Address": "127.0.0.1", "Port": 80,
        "Check": { "CheckID": "web-ttl", "TTL": "10m", "Status": "passing" } }))
        .await
        .unwrap();
    shell.run(&["health"]).await.exits(0);
    let snapshot = shell.run(&["snapshot"]).await.exits(0).json();
    assert_eq!(snapshot["sources"][0]["id"], "consul:dc1");
    assert!(
        snapshot["services"].as_array().unwrap().iter().any(|service| service["id"] == "consul:dc1/web"),
        "{snapshot}"
    );
    client.set_check("web-ttl", "fail", "disk full").await.unwrap();
    let unwell = shell.run(&["health", "-o", "json"]).await.exits(1).json();
    assert_eq!(unwell["reasons"][0]["output"], "disk full", "{unwell}");
    shell.run(&["health", "consul"]).await.exits(0);
}

#[tokio::test]
async fn flags_and_the_lock_of_a_key_survive_an_edit() {
    let consul = lab::shared::open().await.unwrap();
    let client = consul.client().unwrap();
    let shell = Shell::at(consul);
    client.kv_put_with_flags("cli/locked", b"one", 42).await.unwrap();
    let session = client.session("cli").await.unwrap();
    assert!(client.lock("cli/locked", &session, b"one").await.unwrap());
    let before = client.kv_get("cli/locked").await.unwrap().unwrap();
    shell.run(&["config", "set", "consul:dc1/kv/cli/locked", "--value", "two"]).await.exits(0);
    let after = client.kv_get("cli/locked").await.unwrap().unwrap();
    assert_eq!((after.value, after.flags), (b"two".to_vec(), before.flags));
    assert_eq!(after.session, Some(session));
}

#[tokio::test]
async fn a_write_by_another_program_is_never_overwritten() {
    let consul = lab::shared::open().await.unwrap();
    let client = consul.client().unwrap();
    let shell = Shell::at(consul);
    let id = "consul:dc1/kv/cli/contended";
    client.kv_put("cli/contended", b"one").await.unwrap();
    let seen =
        shell.run(&["config", "get", id, "-o", "json"]).await.exits(0).json()["version"].as_str().unwrap().to_owned();
    client.kv_put("cli/contended", b"theirs").await.unwrap();
    let refused =
        shell.run(&["config", "set", id, "--value", "ours", "--expect", &seen, "--errors", "json"]).await.exits(4);
    assert_eq!(refused.error()["code"], "edit.refused");
    assert_eq!(client.kv_get("cli/contended").await.unwrap().unwrap().value, b"theirs");
    shell.run(&["config", "set", id, "--value", "ours"]).await.exits(0);
    assert_eq!(client.kv_get("cli/contended").await.unwrap().unwrap().value, b"ours");
}

#[tokio::test]
async fn what_a_token_may_not_do_is_refused_and_the_rest_works() {
    let consul = lab::shared::secured().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put("cli/open/a", b"1").await.unwrap();
    client.kv_put("cli/closed/a", b"1").await.unwrap();
    let rules = r#"key_prefix "cli/open/" { policy = "write" } service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;
    client.acl_policy("cli-open", rules).await.unwrap();
    let token = client.acl_token(&["cli-open"]).await.unwrap();
    let shell = Shell::at(consul).with("CONSUL_HTTP_TOKEN", &token);
    shell.run(&["config", "set", "consul:dc1/kv/cli/open/a", "--value", "2"]).await.exits(0);
    let refused =
        shell.run(&["config", "set", "consul:dc1/kv/cli/closed/a", "--value", "2", "--errors", "json"]).await.exits(4);
    assert!(!refused.err.contains(&token), "a token is never printed");
    assert_eq!(client.kv_get("cli/closed/a").await.unwrap().unwrap().value, b"1");
    let keys = shell.run(&["config", "ls", "consul:dc1/kv/cli/", "-o", "json"]).await.json();
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    shell.run(&["doctor"]).await.exits(0);
}

#[tokio::test]
async fn a_certificate_that_does_not_match_and_a_missing_one_are_said() {
    let consul = lab::shared::secured().await.unwrap();
    let elsewhere = Shell::at(consul).with("CONSUL_HTTP_ADDR", consul.address_without_certificate());
    let ran = elsewhere.run(&["services", "--wait", "3s", "--errors", "json"]).await.exits(3);
    assert_eq!(ran.error()["code"], "consul.tls", "{}", ran.err);
    let stranger = Shell::new().with("CONSUL_HTTP_ADDR", consul.address());
    let ran = stranger.run(&["doctor", "--errors", "json"]).await.exits(3);
    assert_eq!(ran.error()["code"], "consul.tls", "{}", ran.err);
}

#[tokio::test]
async fn keys_of_two_datacenters_are_told_apart() {
    let both = lab::shared::datacenters().await.unwrap();
    let shell = Shell::at(&both.dc1);
    shell.run(&["config", "set", "consul:dc1/kv/cli/place", "--value", "here"]).await.exits(0);
    shell.run(&["config", "set", "consul:dc2/kv/cli/place", "--value", "there"]).await.exits(0);
    assert_eq!(shell.run(&["config", "get", "consul:dc2/kv/cli/place", "--raw"]).await.exits(0).out, "there");
    let diff = shell.run(&["config", "diff", "consul:dc1/kv/cli/place", "consul:dc2/kv/cli/place"]).await.exits(1);
    assert!(diff.out.contains("-here") && diff.out.contains("+there"), "{}", diff.out);
    let sources = shell.run(&["sources", "-o", "json"]).await.exits(0).json();
    let ids: Vec<&str> = sources.as_array().unwrap().iter().map(|source| source["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["consul:dc1", "consul:dc2"]);
}

#[tokio::test]
async fn a_registration_sticks_and_a_deregistration_too() {
    let consul = Consul::open().await.unwrap();
    let shell = Shell::at(&consul);
    let arguments = [
        "register",
        "web",
        "--id",
        "web-1",
        "--address",
        "127.0.0.1",
        "--port",
        "80",
        "--check-ttl",
        "10m",
        "-o",
        "json",
    ];
    let done = shell.run(&arguments).await.exits(0).json();
    assert_eq!((&done["road"], &done["verified"]), (&"agent".into(), &true.into()), "{done}");
    let instance = format!("consul:dc1/{}/web-1", consul.node_name());
    shell.run(&["deregister", &instance]).await.exits(0);
    shell.run(&["services", "web"]).await.exits(1);
}

#[tokio::test]
async fn an_entry_that_comes_back_is_a_no_of_the_command_that_stayed() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let entry = json!({ "Name": "web", "ID": "web-1", "Port": 80 });
    client.register(&entry).await.unwrap();
    let shell = Shell::at(&consul);
    let instance = format!("consul:dc1/{}/web-1", consul.node_name());
    let mut removal = shell.start(&["deregister", &instance, "--look-again=8s"]).await;
    let mut lines = BufReader::new(removal.stdout.take().unwrap()).lines();
    let mut until = async |words: &str| loop {
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("no line in time").unwrap();
        let line = line.unwrap_or_else(|| panic!("the command ended without `{words}`"));
        if line.contains(words) {
            break line;
        }
    };
    until("looking again in 8 s").await;
    client.register(&entry).await.unwrap();
    until("after 8 s: done, but the catalog says otherwise").await;
    assert_eq!(removal.wait().await.unwrap().code(), Some(1));
    shell.run(&["deregister", &instance, "--look-again=100ms"]).await.exits(0);
}

#[tokio::test]
async fn a_change_is_a_line_of_watch() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let shell = Shell::at(&consul);
    let mut watch = shell.start(&["watch", "--only", "config"]).await;
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("no line in time").unwrap();
        serde_json::from_str::<Value>(&line.expect("the command ended")).unwrap()
    };
    assert_eq!(next().await["kind"], "ready");
    client.kv_put("cli/watched", b"1").await.unwrap();
    let line = next().await;
    assert_eq!((&line["op"], &line["id"]), (&"put".into(), &"consul:dc1/kv/cli/watched".into()));
    client.kv_delete("cli/watched").await.unwrap();
    let line = next().await;
    assert_eq!((&line["op"], &line["id"]), (&"removed".into(), &"consul:dc1/kv/cli/watched".into()));
}

#[tokio::test]
async fn a_real_prometheus_is_read_beside_a_registry_that_names_its_processes() {
    let demo = crate::prometheus_picture::fleet().await;
    let endpoints = crate::prometheus_picture::endpoints(&demo);
    let server = Prometheus::builder().basic_auth().scraping(job("fleet", endpoints)).start().await.unwrap();
    let rates = r#"rate(demo_client_request_duration_seconds_count{service="checkout",peer="payments"}[5s]) > 0"#;
    lab::until("rates in the server", DEADLINE, async || match server.query(rates).await {
        Ok(found) if found.is_empty() => Err("none yet".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
    .await
    .unwrap();
    let (user, password) = lab::metrics_server::BASIC_AUTH;
    let with_password = server.address().replace("://", &format!("://{user}:{password}@"));
    let sources = [format!("consul={}", demo.registry()), format!("prometheus={with_password}")];
    let shell = Shell::new();
    let run = async |words: &[&str]| {
        let named = ["--source", &sources[0], "--source", &sources[1]];
        let ran = shell.run(&[&named, words].concat()).await;
        assert!(!ran.out.contains(password) && !ran.err.contains(password), "{} {}", ran.out, ran.err);
        ran.exits(0)
    };

    let edges = run(&["edges", "-o", "json"]).await.json();
    let named = |edge: &Value, from: &str, to: &str| edge["from"] == from && edge["to"] == to;
    let edge =
        edges.as_array().unwrap().iter().find(|edge| named(edge, "consul:demo/checkout", "consul:demo/payments"));
    let edge = edge.unwrap_or_else(|| panic!("{edges}"));
    assert!(edge["rps"].as_f64().is_some() && edge["p95_ms"].as_f64().is_some(), "{edges}");
    let history = run(&["history", "checkout -> payments", "--since", "1m", "-o", "json"]).await.json();
    let points = history["points"].as_array().unwrap();
    assert_eq!((points.len(), &history["step_s"], &history["processes"]), (61, &json!(1.0), &json!(1)));
    assert!(points.iter().any(|point| point["rps"].as_f64().is_some_and(|rps| rps > 0.0)), "{history}");
    let table = run(&["history", "payments"]).await.out;
    assert!(table.starts_with("AT ") && table.lines().count() == 122, "{table}");
    for (words, code) in [(["history", "nobody"], 1), (["history", "payments -> nobody"], 1), (["history", "queue"], 1)]
    {
        let named = ["--errors", "json", "--source", &sources[0], "--source", &sources[1]];
        let ran = shell.run(&[&named[..], &words[..]].concat()).await.exits(code);
        assert_eq!(ran.error()["code"], "cli.not_found", "{}", ran.err);
    }
    shell.run(&["history", "payments", "--since", "5s"]).await.exits(2);
    let breakers = run(&["breakers", "-o", "json"]).await.json();
    assert!(!breakers.as_array().unwrap().is_empty(), "{breakers}");
    let listed = run(&["sources", "-o", "json"]).await.json();
    let ours = listed.as_array().unwrap().iter().find(|source| source["kind"] == "prometheus").unwrap();
    assert_eq!((&ours["product"], &ours["state"]), (&json!("Prometheus 3.16.0"), &json!("live")));
    assert!(ours["requests"].as_u64().is_some_and(|requests| requests <= 24), "{ours}");
    let doctor = run(&["doctor"]).await.out;
    assert!(doctor.contains("Prometheus 3.16.0 · calls and breakers of: The demo fleet"), "{doctor}");

    let environment = Shell::new().with("PROMETHEUS_URL", &with_password);
    let found = environment.run(&["doctor", "-o", "json"]).await;
    let found = found.json();
    let found = found["looked_for"].as_array().unwrap().iter().find(|found| found["title"] == "Prometheus").unwrap();
    assert_eq!(
        (&found["answer"], &found["source"]),
        (&json!("answers"), &json!(format!("prometheus={}", server.address())))
    );
    demo.stop().await;
}
