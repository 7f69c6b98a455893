//! `disagreements`: what sources cannot both be right about.

use binnacle_model::snapshot::{Disagreement, DisagreementKind, Snapshot};
use binnacle_view::export::snapshot::PublicDisagreement;

use super::listing::{Filter, pretty};
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl disagreements              exit 0 when there are none, 1 and the claims when there are
  binnaclectl disagreements payments     those about payments
  binnaclectl disagreements -o json | jq '.[] | select(.kind == \"zombie\")'

Kinds: zombie (registered, and no process behind it), ready_but_failing (its cluster says ready, a registry's check does \
not), passing_but_unready (the reverse), other_port (registered at a port that it does not declare), selects_nothing (a \
service whose selector no pod fits), target_down (Prometheus cannot scrape it, and its pod is ready), not_scraped (it asks to be \
scraped, or its like are, and no target speaks of it), other_value (a ConfigMap and a registry's store hold different values \
for the same setting, by its name). Only sources that are live count: what is old contradicts nothing.";

/// What sources state of one thing that cannot all be so
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_reading(async |_, snapshot| {
            let found = chosen(&snapshot, &arguments.filter);
            let text = match arguments.output.form {
                Form::Json => pretty(&found.iter().map(|one| PublicDisagreement::of(one)).collect::<Vec<_>>())?,
                Form::Table => table(session, &found),
            };
            print(text).await?;
            Ok(if found.is_empty() { Exit::Fine } else { Exit::No })
        })
        .await
}

fn chosen<'a>(snapshot: &'a Snapshot, filter: &Filter) -> Vec<&'a Disagreement> {
    let service = |one: &Disagreement| one.service.as_ref().map(ToString::to_string).unwrap_or_default();
    let all = snapshot.disagreements.values().map(|one| &**one);
    all.filter(|one| filter.keeps(&[&one.subject, &service(one)])).collect()
}

fn table(session: &Session, found: &[&Disagreement]) -> String {
    if found.is_empty() {
        return "Nothing: what the sources say fits together.\n".to_owned();
    }
    let mut table = Table::new(["WHAT", "ABOUT", "WHO", "SAYS", "NEXT"]);
    for one in found {
        for (number, claim) in one.claims.iter().enumerate() {
            let first = |text: &str| Cell::text(if number == 0 { text } else { "" });
            table.row([
                first(one.kind.word()).in_tone(Tone::Warning),
                first(&one.subject),
                Cell::text(claim.source.as_str()),
                Cell::text(&*claim.says),
                first(next(one.kind)),
            ]);
        }
    }
    table.render(&session.terminal)
}

/// What to do about it.
fn next(kind: DisagreementKind) -> &'static str {
    match kind {
        DisagreementKind::Zombie => "deregister it, or find out why its process went",
        DisagreementKind::ReadyButFailing => "see whether the check asks the right address and port",
        DisagreementKind::PassingButUnready => "see the pod's conditions; callers by the registry still reach it",
        DisagreementKind::OtherPort => "correct the registration, or declare the port",
        DisagreementKind::TargetDown => "see the target's error: the port, the path, a network policy",
        DisagreementKind::OtherValue => "give the setting one home, or one value",
        DisagreementKind::NotScraped => "see the selector of who scrapes, and the port's name",
        DisagreementKind::SelectsNothing => "compare the selector with the pods' labels",
    }
}
