//! What the app is started with.

use std::path::PathBuf;

use binnacle_sources::ConnectionSpec;
use clap::Parser;

/// One live picture of a fleet of microservices, and safe edits of its configuration.
///
/// Without arguments the first screen shows what was found on this computer, one click each.
#[derive(Debug, Parser)]
#[command(
    name = "binnacle",
    version,
    after_help = "For scripts and terminals there is binnaclectl, with the same engine."
)]
pub(crate) struct Arguments {
    /// Start the demo fleet in this process and connect to it.
    #[arg(long)]
    pub(crate) demo: bool,

    /// Connect to this at once; may be given several times.
    ///
    /// KIND is consul, kube, prometheus, scrape, hystrix, actuator, envoy or sentinel, for instance consul=http://127.0.0.1:8500. Tokens and certificates come from the
    /// environment (CONSUL_HTTP_TOKEN_FILE, CONSUL_CACERT ...), never from here.
    #[arg(long = "source", value_name = "KIND=WHERE")]
    pub(crate) sources: Vec<ConnectionSpec>,

    /// Open the connections of this profile; with --source just those named, and the rest of the profile holds.
    #[arg(long, value_name = "NAME", env = "BINNACLE_PROFILE", hide_env_values = true)]
    pub(crate) profile: Option<String>,

    /// Refuse every write.
    #[arg(long)]
    pub(crate) read_only: bool,

    /// Where edits are recorded [default: the state folder of this user].
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,

    /// Log to standard error, for instance info or binnacle_sources=debug. Values and tokens are never logged.
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}
