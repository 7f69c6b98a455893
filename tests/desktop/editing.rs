//! Editing a key in the window: plan, apply, verified, undo; and the key that somebody else changed.

use lab::window::{ENTER, Launch, PATIENCE, Window};
use lab::{Consul, ConsulClient, until};

/// Opens a key by its name, through "Find anything".
pub(crate) async fn open_key(window: &Window, path: &str) {
    window.press("/").await;
    window.focus_is("combobox", "Name").await;
    window.press(path).await;
    window.find("option", path).await;
    window.press(ENTER).await;
    window.find("textbox", &format!("Value of {path}")).await;
}

/// Puts another value into the open key's editor.
async fn write(window: &Window, path: &str, value: &str) {
    let editor = window.find("textbox", &format!("Value of {path}")).await;
    editor.click().await.unwrap();
    window.press_control('a').await;
    // A line ends by the Enter key, as a person ends it.
    window.press(value.replace('\n', ENTER)).await;
}

async fn value_is(client: &ConsulClient, path: &str, value: &str) {
    until(&format!("{path} = {value}"), PATIENCE, async || {
        let found = client.kv_get(path).await.map_err(|error| error.to_string())?;
        let found = found.map(|pair| String::from_utf8_lossy(&pair.value).into_owned());
        if found.as_deref() == Some(value) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"));
}

async fn window_over(consul: &Consul) -> Window {
    let source = format!("consul={}", consul.address());
    Window::open(Launch { args: &["--source", &source], ..Launch::default() }).await
}

#[tokio::test]
async fn an_edit_is_planned_applied_verified_and_undone() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put_with_flags("shop/limit", b"5", 7).await.unwrap();
    let before = client.kv_get("shop/limit").await.unwrap().unwrap();
    let window = window_over(&consul).await;
    open_key(&window, "shop/limit").await;
    write(&window, "shop/limit", "6").await;
    window.click("button", "Plan").await;
    window.shows(&format!("cas = {}", before.modify_index)).await;
    assert_eq!(client.kv_get("shop/limit").await.unwrap().unwrap(), before, "a plan writes nothing");
    window.click("button", "Apply").await;
    window.shows("Verified").await;
    let after = client.kv_get("shop/limit").await.unwrap().unwrap();
    assert_eq!((after.value.as_slice(), after.flags), (b"6".as_slice(), 7));
    window.press_control('z').await;
    window.shows(&format!("cas = {}", after.modify_index)).await;
    window.click("button", "Apply").await;
    value_is(&client, "shop/limit", "5").await;
    let home = window.close().await;
    assert!(home.path().join("state/binnacle/history.sqlite").is_file(), "the audit is on disk");
}

#[tokio::test]
async fn the_whole_way_of_an_edit_goes_by_the_keyboard_alone() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put("shop/limit", b"5").await.unwrap();
    let window = window_over(&consul).await;
    open_key(&window, "shop/limit").await;
    window.focus_is("textbox", "Value of shop/limit").await;
    window.press_control('a').await;
    window.press("7").await;
    window.press_control_enter().await;
    window.shows("cas = ").await;
    window.press_control_enter().await;
    value_is(&client, "shop/limit", "7").await;
    window.shows("Verified").await;
    window.press_control('z').await;
    window.shows("cas = ").await;
    window.press_control_enter().await;
    value_is(&client, "shop/limit", "5").await;
    window.close().await;
}

#[tokio::test]
async fn a_key_changed_elsewhere_is_refused_with_both_versions_and_merged() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put("shop/limits.yaml", b"orders: 5\ncarts: 5\nusers: 5\n").await.unwrap();
    let window = window_over(&consul).await;
    open_key(&window, "shop/limits.yaml").await;
    write(&window, "shop/limits.yaml", "orders: 9\ncarts: 5\nusers: 5\n").await;
    client.kv_put("shop/limits.yaml", b"orders: 5\ncarts: 5\nusers: 6\n").await.unwrap();
    window.shows("Somebody else wrote this key").await;
    window.press_control_enter().await;
    window.find("region", "Conflict").await;
    let theirs = client.kv_get("shop/limits.yaml").await.unwrap().unwrap();
    assert_eq!(theirs.value, b"orders: 5\ncarts: 5\nusers: 6\n", "nothing was written");
    window.press_control_enter().await;
    window.shows(&format!("cas = {}", theirs.modify_index)).await;
    window.press_control_enter().await;
    value_is(&client, "shop/limits.yaml", "orders: 9\ncarts: 5\nusers: 6\n").await;
    window.close().await;
}

#[tokio::test]
async fn a_conflict_on_the_same_line_waits_for_a_choice() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put("shop/limit", b"5\n").await.unwrap();
    let window = window_over(&consul).await;
    open_key(&window, "shop/limit").await;
    write(&window, "shop/limit", "9\n").await;
    client.kv_put("shop/limit", b"6\n").await.unwrap();
    window.shows("Somebody else wrote this key").await;
    window.press_control_enter().await;
    window.find("region", "Conflict").await;
    window.shows("to decide first").await;
    window.press("2").await;
    window.press_control_enter().await;
    window.shows("cas = ").await;
    window.press_control_enter().await;
    value_is(&client, "shop/limit", "9\n").await;
    window.close().await;
}

#[tokio::test]
async fn closing_the_window_leaves_no_process_behind() {
    let consul = Consul::open().await.unwrap();
    let window = window_over(&consul).await;
    let apps = window.app_processes();
    assert_eq!(apps.len(), 1, "{apps:?}");
    window.quit_by_keyboard().await;
    until("the app to be gone", lab::window::PATIENCE, async || {
        if apps.iter().any(|pid| lab::watchdog::process_exists(*pid)) { Err("it still runs") } else { Ok(()) }
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"));
}
