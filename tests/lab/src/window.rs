//! The real window under test: its own X server, its own home, driven by WebKit's own driver.
//!
//! A window that does not do what it should panics with what is written on its page: it serves tests and benchmarks only.
//!
//! Things are found as a person with a screen reader finds them: by role and accessible name.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{Capabilities, Key};

use crate::address::Port;
use crate::until;
use crate::watchdog::Watchdog;

/// How long a state of the window may take to come. Generous: it bounds a failure, not a success.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The arrow to the right, for [`Window::press`].
pub const RIGHT: &str = "\u{e014}";
/// The Enter key.
pub const ENTER: &str = "\u{e007}";
/// The Escape key.
pub const ESCAPE: &str = "\u{e00c}";
/// The Tab key.
pub const TAB: &str = "\u{e004}";
/// The arrow downwards.
pub const DOWN: &str = "\u{e015}";

/// Finds elements of a role by (part of) their accessible name; later matches first when `last` is set.
const FIND: &str = include_str!("find.js");

/// One running app with its display.
pub struct Window {
    driver: WebDriver,
    /// Ends after the session: without a display the app ends as well, whatever became of its driver.
    _webdriver: Watchdog,
    _display: Watchdog,
    home: TempDir,
}

/// How to start the app.
#[derive(Default)]
pub struct Launch<'a> {
    /// Arguments.
    pub args: &'a [&'a str],
    /// Environment beside a fresh home.
    pub env: &'a [(&'a str, &'a str)],
    /// A home of an earlier window, to see what outlives it.
    pub home: Option<TempDir>,
    /// Width and height of the screen; 1280 × 800 when not given.
    pub screen: Option<(u32, u32)>,
    /// The executable; the one of the test's own profile, built first, when not given.
    pub executable: Option<PathBuf>,
}

/// The app, built once per run by the same cargo that built this test.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the workspace");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "binnacle"])
            .current_dir(root)
            .stdin(Stdio::null())
            .status()
            .expect("cargo starts");
        assert!(status.success(), "the app does not build");
        let this = std::env::current_exe().expect("this test has a path");
        let profile = this.ancestors().nth(2).expect("target/PROFILE/deps/test");
        profile.join("binnacle")
    })
}

