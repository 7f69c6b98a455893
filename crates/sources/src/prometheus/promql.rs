//! From a dialect to PromQL: the same file that says how metrics are read from a process says what is asked of a server. Pure.
//!
//! Sums keep the labels that tell processes apart and those that the dialect reads, and drop all others on the server. So an
//! answer is as large as what is shown, however many series are behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::Fact;

use super::selections::{self, Selections};
use crate::scrape::dialect::{Dialects, LabelName, LabelTest, MetricName, Reads, Series};
use crate::scrape::map::{PERCENTILES, QUANTILE};

/// Labels by which a server tells one process from another; `job` names it when the others do not.
pub(super) const PROCESS: [&str; 4] = ["instance", "namespace", "pod", "job"];

/// What a server puts before a label of the process's own that it uses itself
/// (<https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config>, `honor_labels`).
pub(super) const EXPORTED: &str = "exported_";

/// Where the 95th stands in [`PERCENTILES`].
const P95: usize = 1;

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// How much a counter grows per second.
    Rate,
    /// The value of a gauge.
    Gauge,
    /// The value of a counter.
    Total,
    /// The percentiles of a summary, as its process worked them out.
    Quantiles,
    /// One of [`PERCENTILES`], by its position.
    Percentile(usize),
}

impl Kind {
    /// Whether it is about how long calls took.
    pub(super) fn is_of_durations(self) -> bool {
        matches!(self, Self::Quantiles | Self::Percentile(_))
    }
}

/// What tells one question from all others: which series of which metric, and what of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// [`Series::id`].
    pub(super) series: Arc<str>,
    /// What of them is asked for.
    pub(super) kind: Kind,
    /// The metric, of those that the series may have: a histogram without `_bucket`.
    pub(super) metric: Arc<str>,
}

/// One question to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) key: Key,
    /// Whether the answer is told by process.
    pub(super) of_process: bool,
    /// The question itself.
    pub(super) text: Arc<str>,
}

/// A duration as PromQL writes it.
pub(super) fn duration(of: Duration) -> String {
    match (of.as_secs(), of.subsec_millis()) {
        (seconds, 0) => format!("{seconds}s"),
        _ => format!("{}ms", of.as_millis()),
    }
}

/// A string as PromQL quotes it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            // PromQL's strings are Go's, which know no other way to write these.
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text as a regular expression (RE2) that matches it alone.
pub(super) fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// What a test asks for, or, turned round, its opposite.
fn matcher(test: &LabelTest, holds: bool) -> String {
    let whole = test.values().map(literal);
    let starts = test.starts().map(|start| format!("{}.*", literal(start)));
    let any: Vec<String> = whole.chain(starts).collect();
    let operator = if test.is_negative() == holds { "!~" } else { "=~" };
    format!("{}{operator}{}", test.label().as_str(), quoted(&any.join("|")))
}

/// What selects the series of the selections, behind the metric's name, and what is asked of each of them.
fn each(series: &Series, selections: &Selections, ask: impl Fn(&str) -> String) -> String {
    let wanted = series.tests.iter().map(|test| matcher(test, true));
    let unwanted = series.except.iter().map(|test| matcher(test, false));
    let tests: Vec<String> = wanted.chain(unwanted).collect();
    let one = |more: &Vec<String>| {
        let all: Vec<&str> = tests.iter().chain(more).map(String::as_str).collect();
        ask(&if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) })
    };
    selections.iter().map(one).collect::<Vec<_>>().join(" or ")
}

/// The labels that stay: those that are looked at, each also by its exported name, and the process's where it matters.
fn by(series: &Series, more: &[&str]) -> String {
    let mut kept: Vec<String> = Vec::new();
    if series.of_process {
        kept.extend(PROCESS.map(str::to_owned));
    }
    for label in series.labels.iter().map(LabelName::as_str) {
        // A label of the process's own that is called like one of the server's: the server kept both.
        let exported = format!("{EXPORTED}{label}");
        let known = kept.iter().any(|one| one == label);
        if !series.of_process || !known {
            kept.push(exported);
        }
        if !known {
            kept.push(label.to_owned());
        }
    }
    kept.extend(more.iter().map(|label| (*label).to_owned()));
    kept.join(", ")
}

