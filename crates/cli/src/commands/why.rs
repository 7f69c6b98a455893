//! `why`: the chain of evidence of a service or an edge, and of an edge that is not there.

use std::time::Duration;

use binnacle_model::snapshot::Snapshot;
use binnacle_view::text::visible;
use binnacle_view::why::{
    self, AlertWhy, BreakerWhy, ClaimKind, ClaimWhy, EdgeWhy, InstanceWhy, Looked, NoEdgeWhy, ServiceWhy, SourceWhy,
    Statement, Why,
};
use jiff::Timestamp;

use super::listing::{health_cell, millis, percent, pretty, rate, word};
use super::naming;
use crate::arguments::{Form, Output};
use crate::duration::short;
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::table::{Cell, Table, Tone};
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl why payments                   who knows it, what makes its health, who calls it
  binnaclectl why 'checkout -> payments'     who says so, who is believed, and what it is held against
  binnaclectl why 'payments->ledger'         no such edge: what was looked for, and what to switch on
  binnaclectl why payments -o json

Exit codes: 0, and 1 when nobody counts or declares calls between the two services.";

/// Why a service or an edge is in the picture and is as it is, or why there is no edge
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A service by name or id, or an edge as `CALLER -> CALLEE`
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_rates(async |_, snapshot| {
            let why = answer(&snapshot, &arguments.id, session.clock.now())?;
            let text = match arguments.output.form {
                Form::Json => pretty(&why)?,
                Form::Table => Told { session }.page(&why),
            };
            print(text).await?;
            Ok(if matches!(why, Why::NoEdge(_)) { Exit::No } else { Exit::Fine })
        })
        .await
}

/// The edge where there is one of these ends, else what is known of the two services.
fn answer(snapshot: &Snapshot, named: &str, now: Timestamp) -> Result<Why, Failure> {
    let Some((from, to)) = naming::ends(named) else {
        return Ok(Why::Service(why::of_service(snapshot, naming::service(snapshot, named)?, now)));
    };
    let (from, to) = (naming::service(snapshot, from)?, naming::service(snapshot, to)?);
    Ok(why::of_pair(snapshot, &from.id, &to.id, now))
}

/// The answer for people.
struct Told<'a> {
    session: &'a Session,
}

