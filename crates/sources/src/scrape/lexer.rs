//! One line of the Prometheus text format, version 0.0.4.
//!
//! The rules are those of <https://prometheus.io/docs/instrumenting/exposition_formats/>, read as the server itself reads
//! them where the page is silent: an unknown escape in a label value stands for itself, blanks and tabs may stand between
//! any two tokens, and what OpenMetrics adds behind a value (an exemplar) is skipped.

use std::borrow::Cow;
use std::fmt;

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// The longest label value that is read, in bytes. Names of services and operations are far shorter.
const LONGEST_VALUE: usize = 4 * 1024;

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub enum Line<'a> {
    /// Nothing to read: an empty line, a comment, a HELP text.
    Silent,
    /// `# EOF`, by which OpenMetrics says that nothing is missing.
    End,
    /// Something that only OpenMetrics has: a `# UNIT` line.
    Unit,
    /// `# TYPE name kind`.
    Type {
        /// The family's name.
        name: &'a str,
        /// What its samples are.
        kind: Kind,
    },
    /// A sample.
    Sample(Sample<'a>),
}

/// What a `# TYPE` line says. Everything that is not known is `Untyped`, as the format asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, except when its process starts anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bounds.
    Histogram,
    /// Percentiles that the process computed itself.
    Summary,
    /// Not said.
    Untyped,
}

impl Kind {
    /// The format's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }

    fn of(word: &str) -> Self {
        [Self::Counter, Self::Gauge, Self::Histogram, Self::Summary]
            .into_iter()
            .find(|kind| kind.word() == word)
            .unwrap_or(Self::Untyped)
    }
}

/// One sample line, with its label values unescaped.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name; may hold `:`.
    pub name: &'a str,
    /// Labels in the order of the line; no name occurs twice.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value; may be infinite or not a number.
    pub value: f64,
    /// The value as it is written.
    pub written: &'a str,
    /// The time behind it: milliseconds since 1970, in OpenMetrics seconds.
    pub time: Option<f64>,
}

impl Sample<'_> {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }
}

/// Why a line was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Not UTF-8.
    NotUtf8,
    /// Longer than is read.
    TooLong,
    /// The last line does not end with a line feed: it may be cut in the middle of its number.
    Unfinished,
    /// It does not begin with a metric's name.
    Name,
    /// The part in braces is not a list of labels.
    Labels,
    /// One label name stands twice.
    LabelTwice,
    /// The value is not a number.
    Value,
    /// Something that is no time stamp stands behind the value.
    Timestamp,
    /// A bucket of a histogram without its bound `le`.
    NoBound,
    /// A sample of a summary without its `quantile`.
    NoQuantile,
    /// The same series stands on an earlier line.
    Twice,
    /// A counter or a bucket that is negative or not a number.
    NoCount,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "it is not UTF-8",
            Self::TooLong => "it is too long",
            Self::Unfinished => "the last line does not end with a line feed",
            Self::Name => "it does not begin with the name of a metric",
            Self::Labels => "the part in braces is not a list of labels",
            Self::LabelTwice => "one label stands twice",
            Self::Value => "its value is not a number",
            Self::Timestamp => "what stands behind the value is not a time",
            Self::NoBound => "a bucket of a histogram has no bound `le`",
            Self::NoQuantile => "a sample of a summary has no `quantile`",
            Self::Twice => "the same series stands on an earlier line",
            Self::NoCount => "a counter is negative or not a number",
        })
    }
}

/// Reads one line, given without its line feed.
pub fn line(text: &str) -> Result<Line<'_>, Reason> {
    if text.len() > LONGEST_LINE {
        return Err(Reason::TooLong);
    }
    let text = text.trim_matches(is_blank);
    if text.is_empty() {
        return Ok(Line::Silent);
    }
    match text.strip_prefix('#') {
        Some(comment) => Ok(comment_line(comment)),
        None => sample(text).map(Line::Sample),
    }
}

/// A number as Go's `strconv.ParseFloat` spells it, in the forms that exporters use.
pub fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A carriage return counts as a blank, so that files with Windows line ends are read.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

