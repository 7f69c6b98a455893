//! A whole answer in the text format: the lexer reads each line, here each is found good or refused, and the buckets of a
//! histogram become one series.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::lexer::{self, Kind, Line, Reason};

/// How many refused lines are kept word for word.
const REFUSED_KEPT: usize = 3;
/// The label of a bucket's upper bound.
const BOUND: &str = "le";
/// How the name of a histogram's buckets ends.
const BUCKETS: &str = "_bucket";

/// What a metric is of interest for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// How much it grows: it must be a count.
    Count,
    /// Its value, whatever that is.
    Value,
}

/// The labels of a series.
pub type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// One bucket of a histogram: how many observations were at most `bound`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The upper bound, in the metric's own unit; infinite for the last one.
    pub bound: f64,
    /// Observations up to it, all smaller buckets included.
    pub count: f64,
}

/// A value at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A counter, a gauge, or something without a type.
    Number(f64),
    /// A histogram's buckets by bound.
    Histogram(Vec<Bucket>),
}

/// One series at one moment. A histogram is one series, under its family's name.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: Arc<str>,
    /// Its labels, without `le` and without those that are empty: the format makes no difference between these and none.
    pub labels: Labels,
    /// Its value.
    pub value: Value,
}

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    pub reason: Reason,
}

/// Where the lines went. Nothing is lost in silence: `fed == got + rejected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that should be samples, of metrics that anybody asked for.
    pub fed: usize,
    /// Samples that were taken; each bucket is one.
    pub got: usize,
    /// Lines that were refused.
    pub rejected: usize,
    /// Lines of metrics that nobody asked for.
    pub passed_over: usize,
}

/// What an answer holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// The samples, of the metrics that were asked for.
    pub samples: Vec<Sample>,
    /// Where the lines went.
    pub tally: Tally,
    /// The first lines that were refused.
    pub refused: Vec<Refused>,
    /// Whether it is OpenMetrics whose end is missing: it was cut on the way.
    pub cut: bool,
}

impl Exposition {
    /// Reads an answer. `wanted` says by the name on the line whether a metric is of interest; the buckets of a histogram `x`
    /// are asked for as `x_bucket`.
    pub fn read(body: &[u8], wanted: impl Fn(&str) -> Option<Interest>) -> Self {
        let mut sieve = Sieve::new(wanted);
        let mut assembly = Assembly::default();
        for (number, line, finished) in lines(body) {
            if let Some((sample, kind)) = sieve.take(number, line, finished) {
                assembly.add(&sample, kind);
            }
        }
        let Sieve { tally, refused, is_open_metrics, ended, .. } = sieve;
        Self { samples: assembly.samples(), tally, refused, cut: is_open_metrics && !ended }
    }

    /// The same of an answer that says of itself that it is OpenMetrics, which has to end with `# EOF`.
    #[must_use]
    pub fn of_open_metrics(self, body: &[u8]) -> Self {
        let is_end = |line: &[u8]| line.trim_ascii() == b"# EOF";
        Self { cut: !lines(body).any(|(_, line, _)| is_end(line)), ..self }
    }
}

/// A body line by line, as it is written.
#[derive(Clone, Debug, Default)]
pub struct Listing<'a> {
    /// The lines that are samples.
    pub samples: Vec<lexer::Sample<'a>>,
    /// Every line that was refused.
    pub refused: Vec<Refused>,
    /// How many lines there are.
    pub lines: usize,
    /// Whether it is OpenMetrics, in which times are seconds.
    pub is_open_metrics: bool,
    /// Whether it is OpenMetrics whose end is missing.
    pub cut: bool,
}

