//! `metrics`: what was understood of a body in the text format or in OpenMetrics, line by line.

use std::collections::BTreeMap;

use binnacle_sources::scrape::exposition::Listing;
use binnacle_sources::scrape::{body_at, lexer};
use binnacle_view::text::visible;
use serde::Serialize;
use tokio::io::AsyncReadExt as _;

use super::listing::pretty;
use crate::arguments::{Form, Output};
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::table::{Cell, Table};
use crate::terminal::print;

/// As much as is read of an endpoint.
const LARGEST_BODY: u64 = 10 * 1024 * 1024;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl metrics http://127.0.0.1:9100/metrics
  binnaclectl metrics saved.prom -o json
  curl -s http://127.0.0.1:9100/metrics | binnaclectl metrics -

A line that is not understood is named with its number; exit 1 when none is.";

/// What is understood of a process's metrics: every sample of a saved body or of an address, and each line that is refused
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A saved body, - for standard input, or the address of an endpoint
    #[arg(value_name = "FILE|URL")]
    place: String,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let (body, is_open_metrics) = if arguments.place.contains("://") {
        body_at(&arguments.place, &session.environment).await?
    } else {
        (saved(&arguments.place).await?, false)
    };
    let understood = Understood::of(&Listing::of(&body, is_open_metrics));
    let text = match arguments.output.form {
        Form::Json => pretty(&understood)?,
        Form::Table => table(session, &understood),
    };
    print(text).await?;
    Ok(if understood.accepted == 0 && !understood.rejected.is_empty() { Exit::No } else { Exit::Fine })
}

/// A saved body, or what comes in.
pub(crate) async fn saved(path: &str) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::io(format_args!("reading {}", visible(path, false)), &error);
    let mut body = Vec::new();
    let read = match path {
        "-" => tokio::io::stdin().take(LARGEST_BODY + 1).read_to_end(&mut body).await,
        path => {
            let file = tokio::fs::File::open(path).await.map_err(failed)?;
            file.take(LARGEST_BODY + 1).read_to_end(&mut body).await
        }
    };
    read.map_err(failed)?;
    if body.len() as u64 > LARGEST_BODY {
        return Err(failed(std::io::Error::other(format!("it has more than {LARGEST_BODY} bytes"))));
    }
    Ok(body)
}

/// The JSON of this command.
#[derive(Debug, Serialize)]
struct Understood {
    samples: Vec<Sample>,
    accepted: usize,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    /// As the text format spells it: it has numbers that JSON has not.
    value: String,
    timestamp_ms: Option<i64>,
}

/// A line that was refused.
#[derive(Debug, Serialize)]
struct Rejected {
    line: usize,
    reason: String,
}

/// The lines that were refused, and the end that is missing.
fn rejected(listing: &Listing<'_>) -> Vec<Rejected> {
    let refused =
        listing.refused.iter().map(|refused| Rejected { line: refused.line, reason: refused.reason.to_string() });
    let cut = listing
        .cut
        .then(|| Rejected { line: listing.lines + 1, reason: "`# EOF` is missing: it may have been cut".to_owned() });
    refused.chain(cut).collect()
}

impl Understood {
    fn of(listing: &Listing<'_>) -> Self {
        let sample = |sample: &lexer::Sample<'_>| Sample {
            name: sample.name.to_owned(),
            labels: sample.labels.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect(),
            value: spelled(sample),
            timestamp_ms: sample.time.map(|time| milliseconds(time, listing.is_open_metrics)),
        };
        Self {
            samples: listing.samples.iter().map(sample).collect(),
            accepted: listing.samples.len(),
            rejected: rejected(listing),
        }
    }
}

/// As it is written; what is no number has one spelling.
fn spelled(sample: &lexer::Sample<'_>) -> String {
    match sample.value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => sample.written.to_owned(),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a time that does not fit is as far away as any")]
fn milliseconds(time: f64, in_seconds: bool) -> i64 {
    (if in_seconds { time * 1000.0 } else { time }).round() as i64
}

fn table(session: &Session, understood: &Understood) -> String {
    let mut table = Table::new(["METRIC", "LABELS", "VALUE"]);
    for sample in &understood.samples {
        let labels: Vec<String> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        table.row([Cell::text(&sample.name), Cell::text(labels.join(", ")), Cell::text(&sample.value)]);
    }
    let mut page = Page::default();
    page.lines(table.render(&session.terminal));
    for Rejected { line, reason } in &understood.rejected {
        page.line(format!("line {line} is refused: {reason}"));
    }
    page.line(format!("{} accepted, {} rejected", understood.accepted, understood.rejected.len()));
    page.text()
}
