//! `register` and `deregister`: planned first, carried out, and looked at again afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::registry::{CarriedOut, Registry};
use binnacle_model::id::{InstanceId, SourceId, SourceKind};
use binnacle_model::snapshot::Snapshot;
use binnacle_sources::register::{
    CheckDefinition, CheckMethod, PlannedRequest, Registration, RegistryPlan, Road, Verified,
};
use binnacle_view::text::visible;
use serde_json::{Value, json};

use super::config::Reach;
use super::listing::pretty;
use crate::arguments::{Form, Output};
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::terminal::print;

const REGISTER_HELP: &str = "\
Examples:
  binnaclectl register web --port 8080 --check-http http://127.0.0.1:8080/health
  binnaclectl register web --id web-2 --address 10.0.0.7 --port 8080 --tag v2 --check-ttl 30s
  binnaclectl register db --node legacy-1 --address 10.0.0.9 --port 5432 --dry-run

The agent that is asked owns the entry, runs its checks and keeps it in the catalog. With --node the entry goes to the catalog \
alone, where nobody runs checks. --dry-run shows the road, why, and the requests. Durations are Consul's: 10s, 1m, 90m.

Afterwards the catalog is asked once whether it stuck. --look-again stays and asks once more when the agents had the time to put \
the catalog right (70 s, or the time given); exit 1 when it did not stick.";

const DEREGISTER_HELP: &str = "\
Examples:
  binnaclectl services --instances web          shows the ids
  binnaclectl deregister consul:dc1/node-1/web-2
  binnaclectl deregister consul:dc1/node-1/web-2 --dry-run
  binnaclectl deregister consul:dc1/node-1/web-2 --look-again=2m

The entry is removed at the agent that owns it where that agent is the one asked; otherwise from the catalog, and the plan says \
that a living agent would bring it back. Afterwards the catalog is asked once whether it stuck. --look-again stays and asks once \
more when the agents had the time to bring it back (70 s, or the time given); exit 1 when it did not stick.";

/// Register a service with its checks
#[derive(clap::Args, Debug)]
#[command(after_help = REGISTER_HELP)]
pub(crate) struct Register {
    /// The service's name
    name: String,
    /// The instance's id [default: the name]
    #[arg(long)]
    id: Option<String>,
    /// IP address or host name [default: the node's]
    #[arg(long)]
    address: Option<String>,
    /// Port
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A tag; repeat it for several
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A key-value pair; repeat it for several
    #[arg(long = "meta", value_name = "KEY=VALUE", value_parser = pair)]
    meta: Vec<(String, String)>,
    #[command(flatten)]
    checks: Checks,
    /// Register it on this node through the catalog
    #[arg(long)]
    node: Option<String>,
    /// The source to register it in, such as consul:dc1 [default: the only one that can]
    #[arg(long = "in", value_name = "SOURCE")]
    source: Option<String>,
    #[command(flatten)]
    how: How,
}

/// The checks of a registration.
#[derive(clap::Args, Debug)]
struct Checks {
    /// Check by a GET on this URL: 2xx passes, 429 warns
    #[arg(long, value_name = "URL")]
    check_http: Vec<String>,
    /// Check by a TCP connection
    #[arg(long, value_name = "HOST:PORT")]
    check_tcp: Vec<String>,
    /// Check by the gRPC health protocol
    #[arg(long, value_name = "HOST:PORT[/SERVICE]")]
    check_grpc: Vec<String>,
    /// The gRPC check uses TLS
    #[arg(long, requires = "check_grpc")]
    grpc_tls: bool,
    /// The service reports by itself at least this often
    #[arg(long, value_name = "TIME")]
    check_ttl: Option<String>,
    /// How often checks run
    #[arg(long, value_name = "TIME", default_value = "10s")]
    interval: String,
    /// How long HTTP and TCP checks wait
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// Deregister the instance after it was critical for this long
    #[arg(long, value_name = "TIME")]
    deregister_after: Option<String>,
}

/// Take a service instance out of the registry
#[derive(clap::Args, Debug)]
#[command(after_help = DEREGISTER_HELP)]
pub(crate) struct Deregister {
    /// The instance's id, as `services --instances` shows it
    instance: String,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args, Debug)]