/// A comment that is no valid TYPE line is a comment like any other.
fn comment_line(comment: &str) -> Line<'_> {
    let mut words = comment.split(is_blank).filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (Some("TYPE"), Some(name), Some(kind)) if name_length(name) == name.len() => {
            Line::Type { name, kind: Kind::of(kind) }
        }
        (Some("EOF"), None, None) => Line::End,
        (Some("UNIT"), Some(_), _) => Line::Unit,
        _ => Line::Silent,
    }
}

fn sample(text: &str) -> Result<Sample<'_>, Reason> {
    let length = name_length(text);
    if length == 0 {
        return Err(Reason::Name);
    }
    let (name, rest) = text.split_at(length);
    let rest = rest.trim_start_matches(is_blank);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split(is_blank).filter(|word| !word.is_empty());
    let written = words.next().ok_or(Reason::Value)?;
    let value = number(written).ok_or(Reason::Value)?;
    let mut behind = words.take_while(|word| !word.starts_with('#'));
    // For rates the time is not used: what counts is when the process was asked.
    let (time, more) = (behind.next().map(number), behind.next());
    match (time, more) {
        (None, None) => Ok(Sample { name, labels, value, written, time: None }),
        (Some(Some(time)), None) => Ok(Sample { name, labels, value, written, time: Some(time) }),
        _ => Err(Reason::Timestamp),
    }
}

