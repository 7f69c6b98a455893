//! Help, usage errors, and what is said when nothing is there to be read.

use crate::ran::Home;

#[tokio::test]
async fn help_goes_to_the_standard_output_and_names_the_exit_codes() {
    let ran = Home::new().run(&["--help"]).await.exits(0);
    for part in ["Exit codes:", "config", "--source", "CONSUL_HTTP_ADDR", "Examples:"] {
        assert!(ran.out.contains(part), "{part} is missing from: {}", ran.out);
    }
    assert_eq!(ran.err, "");
}

#[tokio::test]
async fn every_command_explains_itself_with_examples() {
    let commands: [&[&str]; 20] = [
        &["sources"],
        &["services"],
        &["health"],
        &["edges"],
        &["history"],
        &["breakers"],
        &["graph"],
        &["snapshot"],
        &["watch"],
        &["config", "ls"],
        &["config", "get"],
        &["config", "set"],
        &["config", "rm"],
        &["config", "undo"],
        &["config", "history"],
        &["config", "diff"],
        &["register"],
        &["deregister"],
        &["profiles"],
        &["doctor"],
    ];
    for command in commands {
        let ran = Home::new().run(&[command, &["--help"]].concat()).await.exits(0);
        assert!(ran.out.contains("Examples:"), "no examples for {command:?}");
    }
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_exit_code_2() {
    let cases: [&[&str]; 7] = [
        &["--no-such-option"],
        &["no-such-command"],
        &["services", "--wait", "soon"],
        &["services", "--source", "consul"],
        &["services", "--source", "zookeeper=localhost"],
        &["config", "get"],
        &["config", "set", "consul:dc1/kv/a", "--value", "x", "--value-file", "-"],
    ];
    for case in cases {
        let ran = Home::new().run(case).await.exits(2);
        assert!(ran.err.starts_with("error[cli.usage]: "), "{ran:#?}");
        let as_json = Home::new().run(&[&["--errors", "json"], case].concat()).await.exits(2);
        assert_eq!(as_json.error()["code"], "cli.usage");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_a_usage_error() {
    let ran = Home::new().run(&["services", "--source", "consul=http://[not-an-address", "--errors", "json"]).await;
    assert_eq!(ran.exits(2).error()["code"], "consul.misconfigured");
}

#[tokio::test]
async fn what_does_not_answer_is_exit_code_3_and_says_so() {
    // Port 1 of this computer: nobody listens there.
    let ran = Home::new().run(&["services", "--source", "consul=http://127.0.0.1:1", "--wait", "300ms"]).await.exits(3);
    assert!(ran.err.starts_with("error[consul.unreachable]: "), "{ran:#?}");
    let ran = Home::with_consul("http://127.0.0.1:1").run(&["snapshot", "--wait", "300ms", "--errors", "json"]).await;
    let error = ran.exits(3);
    assert_eq!(error.error()["code"], "consul.unreachable");
    assert_eq!(error.json()["services"], serde_json::json!([]), "what is known is printed all the same");
}

#[tokio::test]
async fn completions_are_made_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(Home::new().run(&["completions", shell]).await.exits(0).out.contains("binnaclectl"));
    }
}