struct How {
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Stay, and ask the catalog again after this time whether it stuck [default when given alone: 70s]
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration::parse,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "70s",
        conflicts_with = "dry_run"
    )]
    look_again: Option<Duration>,
    #[command(flatten)]
    output: Output,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Checks {
    fn definitions(&self, service: &str) -> Vec<CheckDefinition> {
        let (interval, timeout) = (&self.interval, &self.timeout);
        let http = self.check_http.iter().map(|url| CheckMethod::Http {
            url: url.clone(),
            interval: interval.clone(),
            timeout: timeout.clone(),
        });
        let tcp = self.check_tcp.iter().map(|address| CheckMethod::Tcp {
            address: address.clone(),
            interval: interval.clone(),
            timeout: timeout.clone(),
        });
        let grpc = self.check_grpc.iter().map(|address| CheckMethod::Grpc {
            address: address.clone(),
            interval: interval.clone(),
            tls: self.grpc_tls,
        });
        let ttl = self.check_ttl.iter().map(|ttl| CheckMethod::Ttl(ttl.clone()));
        let methods = http.chain(tcp).chain(grpc).chain(ttl);
        let definition = |method: CheckMethod| CheckDefinition {
            name: format!("{service} {}", word(&method)),
            method,
            deregister_after: self.deregister_after.clone(),
        };
        methods.map(definition).collect()
    }
}

fn word(method: &CheckMethod) -> String {
    match method {
        CheckMethod::Http { url, .. } => format!("HTTP {url}"),
        CheckMethod::Tcp { address, .. } => format!("TCP {address}"),
        CheckMethod::Grpc { address, .. } => format!("gRPC {address}"),
        CheckMethod::Ttl(ttl) => format!("TTL {ttl}"),
    }
}

impl Register {
    fn registration(&self) -> Registration {
        Registration {
            name: self.name.clone(),
            id: self.id.clone(),
            address: self.address.clone(),
            port: self.port,
            tags: self.tags.clone(),
            meta: self.meta.iter().cloned().collect::<BTreeMap<_, _>>(),
            checks: self.checks.definitions(&self.name),
            node: self.node.clone(),
        }
    }
}

pub(crate) async fn register(session: &Session, arguments: &Register) -> Result<Exit, Failure> {
    let registration = arguments.registration();
    if let Some(source) = &arguments.source {
        let errand = Errand { session, registry: one_shot(session).await?, how: &arguments.how };
        return session.until_interrupted(errand.register(&SourceId::from(source.as_str()), &registration)).await;
    }
    session
        .with_picture(session.history()?, async |engine, snapshot| {
            let errand = Errand { session, registry: engine.registry().clone(), how: &arguments.how };
            errand.register(&only_registry(&snapshot)?, &registration).await
        })
        .await
}

pub(crate) async fn deregister(session: &Session, arguments: &Deregister) -> Result<Exit, Failure> {
    let source = arguments.instance.split_once('/').map(|(source, _)| SourceId::from(source)).ok_or_else(|| {
        Failure::new(
            "cli.usage",
            Exit::Usage,
            format!("`{}` is not the id of an instance", arguments.instance),
            "An id looks like consul:dc1/node-1/web-2; see `binnaclectl services --instances`.",
        )
    })?;
    let work = async {
        let errand = Errand { session, registry: one_shot(session).await?, how: &arguments.how };
        let plan = errand.registry.plan_deregister(&source, &InstanceId::from(arguments.instance.as_str())).await?;
        errand.go(&plan).await
    };
    session.until_interrupted(work).await
}

/// The road to a registry without an engine: for when it is known which one.
async fn one_shot(session: &Session) -> Result<Registry, Failure> {
    let reach = Arc::new(Reach::open(session).await?);
    let read_only = session.rules()?.read_only;
    Ok(Registry::new(reach, session.history()?, session.clock.clone(), session.actor(), read_only))
}

/// The only registry that is there. What the token may do is for the registry to say.
fn only_registry(snapshot: &Snapshot) -> Result<SourceId, Failure> {
    let registries: Vec<&SourceId> =
        snapshot.sources.keys().filter(|source| source.kind() == Some(SourceKind::Consul)).collect();
    match registries.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Failure::not_found(
            "no source is there in which services can be registered",
            "See with `binnaclectl sources` what is connected.",
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|source| source.as_str()).collect();
            Err(Failure::new(
                "cli.several",
                Exit::Usage,
                format!("services can be registered in {}", names.join(", ")),
                "Name one with --in.",
            ))
        }
    }
}

/// Plan, show or carry out, and say what came of it.
struct Errand<'a> {
    session: &'a Session,
    registry: Registry,
    how: &'a How,
}