/// The names of a metric that the server has, of those that the series may have.
fn present<'a>(name: &'a MetricName, has: &'a BTreeSet<String>) -> Vec<&'a str> {
    match name.around() {
        None => has.get(name.as_str()).map(String::as_str).into_iter().collect(),
        Some(_) => has.iter().filter(|known| name.fits(known)).map(String::as_str).take(MOST_FITTING).collect(),
    }
}

/// The plan's way of asking for one thing of some series: the names that there are, with the text for each.
struct Plan<'a> {
    has: &'a BTreeSet<String>,
    window: Duration,
    /// Which of [`PERCENTILES`] are asked for, by their position.
    percentiles: &'a [usize],
    queries: Vec<Query>,
}

impl<'a> Plan<'a> {
    fn new(has: &'a BTreeSet<String>, window: Duration, percentiles: &'a [usize]) -> Self {
        Self { has, window, percentiles, queries: Vec::new() }
    }

    fn ask(&mut self, series: &Series, reads: Reads, among: &Selections) {
        match reads {
            Reads::Growth => self.rate(series, among),
            Reads::Buckets => self.percentiles(series, among),
            Reads::Value => self.now(series, Kind::Gauge, among),
            Reads::Both => self.now(series, Kind::Total, among),
            Reads::Quantiles => self.now(series, Kind::Quantiles, among),
        }
    }

    fn push(&mut self, series: &Series, kind: Kind, metric: &str, text: String) {
        let key = Key { series: series.id.clone(), kind, metric: Arc::from(metric) };
        self.queries.push(Query { key, of_process: series.of_process, text: Arc::from(text) });
    }

    /// How much the selected series of a metric grow per second.
    fn growth(&self, series: &Series, metric: &str, among: &Selections) -> String {
        let window = duration(self.window);
        each(series, among, |selector| format!("rate({metric}{selector}[{window}])"))
    }

    /// A count that is part of a histogram is not there by its own name where the server keeps histograms as one.
    fn rate(&mut self, series: &Series, among: &Selections) {
        let by = by(series, &[]);
        for name in &series.names {
            for metric in present(name, self.has) {
                let text = format!("sum by ({by}) ({})", self.growth(series, metric, among));
                self.push(series, Kind::Rate, metric, text);
            }
            let Some(histogram) = name.without("_count") else { continue };
            let natives = present(&histogram, self.has).into_iter().map(|native| (native, format!("{native}_count")));
            for (native, metric) in natives.filter(|(_, metric)| !self.has.contains(metric)).collect::<Vec<_>>() {
                let text = format!("sum by ({by}) (histogram_count({}))", self.growth(series, native, among));
                self.push(series, Kind::Rate, &metric, text);
            }
        }
    }

    fn percentiles(&mut self, series: &Series, among: &Selections) {
        for name in &series.names {
            let classic = name.ending("_bucket");
            let classics = present(&classic, self.has).into_iter().map(|bucket| {
                let sum = format!("sum by ({}) ({})", by(series, &["le"]), self.growth(series, bucket, among));
                (bucket.strip_suffix("_bucket").unwrap_or(bucket), sum)
            });
            let natives =
                present(name, self.has).into_iter().filter(|native| !self.has.contains(&format!("{native}_bucket")));
            let natives = natives.map(|native| {
                (native, format!("sum by ({}) ({})", by(series, &[]), self.growth(series, native, among)))
            });
            for (metric, sum) in classics.chain(natives).collect::<Vec<_>>() {
                for (position, q) in self.wanted() {
                    self.push(series, Kind::Percentile(position), metric, format!("histogram_quantile({q}, {sum})"));
                }
            }
        }
    }

