//! binnaclectl: every screen of the app as a command, JSON or a table.

mod arguments;
mod commands;
mod duration;
mod failure;
mod page;
mod process;
mod session;
mod table;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The first thing of all: every TLS connection uses this provider. Another one in place already would serve as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    process::run()
}