impl Told<'_> {
    fn page(&self, why: &Why) -> String {
        let mut page = Page::default();
        match why {
            Why::Service(service) => self.service(&mut page, service),
            Why::Edge(edge) => self.edge(&mut page, edge),
            Why::NoEdge(none) => self.none(&mut page, none),
        }
        page.text()
    }

    fn service(&self, page: &mut Page, why: &ServiceWhy) {
        let stale = if why.stale { " (stale)" } else { "" };
        let at_least = if why.since_is_exact { "" } else { " at least" };
        head(page, &format!("{} is {}{stale}: {}", why.service.name, word(why.health), why.because));
        page.line(format!("since{at_least} {}", why.since));
        let mut known = Table::new(["SOURCE", "KNOWN AS", "BECAUSE"]);
        for one in &why.known_as {
            known.row([Cell::text(&one.source), Cell::text(&one.name), Cell::text(&one.because)]);
        }
        self.table(page, &known, why.known_as.len());
        let mut workloads = Table::new(["WORKLOAD", "SOURCE", "AGE"]);
        for one in &why.workloads {
            workloads.row([Cell::text(first_line(&one.says)), Cell::text(&one.source), age(one)]);
        }
        self.table(page, &workloads, why.workloads.len());
        self.instances(page, &why.instances);
        self.calls(page, why);
        self.breakers(page, &why.breakers);
        self.alerts(page, &why.alerts);
        self.sources(page, &why.sources);
        self.looked_for(page, &why.looked_for);
    }

    /// One line a check, or one an instance without any.
    fn instances(&self, page: &mut Page, instances: &[InstanceWhy]) {
        let mut table = Table::new(["INSTANCE", "HEALTH", "CHECK", "OUTPUT", "SAYS", "AGE"]);
        for instance in instances {
            let id = if instance.leaving { format!("{} (leaving)", instance.id) } else { instance.id.clone() };
            if instance.checks.is_empty() {
                let health = if instance.leaving { Cell::text("-") } else { health_cell(instance.health, false) };
                let sources = Cell::text(instance.sources.join(", "));
                table.row([
                    Cell::text(&id),
                    health,
                    Cell::text("-"),
                    Cell::text("no check is defined"),
                    sources,
                    Cell::text("-"),
                ]);
            }
            for check in &instance.checks {
                let output = check.said.says.split_once('\n').map_or("", |(_, output)| output);
                table.row([
                    Cell::text(&id),
                    health_cell(check.health, check.said.stale),
                    Cell::text(if check.of_node { format!("{} (node)", check.name) } else { check.name.clone() }),
                    Cell::text(first_line(output)),
                    Cell::text(&check.said.source),
                    age(&check.said),
                ]);
            }
        }
        self.table(page, &table, instances.len());
    }

    fn calls(&self, page: &mut Page, why: &ServiceWhy) {
        let mut table = Table::new(["CALLS", "STATE", "RPS", "ERRORS", "P95", "BECAUSE"]);
        for call in &why.calls {
            let [rps, errors, p95] = numbers(call.signals);
            let other = &call.other.name;
            table.row([
                Cell::text(if call.incoming { format!("from {other}") } else { format!("to {other}") }),
                Cell::text(word(call.state)),
                rps,
                errors,
                p95,
                Cell::text(&call.because),
            ]);
        }
        self.table(page, &table, why.calls.len());
    }

    fn edge(&self, page: &mut Page, why: &EdgeWhy) {
        let stale = if why.stale { " (stale)" } else { "" };
        head(page, &format!("{} -> {} is {}{stale}: {}", why.from.name, why.to.name, word(why.state), why.because));
        let mut table = Table::new(["CLAIM", "SOURCE", "AT", "DIALECT", "RPS", "ERRORS", "P95", "AGE", "BECAUSE"]);
        for claim in &why.claims {
            let [rps, errors, p95] = numbers(claim.signals);
            table.row([
                Cell::text(kind(claim)).in_tone(if claim.believed { Tone::Good } else { Tone::Plain }),
                Cell::text(if claim.said.stale {
                    format!("{} (stale)", claim.said.source)
                } else {
                    claim.said.source.clone()
                }),
                Cell::text(claim.counted_at.map_or_else(|| "-".to_owned(), word)),
                Cell::text(claim.dialect.as_deref().unwrap_or("-")),
                rps,
                errors,
                p95,
                age(&claim.said),
                Cell::text(&claim.because),
            ]);
        }
        self.table(page, &table, why.claims.len());
        let mut read = Table::new(["SOURCE", "SAYS", "READ BY"]);
        for claim in &why.claims {
            let says = first_line(&claim.said.says);
            read.row([Cell::text(&claim.said.source), Cell::text(says), Cell::text(&claim.said.query)]);
        }
        self.table(page, &read, why.claims.len());
        self.breakers(page, &why.breakers);
        self.alerts(page, &why.alerts);
        self.sources(page, &why.sources);
        self.looked_for(page, &why.looked_for);
    }

    fn none(&self, page: &mut Page, why: &NoEdgeWhy) {
        head(page, &format!("{} -> {} is not there: {}", why.from.name, why.to.name, why.because));
        self.sources(page, &why.sources);
        self.looked_for(page, &why.looked_for);
    }

    fn breakers(&self, page: &mut Page, breakers: &[BreakerWhy]) {
        let mut table = Table::new(["BREAKER", "TOWARDS", "NAME", "STATE", "OPEN", "REJECTED/S", "SAYS", "AGE"]);
        for one in breakers {
            let mut sources: Vec<&str> = one.said.iter().map(|said| said.source.as_str()).collect();
            sources.dedup();
            let state = word(one.state);
            table.row([
                Cell::text(&one.caller.name),
                Cell::text(one.callee.as_ref().map_or("-", |callee| &callee.name)),
                Cell::text(&one.name),
                Cell::text(if one.derived { format!("{state} (derived)") } else { state }),
                Cell::text(if one.of == 0 { "-".to_owned() } else { format!("{} of {}", one.open, one.of) }),
                Cell::number(one.rejected_per_s.map(rate)),
                Cell::text(sources.join(", ")),
                one.said.first().map_or_else(|| Cell::text("-"), age),
            ]);
        }
        self.table(page, &table, breakers.len());
        self.limits(page, breakers);
    }

    /// What the breakers' meshes were told, and what would tell the states that nobody tells.
    fn limits(&self, page: &mut Page, breakers: &[BreakerWhy]) {
        let mut table = Table::new(["LIMIT", "TOWARDS", "CONFIGURED"]);
        let said = breakers.iter().flat_map(|one| one.limits.iter().map(move |limit| (one, limit)));
        for (one, limit) in said.clone() {
            let callee = one.callee.as_ref().map_or("-", |callee| &callee.name);
            table.row([Cell::text(word(one.kind)), Cell::text(callee), Cell::text(limit)]);
        }
        self.table(page, &table, said.count());
        let hints: std::collections::BTreeSet<&str> = breakers.iter().map(|one| one.switch_on.as_str()).collect();
        for hint in hints.into_iter().filter(|hint| !hint.is_empty()) {
            page.line(format!("state not told: {hint}"));
        }
    }

    fn alerts(&self, page: &mut Page, alerts: &[AlertWhy]) {
        let mut table = Table::new(["ALERT", "ABOUT", "SEVERITY", "SUMMARY", "SAYS", "AGE"]);
        for one in alerts {
            table.row([
                Cell::text(&one.words),
                Cell::text(one.service.as_ref().map_or("-", |service| &service.name)),
                Cell::text(&one.severity),
                Cell::text(first_line(&one.summary)),
                Cell::text(&one.said.source),
                age(&one.said),
            ]);
        }
        self.table(page, &table, alerts.len());
    }

    fn sources(&self, page: &mut Page, sources: &[SourceWhy]) {
        let mut table = Table::new(["SOURCE", "STATE", "FOR", "WRONG"]);
        for one in sources {
            table.row([
                Cell::text(&one.id),
                Cell::text(word(one.state)),
                Cell::text(seconds(one.age_s)),
                Cell::text(one.faults.join("; ")),
            ]);
        }
        self.table(page, &table, sources.len());
    }

    /// Line by line: what to switch on is to be read as a whole, and copied.
    fn looked_for(&self, page: &mut Page, looked_for: &[Looked]) {
        if looked_for.is_empty() {
            return;
        }
        page.line("");
        page.line(Tone::Dim.paint("LOOKED FOR", &self.session.terminal));
        for one in looked_for {
            let (mark, tone) = if one.found { ("found", Tone::Good) } else { ("not found", Tone::Warning) };
            let at = one.source.as_deref().map(|source| format!(" at {source}")).unwrap_or_default();
            let mark = tone.paint(mark, &self.session.terminal);
            page.line(format!("{mark}: {}{}: {}", one.looked_for, visible(&at, false), visible(&one.words, false)));
            if !one.switch_on.is_empty() {
                page.line(format!("    {}", one.switch_on));
            }
        }
    }

    fn table(&self, page: &mut Page, table: &Table, rows: usize) {
        if rows > 0 {
            page.line("");
            page.lines(table.render(&self.session.terminal));
        }
    }
}

fn head(page: &mut Page, text: &str) {
    page.line(visible(text, false));
}

fn kind(claim: &ClaimWhy) -> String {
    match (claim.kind, &claim.by) {
        (ClaimKind::Observed, _) if claim.believed => "observed, believed".to_owned(),
        (kind, Some(by)) => format!("{} by {by}", word(kind)),
        (kind, None) => word(kind),
    }
}

fn numbers(signals: binnacle_view::contract::state::Signals) -> [Cell; 3] {
    [
        Cell::number(signals.rps.map(rate)),
        Cell::number(signals.error_ratio.map(percent)),
        Cell::number(signals.p95_ms.map(millis)),
    ]
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn age(said: &Statement) -> Cell {
    Cell::text(seconds(said.age_s))
}

fn seconds(age: f64) -> String {
    short(Duration::try_from_secs_f64(age).unwrap_or_default().max(Duration::from_secs(1)))
}
