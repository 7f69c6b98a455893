//! The chain of evidence, on the demo fleet.

use serde_json::Value;

use crate::ran::Home;

fn looked<'a>(why: &'a Value, about: &str) -> &'a Value {
    let all = why["looked_for"].as_array().unwrap();
    let is = |one: &&Value| one["looked_for"].as_str().unwrap().contains(about);
    all.iter().find(is).unwrap_or_else(|| panic!("{about} was not looked for: {why}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_says_who_counts_it_who_is_believed_and_what_guards_it() {
    let home = Home::new();
    let why = home.run(&["--demo", "why", "checkout -> payments", "-o", "json"]).await.exits(0).json();
    assert_eq!((&why["about"], &why["state"]), (&"edge".into(), &"observed".into()), "{why}");
    let claims = why["claims"].as_array().unwrap();
    let believed = &claims[0];
    assert_eq!((&believed["believed"], &believed["kind"]), (&true.into(), &"observed".into()), "{why}");
    assert!(believed["said"]["source"].as_str().unwrap().starts_with("scrape:"), "{believed}");
    assert!(believed["signals"]["rps"].as_f64().unwrap() > 0.0, "{believed}");
    assert!(claims.iter().any(|claim| claim["by"] == "upstream" && claim["kind"] == "declared"), "{why}");
    assert!(!why["breakers"].as_array().unwrap().is_empty(), "{why}");
    let table = home.run(&["--demo", "why", "checkout->payments"]).await.exits(0).out;
    let head = table.lines().next().unwrap();
    assert!(head.starts_with("checkout -> payments is observed: counted, and declared by "), "{table}");
    assert!(head.contains("intention (consul demo)") && head.contains("upstream (consul demo)"), "{table}");
    assert!(table.contains("observed, believed") && table.contains("declared by upstream"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_says_who_knows_it_and_what_makes_its_health() {
    let home = Home::new();
    let why = home.run(&["--demo", "why", "payments", "-o", "json"]).await.exits(0).json();
    assert_eq!((&why["about"], &why["service"]["id"]), (&"service".into(), &"consul:demo/payments".into()), "{why}");
    assert_eq!(why["known_as"][0]["because"], "it gave the service its id");
    assert!(!why["instances"][0]["checks"].as_array().unwrap().is_empty(), "{why}");
    assert!(why["calls"].as_array().unwrap().iter().any(|call| call["incoming"] == true), "{why}");
    let table = home.run(&["--demo", "why", "payments"]).await.exits(0).out;
    for part in ["payments is passing: ", "KNOWN AS", "INSTANCE", "CALLS", "BREAKER", "SOURCE"] {
        assert!(table.contains(part), "{part} is not in {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_not_there_says_what_was_looked_for_and_is_a_no() {
    let home = Home::new();
    let why = home.run(&["--demo", "why", "payments->checkout", "-o", "json"]).await.exits(1).json();
    assert_eq!(why["about"], "no_edge", "{why}");
    assert_eq!(looked(&why, "upstreams")["found"], false, "{why}");
    assert_eq!(looked(&why, "a Prometheus")["switch_on"], "Connect it: --source prometheus=URL.");
    let ran = home.run(&["--demo", "why", "payments->checkout"]).await.exits(1);
    assert!(
        ran.out.starts_with("payments -> checkout is not there: ") && ran.out.contains("\nLOOKED FOR\n"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_offers_those_that_are_like_it() {
    let home = Home::new();
    for asked in ["paymets", "checkout -> paymets"] {
        let error = home.run(&["--demo", "--errors", "json", "why", asked]).await.exits(1).error();
        assert_eq!(error["code"], "cli.not_found");
        assert!(error["hint"].as_str().unwrap().starts_with("Is it `payments`? "), "{error}");
    }
}
