//! The documents say what the program says. `BINNACLE_BLESS=1` writes the reference anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::ran::Home;

/// Every command, in the order of the help.
const COMMANDS: [&[&str]; 38] = [
    &["sources"],
    &["services"],
    &["health"],
    &["disagreements"],
    &["edges"],
    &["why"],
    &["history"],
    &["breakers"],
    &["graph"],
    &["snapshot"],
    &["logs"],
    &["watch"],
    &["config"],
    &["config", "ls"],
    &["config", "get"],
    &["config", "set"],
    &["config", "rm"],
    &["config", "undo"],
    &["config", "history"],
    &["config", "diff"],
    &["register"],
    &["deregister"],
    &["breaker"],
    &["breaker", "force-open"],
    &["breaker", "disable"],
    &["breaker", "close"],
    &["breaker", "undo"],
    &["breaker", "history"],
    &["profiles"],
    &["dialect"],
    &["dialect", "list"],
    &["dialect", "check"],
    &["dialect", "test"],
    &["metrics"],
    &["discover"],
    &["doctor"],
    &["demo"],
    &["completions"],
];

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

#[tokio::test]
async fn the_reference_of_the_commands_is_what_help_prints() {
    let home = Home::new();
    let mut sections = vec![
        "# binnaclectl\n\nWhat `binnaclectl --help` and `binnaclectl COMMAND -h` print. A test keeps this page up to date.\n"
            .to_owned(),
        format!("```\n{}```\n", trimmed(&home.run(&["--help"]).await.exits(0).out)),
    ];
    for command in COMMANDS {
        let help = home.run(&[command, &["-h"]].concat()).await.exits(0).out;
        sections.push(format!("## {}\n\n```\n{}```\n", command.join(" "), trimmed(&without_globals(&help))));
    }
    let text = sections.join("\n");
    if std::env::var_os("BINNACLE_BLESS").is_some() {
        std::fs::write(docs("cli.md"), &text).unwrap();
    }
    let written = std::fs::read_to_string(docs("cli.md")).unwrap_or_default();
    assert!(written == text, "docs/cli.md is not what --help prints; write it anew with BINNACLE_BLESS=1");
}

/// No spaces at the ends of lines, one line break at the end.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// The options that every command has stand once, at the top of the page.
fn without_globals(help: &str) -> String {
    let sections = help.split("\n\n").filter(|section| !section.starts_with("For every command:"));
    sections.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn every_command_of_the_help_has_a_section() {
    let written = std::fs::read_to_string(docs("cli.md")).unwrap();
    let help = written.split("```").nth(1).unwrap();
    let commands = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        assert!(name == "help" || written.contains(&format!("\n## {name}\n")), "no section about {name}");
    }
}

/// Every string in the sources that has the form of a code, such as `"edit.refused"`, by the first halves that exist.
fn codes_in_the_sources() -> BTreeSet<String> {
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut codes = BTreeSet::new();
    for name in ["cli", "engine", "history", "demo"] {
        read_codes(&crates.join(name).join("src"), &mut codes);
    }
    codes
}

fn read_codes(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_codes(&path, codes);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            codes.extend(text.split('"').filter(|text| is_code(text)).map(str::to_owned));
        }
    }
}

fn is_code(text: &str) -> bool {
    let halves = text
        .split_once('.')
        .filter(|(system, _)| ["cli", "edit", "engine", "history", "demo", "profile", "keyring"].contains(system));
    halves.is_some_and(|(_, word)| {
        word != "sqlite" && !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    })
}

/// The words of every kind of failure of a source, as they stand in the one place that has them.
fn kinds_of_failure() -> BTreeSet<String> {
    let error = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sources/src/error.rs");
    let text = std::fs::read_to_string(error).unwrap();
    let arms = text.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \""));
    arms.map(|(_, word)| format!("*.{}", word.trim_end_matches("\","))).collect()
}

#[test]
fn every_error_code_is_explained_and_no_other() {
    let page = std::fs::read_to_string(docs("exit-codes-and-errors.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let explained: BTreeSet<String> = rows.map(|(code, _)| code.to_owned()).filter(|code| code.contains('.')).collect();
    let mut existing = codes_in_the_sources();
    existing.extend(kinds_of_failure());
    let missing: Vec<&String> = existing.difference(&explained).collect();
    let invented: Vec<&String> = explained.difference(&existing).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not explained: {missing:?}; explained and not there: {invented:?}"
    );
}
