//! What goes wrong with a Consul is said with a code and a hint, the rest of the picture stays, and nothing is lost.

use std::time::Duration;

use binnacle_model::fact::{CheckStatus, Fact};
use binnacle_model::snapshot::{SourceState, SourceStatus};
use binnacle_sources::consul::Pace;
use lab::{Cluster, Consul, Fault, FaultyWire};
use serde_json::json;

use crate::consul_picture::{Picture, connect, count, fact, observed};

const DC1: &str = "consul:dc1";

/// The code and the hint of a status.
fn told(status: &SourceStatus) -> (String, String) {
    let fault = status.fault.as_ref().expect("a failing source says why");
    (fault.code.to_string(), fault.hint.to_string())
}

#[tokio::test]
async fn a_server_that_stops_and_comes_back_is_live_again_without_a_restart_or_a_duplicate() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.register(&json!({ "Name": "web", "Port": 80 })).await.unwrap();
    client.kv_put("kept", b"1").await.unwrap();
    let mut picture = Picture::at(&consul.address());
    picture.live(DC1).await;
    let before = picture.world.store().sources()[DC1].len();

    consul.stop().await.unwrap();
    let failing = picture.state(DC1, SourceState::Failing).await;
    let (code, hint) = told(&failing);
    assert!(["consul.unreachable", "consul.server_error", "consul.cut_off"].contains(&code.as_str()), "{code}");
    assert!(!hint.is_empty());
    let snapshot = picture.world.snapshot().clone();
    let web = snapshot.services.values().find(|service| &*service.name == "web").unwrap();
    assert!(web.stale, "it stays, and is marked old");
    assert!(observed(&picture.world, DC1, "kv", "kept").is_some());
    picture
        .until("the refused connection is told", |world| {
            let status = crate::consul_picture::status(world, DC1)?;
            (told(&status).0 == "consul.unreachable" && status.next_try.is_some()).then_some(())
        })
        .await;

    consul.start().await.unwrap();
    picture.nudge.notify_waiters();
    picture.live(DC1).await;
    picture
        .until("the same facts as before", |world| (world.store().sources()[DC1].len() == before).then_some(()))
        .await;
    let snapshot = picture.world.snapshot().clone();
    let webs: Vec<_> = snapshot.services.values().filter(|service| &*service.name == "web").collect();
    assert_eq!((webs.len(), webs[0].stale, webs[0].instances.len()), (1, false, 1));

    client.kv_put("after", b"1").await.unwrap();
    picture.until("a change after it", |world| observed(world, DC1, "kv", "after")).await;
    picture.stop().await;
}

#[tokio::test]
async fn a_consul_that_is_not_there_yet_is_told_under_its_address_and_then_by_its_name() {
    let consul = Consul::open().await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    wire.refuse().await.unwrap();
    let mut picture = Picture::at(&wire.address());
    let unnamed = wire.address().replace("http://", "consul:");
    let status = picture.state(&unnamed, SourceState::Failing).await;
    assert_eq!(told(&status).0, "consul.unreachable");
    assert!(status.next_try.is_some());

    wire.accept().await.unwrap();
    picture.nudge.notify_waiters();
    picture.live(DC1).await;
    assert!(crate::consul_picture::status(&picture.world, &unnamed).is_none(), "one source, not two");
    picture.stop().await;
}

