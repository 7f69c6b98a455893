//! The form in which lines are handed to `prometheus-parse`.
//!
//! That crate splits labels at every `,` and `=`, ends them at the first `}`, takes quotes off both ends of a value, and
//! knows no `:` in names; so what could mislead it is written in other characters, and put back afterwards. Both ways are
//! exact: different names and values stay different, which keeps distinct histograms apart.

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::lexer::{Kind, Sample};

/// Stands for `:` in names. A letter for the crate's `\w`, and outside of what a name of this format may hold.
const COLON: char = '\u{2d0}';

/// What stays as it is in label values. Bounds and quantiles (`+Inf`, `1e-05`) are read by the crate itself.
const CHANGED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'+').remove(b'-').remove(b'/').remove(b':');

/// A sample, as one line.
pub(super) fn sample_line(sample: &Sample<'_>) -> String {
    let mut line = name(sample.name).into_owned();
    for (position, (label, value)) in sample.labels.iter().enumerate() {
        line.push(if position == 0 { '{' } else { ',' });
        // Writing to a string cannot fail.
        let _ = write!(line, "{label}=\"{}\"", utf8_percent_encode(value, CHANGED));
    }
    if !sample.labels.is_empty() {
        line.push('}');
    }
    let _ = write!(line, " {}", sample.value);
    line
}

/// What tells one series from another, whatever the order of its labels; a label without a value is none.
pub(super) fn series(sample: &Sample<'_>) -> String {
    let mut labels: Vec<&(&str, String)> = sample.labels.iter().filter(|(_, value)| !value.is_empty()).collect();
    labels.sort();
    let mut series = name(sample.name).into_owned();
    for (label, value) in labels {
        // Writing to a string cannot fail.
        let _ = write!(series, ",{label}={}", utf8_percent_encode(value, CHANGED));
    }
    series
}

/// A `# TYPE` line.
pub(super) fn type_line(family: &str, kind: Kind) -> String {
    format!("# TYPE {} {}", name(family), kind.word())
}

/// A name as the format has it.
pub(super) fn original_name(canonical: &str) -> String {
    canonical.replace(COLON, ":")
}

/// A label value as it was.
pub(super) fn original_value(canonical: &str) -> Cow<'_, str> {
    percent_decode_str(canonical).decode_utf8_lossy()
}

fn name(original: &str) -> Cow<'_, str> {
    if original.contains(':') {
        Cow::Owned(original.replace(':', COLON.encode_utf8(&mut [0; 4])))
    } else {
        Cow::Borrowed(original)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_and_values_come_back_as_they_were(original in "[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", value in ".{0,24}") {
            prop_assert_eq!(original_name(&name(&original)), original);
            let written = utf8_percent_encode(&value, CHANGED).to_string();
            let misleading = written.contains(['{', '}', ',', '=', '"', '\n', ' ']);
            prop_assert!(!misleading);
            prop_assert_eq!(original_value(&written), value);
        }
    }
}