    /// A value is as old as its sample: a server answers with the last one of five minutes, and older than the window is not now.
    fn now(&mut self, series: &Series, kind: Kind, among: &Selections) {
        let (join, more): (&str, &[&str]) = match kind {
            Kind::Total => ("sum", &[]),
            Kind::Quantiles => ("max", &[QUANTILE]),
            _ => ("max", &[]),
        };
        let (by, since) = (by(series, more), self.window.as_secs_f64());
        let quantiles = self.with_quantiles(among);
        let among = if kind == Kind::Quantiles { &quantiles } else { among };
        for metric in series.names.iter().flat_map(|name| present(name, self.has)) {
            let lately =
                |selector: &str| format!("{metric}{selector} and (timestamp({metric}{selector}) > time() - {since})");
            self.push(series, kind, metric, format!("{join} by ({by}) ({})", each(series, among, lately)));
        }
    }

    /// The percentiles that are asked for, with their positions.
    fn wanted(&self) -> Vec<(usize, f64)> {
        let all = PERCENTILES.into_iter().enumerate();
        all.filter(|(position, _)| self.percentiles.contains(position)).collect()
    }

    fn with_quantiles(&self, among: &Selections) -> Selections {
        // 0.5 may be written as 0.50.
        let any: Vec<String> =
            self.wanted().into_iter().map(|(_, q)| format!("{}0*", literal(&q.to_string()))).collect();
        let matcher = format!("{QUANTILE}=~{}", quoted(&any.join("|")));
        among.iter().map(|more| more.iter().cloned().chain([matcher.clone()]).collect()).collect()
    }
}

/// All that is asked for the metrics that the server has, the most telling first: states and rates before percentiles.
pub(super) fn plan(dialects: &Dialects, has: &BTreeSet<String>, window: Duration) -> Vec<Query> {
    let order = |reads: Reads| match reads {
        Reads::Value | Reads::Both => 0,
        Reads::Growth => 1,
        Reads::Quantiles | Reads::Buckets => 2,
    };
    let mut plan = Plan::new(has, window, &[0, P95, 2]);
    let mut all: Vec<(&Series, Reads)> = dialects.series().collect();
    all.sort_by_key(|(_, reads)| order(*reads));
    for (series, reads) in all {
        plan.ask(series, reads, &selections::all());
    }
    plan.queries
}

/// Facts by what counted them: [`Series::id`].
pub(super) type Counted<'a> = BTreeMap<Arc<str>, Vec<&'a Fact>>;

/// The same questions about some facts alone: rates, and of the percentiles the one of the signals.
pub(super) fn about(
    dialects: &Dialects,
    counted: &Counted<'_>,
    has: &BTreeSet<String>,
    window: Duration,
) -> Vec<Query> {
    let mut plan = Plan::new(has, window, &[P95]);
    for dialect in dialects.iter() {
        for (counter, facts) in counted {
            for traced in dialect.traced(counter, facts) {
                for (series, reads) in &traced.series {
                    plan.ask(series, *reads, &selections::of(&traced, series.of_process));
                }
            }
        }
    }
    plan.queries
}

/// Every name that some dialect reads, as a server may have it.
pub(super) fn names(dialects: &Dialects) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (series, reads) in dialects.series() {
        for name in series.names.iter().map(MetricName::as_str) {
            if reads == Reads::Buckets {
                names.insert(format!("{name}_bucket"));
            }
            names.extend(name.strip_suffix("_count").map(str::to_owned));
            names.insert(name.to_owned());
        }
    }
    names
}

/// Selectors of every metric that some dialect reads, for asking which of them there are; each is short enough for an address.
pub(super) fn any_of(dialects: &Dialects) -> Vec<String> {
    let mut selectors: Vec<String> = Vec::new();
    for name in names(dialects) {
        let name = name.split('*').map(literal).collect::<Vec<_>>().join(".*");
        match selectors.last_mut().filter(|last| last.len() + name.len() < LONGEST_SELECTOR) {
            Some(last) => {
                last.push('|');
                last.push_str(&name);
            }
            None => selectors.push(name),
        }
    }
    selectors.into_iter().map(|names| format!("{{__name__=~{}}}", quoted(&names))).collect()
}

