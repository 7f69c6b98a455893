//! `breaker` where nothing can be switched: the real switch is among the scenarios on real services.

use serde_json::Value;

use crate::ran::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_can_only_be_read_is_refused_with_the_reason() {
    let home = Home::new();
    let breakers = home.run(&["--demo", "breakers", "-o", "json"]).await.exits(0).json();
    let id = breakers[0]["id"].as_str().unwrap();
    let ran = home.run(&["--demo", "breaker", "force-open", id, "--yes", "--errors", "json"]).await.exits(4);
    let error: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
    assert_eq!(error["code"], "edit.no_switch", "{error}");
    assert!(error["message"].as_str().unwrap().contains("can only be read"), "{error}");
    home.run(&["--demo", "breaker", "close", "nothing-is-called-so"]).await.exits(1);
    let silent = ["breaker", "close", "payments", "--source", "actuator=http://127.0.0.1:1", "--wait", "5s"];
    let ran = home.run(&silent).await.exits(3);
    assert!(ran.err.contains("actuator.unreachable"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_switched_is_in_no_history_and_cannot_be_undone() {
    let home = Home::new();
    let lines = home.run(&["breaker", "history", "-o", "json"]).await.exits(0).json();
    assert_eq!(lines, Value::Array(Vec::new()));
    let ran = home.run(&["breaker", "undo", "7", "--source", "actuator=http://127.0.0.1:1"]).await.exits(1);
    assert!(ran.err.contains("edit.no_such_edit"), "{}", ran.err);
}
