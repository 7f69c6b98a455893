//! The fixtures of the dialects, and what their processes would show a while later.

use std::path::{Path, PathBuf};

use binnacle_sources::scrape::dialect::Dialects;
use binnacle_sources::scrape::exposition::Interest;
use binnacle_sources::scrape::lexer::{Line, line};

/// Every fixture by its name, without the ending.
pub(crate) fn fixtures() -> Vec<(String, String)> {
    // The scenarios have this file as well.
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|above| above.join("crates/sources").is_dir());
    let folder = sources.unwrap().join("crates/sources/src/scrape/fixtures/dialects");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    let mut fixtures: Vec<(String, String)> = files.map(read).collect();
    fixtures.sort();
    fixtures
}

/// The same answer after everything that only grows has grown by this share of itself, each sample with the time behind it.
pub(crate) fn grown(text: &str, dialects: &Dialects, share: f64, at_ms: Option<i64>) -> String {
    let later = |text: &str| match line(text) {
        Ok(Line::Sample(sample)) => {
            let start = text.strip_suffix(sample.written).unwrap();
            let counts = |name: &str| dialects.interest(name) == Some(Interest::Count);
            // Count and sum of a histogram grow with its buckets, also where nobody reads them.
            let family = ["_count", "_sum"].into_iter().find_map(|part| sample.name.strip_suffix(part));
            let grows = counts(sample.name) || family.is_some_and(|family| counts(&format!("{family}_bucket")));
            let value = if grows { sample.value * (1.0 + share) } else { sample.value };
            let time = at_ms.map(|at| format!(" {at}")).unwrap_or_default();
            format!("{start}{value}{time}\n")
        }
        _ => format!("{text}\n"),
    };
    text.lines().map(later).collect()
}