/// Some servers, and what stands before them, take no address that is longer than 8 KiB; a `|` takes three bytes in one.
const LONGEST_SELECTOR: usize = 5_000;
/// How many metrics of one name with a `*` are asked for.
const MOST_FITTING: usize = 20;

/// How old the newest sample of any scrape is, in seconds; not a number where the server does not scrape.
pub(super) const AGE: &str = "(time() - max(timestamp(up))) or vector(NaN)";

/// How often the least scraped process was scraped in the last five minutes, leaving out the least tenth: those are new.
pub(super) const SCRAPES: &str = "quantile(0.1, count_over_time(up[5m]))";

#[cfg(test)]
mod tests {
    use binnacle_model::fact::{CallsBasis, CallsFact, Observer, Party, Pattern, Payload, Protocol, Signals};

    use super::*;
    use crate::scrape::dialect::{Dialect, Listed, Place};

    const WINDOW: Duration = Duration::from_secs(60);

    fn dialect(text: &str) -> Dialects {
        let dialect = Dialect::parse("x.toml", &format!("name = \"x\"\ntitle = \"X\"\n{text}")).unwrap();
        Dialects::new(vec![Listed { dialect: dialect.into(), place: Place::BuiltIn("x.toml") }], Vec::new())
    }

    fn asked(dialects: &Dialects, has: &[&str]) -> Vec<String> {
        let has = has.iter().map(|name| (*name).to_owned()).collect();
        plan(dialects, &has, WINDOW).iter().map(|query| query.text.to_string()).collect()
    }

    /// A server has a histogram in one form: the classic one.
    fn classic(dialects: &Dialects) -> BTreeSet<String> {
        let has = names(dialects);
        has.iter().filter(|name| !has.contains(&format!("{name}_bucket"))).cloned().collect()
    }

    fn texts(dialects: &Dialects) -> Vec<String> {
        plan(dialects, &classic(dialects), WINDOW).iter().map(|query| query.text.to_string()).collect()
    }

    #[test]
    fn calls_are_summed_by_process_and_by_what_the_dialect_reads() {
        let calls = dialect(
            "[[calls]]\ntotal = \"t\"\ncallee = \"to\"\nprotocol = { label = \"proto\" }\n\
             failed = { label = \"code\", starts_with = [\"5\"] }\nrefused = { label = \"code\", is = [\"a.b\", \"\"] }\n\
             latency = { histogram = \"h\", unit = \"seconds\" }\n",
        );
        let kept = "instance, namespace, pod, job, exported_proto, proto, exported_to, to";
        assert_eq!(
            texts(&calls),
            [
                "sum by (instance, namespace, pod, job, exported_code, code, exported_proto, proto, exported_to, to) (rate(t[60s]))".to_owned(),
                format!("histogram_quantile(0.5, sum by ({kept}, le) (rate(h_bucket{{code!~\"a\\\\.b|\"}}[60s])))"),
                format!("histogram_quantile(0.95, sum by ({kept}, le) (rate(h_bucket{{code!~\"a\\\\.b|\"}}[60s])))"),
                format!("histogram_quantile(0.99, sum by ({kept}, le) (rate(h_bucket{{code!~\"a\\\\.b|\"}}[60s])))"),
            ]
        );
    }

    #[test]
    fn a_breaker_is_asked_for_its_state_now_and_for_its_refusals() {
        let breaker = dialect(
            "[[breakers]]\nstate = \"s\"\nkind = \"failure\"\nname = \"name\"\none_hot = { label = \"state\" }\nrefused = \"r\"\n",
        );
        assert_eq!(
            texts(&breaker),
            [
                "max by (instance, namespace, pod, job, exported_name, name, exported_state, state) (s and (timestamp(s) > time() - 60))",
                "sum by (instance, namespace, pod, job, exported_name, name) (rate(r[60s]))",
            ]
        );
    }

    #[test]
    fn a_label_of_the_process_is_named_once() {
        let calls = dialect("[[calls]]\ntotal = \"t\"\ncallee = \"job\"\n");
        assert_eq!(texts(&calls), ["sum by (instance, namespace, pod, job) (rate(t[60s]))"]);
    }