impl Window {
    /// Opens the app and waits until its page is there.
    pub async fn open(mut launch: Launch<'_>) -> Self {
        let home = launch.home.take().unwrap_or_else(|| TempDir::new().expect("a folder"));
        let (width, height) = launch.screen.unwrap_or((1280, 800));
        let (display, number) = display(width, height).await;
        let port = Port::reserve().expect("a port");
        let mut command = vec![
            "/usr/bin/env".to_owned(),
            "-u".to_owned(),
            "CONSUL_HTTP_ADDR".to_owned(),
            "-u".to_owned(),
            "KUBECONFIG".to_owned(),
            "-u".to_owned(),
            "WAYLAND_DISPLAY".to_owned(),
            format!("DISPLAY=:{number}"),
            format!("HOME={}", home.path().display()),
            format!("XDG_STATE_HOME={}", home.path().join("state").display()),
            format!("XDG_CONFIG_HOME={}", home.path().join("config").display()),
            format!("XDG_DATA_HOME={}", home.path().join("data").display()),
            format!("XDG_CACHE_HOME={}", home.path().join("cache").display()),
            "NO_AT_BRIDGE=1".to_owned(),
            // The app lets itself be driven only when it is told so.
            "TAURI_WEBVIEW_AUTOMATION=true".to_owned(),
        ];
        command.extend(launch.env.iter().map(|(name, value)| format!("{name}={value}")));
        command.extend(["WebKitWebDriver".to_owned(), format!("--port={}", port.number())]);
        let folder = TempDir::new().expect("a folder").keep();
        let mut webdriver = Watchdog::new("WebKitWebDriver", folder, &command).expect("a watchdog");
        webdriver.start().expect("WebKitWebDriver starts");
        let address = format!("http://127.0.0.1:{}", port.number());
        until("WebKitWebDriver to listen", PATIENCE, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port.number())).await.map(drop)
        })
        .await
        .expect("WebKitWebDriver listens");
        let mut capabilities = Capabilities::new();
        let binary = launch.executable.as_deref().unwrap_or_else(|| built());
        let options = json!({ "binary": binary, "args": launch.args });
        capabilities.set("webkitgtk:browserOptions", options).expect("plain JSON");
        let driver = WebDriver::new(address, capabilities).await.expect("a session with the app");
        let window = Self { driver, _webdriver: webdriver, _display: display, home };
        window.await_script("the page to be there", "return document.querySelector('main') !== null").await;
        window
    }

    /// Closes the window as a person does, and gives its home back for a next one.
    pub async fn close(self) -> TempDir {
        self.driver.quit().await.expect("the session ends");
        self.home
    }

    /// The window's home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Waits for an element of this role whose accessible name contains `name`.
    pub async fn find(&self, role: &str, name: &str) -> WebElement {
        let what = format!("{role} “{name}”");
        let found = until(&what, PATIENCE, async || self.look(role, name).await.ok_or("it is not there")).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{error}\n{}", self.text().await),
        }
    }

    /// The element, if it is there now.
    pub async fn look(&self, role: &str, name: &str) -> Option<WebElement> {
        let found = self.driver.execute(FIND, vec![json!(role), json!(name)]).await.ok()?;
        found.element().ok()
    }

    /// Waits until no such element is there.
    pub async fn gone(&self, role: &str, name: &str) {
        let what = format!("{role} “{name}” to go");
        let gone = async || if self.look(role, name).await.is_none() { Ok(()) } else { Err("it is still there") };
        if let Err(error) = until(&what, PATIENCE, gone).await {
            panic!("{error}\n{}", self.text().await);
        }
    }

    /// Finds and clicks.
    pub async fn click(&self, role: &str, name: &str) {
        self.find(role, name).await.click().await.unwrap_or_else(|error| panic!("{role} “{name}”: {error}"));
    }

    /// Waits until the page shows this text.
    pub async fn shows(&self, text: &str) {
        let seen = until(&format!("the text “{text}”"), PATIENCE, async || {
            if self.text().await.contains(text) { Ok(()) } else { Err("it is not shown") }
        })
        .await;
        if let Err(error) = seen {
            panic!("{error}\n{}", self.text().await);
        }
    }

    /// Waits until the page no longer shows this text.
    pub async fn await_text_without(&self, text: &str) {
        let seen = until(&format!("the text “{text}” to go"), PATIENCE, async || {
            if self.text().await.contains(text) { Err("it is shown") } else { Ok(()) }
        })
        .await;
        if let Err(error) = seen {
            panic!("{error}\n{}", self.text().await);
        }
    }

    /// The ids of the app's own processes: those that were given this window's home.
    pub fn app_processes(&self) -> Vec<u32> {
        let home = format!("HOME={}\0", self.home.path().display());
        let pids = std::fs::read_dir("/proc").expect("a /proc").filter_map(|entry| {
            let folder = entry.ok()?.path();
            let pid = folder.file_name()?.to_str()?.parse().ok()?;
            let runs_app = std::fs::read_link(folder.join("exe")).ok()?.file_name()?.to_str() == Some("binnacle");
            let environment = std::fs::read(folder.join("environ")).ok()?;
            (runs_app && String::from_utf8_lossy(&environment).contains(&home)).then_some(pid)
        });
        pids.collect()
    }

    /// Everything that is written on the page.
    pub async fn text(&self) -> String {
        let text = self.driver.execute("return document.body.innerText", vec![]).await;
        text.ok().and_then(|text| text.convert().ok()).unwrap_or_default()
    }

    /// Waits until a script returns true.
    pub async fn await_script(&self, what: &str, script: &str) {
        let done = async || {
            let value = self.driver.execute(script, vec![]).await.map_err(|error| error.to_string())?;
            if value.json().as_bool() == Some(true) { Ok(()) } else { Err(value.json().to_string()) }
        };
        if let Err(error) = until(what, PATIENCE, done).await {
            panic!("{error}\n{}", self.text().await);
        }
    }

    /// Types into whatever has the focus, special keys included.
    pub async fn press(&self, keys: impl AsRef<str>) {
        let typing = self.driver.action_chain().send_keys(keys.as_ref());
        typing.perform().await.expect("the keys are typed");
    }

    /// Presses a key together with Control.
    pub async fn press_control(&self, key: char) {
        let chord = self.driver.action_chain().key_down(Key::Control).send_keys(key).key_up(Key::Control);
        chord.perform().await.expect("the keys are typed");
    }

    /// Presses Control and Q. The app may be gone before its driver has answered, so that answer says nothing.
    pub async fn quit_by_keyboard(&self) {
        let chord = self.driver.action_chain().key_down(Key::Control).send_keys('q').key_up(Key::Control);
        drop(tokio::time::timeout(Duration::from_secs(5), chord.perform()).await);
    }

    /// Presses Control and Enter.
    pub async fn press_control_enter(&self) {
        let chord = self.driver.action_chain().key_down(Key::Control).send_keys(Key::Enter).key_up(Key::Control);
        chord.perform().await.expect("the keys are typed");
    }

    /// Waits until the element with the focus has this role and name.
    pub async fn focus_is(&self, role: &str, name: &str) {
        let element = self.find(role, name).await;
        let focused = async || {
            let active = self.driver.active_element().await.map_err(|error| error.to_string())?;
            if active.element_id() == element.element_id() { Ok(()) } else { Err("the focus is elsewhere".to_owned()) }
        };
        until(&format!("the focus on {role} “{name}”"), PATIENCE, focused)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// The driver itself, for what has no word here yet.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }
}

/// An X server of its own for one window.
async fn display(width: u32, height: u32) -> (Watchdog, u32) {
    let folder = TempDir::new().expect("a folder").keep();
    let file = folder.join("display");
    let start =
        format!("exec Xvfb -displayfd 3 -screen 0 {width}x{height}x24 -nolisten tcp -noreset 3>'{}'", file.display());
    let command = ["/bin/sh".to_owned(), "-c".to_owned(), start];
    let mut xvfb = Watchdog::new("Xvfb", folder, &command).expect("a watchdog");
    xvfb.start().expect("Xvfb starts");
    let number = until("Xvfb to name its display", PATIENCE, async || {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        text.trim().parse::<u32>().map_err(|error| error.to_string())
    })
    .await
    .expect("a display");
    (xvfb, number)
}