/// How many bytes at the start are a metric's name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
fn name_length(text: &str) -> usize {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    match text.bytes().next() {
        Some(first) if inner(first) && !first.is_ascii_digit() => text.bytes().take_while(|byte| inner(*byte)).count(),
        _ => 0,
    }
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The labels behind an opening brace, and what follows the closing one.
fn labels(mut text: &str) -> Result<(Labels<'_>, &str), Reason> {
    let mut found = Labels::new();
    loop {
        text = text.trim_start_matches(is_blank);
        if let Some(rest) = text.strip_prefix('}') {
            return Ok((found, rest));
        }
        let (name, rest) = label_name(text)?;
        let (value, rest) = label_value(rest)?;
        if found.iter().any(|(known, _)| *known == name) {
            return Err(Reason::LabelTwice);
        }
        found.push((name, value));
        text = rest.trim_start_matches(is_blank);
        match text.strip_prefix(',') {
            Some(rest) => text = rest,
            None if text.starts_with('}') => {}
            None => return Err(Reason::Labels),
        }
    }
}

fn label_name(text: &str) -> Result<(&str, &str), Reason> {
    let (name, rest) = text.split_once('=').ok_or(Reason::Labels)?;
    let name = name.trim_end_matches(is_blank);
    if name.is_empty() || name.contains(':') || name_length(name) != name.len() {
        return Err(Reason::Labels);
    }
    Ok((name, rest))
}

/// A quoted value: `\\`, `\"` and `\n` are escapes, any other backslash stands for itself.
fn label_value(text: &str) -> Result<(Cow<'_, str>, &str), Reason> {
    let text = text.trim_start_matches(is_blank).strip_prefix('"').ok_or(Reason::Labels)?;
    let mut value = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let (plain, behind) = rest.split_at(rest.find(['"', '\\']).ok_or(Reason::Labels)?);
        if value.is_empty() {
            value = Cow::Borrowed(plain);
        } else {
            value.to_mut().push_str(plain);
        }
        let mut marks = behind.chars();
        let is_end = marks.next() == Some('"');
        if is_end {
            let is_short = value.len() <= LONGEST_VALUE;
            return if is_short { Ok((value, marks.as_str())) } else { Err(Reason::TooLong) };
        }
        match marks.next().ok_or(Reason::Labels)? {
            'n' => value.to_mut().push('\n'),
            escaped @ ('\\' | '"') => value.to_mut().push(escaped),
            other => value.to_mut().extend(['\\', other]),
        }
        rest = marks.as_str();
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the very numbers are expected")]
mod tests {
    use super::*;

    fn read(text: &str) -> Sample<'_> {
        match line(text) {
            Ok(Line::Sample(sample)) => sample,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn plain_samples_of_the_formats_own_page_are_read() {
        let sample = read(r#"http_requests_total{method="post",code="200"} 1027 1395066363000"#);
        assert_eq!((sample.name, sample.value), ("http_requests_total", 1027.0));
        assert_eq!((sample.label("method"), sample.label("code")), (Some("post"), Some("200")));
        assert_eq!(read("metric_without_timestamp_and_labels 12.47").value, 12.47);
        assert_eq!(read(r#"something_weird{problem="division by zero"} +Inf -3982045"#).value, f64::INFINITY);
        let escaped = read(
            r#"msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9"#,
        );
        assert_eq!(escaped.label("path"), Some(r"C:\DIR\FILE.TXT"));
        assert_eq!(escaped.label("error"), Some("Cannot find file:\n\"FILE.TXT\""));
    }

    #[test]
    fn characters_that_mean_something_elsewhere_are_kept_in_values() {
        let sample = read(r#"job:rate:sum{a="{x}",b="1,2=3",c="",d="\d",e="ß→",} 1"#);
        assert_eq!(sample.name, "job:rate:sum");
        let values: Vec<&str> = sample.labels.iter().map(|(_, value)| &**value).collect();
        assert_eq!(values, ["{x}", "1,2=3", "", r"\d", "ß→"]);
    }

    #[test]
    fn blanks_may_stand_between_any_two_tokens() {
        let sample = read("  a_b  {  c = \"d\" , e\t=\"f\" }  NaN  17  \r");
        assert_eq!((sample.name, sample.labels.len()), ("a_b", 2));
        assert!(sample.value.is_nan());
        assert_eq!(read("envoy_server_live{} 1").labels.len(), 0);
    }

    #[test]
    fn an_exemplar_is_skipped() {
        assert_eq!(read(r#"a_bucket{le="1"} 3 # {trace_id="x"} 0.6"#).value, 3.0);
        assert_eq!(read(r#"a_bucket{le="1"} 3 1395066363.123 # {trace_id="x"} 0.6"#).value, 3.0);
    }

    #[test]
    fn types_and_comments_are_told_apart() {
        assert_eq!(line("# TYPE a:b histogram"), Ok(Line::Type { name: "a:b", kind: Kind::Histogram }));
        assert_eq!(line("#\tTYPE  a  unknown "), Ok(Line::Type { name: "a", kind: Kind::Untyped }));
        for silent in ["", "   ", "# TYPE", "# TYPE 9a counter", "# HELP a b{c=\"", "# anything"] {
            assert_eq!(line(silent), Ok(Line::Silent), "{silent}");
        }
    }

    #[test]
    fn each_broken_line_says_what_is_wrong_with_it() {
        let long = format!("a{{b=\"{}\"}} 1", "x".repeat(LONGEST_VALUE + 1));
        let longer = "x".repeat(LONGEST_LINE + 1);
        for (text, reason) in [
            ("9a 1", Reason::Name),
            ("{\"a.b\"} 1", Reason::Name),
            ("<html>", Reason::Name),
            ("a", Reason::Value),
            ("a b", Reason::Value),
            ("a=1", Reason::Value),
            ("a{b=\"c\"}", Reason::Value),
            ("a 1 x", Reason::Timestamp),
            ("a 1 2 3", Reason::Timestamp),
            ("a{b=c} 1", Reason::Labels),
            ("a{b=\"c\" 1", Reason::Labels),
            ("a{b=\"c} 1", Reason::Labels),
            ("a{b=\"c\\", Reason::Labels),
            ("a{b=\"c\"d=\"e\"} 1", Reason::Labels),
            ("a{=\"c\"} 1", Reason::Labels),
            ("a{b:c=\"d\"} 1", Reason::Labels),
            ("a{b=\"c\",b=\"d\"} 1", Reason::LabelTwice),
            (long.as_str(), Reason::TooLong),
            (longer.as_str(), Reason::TooLong),
        ] {
            assert_eq!(line(text), Err(reason), "{text}");
        }
    }
}