impl<'a> Listing<'a> {
    /// Lists everything that stands in a body. `is_open_metrics` is what the body says of itself elsewhere; its own marks count
    /// as well.
    pub fn of(body: &'a [u8], is_open_metrics: bool) -> Self {
        let mut sieve = Sieve { refused_kept: usize::MAX, is_open_metrics, ..Sieve::new(|_| Some(Interest::Value)) };
        let samples = lines(body).filter_map(|(number, line, finished)| sieve.take(number, line, finished));
        let samples = samples.map(|(sample, _)| sample).collect();
        let is_open_metrics = sieve.is_open_metrics || sieve.ended;
        let count = lines(body).count();
        Self { samples, refused: sieve.refused, lines: count, is_open_metrics, cut: is_open_metrics && !sieve.ended }
    }
}

/// The lines of a body with their numbers from 1, and whether each ends with a line feed.
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8], bool)> {
    let numbered = body.split_inclusive(|byte| *byte == b'\n').enumerate();
    numbered.map(|(position, line)| match line.strip_suffix(b"\n") {
        Some(line) => (position + 1, line, true),
        None => (position + 1, line, false),
    })
}

/// Lets the good lines through, each series once.
struct Sieve<W> {
    wanted: W,
    /// What a line with this name is. Histograms stand under the name of their buckets.
    kinds: HashMap<String, Kind>,
    /// The series of the lines that were let through, see [`write_series`].
    seen: HashSet<Box<[u8]>>,
    /// The series of the line at hand.
    series: Vec<u8>,
    tally: Tally,
    refused: Vec<Refused>,
    is_open_metrics: bool,
    ended: bool,
    /// How many refused lines are kept word for word.
    refused_kept: usize,
}

impl<W: Fn(&str) -> Option<Interest>> Sieve<W> {
    fn new(wanted: W) -> Self {
        Self {
            wanted,
            kinds: HashMap::new(),
            seen: HashSet::new(),
            series: Vec::new(),
            tally: Tally::default(),
            refused: Vec::new(),
            is_open_metrics: false,
            ended: false,
            refused_kept: REFUSED_KEPT,
        }
    }

    /// The sample on a line and what it is, where one is wanted and sound.
    fn take<'a>(&mut self, number: usize, line: &'a [u8], finished: bool) -> Option<(lexer::Sample<'a>, Kind)> {
        let read = std::str::from_utf8(line).map_err(|_| Reason::NotUtf8).and_then(lexer::line);
        match read {
            Ok(Line::Silent) => {}
            Ok(Line::End) => self.ended = true,
            Ok(Line::Unit) => self.is_open_metrics = true,
            Ok(Line::Type { name, kind }) => self.typed(name, kind),
            Ok(Line::Sample(sample)) => match (self.wanted)(sample.name) {
                None => self.tally.passed_over += 1,
                Some(interest) => {
                    self.tally.fed += 1;
                    let sound = if finished { self.sound(&sample, interest) } else { Err(Reason::Unfinished) };
                    match sound {
                        Ok(kind) => {
                            self.tally.got += 1;
                            return Some((sample, kind));
                        }
                        Err(reason) => self.refuse(number, reason),
                    }
                }
            },
            Err(reason) => {
                self.tally.fed += 1;
                self.refuse(number, reason);
            }
        }
        None
    }

    fn typed(&mut self, name: &str, kind: Kind) {
        let key = if kind == Kind::Histogram { format!("{name}{BUCKETS}") } else { name.to_owned() };
        if (self.wanted)(&key).is_some() {
            self.kinds.insert(key, kind);
        }
    }

    /// Buckets and quantiles without their label mean nothing, and of two lines for one series nobody knows which is right.
    fn sound(&mut self, sample: &lexer::Sample<'_>, interest: Interest) -> Result<Kind, Reason> {
        let has = |label| sample.label(label).and_then(lexer::number).is_some();
        // OpenMetrics types a counter without the ending that its samples have.
        let family = sample.name.strip_suffix("_total").unwrap_or(sample.name);
        let typed =
            self.kinds.get(sample.name).or_else(|| self.kinds.get(family).filter(|kind| **kind == Kind::Counter));
        let kind = match (typed.copied(), sample.name.strip_suffix(BUCKETS)) {
            // The TYPE line may be missing; by its name and its bound it is a histogram all the same.
            (None, Some(family)) if has(BOUND) => {
                self.typed(family, Kind::Histogram);
                Kind::Histogram
            }
            (kind, _) => kind.unwrap_or(Kind::Untyped),
        };
        let counts = kind == Kind::Histogram || kind == Kind::Counter || interest == Interest::Count;
        match kind {
            Kind::Histogram if !has(BOUND) => return Err(Reason::NoBound),
            Kind::Summary if !has("quantile") => return Err(Reason::NoQuantile),
            // A counter may be infinite by its type; as a count it is of no use, and is left out where rates are taken.
            _ if counts && (sample.value.is_nan() || sample.value < 0.0) => return Err(Reason::NoCount),
            _ => {}
        }
        write_series(sample, None, &mut self.series);
        if self.seen.contains(self.series.as_slice()) {
            return Err(Reason::Twice);
        }
        self.seen.insert(Box::from(self.series.as_slice()));
        Ok(kind)
    }

    fn refuse(&mut self, line: usize, reason: Reason) {
        self.tally.rejected += 1;
        if self.refused.len() < self.refused_kept {
            self.refused.push(Refused { line, reason });
        }
    }
}

