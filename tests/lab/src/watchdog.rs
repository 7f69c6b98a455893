//! Server processes that cannot outlive their owner.
//!
//! The owner does not start a server itself: it starts a shell that does, and holds the write end of the shell's
//! standard input. When the owner is gone, for whatever reason, the system closes that pipe; the shell reads the end of
//! file, kills the server and removes its folder. The shell is in a process group of its own, so a Ctrl-C at the
//! terminal reaches the owner only, and the server dies by the same one road. Where the shell is killed too, the next
//! run clears up (see [`crate::leftovers`]).

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use crate::{LabError, leftovers, until};

/// `$1` is the folder, the rest is the server's command line. `keep` in the folder means: a test failed, leave the log.
const SCRIPT: &str = r#"
trap '' PIPE
folder=$1
shift
pid=
while read -r word; do
  case $word in
    start) "$@" </dev/null >>"$folder/log" 2>&1 & pid=$!; echo "$pid" >"$folder/pid"; echo "$pid" ;;
    TERM) kill -s TERM "$pid" ;;
    KILL) kill -s KILL "$pid"; wait "$pid"; pid= ;;
  esac
done 2>/dev/null
if [ -n "$pid" ]; then kill -s KILL "$pid"; wait "$pid"; fi 2>/dev/null
if [ -e "$folder/keep" ]; then rm -rf "$folder/data"; else rm -rf "$folder"; fi
"#;

/// How long a server may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(15);

/// The folders of this process's servers, for the message of a failing test.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// How a server is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `SIGTERM`, and `SIGKILL` when it does not end by that.
    Asked,
    /// `SIGKILL`: no goodbye, as after a power cut.
    Killed,
}

/// One server's command line, its folder, and its process while it runs.
#[derive(Debug)]
pub struct Watchdog {
    name: String,
    folder: PathBuf,
    shell: Child,
    orders: Option<ChildStdin>,
    pids: BufReader<ChildStdout>,
    pid: Option<u32>,
}

impl Watchdog {
    /// Prepares to run `command` over `folder`, which belongs to the watchdog from now on. Nothing is started yet.
    pub fn new(name: &str, folder: PathBuf, command: &[String]) -> Result<Self, LabError> {
        print_logs_of_failing_tests();
        leftovers::clear_once();
        leftovers::claim(&folder)?;
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "lab-watchdog"])
            .arg(&folder)
            .args(command)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(LabError::io(format!("starting the watchdog of {name}")))?;
        let (Some(orders), Some(pids)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(LabError::Unexpected { what: format!("watchdog of {name}"), why: "no pipes".into() });
        };
        with_folders(|folders| folders.insert(folder.clone()));
        Ok(Self { name: name.into(), folder, shell, orders: Some(orders), pids: BufReader::new(pids), pid: None })
    }

    /// Starts the server, which may not be ready when this returns. Does nothing when it runs already.
    pub fn start(&mut self) -> Result<u32, LabError> {
        if let Some(pid) = self.pid {
            return Ok(pid);
        }
        self.order("start")?;
        let mut line = String::new();
        self.pids.read_line(&mut line).map_err(LabError::io(format!("starting {}", self.name)))?;
        let pid = line.trim().parse().map_err(|_| LabError::Unexpected {
            what: format!("process id of {}", self.name),
            why: format!("{line:?} is not a number"),
        })?;
        self.pid = Some(pid);
        Ok(pid)
    }

    /// Ends the server and returns when its process is gone. Does nothing when it does not run.
    pub async fn end(&mut self, ending: Ending) -> Result<(), LabError> {
        let Some(pid) = self.pid.take() else { return Ok(()) };
        if ending == Ending::Asked {
            self.order("TERM")?;
            let stops = async || if is_running(pid) { Err("it still runs") } else { Ok(()) };
            if let Err(error) = until(&format!("{} to stop", self.name), GRACE, stops).await {
                eprintln!("{error}; it is killed now");
            }
        }
        self.order("KILL")?;
        until(&format!("the end of {} (process {pid})", self.name), GRACE, async || {
            if process_exists(pid) { Err("it still runs") } else { Ok(()) }
        })
        .await
    }

    /// What it was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's process id while it is meant to run.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Whether the server's process is there and has not ended by itself.
    pub fn is_alive(&self) -> bool {
        self.pid.is_some_and(is_running)
    }

    /// The folder with the server's configuration, data and log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything the server has printed since its first start.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(15)).copied().collect::<Vec<_>>().join("\n")
    }

    fn order(&mut self, word: &str) -> Result<(), LabError> {
        let Some(orders) = &mut self.orders else { return Ok(()) };
        writeln!(orders, "{word}").map_err(LabError::io(format!("telling the watchdog of {} to {word}", self.name)))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("lab: the watchdog of {} cannot be waited for: {error}", self.name);
        }
        with_folders(|folders| folders.remove(&self.folder));
    }
}

/// Whether a process of this id exists, running or not yet reaped.
pub fn process_exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn is_running(pid: u32) -> bool {
    process_exists(pid) && !is_zombie(pid)
}

/// Field 3 of `/proc/PID/stat` is the state; the name in field 2 may hold anything, so the last `)` ends it.
fn is_zombie(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

fn with_folders<T>(change: impl FnOnce(&mut BTreeSet<PathBuf>) -> T) -> T {
    change(&mut FOLDERS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Marks all folders as to be kept when a test panics: a drop cannot do it, for servers in statics are never dropped.
fn print_logs_of_failing_tests() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            with_folders(|folders| {
                for folder in folders.iter() {
                    if folder.join("log").exists() && fs::write(folder.join("keep"), "").is_ok() {
                        eprintln!("lab: log kept: {}", folder.join("log").display());
                    }
                }
            });
        }));
    });
}
