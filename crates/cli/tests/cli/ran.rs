//! Runs the executable in a home of its own, with nothing of the surroundings.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// No command of these tests takes this long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A home folder with a history of its own.
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// How a command ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// A home in which the usual tools would go to this Consul.
    pub(crate) fn with_consul(address: impl std::fmt::Display) -> Self {
        Self::new().with("CONSUL_HTTP_ADDR", &address.to_string())
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_binnaclectl"));
        command.args(arguments).env_clear().env("HOME", self.folder.path()).env("USER", "tester");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts a command and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Starts a command whose input and errors are a terminal.
    pub(crate) fn start_at(&self, terminal: &std::fs::File, arguments: &[&str]) -> Child {
        let end = || Stdio::from(terminal.try_clone().unwrap());
        self.command(arguments).stdin(end()).stderr(end()).spawn().unwrap()
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let output = tokio::time::timeout(DEADLINE, self.command(arguments).output());
        Ran::of(&output.await.expect("the command takes too long").unwrap())
    }

    /// Runs a command again and again until it ends as expected.
    pub(crate) async fn run_until(&self, arguments: &[&str], expected: impl Fn(&Ran) -> bool) -> Ran {
        let trying = async {
            loop {
                let ran = self.run(arguments).await;
                if expected(&ran) {
                    return ran;
                }
            }
        };
        tokio::time::timeout(DEADLINE, trying).await.expect("it never ends as expected")
    }

    /// The same with something on its standard input.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        match stdin.write_all(input).await {
            // A command that refuses its line need not read what is piped to it.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written.unwrap(),
        }
        drop(stdin);
        let output = tokio::time::timeout(DEADLINE, child.wait_with_output());
        Ran::of(&output.await.expect("the command takes too long").unwrap())
    }
}

impl Ran {
    fn of(output: &std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Holds when the command ended like this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// What it wrote, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The one error that it wrote under `--errors json`.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
