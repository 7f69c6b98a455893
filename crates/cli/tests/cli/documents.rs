//! The documents say what the program says. `BINNACLE_BLESS=1` writes the reference anew.

use std::path::PathBuf;

use crate::ran::Home;

/// Every command, in the order of the help.
const COMMANDS: [&[&str]; 21] = [
    &["sources"],
    &["services"],
    &["health"],
    &["edges"],
    &["breakers"],
    &["graph"],
    &["snapshot"],
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
    let mut text =
        "# binnaclectl\n\nWhat `binnaclectl --help` and `binnaclectl COMMAND -h` print. A test keeps this page up \
                    to date.\n\n```\n"
            .to_owned();
    text.push_str(&trimmed(&home.run(&["--help"]).await.exits(0).out));
    text.push_str("```\n");
    for command in COMMANDS {
        let help = home.run(&[command, &["-h"]].concat()).await.exits(0).out;
        text.push_str(&format!("\n## {}\n\n```\n{}```\n", command.join(" "), trimmed(&without_globals(&help))));
    }
    if std::env::var_os("BINNACLE_BLESS").is_some() {
        std::fs::write(docs("cli.md"), &text).unwrap();
    }
    let written = std::fs::read_to_string(docs("cli.md")).unwrap_or_default();
    assert!(written == text, "docs/cli.md is not what --help prints; write it anew with BINNACLE_BLESS=1");
}

/// No spaces at the ends of lines, one line break at the end.
fn trimmed(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect()
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
