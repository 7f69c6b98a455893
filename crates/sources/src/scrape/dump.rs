//! What saved answers of one process mean to some dialects: for trying a dialect without the process. Pure.

use std::time::Duration;

use binnacle_model::fact::{Observation, Party};
use jiff::Timestamp;

use super::dialect::Dialects;
use super::exposition::{Exposition, Interest, Sample, Value};
use super::map::{Scraped, Shown, exact};
use super::rate::Window;

/// What came out.
#[derive(Debug)]
pub struct Tried {
    /// The last of the answers, with what was refused of it.
    pub last: Exposition,
    /// The facts, with every digit.
    pub observations: Vec<Observation>,
}

/// Whether a sample's growth is what counts.
pub(super) fn is_counter(dialects: &Dialects, sample: &Sample) -> bool {
    matches!(sample.value, Value::Histogram(_)) || dialects.interest(&sample.name) == Some(Interest::Count)
}

/// Reads the answers of one process, each this long after the one before. One alone shows what there is, and no rate.
pub fn understand(dialects: &Dialects, process: &Party, answers: &[&[u8]], apart: Duration) -> Tried {
    let span = apart * u32::try_from(answers.len()).unwrap_or(u32::MAX);
    let mut window = Window::new(span);
    let mut last = Exposition::default();
    for (position, answer) in (1_u32..).zip(answers) {
        last = Exposition::read(answer, |name| dialects.interest(name));
        let counters = last.samples.iter().filter(|sample| is_counter(dialects, sample));
        window.push(apart * position, None, counters.cloned());
    }
    let scraped = Scraped { query: "the dump", seen: Timestamp::UNIX_EPOCH, window: &window, latest: &last.samples };
    let shown = Shown { process: Some(process), name: "process", readings: &scraped };
    let observations = exact(&shown, dialects);
    Tried { last, observations }
}
