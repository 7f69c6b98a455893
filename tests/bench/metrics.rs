//! 100,000 samples of text, read up to the edges, beside `prometheus-parse` alone on the same text. One core.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::fact::Party;
use binnacle_sources::scrape::dialect::Dialects;
use binnacle_sources::scrape::dump::understand;

use crate::Outcome;
use crate::sample::{Sample, row};

const SAMPLES: usize = 100_000;
/// Runs of each side, in turns.
const RUNS: usize = 15;
/// The bounds that most client libraries begin with.
const BOUNDS: [&str; 12] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];

pub(crate) fn measure() -> Outcome<()> {
    let text = text();
    let process = Party::Address { host: Arc::from("127.0.0.1"), port: 1 };
    let dialects = Dialects::built_in();
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..RUNS {
        let started = Instant::now();
        let understood = understand(&dialects, &process, &[text.as_bytes()], Duration::from_secs(15));
        ours.add(started.elapsed());
        if understood.last.tally.got != SAMPLES || (understood.observations.len() + 1) * (BOUNDS.len() + 1) < SAMPLES {
            return Err(format!("not whole: {:?}", understood.last.tally).into());
        }
        let started = Instant::now();
        let parsed = prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned())))?;
        theirs.add(started.elapsed());
        drop(parsed);
    }
    row("100,000 samples of text → edges, beside `prometheus-parse` alone", &ours, &theirs, "–");
    #[allow(clippy::cast_precision_loss, reason = "some megabytes")]
    let speed = |sample: &Sample| text.len() as f64 / 1e3 / sample.quantile_ms(0.5);
    println!("| the same, of one core, p50 | {:.0} MB/s | {:.0} MB/s | – | – |", speed(&ours), speed(&theirs));
    Ok(())
}

/// Calls of one process to many others as client libraries count them: a counter and a histogram each.
fn text() -> String {
    let mut text = "# TYPE http_client_request_duration_seconds histogram\n".to_owned();
    let mut samples = 0;
    for callee in 0.. {
        let labels = format!("service=\"callee-{callee:04}\",method=\"GET\",code=\"200\"");
        for (less, bound) in BOUNDS.iter().enumerate() {
            if samples == SAMPLES {
                return text;
            }
            // Writing to a string does not fail.
            let _ =
                writeln!(text, "http_client_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {}", less * 7);
            samples += 1;
        }
        if samples < SAMPLES {
            let _ = writeln!(text, "http_client_request_duration_seconds_count{{{labels}}} 77");
            samples += 1;
        }
    }
    text
}