    #[test]
    fn only_what_the_server_has_is_asked_for_and_percentiles_come_last() {
        let all = Dialects::built_in();
        let has: BTreeSet<String> = names(&all)
            .into_iter()
            .filter(|name| name.starts_with("demo_") && name != "demo_breaker_rejected_total")
            .collect();
        let asked = plan(&all, &has, WINDOW);
        let position = |metric: &str| asked.iter().position(|query| *query.key.metric == *metric);
        assert!(position("demo_breaker_state") < position("demo_client_requests_total"));
        assert!(position("demo_topic_messages_total") < position("demo_client_request_duration_seconds"));
        assert_eq!(position("demo_breaker_rejected_total"), None);
        assert!(plan(&all, &BTreeSet::new(), WINDOW).is_empty());
    }

    #[test]
    fn what_names_both_sides_is_summed_over_all_processes() {
        let calls = dialect(
            "[[calls]]\ntotal = \"t\"\ncaller = { label = \"from\", namespace = \"namespace\" }\ncallee = \"to\"\n\
             where = [{ label = \"way\", is = [\"out\"] }, { label = \"a\", is_not = [\"x\", \"y\"] }]\n",
        );
        let text = "sum by (exported_from, from, exported_namespace, namespace, exported_to, to) \
                    (rate(t{way=~\"out\",a!~\"x|y\"}[60s]))";
        assert_eq!(texts(&calls), [text]);
    }

    #[test]
    fn a_histogram_that_the_server_keeps_as_one_is_asked_for_as_one() {
        let calls = dialect(
            "[[calls]]\ntotal = \"h_count\"\ncaller = \"from\"\ncallee = \"to\"\n\
             latency = { histogram = \"h\", unit = \"seconds\" }\n",
        );
        let by = "exported_from, from, exported_to, to";
        let native = asked(&calls, &["h"]);
        assert_eq!(native[0], format!("sum by ({by}) (histogram_count(rate(h[60s])))"));
        assert_eq!(native[1], format!("histogram_quantile(0.5, sum by ({by}) (rate(h[60s])))"));
        let classic = asked(&calls, &["h", "h_bucket", "h_count"]);
        assert_eq!(classic[0], format!("sum by ({by}) (rate(h_count[60s]))"));
        assert_eq!(classic[1], format!("histogram_quantile(0.5, sum by ({by}, le) (rate(h_bucket[60s])))"));
        assert_eq!((native.len(), classic.len()), (4, 4));
    }

    #[test]
    fn a_name_with_a_gap_is_asked_for_by_the_names_that_there_are() {
        let calls = dialect("[[calls]]\ntotal = \"*_fabio_requests\"\ncallee = \"service\"\n");
        let texts = asked(&calls, &["a_fabio_requests", "b_fabio_requests", "c_requests"]);
        assert_eq!(texts.len(), 2);
        assert!(texts[1].contains("rate(b_fabio_requests[60s])"), "{texts:?}");
        assert_eq!(any_of(&calls), ["{__name__=~\".*_fabio_requests\"}"]);
    }

    #[test]
    fn a_summary_is_asked_for_the_percentiles_that_are_shown() {
        let served =
            dialect("[[served]]\ntotal = \"s_count\"\nlatency = { summary = \"s\", unit = \"milliseconds\" }\n");
        let s = r#"s{quantile=~"0\\.50*|0\\.950*|0\\.990*"}"#;
        let text = format!("max by (instance, namespace, pod, job, quantile) ({s} and (timestamp({s}) > time() - 60))");
        assert_eq!(asked(&served, &["s"])[1], text);
    }

    #[test]
    fn an_address_is_never_longer_than_servers_take() {
        let selectors = any_of(&Dialects::built_in());
        assert!(
            selectors.len() < 6 && selectors.iter().all(|one| one.len() < LONGEST_SELECTOR + 200),
            "{}",
            selectors.len()
        );
    }

