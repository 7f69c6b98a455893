//! `completions`: what a shell needs to complete the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::failure::{Exit, Failure};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl completions bash > ~/.local/share/bash-completion/completions/binnaclectl
  binnaclectl completions zsh  > ~/.zfunc/_binnaclectl
  binnaclectl completions fish > ~/.config/fish/completions/binnaclectl.fish";

/// Completions for a shell
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::arguments::Arguments::command(), "binnaclectl", &mut text);
    print(text).await?;
    Ok(Exit::Fine)
}