#[tokio::test]
async fn each_fault_of_one_part_has_its_code_and_leaves_the_rest_of_the_picture() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put("before", b"1").await.unwrap();
    client.register(&json!({ "Name": "web", "Port": 80 })).await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let mut picture = Picture::at(&wire.address());
    picture.live(DC1).await;
    let faults = [
        (Fault::Status(500, "rpc error: something broke".to_owned()), "consul.server_error"),
        (Fault::Status(429, "Your IP is issuing too many concurrent connections".to_owned()), "consul.rate_limited"),
        (Fault::Status(503, "rate limit exceeded".to_owned()), "consul.server_error"),
        (Fault::CutHalfway, "consul.cut_off"),
        (Fault::Body("<html>a proxy's idea of an error</html>".to_owned()), "consul.not_understood"),
        (Fault::Body("[{\"Key\": 7}]".to_owned()), "consul.not_understood"),
        (Fault::Body("[{\"Key\": \"a\", \"Flags\"".to_owned()), "consul.cut_off"),
    ];
    for (number, (fault, code)) in faults.into_iter().enumerate() {
        wire.fault("/v1/kv/", fault);
        client.kv_put(&format!("meanwhile/{number}"), b"1").await.unwrap();
        wire.cut();
        let what = format!("{code} is told");
        let status = picture
            .until(&what, |world| {
                let status = crate::consul_picture::status(world, DC1)?;
                (status.state == SourceState::Failing && &*status.fault.as_ref()?.code == code).then_some(status)
            })
            .await;
        assert!(!told(&status).1.is_empty());
        assert!(observed(&picture.world, DC1, "kv", "before").is_some(), "{code}: what was known stays");
        assert!(fact(&picture.world, DC1, "catalog", "service/web").is_some());
        wire.mend();
        picture.nudge.notify_waiters();
        picture.live(DC1).await;
        let key = format!("meanwhile/{number}");
        picture.until("what happened meanwhile", |world| observed(world, DC1, "kv", &key)).await;
    }
    assert_eq!(count(&picture.world, DC1, "kv"), 8);
    picture.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_again_and_again_loses_nothing() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let mut picture = Picture::at(&wire.address());
    picture.live(DC1).await;
    for number in 0..10 {
        let key = format!("cut/{number}");
        client.kv_put(&key, b"1").await.unwrap();
        wire.cut();
        picture.until("the key", |world| observed(world, DC1, "kv", &key)).await;
    }
    picture.live(DC1).await;
    assert_eq!(count(&picture.world, DC1, "kv"), 10);
    picture.stop().await;
}

#[tokio::test]
async fn an_index_that_jumps_back_is_a_new_listing_and_no_busy_loop() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put("one", b"1").await.unwrap();
    client.kv_put("two", b"1").await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let mut picture = Picture::at(&wire.address());
    picture.live(DC1).await;
    let resets = picture.resets;

    wire.fault_times(1, "/v1/kv/", Fault::Index(1));
    client.kv_delete("one").await.unwrap();
    picture.until("the removal is seen", |world| observed(world, DC1, "kv", "one").is_none().then_some(())).await;
    client.kv_put("three", b"1").await.unwrap();
    picture.until("changes go on", |world| observed(world, DC1, "kv", "three")).await;
    // The removal may still have answered a read that had been waiting before the fault; then the next change met it.
    assert_eq!(wire.faults_shown(), 1);
    assert!(picture.resets > resets, "the whole was stated anew");
    let asked = wire.requests().iter().filter(|request| request.contains("/v1/kv/?recurse")).count();
    assert!(asked < 10, "{asked} requests for four changes");
    picture.stop().await;
}

#[tokio::test]
async fn an_index_of_zero_is_polled_and_never_waited_on() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    wire.fault("/v1/kv/?recurse", Fault::Index(0));
    let pace = Pace { poll: Duration::from_millis(300), ..Pace::default() };
    let mut picture = Picture::of(connect(&wire.address(), &[]).with_pace(pace));
    picture.live(DC1).await;
    client.kv_put("polled", b"1").await.unwrap();
    picture.until("the key", |world| observed(world, DC1, "kv", "polled")).await;
    let asked = wire.requests();
    assert!(asked.iter().all(|request| !request.contains("kv/?recurse") || !request.contains("index=")), "{asked:?}");
    picture.stop().await;
}

#[tokio::test]
async fn the_servers_lose_their_leader_and_find_another() {
    let cluster = Cluster::open().await.unwrap();
    let follower = cluster.follower().await.unwrap();
    let client = follower.client().unwrap();
    client
        .register(&json!({ "Name": "web", "Check": { "CheckID": "c", "TTL": "1h", "Status": "passing" } }))
        .await
        .unwrap();
    client.kv_put("before", b"1").await.unwrap();
    let mut picture = Picture::at(&follower.address());
    picture.live(DC1).await;

    cluster.kill_leader().await.unwrap();
    lab::until("the remaining servers to take a write", Duration::from_secs(60), async || {
        client.kv_put("after", b"1").await
    })
    .await
    .unwrap();
    picture.until("a change under the new leader", |world| observed(world, DC1, "kv", "after")).await;
    picture.live(DC1).await;
    assert!(observed(&picture.world, DC1, "kv", "before").is_some());
    let key = format!("{}/c", follower.node_name());
    assert!(
        matches!(fact(&picture.world, DC1, "health", &key), Some(Fact::Check(check)) if check.status == CheckStatus::Passing)
    );
    picture.stop().await;
}

#[tokio::test]
async fn a_server_that_answers_no_more_makes_its_facts_stale() {
    let consul = Consul::open().await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let mut picture = Picture::hasty(&wire.address());
    picture.live(DC1).await;
    wire.fault("", Fault::Stall);
    let status = picture.state(DC1, SourceState::Stale).await;
    assert_eq!(told(&status).0, "consul.timed_out");
    wire.mend();
    wire.cut();
    picture.nudge.notify_waiters();
    picture.live(DC1).await;
    picture.stop().await;
}