    fn about_calls(dialects: &Dialects, has: &BTreeSet<String>, process: &Party, callees: &[&str]) -> Vec<String> {
        let call = |callee: &&str| {
            let (caller, callee) = (process.clone(), Party::Named(Arc::from(*callee)));
            let (protocol, pattern, payload) = (Protocol::Http, Pattern::Rpc, Payload::Json);
            let (basis, observer) = (CallsBasis::Observed(Signals::default()), Observer::default());
            Fact::Calls(CallsFact { caller, callee, protocol, pattern, payload, basis, observer })
        };
        let facts: Vec<Fact> = callees.iter().map(call).collect();
        let counted = Counted::from([(Arc::from("x/calls/0/total"), facts.iter().collect())]);
        about(dialects, &counted, has, WINDOW).iter().map(|query| query.text.to_string()).collect()
    }

    #[test]
    fn questions_about_some_facts_are_the_same_ones_with_fewer_series() {
        let calls = dialect(
            "[[calls]]\ntotal = \"t\"\ncallee = \"to\"\nrefused = { label = \"code\", is = [\"no\"] }\n\
             latency = { histogram = \"h\", unit = \"seconds\" }\n",
        );
        let by = "instance, namespace, pod, job, exported_code, code, exported_to, to";
        let who = r#"instance=~"127\\.0\\.0\\.1:9|localhost:9""#;
        let kept = "instance, namespace, pod, job, exported_to, to";
        let hostile = r#"a\"\\|\\.\\*|b"#;
        let local = Party::Address { host: Arc::from("127.0.0.1"), port: 9 };
        assert_eq!(
            about_calls(&calls, &classic(&calls), &local, &["b", "a\"|.*"]),
            [
                format!(
                    r#"sum by ({by}) (rate(t{{{who},exported_to=~"{hostile}"}}[60s]) or rate(t{{{who},exported_to="",to=~"{hostile}"}}[60s]))"#
                ),
                format!(
                    r#"histogram_quantile(0.95, sum by ({kept}, le) (rate(h_bucket{{code!~"no",{who},exported_to=~"{hostile}"}}[60s]) or rate(h_bucket{{code!~"no",{who},exported_to="",to=~"{hostile}"}}[60s])))"#
                ),
            ]
        );
    }

    #[test]
    fn a_summary_and_a_native_histogram_are_asked_about_some_facts_as_well() {
        let job = Party::Named(Arc::from("cart"));
        let summary = dialect(
            "[[calls]]\ntotal = \"t\"\ncallee = \"job\"\nfailed_total = \"f\"\n\
             latency = { summary = \"s\", unit = \"seconds\" }\n",
        );
        let by = "instance, namespace, pod, job";
        let s = r#"s{job=~"x",quantile=~"0\\.950*"}"#;
        assert_eq!(
            about_calls(&summary, &names(&summary), &job, &["x"]),
            [
                format!(r#"sum by ({by}) (rate(t{{job=~"x"}}[60s]))"#),
                format!(r#"sum by ({by}) (rate(f{{job=~"x"}}[60s]))"#),
                format!("max by ({by}, quantile) ({s} and (timestamp({s}) > time() - 60))"),
            ]
        );
        let native = dialect("[[calls]]\ntotal = \"h_count\"\ncallee = \"job\"\n");
        let has = BTreeSet::from(["h".to_owned()]);
        assert_eq!(
            about_calls(&native, &has, &job, &["x"]),
            [format!(r#"sum by ({by}) (histogram_count(rate(h{{job=~"x"}}[60s])))"#)]
        );
    }

    #[test]
    fn hostile_text_stays_inside_its_quotes() {
        for (text, expected) in
            [("a\"} or up{x=\"", r#""a\"} or up{x=\"""#), ("\\", r#""\\""#), ("a\nb\u{7}", "\"a\\nb\\u0007\"")]
        {
            assert_eq!(quoted(text), expected);
        }
        assert_eq!(literal("5.[a]"), r"5\.\[a\]");
    }

    #[test]
    fn durations_are_written_as_promql_reads_them() {
        assert_eq!(duration(Duration::from_secs(60)), "60s");
        assert_eq!(duration(Duration::from_millis(2500)), "2500ms");
    }
}