/// What tells one series from another, whatever the order of its labels. No byte of UTF-8 is 255 or 254, so nothing in a name or
/// a value is taken for the border of another.
fn write_series(sample: &lexer::Sample<'_>, without: Option<&str>, series: &mut Vec<u8>) {
    let mut labels: Vec<_> = filled(sample, without).collect();
    labels.sort_unstable_by_key(|(label, _)| *label);
    series.clear();
    series.extend(sample.name.bytes());
    for (label, value) in labels {
        series.push(u8::MAX);
        series.extend(label.bytes());
        series.push(u8::MAX - 1);
        series.extend(value.bytes());
    }
}

/// The labels that say something, but for one.
fn filled<'a>(
    sample: &'a lexer::Sample<'a>,
    without: Option<&'a str>,
) -> impl Iterator<Item = &'a (&'a str, Cow<'a, str>)> {
    sample.labels.iter().filter(move |(label, value)| !value.is_empty() && Some(*label) != without)
}

/// Samples as they come together.
#[derive(Default)]
struct Assembly {
    samples: Vec<Sample>,
    /// Where the series of each histogram stands in `samples`.
    histograms: HashMap<Box<[u8]>, usize>,
    /// The series of the bucket at hand.
    series: Vec<u8>,
    /// Names and values recur in many series.
    words: HashSet<Arc<str>>,
}

impl Assembly {
    fn add(&mut self, sample: &lexer::Sample<'_>, kind: Kind) {
        let bound = if kind == Kind::Histogram { sample.label(BOUND).and_then(lexer::number) } else { None };
        let Some(bound) = bound else {
            let labels = self.labels(sample, None);
            let name = self.word(sample.name);
            self.samples.push(Sample { name, labels, value: Value::Number(sample.value) });
            return;
        };
        let bucket = Bucket { bound, count: sample.value };
        write_series(sample, Some(BOUND), &mut self.series);
        let known = self.histograms.get(self.series.as_slice()).and_then(|at| self.samples.get_mut(*at));
        if let Some(Sample { value: Value::Histogram(buckets), .. }) = known {
            buckets.push(bucket);
            return;
        }
        self.histograms.insert(Box::from(self.series.as_slice()), self.samples.len());
        let labels = self.labels(sample, Some(BOUND));
        let name = self.word(sample.name.strip_suffix(BUCKETS).unwrap_or(sample.name));
        self.samples.push(Sample { name, labels, value: Value::Histogram(vec![bucket]) });
    }

