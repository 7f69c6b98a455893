//! `--ask-token`: asked for on a terminal only, unseen, sent, and kept nowhere.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::profiles::Listener;
use crate::ran::{DEADLINE, Home};

const TYPED: &str = "s3cret-typed";

/// Both ends of a terminal: the one that a person sits at, and the program's.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = File::options().read(true).write(true).open(Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())));
    (File::from(person), program.unwrap())
}

/// Reads what is on the terminal until it has this text.
fn read_until(person: &mut File, wanted: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        assert_eq!(person.read(&mut byte).unwrap(), 1);
        seen.extend(byte);
    }
    String::from_utf8(seen).unwrap()
}

/// Everything that comes until the program has closed its end.
fn read_rest(person: &mut File) -> String {
    let mut seen = Vec::new();
    // Linux tells that the other end is closed by an error.
    let _ = person.read_to_end(&mut seen);
    String::from_utf8(seen).unwrap()
}

/// Every file beneath a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_unseen_sent_and_kept_nowhere() {
    let listener = Listener::start().await;
    let home = Home::new().with("CONSUL_HTTP_TOKEN", "of-the-surroundings");
    let (mut person, program) = terminal();
    let source = format!("consul={}", listener.address);
    let arguments = ["--ask-token", "--source", &source, "--log", "trace", "doctor"];
    let child = home.start_at(&program, &arguments);
    drop(program);
    let seen = tokio::task::spawn_blocking(move || {
        let question = read_until(&mut person, "ACL token for consul=");
        let question = question + &read_until(&mut person, ": ");
        person.write_all(format!("{TYPED}\n").as_bytes()).unwrap();
        question + &read_rest(&mut person)
    });
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.unwrap().unwrap();
    let seen = seen.await.unwrap();
    assert_eq!(ended.status.code(), Some(3), "{seen}");
    assert_eq!(listener.tokens(), [Some(TYPED.to_owned())]);
    assert!(!seen.contains("s3cret"), "neither echoed nor logged: {seen}");
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("s3cret"));
    for file in files(home.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(TYPED.len()).any(|part| part == TYPED.as_bytes()), "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_interrupted_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    let (mut person, program) = terminal();
    let shows = |program: &File| tcgetattr(program).unwrap().local_modes.contains(LocalModes::ECHO);
    assert!(shows(&program));
    let mut child = home.start_at(&program, &["--ask-token", "--source", "consul=http://127.0.0.1:1", "services"]);
    let asked = tokio::task::spawn_blocking(move || {
        read_until(&mut person, "ACL token for");
        person
    });
    // Without anybody at the other end there would be no terminal any more.
    let _person = asked.await.unwrap();
    assert!(!shows(&program));
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(130));
    assert!(shows(&program));
}

#[tokio::test]
async fn without_a_terminal_nothing_is_asked() {
    let home = Home::new();
    for command in [&["services"][..], &["config", "get", "consul:dc1/kv/a"], &["doctor"]] {
        let arguments = ["--ask-token", "--source", "consul=http://127.0.0.1:1", "--errors", "json"];
        let ran = home.run_with(&[&arguments, command].concat(), b"s3cret-piped\n").await.exits(2);
        assert_eq!(ran.error()["code"], "cli.usage", "{ran:?}");
    }
}