impl Errand<'_> {
    async fn register(&self, source: &SourceId, registration: &Registration) -> Result<Exit, Failure> {
        let plan = self.registry.plan_register(source, registration).await?;
        self.go(&plan).await
    }

    async fn go(&self, plan: &RegistryPlan) -> Result<Exit, Failure> {
        if self.how.dry_run {
            let text = match self.how.output.form {
                Form::Json => pretty(&plan_json(plan))?,
                Form::Table => format!("{}nothing was changed (dry run)\n", plan_words(plan)),
            };
            print(text).await?;
            return Ok(Exit::Fine);
        }
        let mut done = self.registry.carry_out(plan, self.how.why.clone()).await?;
        let is_table = self.how.output.form == Form::Table;
        if is_table {
            print(format!("{}{}\n", plan_words(plan), verified_words(&done))).await?;
        }
        if let Some(after) = self.how.look_again {
            if is_table {
                print(format!("looking again in {}\n", duration::short(after))).await?;
            }
            done.verified = Ok(self.registry.look_again(&done, after).await?);
        }
        print(match (is_table, self.how.look_again) {
            (true, Some(after)) => format!("after {}: {}\n", duration::short(after), verified_words(&done)),
            (true, None) => format!("{ONCE}\n"),
            (false, after) => pretty(&done_json(&done, after))?,
        })
        .await?;
        match done.verified {
            Ok(Verified::Stuck) => Ok(Exit::Fine),
            Ok(Verified::NotStuck(_)) => Ok(Exit::No),
            // It was carried out; that it could not be looked at again is a warning.
            Err(error) => {
                self.session.warn(&error.into());
                Ok(Exit::Fine)
            }
        }
    }
}

/// Said where nobody looks again: an agent may put the catalog right about a minute later.
const ONCE: &str = "looked at once; an agent may undo it within about a minute: see `binnaclectl services --instances` then, or use --look-again";

fn road_word(road: Road) -> &'static str {
    match road {
        Road::Agent => "agent",
        Road::Catalog => "catalog",
    }
}

fn plan_json(plan: &RegistryPlan) -> Value {
    let request =
        |request: &PlannedRequest| json!({ "method": request.method, "path": request.path, "body": request.body });
    json!({
        "dry_run": true,
        "source": plan.source,
        "instance": plan.instance,
        "road": road_word(plan.road),
        "why": plan.why,
        "at": plan.at,
        "requests": plan.requests.iter().map(request).collect::<Vec<_>>(),
        "notes": plan.notes,
    })
}

fn plan_words(plan: &RegistryPlan) -> String {
    let mut text = Page::default();
    text.line(format!(
        "{} by the {} of {}: {}",
        visible(plan.instance.as_str(), false),
        road_word(plan.road),
        visible(&plan.at, false),
        visible(&plan.why, false)
    ));
    for request in &plan.requests {
        text.line(format!("  {} {}", visible(&request.method, false), visible(&request.path, false)));
        visible(&request.body, true).lines().for_each(|line| text.line(format!("    {line}")));
    }
    for note in &plan.notes {
        text.line(format!("  {}", visible(note, false)));
    }
    text.text()
}

fn done_json(done: &CarriedOut, looked_again_after: Option<Duration>) -> Value {
    let (verified, says) = match &done.verified {
        Ok(Verified::Stuck) => (Some(true), None),
        Ok(Verified::NotStuck(says)) => (Some(false), Some(says.clone())),
        Err(error) => (None, Some(error.to_string())),
    };
    let mut object = plan_json(&done.plan);
    if let Value::Object(fields) = &mut object {
        fields.insert("dry_run".to_owned(), json!(false));
        fields.insert("line".to_owned(), json!(done.line.number()));
        fields.insert("verified".to_owned(), json!(verified));
        fields.insert("catalog_says".to_owned(), json!(says));
        fields.insert("looked_again_after_s".to_owned(), json!(looked_again_after.map(|after| after.as_secs_f64())));
    }
    object
}

fn verified_words(done: &CarriedOut) -> String {
    match &done.verified {
        Ok(Verified::Stuck) => "done, and the catalog says the same".to_owned(),
        Ok(Verified::NotStuck(says)) => format!("done, but the catalog says otherwise: {}", visible(says, false)),
        Err(error) => format!("done; the catalog could not be asked ({})", error.code()),
    }
}
