//! Profiles and tokens in the real window: one click opens, the engine refuses, and a token is on no disk.

use std::path::PathBuf;

use lab::Consul;
use lab::files::holding;
use lab::keyring::Keyring;
use lab::window::{ENTER, Launch, Window};
use tempfile::TempDir;

use crate::editing::open_key;

fn home_with_profile(name: &str, text: &str) -> TempDir {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("config/binnacle/profiles");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
    home
}

/// A Consul that denies by default, with a key in it; and its token.
async fn denying() -> (Consul, String) {
    let consul = Consul::builder().acl().start().await.unwrap();
    consul.client().unwrap().kv_put("shop/limit", b"5").await.unwrap();
    let token = consul.management_token().unwrap().to_owned();
    (consul, token)
}

/// Opens the dialog on the Sources screen.
async fn ask_for_token(window: &Window) {
    window.click("button", "Sources").await;
    window.click("button", "Enter a token").await;
    window.find("dialog", "Enter a token").await;
}

#[tokio::test]
async fn a_read_only_profile_is_opened_by_one_click_and_nothing_can_be_written() {
    let consul = Consul::open().await.unwrap();
    consul.client().unwrap().kv_put("shop/limit", b"5").await.unwrap();
    let text = format!("read_only = true\n[[source]]\nat = \"consul={}\"\n", consul.address());
    let home = home_with_profile("shop-prod", &text);
    let window = Window::open(Launch { home: Some(home), ..Launch::default() }).await;
    window.find("listitem", "Profile shop-prod").await;
    window.click("button", "Open").await;
    window.find("navigation", "Screens").await;
    window.shows("read-only").await;
    open_key(&window, "shop/limit").await;
    window.shows("The profile shop-prod is read-only").await;
    window.close().await;
}

#[tokio::test]
async fn without_a_keyring_an_entered_token_is_used_at_once_and_reaches_no_disk() {
    let (consul, token) = denying().await;
    let source = format!("consul={}", consul.address());
    let no_bus = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")];
    let window = Window::open(Launch { args: &["--source", &source], env: &no_bus, ..Launch::default() }).await;
    ask_for_token(&window).await;
    window.shows("this computer has no keyring").await;
    window.press(format!("{token}{ENTER}")).await;
    window.shows("entered here, until the app is closed").await;
    window.click("button", "Config").await;
    window.shows("1 key").await;
    let home = window.close().await;
    assert_eq!(holding(home.path(), &token), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_remembered_token_is_used_at_the_next_start_until_it_is_forgotten() {
    let keyring = Keyring::unlocked().await.unwrap();
    let (consul, token) = denying().await;
    let source = format!("consul={}", consul.address());
    let bus = [("DBUS_SESSION_BUS_ADDRESS", keyring.bus_address())];
    let args = ["--source", source.as_str()];
    let launch = |home| Launch { args: &args, env: &bus, home, ..Launch::default() };
    let window = Window::open(launch(None)).await;
    ask_for_token(&window).await;
    window.shows("It stays in this app's memory").await;
    window.press(&token).await;
    window.click("checkbox", "Remember").await;
    window.click("button", "Connect with it").await;
    window.shows("from the keyring").await;
    let home = window.close().await;

    let window = Window::open(launch(Some(home))).await;
    window.click("button", "Sources").await;
    window.shows("from the keyring").await;
    window.click("button", "Forget the token").await;
    window.shows("none: anonymous").await;
    let home = window.close().await;
    assert_eq!(holding(home.path(), &token), Vec::<PathBuf>::new());
    assert_eq!(holding(keyring.home(), &token), Vec::<PathBuf>::new(), "the keyring encrypts it");

    let window = Window::open(launch(Some(home))).await;
    window.click("button", "Sources").await;
    window.shows("none: anonymous").await;
    window.close().await;
}
