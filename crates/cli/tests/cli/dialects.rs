//! `dialect` and `metrics`: what is said of a file, what comes out of it, and what was understood of a body.

use serde_json::{Value, json};

use crate::ran::Home;

const DIALECT: &str = r#"name = "shoplib"
title = "Our shop's library"
[[calls]]
total = "shop_calls_total"
callee = "peer"
failed = { label = "code", starts_with = ["5"] }
"#;

fn write(home: &Home, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = home.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_check_says_where_a_mistake_is() {
    let home = Home::new();
    let good = write(&home, "good.toml", DIALECT);
    let bad = write(&home, "bad.toml", DIALECT.replace("\"peer\"", "\"peer:x\""));
    let said = home.run(&["dialect", "check", &good]).await.exits(0).out;
    assert!(said.contains("is the dialect shoplib (Our shop's library): calls 1,"), "{said}");
    let said = home.run(&["dialect", "check", &bad]).await.exits(1).err;
    assert!(
        said.starts_with("error[cli.dialect]: ") && said.contains("bad.toml:5:10: `peer:x` is not the name of a label"),
        "{said}"
    );
    let said = home.run(&["dialect", "check", "/nowhere.toml"]).await.exits(1).err;
    assert!(said.contains("/nowhere.toml:1:1: "), "{said}");
}

#[tokio::test]
async fn a_trial_shows_the_edges_with_their_rates() {
    let home = Home::new();
    let file = write(&home, "shoplib.toml", DIALECT);
    let dump = |ok: u32, bad: u32| {
        format!(
            "shop_calls_total{{peer=\"pay\",code=\"200\"}} {ok}\nshop_calls_total{{peer=\"pay\",code=\"503\"}} {bad}\nshop_calls_total{{ 1\n"
        )
    };
    let (first, second) = (write(&home, "first", dump(100, 0)), write(&home, "second", dump(190, 10)));
    let two = ["dialect", "test", &file, "--metrics", &first, "--metrics", &second, "--apart", "10s"];
    let found = parsed(&home.run(&[&two[..], &["-o", "json"]].concat()).await.exits(0).out);
    let signals = json!({ "rps": 10.0, "error_ratio": 0.1, "p50_ms": null, "p95_ms": null, "p99_ms": null });
    assert_eq!(
        found["edges"],
        json!([{ "from": "the process", "to": "pay", "protocol": "unknown", "pattern": "unknown", "observer": "caller", "signals": signals }])
    );
    assert_eq!(found["rejected"], json!([{ "line": 3, "reason": "the part in braces is not a list of labels" }]));
    let table = home.run(&two).await.exits(0).out;
    assert!(table.contains("pay") && table.contains("10 %"), "{table}");
    // One dump shows the edge, and no rate.
    let one = home.run(&["dialect", "test", &file, "--metrics", &first, "-o", "json"]).await.exits(0);
    assert_eq!(parsed(&one.out)["edges"][0]["signals"]["rps"], Value::Null);
    let none = home.run(&["dialect", "test", "istio", "--metrics", &first]).await.exits(1).err;
    assert!(none.contains("nothing in these metrics is read by this dialect"), "{none}");
    let nowhere = home.run(&["dialect", "test", "no-such-dialect", "--metrics", &first]).await.exits(2).err;
    assert!(nowhere.starts_with("error[cli.dialect]: no-such-dialect:1:1: "), "{nowhere}");
}

#[tokio::test]
async fn the_list_has_ones_own_and_says_what_is_wrong_with_a_file() {
    let home = Home::new();
    write(&home, ".config/binnacle/dialects/shoplib.toml", DIALECT);
    write(&home, ".config/binnacle/dialects/broken.toml", "name = 3\n");
    let listed = parsed(&home.run(&["dialect", "list", "-o", "json"]).await.exits(0).out);
    let of = |name: &str| listed.as_array().unwrap().iter().find(|one| one["name"] == name).cloned().unwrap();
    assert_eq!(of("istio")["path"], Value::Null);
    assert_eq!(of("shoplib")["metrics"], json!(["shop_calls_total"]));
    let broken = listed.as_array().unwrap().iter().find(|one| one["code"] == "cli.dialect").unwrap();
    assert!(broken["detail"].as_str().unwrap().contains("broken.toml:1:8: "), "{broken}");
    let table = home.run(&["dialect", "list"]).await.exits(0).out;
    assert!(table.contains("shoplib") && table.contains("It is left out"), "{table}");
}

#[tokio::test]
async fn a_body_is_listed_with_what_is_refused_of_it() {
    let home = Home::new();
    let body: &[u8] = b"# TYPE a counter\na{x=\"{y},\\\"z\\\"=\\n\"} +Inf 1395066363000\nb:c 1e-05\nb:c 2\nd nan\n\xff 1\na{x=\"1\"} -1\nlast 1";
    let path = write(&home, "body.prom", body);
    let listed = parsed(&home.run(&["metrics", &path, "-o", "json"]).await.exits(0).out);
    assert_eq!(
        listed,
        json!({
            "samples": [
                { "name": "a", "labels": { "x": "{y},\"z\"=\n" }, "value": "+Inf", "timestamp_ms": 1_395_066_363_000_i64 },
                { "name": "b:c", "labels": {}, "value": "1e-05", "timestamp_ms": null },
                { "name": "d", "labels": {}, "value": "NaN", "timestamp_ms": null },
            ],
            "accepted": 3,
            "rejected": [
                { "line": 4, "reason": "the same series stands on an earlier line" },
                { "line": 6, "reason": "it is not UTF-8" },
                { "line": 7, "reason": "a counter is negative or not a number" },
                { "line": 8, "reason": "the last line does not end with a line feed" },
            ],
        })
    );
    let table = home.run(&["metrics", &path]).await.exits(0).out;
    assert!(table.contains("line 6 is refused") && table.contains("3 accepted, 4 rejected"), "{table}");
    let page = write(&home, "page.html", "<html>\n");
    home.run(&["metrics", &page]).await.exits(1);
    let gone = home.run(&["metrics", "/nowhere"]).await.exits(2).err;
    assert!(gone.starts_with("error[cli.io]: reading /nowhere"), "{gone}");
}

#[tokio::test]
async fn open_metrics_is_understood_and_its_missing_end_is_told() {
    let home = Home::new();
    let whole =
        "# TYPE calls counter\n# UNIT calls calls\ncalls_total{a=\"b\"} 3 1520879607.789 # {trace_id=\"x\"} 0.6\n";
    let cut = write(&home, "cut", whole);
    let listed = parsed(&home.run(&["metrics", &cut, "-o", "json"]).await.exits(0).out);
    assert_eq!(listed["samples"][0]["timestamp_ms"], json!(1_520_879_607_789_i64));
    assert_eq!(listed["rejected"], json!([{ "line": 4, "reason": "`# EOF` is missing: it may have been cut" }]));
    let ended = write(&home, "ended", format!("{whole}# EOF\n"));
    let listed = parsed(&home.run(&["metrics", &ended, "-o", "json"]).await.exits(0).out);
    assert_eq!((&listed["accepted"], &listed["rejected"]), (&json!(1), &json!([])));
}
