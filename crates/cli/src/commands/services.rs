//! `services`: what is registered, and how it is doing.

use std::cmp::Reverse;

use binnacle_model::snapshot::{Health, Service, ServiceRole, Snapshot};
use binnacle_view::export::snapshot::PublicService;

use super::listing::{Filter, Names, health_cell, pretty, signal_cells, word};
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl services                       worst first
  binnaclectl services payments -o json      with its instances and checks
  binnaclectl services --health critical
  binnaclectl services --instances checkout  one line an instance, with its id";

/// Services with their instances and health, worst first
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Only services of this health; repeat it for several
    #[arg(long, value_enum, value_name = "HEALTH")]
    health: Vec<HealthWord>,
    /// One line an instance instead of one a service
    #[arg(long)]
    instances: bool,
    #[command(flatten)]
    output: Output,
}

/// The words of a health on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HealthWord {
    Passing,
    Warning,
    Critical,
    Maintenance,
    Unknown,
}

impl HealthWord {
    fn health(self) -> Health {
        match self {
            Self::Passing => Health::Passing,
            Self::Warning => Health::Warning,
            Self::Critical => Health::Critical,
            Self::Maintenance => Health::Maintenance,
            Self::Unknown => Health::Unknown,
        }
    }
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_rates(async |_, snapshot| {
            let services = chosen(&snapshot, arguments);
            let text = match (arguments.output.form, arguments.instances) {
                (Form::Json, _) => {
                    pretty(&services.iter().map(|service| PublicService::of(service)).collect::<Vec<_>>())?
                }
                (Form::Table, false) => services_table(session, &snapshot, &services),
                (Form::Table, true) => instances_table(session, &services),
            };
            print(text).await?;
            arguments.filter.found_or_no(services.len(), "service")?;
            Ok(Exit::Fine)
        })
        .await
}

/// The services that fit, worst first.
fn chosen<'a>(snapshot: &'a Snapshot, arguments: &Arguments) -> Vec<&'a Service> {
    let healths: Vec<Health> = arguments.health.iter().map(|word| word.health()).collect();
    let services = snapshot.services.values().map(|service| &**service);
    let mut services: Vec<&Service> = services
        .filter(|service| arguments.filter.keeps(&[&service.name, service.id.as_str()]))
        .filter(|service| healths.is_empty() || healths.contains(&service.health))
        .collect();
    services.sort_by(|a, b| (Reverse(a.health), &a.name, &a.id).cmp(&(Reverse(b.health), &b.name, &b.id)));
    services
}

fn services_table(session: &Session, snapshot: &Snapshot, services: &[&Service]) -> String {
    let names = Names::of(snapshot);
    let mut table =
        Table::new(["SERVICE", "HEALTH", "PASSING", "RPS", "ERRORS", "P95", "KIND", "PLACE", "SOURCES", "WHY"]);
    for service in services {
        let [rps, errors, p95] = signal_cells(&service.signals);
        let sources: Vec<&str> = service.facets.iter().map(|facet| facet.source.as_str()).collect();
        let passing = match service.role {
            ServiceRole::Service | ServiceRole::Gateway => {
                format!("{} of {}", service.passing(), service.instances.len())
            }
            ServiceRole::External | ServiceRole::Channel => "-".to_owned(),
        };
        table.row([
            Cell::text(names.name(&service.id)),
            health_cell(service.health, service.stale),
            Cell::text(passing),
            rps,
            errors,
            p95,
            Cell::text(word(service.role)),
            Cell::text(&service.place),
            Cell::text(sources.join(", ")),
            Cell::text(service.why().trim()),
        ]);
    }
    table.render(&session.terminal)
}

fn instances_table(session: &Session, services: &[&Service]) -> String {
    let mut table = Table::new(["INSTANCE", "HEALTH", "ADDRESS", "NODE", "TAGS", "WHY"]);
    for instance in services.iter().flat_map(|service| &service.instances) {
        let worst = instance.checks.iter().find(|check| check.health != Health::Passing);
        let tags: Vec<&str> = instance.tags.iter().map(|tag| &**tag).collect();
        table.row([
            Cell::text(instance.id.as_str()),
            health_cell(instance.health, instance.stale),
            Cell::text(format!("{}:{}", instance.address, instance.port)),
            Cell::text(instance.node.as_deref().unwrap_or("-")),
            Cell::text(tags.join(", ")),
            Cell::text(worst.map_or("", |check| check.output.trim())),
        ]);
    }
    table.render(&session.terminal)
}
