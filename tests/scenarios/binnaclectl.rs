//! The terminal program as it is built from this tree.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::OnceCell;

/// The built executable. Built once a test run, so that it is never older than the sources.
pub(crate) async fn executable() -> &'static Path {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT.get_or_init(build).await
}

/// Of the whole workspace, as the tests are built: another selection would turn on other features of the dependencies,
/// and build them anew.
async fn build() -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--workspace", "--bin", "binnaclectl"])
        .args(["--message-format", "json-render-diagnostics", "--manifest-path", manifest])
        .stderr(Stdio::inherit())
        .output()
        .await
        .expect("cargo can be run");
    assert!(built.status.success(), "binnaclectl does not build");
    let messages = String::from_utf8(built.stdout).expect("cargo writes text");
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let executable = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    executable.expect("cargo names the executable that it built")
}
