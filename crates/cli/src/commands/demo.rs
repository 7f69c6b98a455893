//! `demo`: the demo fleet by itself, for other terminals to connect to.

use binnacle_demo::Demo;
use binnacle_engine::EngineError;

use crate::failure::{Exit, Failure};
use crate::terminal::print;

const AFTER_HELP: &str = "\
A dozen small services run inside this process on 127.0.0.1 and really call each other; their registry speaks the part of \
Consul's API that Binnacle uses, and their behaviour is steered by its keys. They end with this command.

Examples:
  binnaclectl demo                            then, in another terminal, what it prints
  binnaclectl --demo health                   without a second terminal: any command, with the fleet inside it";

/// Run the demo fleet until Ctrl-C
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {}

pub(crate) async fn run() -> Result<Exit, Failure> {
    let demo = Demo::start().await.map_err(|error| EngineError::Demo(Box::new(error)))?;
    let registry = demo.registry().as_str().trim_end_matches('/').to_owned();
    print(how_to_connect(&registry)).await?;
    // Ends with the signal that ends the command; dropping the fleet ends its services.
    std::future::pending::<()>().await;
    demo.stop().await;
    Ok(Exit::Fine)
}

fn how_to_connect(registry: &str) -> String {
    format!(
        "The demo fleet runs; its registry is at {registry}\n\
         \n\
         In another terminal:\n\
         \n\
         \x20 export CONSUL_HTTP_ADDR={registry}\n\
         \x20 binnaclectl services\n\
         \x20 binnaclectl health\n\
         \x20 binnaclectl config set consul:demo/kv/fleet/payments/error_ratio --value 0.6\n\
         \x20 binnaclectl health\n\
         \x20 binnaclectl config history\n\
         \n\
         Ctrl-C ends it, and nothing stays behind.\n"
    )
}
