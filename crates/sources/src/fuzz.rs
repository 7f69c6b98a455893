//! What is fed with any bytes: by libFuzzer (`make fuzz`), and by an ordinary test with the bytes that are kept in
//! `fuzz/corpus`. Each function reads them as the product does and panics where the result breaks a promise.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{CallsBasis, CallsFact, Fact, How, Observation, Origin, Party, ServedFact, Signals};
use jiff::Timestamp;

use crate::hystrix;
use crate::scrape;
use crate::scrape::dialect::{Dialect, Dialects, Listed, Place};
use crate::scrape::dump::understand;
use crate::scrape::exposition::Listing;

/// Stands between the two answers of one process; without it, the process answered the same twice.
const NEXT_ANSWER: &[u8] = b"\n# NEXT ANSWER\n";
const APART: Duration = Duration::from_secs(15);

/// Takes any bytes; what it panics at is a defect.
pub type Target = fn(&[u8]);

/// The targets by name.
pub const TARGETS: [(&str, Target); 3] = [("metrics", metrics), ("events", events), ("dialect", dialect)];

/// Answers in the text format, up to the facts: every line is read or refused, and no number is one that nothing can measure.
pub fn metrics(bytes: &[u8]) {
    let listing = Listing::of(bytes, false);
    assert!(listing.samples.len() + listing.refused.len() <= listing.lines, "a line came out twice");
    understood(bytes, &Dialects::built_in());
}

/// A stream of server-sent events, as Hystrix and Turbine write them: how it is cut into parts makes no difference.
pub fn events(bytes: &[u8]) {
    let whole = hystrix::read_parts(&[bytes]);
    let size = usize::from(bytes.first().copied().unwrap_or_default()) + 1;
    let parts: Vec<&[u8]> = bytes.chunks(size).collect();
    assert_eq!(hystrix::read_parts(&parts), whole, "in parts of {size} it is another stream");
    let Ok(target) = scrape::Target::named("hystrix", "127.0.0.1:1", "/hystrix.stream") else { return };
    let origin = Arc::new(Origin { query: Arc::from(target.request()), how: How::Pushed });
    for command in whole.iter().flatten() {
        sound(&hystrix::map::observation(&target, command, &origin, Timestamp::UNIX_EPOCH));
        sound(&hystrix::map::calls(&target, command, &origin, Timestamp::UNIX_EPOCH));
    }
}

/// A dialect's file: one that is none says where, and one that is reads any metrics.
pub fn dialect(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Dialect::parse("fuzzed.toml", text) {
        Ok(dialect) => {
            let body = example(&dialect);
            let place = Place::BuiltIn("fuzzed.toml");
            let listed = Listed { dialect: Arc::new(dialect), place };
            understood(body.as_bytes(), &Dialects::new(vec![listed], Vec::new()));
        }
        Err(error) => assert!(error.line > 0 && error.column > 0 && !error.what.is_empty(), "{error:?}"),
    }
}

fn understood(bytes: &[u8], dialects: &Dialects) {
    let split = bytes.windows(NEXT_ANSWER.len()).position(|window| window == NEXT_ANSWER);
    let (first, second) = match split {
        Some(at) => (bytes.get(..=at), bytes.get(at + NEXT_ANSWER.len()..)),
        None => (Some(bytes), Some(bytes)),
    };
    let answers = [first.unwrap_or_default(), second.unwrap_or_default()];
    let process = Party::Address { host: Arc::from("127.0.0.1"), port: 1 };
    let tried = understand(dialects, &process, &answers, APART);
    let tally = tried.last.tally;
    assert_eq!(tally.fed, tally.got + tally.rejected, "lines were lost or came twice");
    tried.observations.iter().for_each(sound);
}

/// A line for each series that a dialect reads.
fn example(dialect: &Dialect) -> String {
    let mut body = String::new();
    for series in dialect.series().iter().map(|(series, _)| series.any_name()) {
        for line in [format!("{series} 3\n"), format!("{series}_bucket{{le=\"1\"}} 3\n")] {
            body.push_str(&line);
        }
    }
    body
}

/// Numbers are such as can be measured.
fn sound(observation: &Observation) {
    match &observation.fact {
        Fact::Calls(CallsFact { basis: CallsBasis::Observed(signals), .. })
        | Fact::Served(ServedFact { signals, .. }) => {
            let Signals { rps, error_ratio, .. } = signals;
            assert!(rps.is_none_or(|rps| rps.is_finite() && rps >= 0.0), "{observation:?}");
            assert!(error_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)), "{observation:?}");
        }
        Fact::Breaker(breaker) => {
            assert!(breaker.rejected_per_s.is_none_or(|rps| rps.is_finite() && rps >= 0.0), "{observation:?}");
        }
        _ => {}
    }
}