    fn labels(&mut self, sample: &lexer::Sample<'_>, without: Option<&str>) -> Labels {
        filled(sample, without).map(|(label, value)| (self.word(label), self.word(value))).collect()
    }

    fn word(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(word);
        self.words.insert(new.clone());
        new
    }

    /// The samples in the order of their names and labels, with buckets in the order of their bounds.
    fn samples(self) -> Vec<Sample> {
        let mut samples = self.samples;
        for sample in &mut samples {
            if let Value::Histogram(buckets) = &mut sample.value {
                buckets.sort_by(|one, other| one.bound.total_cmp(&other.bound));
            }
        }
        samples.sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
        samples
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Exposition {
        Exposition::read(text.as_bytes(), |_| Some(Interest::Value))
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
    }

    #[test]
    fn series_that_differ_little_are_kept_apart() {
        let read = read(concat!(
            "# TYPE a:b counter\n",
            "a:b{x=\"{1}\",y=\"a,b=c\"} 1\n",
            "a:b{x=\"\\\"q\\\"\"} 2\n",
            "a:b{x=\"q\"} 3\n",
            "# TYPE t histogram\n",
            "t_bucket{p=\"a,le=1\",le=\"0.5\"} 1\n",
            "t_bucket{p=\"a,le=1\",le=\"+Inf\"} 2\n",
            "t_bucket{p=\"a\",le=\"0.5\"} 7\n",
            "t_bucket{p=\"a\",le=\"+Inf\"} 8\n",
            "t_count{p=\"a\"} 8\n",
        ));
        assert_eq!(read.tally, Tally { fed: 8, got: 8, rejected: 0, passed_over: 0 });
        let of = |name: &str, pairs: &[(&str, &str)]| {
            let found = read.samples.iter().find(|one| &*one.name == name && one.labels == labels(pairs));
            found.map(|sample| sample.value.clone())
        };
        assert_eq!(of("a:b", &[("x", "{1}"), ("y", "a,b=c")]), Some(Value::Number(1.0)));
        assert_eq!(of("a:b", &[("x", "\"q\"")]), Some(Value::Number(2.0)));
        assert_eq!(of("a:b", &[("x", "q")]), Some(Value::Number(3.0)));
        let bucket = |bound, count| Bucket { bound, count };
        let infinity = f64::INFINITY;
        assert_eq!(of("t", &[("p", "a,le=1")]), Some(Value::Histogram(vec![bucket(0.5, 1.0), bucket(infinity, 2.0)])));
        assert_eq!(of("t", &[("p", "a")]), Some(Value::Histogram(vec![bucket(0.5, 7.0), bucket(infinity, 8.0)])));
    }

    #[test]
    fn refused_lines_are_counted_and_named_and_the_rest_is_read() {
        let read = Exposition::read(
            b"good 1\nbad{ 1\n\xff\xfe 1\n# TYPE h histogram\nh_bucket{x=\"y\"} 1\n# TYPE s summary\ns{x=\"y\"} 1\ngood{a=\"b\"} 2\ncut 12",
            |_| Some(Interest::Value),
        );
        assert_eq!(read.tally, Tally { fed: 7, got: 2, rejected: 5, passed_over: 0 });
        let lines: Vec<(usize, Reason)> = read.refused.iter().map(|refused| (refused.line, refused.reason)).collect();
        assert_eq!(lines, [(2, Reason::Labels), (3, Reason::NotUtf8), (5, Reason::NoBound)]);
        assert_eq!(read.samples.len(), 2);
    }

    fn refused(text: &str, interest: Interest) -> Vec<(usize, Reason)> {
        let read = Exposition::read(text.as_bytes(), |_| Some(interest));
        assert_eq!(read.tally.fed, read.tally.got + read.tally.rejected);
        read.refused.iter().map(|refused| (refused.line, refused.reason)).collect()
    }

    #[test]
    fn of_two_lines_for_one_series_the_first_stands() {
        let text = "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\na{x=\"1\",y=\"2\",z=\"\"} 3\na{x=\"1\"} 4\n";
        assert_eq!(refused(text, Interest::Value), [(2, Reason::Twice), (3, Reason::Twice)]);
    }

    #[test]
    fn a_counter_is_no_negative_number_and_no_other_thing() {
        let counters = "# TYPE c counter\nc 1\nc{a=\"1\"} -1\nc{a=\"2\"} NaN\nc{a=\"3\"} +Inf\n";
        assert_eq!(refused(counters, Interest::Value), [(3, Reason::NoCount), (4, Reason::NoCount)]);
        // OpenMetrics leaves the ending out where it says the type.
        assert_eq!(refused("# TYPE c counter\nc_total -1\n", Interest::Value), [(2, Reason::NoCount)]);
        // Nobody says what it is, and a dialect counts it.
        assert_eq!(refused("c -1\n", Interest::Count), [(1, Reason::NoCount)]);
        assert_eq!(refused("g -1\n", Interest::Value), []);
    }

    #[test]
    fn buckets_without_a_type_are_a_histogram_and_quantiles_are_numbers() {
        let read =
            read("h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 4\n# TYPE s summary\ns{quantile=\"0.5\"} 7\ns_count 9\n");
        assert_eq!(read.tally, Tally { fed: 4, got: 4, rejected: 0, passed_over: 0 });
        let names: Vec<(&str, bool)> =
            read.samples.iter().map(|one| (&*one.name, matches!(one.value, Value::Histogram(_)))).collect();
        assert_eq!(names, [("h", true), ("s", false), ("s_count", false)]);
    }

    #[test]
    fn an_end_that_is_missing_is_told_where_there_has_to_be_one() {
        assert!(!read("a 1\n").cut && !read("# UNIT a bytes\na 1\n# EOF\n").cut);
        assert!(read("# UNIT a bytes\na 1\n").cut);
        assert!(
            read("a 1\n").of_open_metrics(b"a 1\n").cut && !read("a 1\n# EOF\n").of_open_metrics(b"a 1\n# EOF\n").cut
        );
    }

    #[test]
    fn metrics_that_nobody_asked_for_are_passed_over() {
        let text = "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 3\nb 1\n";
        let read = Exposition::read(text.as_bytes(), |name| (name == "a_bucket").then_some(Interest::Count));
        assert_eq!(read.tally, Tally { fed: 1, got: 1, rejected: 0, passed_over: 2 });
        assert!(matches!(read.samples.as_slice(), [Sample { value: Value::Histogram(_), .. }]));
    }

    fn theirs_as_ours(sample: &prometheus_parse::Sample) -> Sample {
        let value = match &sample.value {
            prometheus_parse::Value::Gauge(value) => Value::Number(*value),
            prometheus_parse::Value::Histogram(buckets) => {
                let bucket = |one: &prometheus_parse::HistogramCount| Bucket { bound: one.less_than, count: one.count };
                let mut buckets: Vec<Bucket> = buckets.iter().map(bucket).collect();
                buckets.sort_by(|one, other| one.bound.total_cmp(&other.bound));
                Value::Histogram(buckets)
            }
            other => panic!("{other:?}"),
        };
        let pairs = sample.labels.iter().map(|(label, value)| (Arc::from(label.as_str()), Arc::from(value.as_str())));
        Sample { name: Arc::from(sample.metric.as_str()), labels: pairs.collect(), value }
    }

    /// Lines that look like the format, with everything that may go wrong in it.
    fn any_line() -> impl Strategy<Value = String> {
        let name = "[a-c:_]{1,3}(_bucket|_total)?";
        let value = r#"[a-z{},="\\ \n→]{0,8}"#
            .prop_map(|raw| raw.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
        let label = ("[a-z]{1,2}|le|quantile", prop_oneof![value, Just("+Inf".to_owned()), Just("0.5".to_owned())]);
        let labels = proptest::collection::vec(label, 0..4);
        let number = prop_oneof![Just("1"), Just("NaN"), Just("+Inf"), Just("-2.5e-3"), Just("x")];
        let sample = (name, labels, number, any::<bool>()).prop_map(|(name, labels, number, braces)| {
            let list: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            if braces || !list.is_empty() {
                format!("{name}{{{}}} {number}", list.join(","))
            } else {
                format!("{name} {number}")
            }
        });
        let kind = prop_oneof![Just("counter"), Just("gauge"), Just("histogram"), Just("summary"), Just("untyped")];
        let typed = (name, kind).prop_map(|(name, kind)| format!("# TYPE {name} {kind}"));
        prop_oneof![6 => sample, 2 => typed, 1 => ".{0,12}"]
    }

    proptest! {
        #[test]
        fn every_line_is_read_or_refused(lines in proptest::collection::vec(any_line(), 0..30), ends in any::<bool>()) {
            let mut text = lines.join("\n");
            if ends {
                text.push('\n');
            }
            let read = read(&text);
            prop_assert_eq!(read.tally.fed, read.tally.got + read.tally.rejected);
        }

        #[test]
        fn a_listing_has_every_line_once(lines in proptest::collection::vec(any_line(), 0..30)) {
            let text = lines.join("\n") + "\n";
            let listing = Listing::of(text.as_bytes(), false);
            let silent = text.lines().filter(|line| matches!(lexer::line(line), Ok(Line::Silent | Line::Type { .. } | Line::End | Line::Unit)));
            prop_assert_eq!(listing.samples.len() + listing.refused.len() + silent.count(), text.lines().count());
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let read = Exposition::read(&body, |_| Some(Interest::Count));
            prop_assert_eq!(read.tally.fed, read.tally.got + read.tally.rejected);
        }

        #[test]
        fn text_that_another_reader_can_read_says_the_same_there(
            histograms in proptest::collection::btree_map("[a-z]{1,4}", proptest::collection::vec(0..99_u32, 1..5), 0..6),
            gauges in proptest::collection::btree_map("[a-z]{1,4}", -1.0e9..1.0e9f64, 0..6),
        ) {
            let mut lines = vec!["# TYPE h histogram".to_owned(), "# TYPE g gauge".to_owned()];
            for (label, counts) in &histograms {
                let bucket = |(bound, count): (usize, &u32)| format!("h_bucket{{of=\"{label}\",le=\"{bound}\"}} {count}");
                lines.extend(counts.iter().enumerate().rev().map(bucket));
            }
            lines.extend(gauges.iter().map(|(label, value)| format!("g{{of=\"{label}\"}} {value}")));
            let ours = read(&(lines.join("\n") + "\n")).samples;
            let theirs = prometheus_parse::Scrape::parse(lines.into_iter().map(Ok)).unwrap().samples;
            let mut theirs: Vec<Sample> = theirs.iter().map(theirs_as_ours).collect();
            theirs.sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn a_series_comes_back_under_its_own_name_and_labels(
            name in "[a-z_:]{1,8}",
            values in proptest::collection::btree_map("[a-z_][a-z0-9_]{0,5}", ".{0,12}", 0..4),
            number in -1.0e9..1.0e9f64,
        ) {
            let escaped = |value: &String| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let list: Vec<String> = values.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let read = read(&format!("{name}{{{}}} {number}\n", list.join(",")));
            let filled = values.iter().filter(|(_, value)| !value.is_empty());
            let expected: Labels = filled.map(|(name, value)| (Arc::from(name.as_str()), Arc::from(value.as_str()))).collect();
            prop_assert_eq!(read.samples.len(), 1);
            prop_assert_eq!(&*read.samples[0].name, name.as_str());
            prop_assert_eq!(&read.samples[0].labels, &expected);
            prop_assert_eq!(&read.samples[0].value, &Value::Number(number));
        }
    }
}