#[tokio::test]
async fn a_consul_without_the_listing_of_all_nodes_is_read_service_by_service() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    for number in 0..20 {
        client
            .register(&json!({ "Name": format!("s{number}"), "ID": format!("i/{number}"), "Port": 80 }))
            .await
            .unwrap();
    }
    let wire = FaultyWire::to(&consul).await.unwrap();
    wire.fault("/v1/internal/ui/nodes", Fault::Status(404, "Invalid URL path".to_owned()));
    let mut picture = Picture::at(&wire.address());
    picture.live(DC1).await;
    assert_eq!(picture.world.snapshot().services.len(), 21);
    client.deregister("i/7").await.unwrap();
    picture.until("one is gone", |world| fact(world, DC1, "catalog", "service/s7").is_none().then_some(())).await;
    picture.stop().await;
}

#[tokio::test]
async fn a_wrong_port_is_said_for_what_it_is() {
    let consul = Consul::open().await.unwrap();
    let secured = lab::shared::secured().await.unwrap();
    let closed = FaultyWire::to(&consul).await.unwrap();
    closed.refuse().await.unwrap();
    let not_consul = FaultyWire::to(&consul).await.unwrap();
    not_consul.fault("", Fault::Status(404, "<html>nginx</html>".to_owned()));
    let plain_to_tls = secured.address().replace("https://", "http://");
    let tls_to_plain = consul.address().replace("http://", "https://");
    for (address, code, hint) in [
        (closed.address(), "consul.unreachable", "port"),
        (not_consul.address(), "consul.not_found", "not Consul"),
        (plain_to_tls, "consul.misconfigured", "https://"),
        (tls_to_plain, "consul.tls", "http://"),
    ] {
        let error = binnacle_sources::Connection::probe(&connect(&address, &[])).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.hint.contains(hint), "{}", error.hint);
    }
}

#[tokio::test]
async fn an_idle_catalog_of_a_thousand_services_costs_a_handful_of_requests() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    lab::Fleet { services: 1_000, instances_per_service: 1, keys: 100 }.load(&client).await.unwrap();
    let wire = FaultyWire::to(&consul).await.unwrap();
    let mut picture = Picture::settled(&wire.address());
    picture.live(DC1).await;
    picture.until("all services", |world| (count(world, DC1, "catalog") > 2_000).then_some(())).await;
    // The rights are asked for once after the picture is whole; then nothing is left but what is held open.
    lab::until("the watches to be held open", Duration::from_secs(60), async || {
        let asked = wire.requests();
        let held = asked.iter().filter(|request| request.contains("index=")).count();
        let asked_rights = asked.iter().filter(|request| request.contains("acl/authorize")).count();
        if held >= binnacle_sources::consul::WATCHES && asked_rights == 2 { Ok(()) } else { Err(format!("{held}")) }
    })
    .await
    .unwrap();
    let first = wire.requests().len();
    assert!(first < 3 * binnacle_sources::consul::WATCHES, "{first} requests for a thousand services");

    client.register(&json!({ "Name": "one-more", "Port": 80 })).await.unwrap();
    picture.until("one more service", |world| fact(world, DC1, "catalog", "service/one-more")).await;
    let more = wire.requests().len() - first;
    assert!(more <= 6, "{more} requests for one change: {:?}", &wire.requests()[first..]);
    picture.stop().await;
}

/// Consul holds a query to its end although whoever asked is gone, and counts it against the connections of one client: 200,
/// which a script that asks again and again would use up for minutes.
#[tokio::test]
async fn a_reader_that_goes_again_soon_leaves_no_query_behind_on_the_server() {
    let consul = Consul::open().await.unwrap();
    for _ in 0..3 {
        let mut picture = Picture::at(&consul.address());
        picture.live(DC1).await;
        picture.stop().await;
    }
    let port: u16 = consul.address().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
    lab::until("the server to hold no connection of a reader that is gone", Duration::from_secs(60), async || {
        let open = connections_to(port);
        if open == 0 { Ok(()) } else { Err(format!("{open} connections")) }
    })
    .await
    .unwrap();
}

/// Connections at this port of the loopback that the server's side has not closed.
fn connections_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table of connections");
    let local = format!("0100007F:{port:04X}");
    // Established, or closed by the other side alone.
    let open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(local.as_str()) && matches!(fields.nth(1), Some("01" | "08"))
    };
    table.lines().filter(open).count()
}
