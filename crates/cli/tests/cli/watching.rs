//! `watch`, line by line.

use std::process::Stdio;

use binnacle_demo::Demo;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::ChildStdout;

use crate::ran::{DEADLINE, Home};

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("no line in time").unwrap();
    serde_json::from_str(&line.expect("the command ended")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_is_a_line_at_once_and_ctrl_c_ends_it() {
    let home = Home::new();
    let demo = Demo::start().await.unwrap();
    let source = format!("consul={}", demo.registry());
    let mut watch = home.start(&["watch", "-o", "jsonl", "--only", "config", "--source", &source]);
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let ready = line(&mut lines).await;
    assert_eq!((&ready["kind"], &ready["sources"][0]["state"]), (&"ready".into(), &"live".into()));
    assert!(ready["config"].as_u64().unwrap() > 0);
    let key = "consul:demo/kv/fleet/payments/latency_ms";
    let set =
        home.run(&["config", "set", key, "--value", "7", "-o", "json", "--source", &source]).await.exits(0).json();
    let change = line(&mut lines).await;
    assert_eq!((&change["kind"], &change["op"], &change["id"]), (&"config".into(), &"put".into(), &key.into()));
    assert_eq!((&change["size"], &change["version"]), (&1.into(), &set["keys"][0]["version"]));
    assert!(change["revision"].as_u64() > ready["revision"].as_u64(), "{change}");
    assert!(change["at"].as_str().unwrap().ends_with('Z'));
    home.run(&["config", "rm", key, "--source", &source]).await.exits(0);
    let removed = line(&mut lines).await;
    assert_eq!((&removed["op"], &removed["id"]), (&"removed".into(), &key.into()));
    interrupt(watch.id().unwrap()).await;
    let ended = tokio::time::timeout(DEADLINE, watch.wait()).await.expect("it does not end").unwrap();
    assert_eq!(ended.code(), Some(130));
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_it_in_silence() {
    let home = Home::new();
    let demo = Demo::start().await.unwrap();
    let source = format!("consul={}", demo.registry());
    let mut watch = home.start(&["watch", "--source", &source]);
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    line(&mut lines).await;
    drop(lines);
    // The reader is missed when there is something to write.
    home.run(&["config", "set", "consul:demo/kv/fleet/payments/latency_ms", "--value", "8", "--source", &source])
        .await
        .exits(0);
    let output = tokio::time::timeout(DEADLINE, watch.wait_with_output()).await.expect("it does not end").unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    demo.stop().await;
}

/// As Ctrl-C does it.
async fn interrupt(pid: u32) {
    let killed = tokio::process::Command::new("kill").args(["-INT", &pid.to_string()]).stdout(Stdio::null()).status();
    assert!(killed.await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_says_how_to_connect_and_leaves_nothing() {
    let home = Home::new();
    let mut demo = home.start(&["demo"]);
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("no line in time").unwrap().unwrap();
    let registry = first.rsplit(' ').next().unwrap().to_owned();
    let here = Home::with_consul(&registry);
    here.run(&["health"]).await.exits(0);
    interrupt(demo.id().unwrap()).await;
    let ended = tokio::time::timeout(DEADLINE, demo.wait()).await.expect("it does not end").unwrap();
    assert_eq!(ended.code(), Some(130));
    here.run(&["health", "--wait", "300ms"]).await.exits(3);
}
