//! From a dialect to PromQL: the same file that says how metrics are read from a process says what is asked of a server. Pure.
//!
//! Sums keep the labels that tell processes apart and those that the dialect reads, and drop all others on the server. So an
//! answer is as large as what is shown, however many series are behind it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::Party;

use crate::scrape::dialect::{Breakers, Calls, Channels, Dialect, LabelName, LabelTest};
use crate::scrape::map::PERCENTILES;

/// Labels by which a server tells one process from another; `job` names it when the others do not.
pub(super) const PROCESS: [&str; 4] = ["instance", "namespace", "pod", "job"];

/// What a server puts before a label of the process's own that it uses itself
/// (<https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config>, `honor_labels`).
pub(super) const EXPORTED: &str = "exported_";

/// Where the 95th stands in [`PERCENTILES`].
const P95: usize = 1;
/// Longer lists of names are not put into a question.
const LONGEST_LIST: usize = 8_000;

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// How much a counter grows per second.
    Rate,
    /// The value of a gauge.
    Gauge,
    /// One of [`PERCENTILES`], by its position.
    Percentile(usize),
}

/// One question to a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Query {
    /// The metric: a counter, a gauge, or a histogram without `_bucket`.
    pub(super) metric: Arc<str>,
    /// What of it is asked for.
    pub(super) kind: Kind,
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
fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A matcher for all series that a test does not hold for.
fn unless(test: &LabelTest) -> String {
    let whole = test.values().map(literal);
    let starts = test.starts().map(|start| format!("{}.*", literal(start)));
    let any: Vec<String> = whole.chain(starts).collect();
    format!("{}!~{}", test.label(), quoted(&any.join("|")))
}

/// The labels that stay: the process's and these, each also by its exported name.
fn by(labels: impl IntoIterator<Item = String>) -> String {
    let mut kept: Vec<String> = PROCESS.map(str::to_owned).to_vec();
    let own: BTreeSet<String> = labels.into_iter().filter(|label| !kept.contains(label)).collect();
    for label in own {
        kept.push(format!("{EXPORTED}{label}"));
        kept.push(label);
    }
    kept.join(", ")
}

fn of_calls(calls: &Calls) -> Vec<String> {
    let words = [calls.protocol.label(), calls.pattern.label(), calls.payload.label()];
    let words = words.into_iter().flatten().map(|label| label.as_str().to_owned());
    words.chain([calls.callee.as_str().to_owned()]).collect()
}

fn of_breakers(breakers: &Breakers) -> Vec<String> {
    let labels = [breakers.callee.as_ref(), breakers.name.as_ref()];
    labels.into_iter().flatten().map(|label| label.as_str().to_owned()).collect()
}

/// Which series of a metric are asked for, as matchers: those of any of these selections, none of which has one of another.
type Selections = Vec<Vec<String>>;

/// All series.
fn all() -> Selections {
    vec![Vec::new()]
}

/// How much the selected series of a counter grow per second.
fn growth(counter: &str, selections: &Selections, window: Duration) -> String {
    let one = |matchers: &Vec<String>| {
        let matchers = if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(",")) };
        format!("rate({counter}{matchers}[{}])", duration(window))
    };
    selections.iter().map(one).collect::<Vec<_>>().join(" or ")
}

fn rate(metric: &str, labels: Vec<String>, selections: &Selections, window: Duration) -> Query {
    let text = format!("sum by ({}) ({})", by(labels), growth(metric, selections, window));
    Query { metric: Arc::from(metric), kind: Kind::Rate, text: Arc::from(text) }
}

fn calls_rate(calls: &Calls, selections: &Selections, window: Duration) -> Query {
    let tests = [calls.failed.as_ref(), calls.refused.as_ref()];
    let tests = tests.into_iter().flatten().map(|test| test.label().to_owned());
    rate(calls.total.as_str(), of_calls(calls).into_iter().chain(tests).collect(), selections, window)
}

fn percentiles(calls: &Calls, selections: &Selections, window: Duration) -> Vec<Query> {
    let Some(latency) = &calls.latency else { return Vec::new() };
    let histogram = latency.histogram.as_str();
    let sent = calls.refused.as_ref().map(unless);
    let with_sent = |matchers: &Vec<String>| matchers.iter().cloned().chain(sent.clone()).collect();
    let selections: Selections = selections.iter().map(with_sent).collect();
    let growth = growth(&format!("{histogram}_bucket"), &selections, window);
    let sum = format!("sum by ({}, le) ({growth})", by(of_calls(calls)));
    let query = |(position, q): (usize, f64)| Query {
        metric: Arc::from(histogram),
        kind: Kind::Percentile(position),
        text: Arc::from(format!("histogram_quantile({q}, {sum})")),
    };
    PERCENTILES.into_iter().enumerate().map(query).collect()
}

/// A state is as old as its sample: a server answers with the last one of five minutes, and older than the window is not now.
fn state(breakers: &Breakers, window: Duration) -> Query {
    let metric = breakers.state.as_str();
    let state = breakers.one_hot.as_ref().map(|one_hot| one_hot.label.as_str().to_owned());
    let labels = by(of_breakers(breakers).into_iter().chain(state));
    let since = format!("time() - {}", window.as_secs_f64());
    let text = format!("max by ({labels}) ({metric} and (timestamp({metric}) > {since}))");
    Query { metric: Arc::from(metric), kind: Kind::Gauge, text: Arc::from(text) }
}

fn messages(channels: &Channels, selections: &Selections, window: Duration) -> Query {
    let tests = [&channels.published, &channels.consumed].map(|test| test.label().to_owned());
    let labels = tests.into_iter().chain([channels.channel.as_str().to_owned()]).collect();
    rate(channels.total.as_str(), labels, selections, window)
}

/// Who the calls are between that are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Between<'a> {
    /// Who counted them.
    pub(super) processes: BTreeSet<&'a Party>,
    /// Whom they name as the other side.
    pub(super) partners: BTreeSet<&'a str>,
}

impl Between<'_> {
    /// What selects these calls where the dialect has the partner in this label. What cannot be said in few words is not said:
    /// then more is asked for.
    fn selections(&self, partner: &LabelName) -> Selections {
        let processes = self.process_matchers();
        let label = partner.as_str();
        let Some(partners) = any_of_values(self.partners.iter().map(|name| (*name).to_owned())) else {
            return vec![processes];
        };
        let with = |more: Vec<String>| processes.iter().cloned().chain(more).collect();
        if PROCESS.contains(&label) {
            return vec![with(vec![format!("{label}=~{partners}")])];
        }
        let renamed = vec![format!("{EXPORTED}{label}=~{partners}")];
        let own = vec![format!("{EXPORTED}{label}=\"\""), format!("{label}=~{partners}")];
        vec![with(renamed), with(own)]
    }

    /// By addresses or by Pods. A process that has neither may be called by one label or another.
    fn process_matchers(&self) -> Vec<String> {
        let (mut instances, mut namespaces, mut pods) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for process in &self.processes {
            match process {
                Party::Address { host, port } if host.contains(':') => {
                    instances.insert(format!("[{host}]:{port}"));
                }
                Party::Address { host, port } => {
                    instances.insert(format!("{host}:{port}"));
                    if &**host == "127.0.0.1" {
                        instances.insert(format!("localhost:{port}"));
                    }
                }
                Party::Pod { namespace, pod, .. } => {
                    namespaces.insert(namespace.to_string());
                    pods.insert(pod.to_string());
                }
                _ => return Vec::new(),
            }
        }
        if !instances.is_empty() && !pods.is_empty() {
            return Vec::new();
        }
        let named = [("instance", instances), ("namespace", namespaces), ("pod", pods)];
        named.into_iter().filter_map(|(label, values)| Some(format!("{label}=~{}", any_of_values(values)?))).collect()
    }
}

/// A pattern for these values alone; `None` for none, and for more than a question should hold.
fn any_of_values(values: impl IntoIterator<Item = String>) -> Option<String> {
    let values: Vec<String> = values.into_iter().map(|value| literal(&value)).collect();
    let joined = values.join("|");
    (!joined.is_empty() && joined.len() <= LONGEST_LIST).then(|| quoted(&joined))
}

/// The questions about calls and messages of these counters, between these: rates, and of the percentiles the one of the signals.
pub(super) fn between(
    dialects: &[Dialect],
    counters: &BTreeSet<&str>,
    has: impl Fn(&str) -> bool,
    between: &Between<'_>,
    window: Duration,
) -> Vec<Query> {
    let mut asked = Vec::new();
    for dialect in dialects {
        for calls in dialect.calls.iter().filter(|calls| counters.contains(calls.total.as_str())) {
            let selections = between.selections(&calls.callee);
            asked.push(calls_rate(calls, &selections, window));
            let percentiles = percentiles(calls, &selections, window).into_iter();
            asked.extend(percentiles.filter(|query| query.kind == Kind::Percentile(P95)));
        }
        let channels = dialect.channels.iter().filter(|channels| counters.contains(channels.total.as_str()));
        asked.extend(channels.map(|one| messages(one, &between.selections(&one.channel), window)));
    }
    asked.retain(|query| is_there(query, &has));
    asked
}

/// Whether the server has what a question is about.
fn is_there(query: &Query, has: impl Fn(&str) -> bool) -> bool {
    match query.kind {
        Kind::Percentile(_) => has(&format!("{}_bucket", query.metric)),
        Kind::Rate | Kind::Gauge => has(&query.metric),
    }
}

/// Whether a question, as the evidence has it, is about how a counter grows.
pub(super) fn asks_growth_of(question: &str, counter: &str) -> bool {
    question.contains(&format!("(rate({counter}["))
}

/// All that is asked for the metrics that the server has, the most telling first: states and rates before percentiles.
pub(super) fn plan(dialects: &[Dialect], has: impl Fn(&str) -> bool, window: Duration) -> Vec<Query> {
    let breakers = || dialects.iter().flat_map(|dialect| &dialect.breakers);
    let calls = || dialects.iter().flat_map(|dialect| &dialect.calls);
    let channels = dialects.iter().flat_map(|dialect| &dialect.channels);
    let refused =
        |one: &Breakers| one.refused.as_ref().map(|name| rate(name.as_str(), of_breakers(one), &all(), window));
    let mut plan: Vec<Query> = breakers().map(|one| state(one, window)).collect();
    plan.extend(calls().map(|one| calls_rate(one, &all(), window)));
    plan.extend(channels.map(|one| messages(one, &all(), window)));
    plan.extend(breakers().filter_map(refused));
    plan.extend(calls().flat_map(|one| percentiles(one, &all(), window)));
    plan.retain(|query| is_there(query, &has));
    plan
}

/// Whether a question, as the evidence has it, is about this metric.
pub(super) fn asks_about(question: &str, metric: &str) -> bool {
    asks_growth_of(question, metric) || question.contains(&format!(" ({metric} and "))
}

/// A selector of every metric that some dialect reads, for asking which of them there are.
pub(super) fn any_of(dialects: &[Dialect]) -> String {
    let names: BTreeSet<&str> = dialects.iter().flat_map(Dialect::names).collect();
    let names: Vec<String> = names.into_iter().map(literal).collect();
    format!("{{__name__=~{}}}", quoted(&names.join("|")))
}

/// How old the newest sample of any scrape is, in seconds; not a number where the server does not scrape.
pub(super) const AGE: &str = "(time() - max(timestamp(up))) or vector(NaN)";

/// How often the least scraped process was scraped in the last five minutes, leaving out the least tenth: those are new.
pub(super) const SCRAPES: &str = "quantile(0.1, count_over_time(up[5m]))";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::dialect::built_in;

    const WINDOW: Duration = Duration::from_secs(60);

    fn dialect(text: &str) -> Dialect {
        Dialect::parse("x.toml", &format!("name = \"x\"\ntitle = \"X\"\n{text}")).unwrap()
    }

    fn texts(dialect: Dialect) -> Vec<String> {
        plan(&[dialect], |_| true, WINDOW).iter().map(|query| query.text.to_string()).collect()
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
            texts(calls),
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
            texts(breaker),
            [
                "max by (instance, namespace, pod, job, exported_name, name, exported_state, state) (s and (timestamp(s) > time() - 60))",
                "sum by (instance, namespace, pod, job, exported_name, name) (rate(r[60s]))",
            ]
        );
    }

    #[test]
    fn a_label_of_the_process_is_named_once() {
        let calls = dialect("[[calls]]\ntotal = \"t\"\ncallee = \"job\"\n");
        assert_eq!(texts(calls), ["sum by (instance, namespace, pod, job) (rate(t[60s]))"]);
    }

    #[test]
    fn only_what_the_server_has_is_asked_for_and_percentiles_come_last() {
        let asked = plan(built_in(), |name| name != "demo_breaker_rejected_total", WINDOW);
        let kinds: Vec<(&str, Kind)> = asked.iter().map(|query| (&*query.metric, query.kind)).collect();
        let position = |metric: &str| kinds.iter().position(|(name, _)| *name == metric);
        assert!(position("demo_breaker_state") < position("demo_client_requests_total"));
        assert!(position("demo_topic_messages_total") < position("demo_client_request_duration_seconds"));
        assert_eq!(position("demo_breaker_rejected_total"), None);
        assert!(plan(built_in(), |_| false, WINDOW).is_empty());
    }

    fn address(host: &str, port: u16) -> Party {
        Party::Address { host: Arc::from(host), port }
    }

    fn asked(dialect: &Dialect, processes: &[Party], partners: &[&str]) -> Vec<String> {
        let counters = dialect.names().collect();
        let who = Between { processes: processes.iter().collect(), partners: partners.iter().copied().collect() };
        between(std::slice::from_ref(dialect), &counters, |_| true, &who, WINDOW)
            .iter()
            .map(|query| query.text.to_string())
            .collect()
    }

    #[test]
    fn calls_between_some_are_the_same_question_with_fewer_series() {
        let calls = dialect(
            "[[calls]]\ntotal = \"t\"\ncallee = \"to\"\nrefused = { label = \"code\", is = [\"no\"] }\n\
             latency = { histogram = \"h\", unit = \"seconds\" }\n",
        );
        let by = "instance, namespace, pod, job, exported_code, code, exported_to, to";
        let who = r#"instance=~"127\\.0\\.0\\.1:9|localhost:9""#;
        let kept = "instance, namespace, pod, job, exported_to, to";
        assert_eq!(
            asked(&calls, &[address("127.0.0.1", 9)], &["b", "a\"|.*"]),
            [
                format!(
                    r#"sum by ({by}) (rate(t{{{who},exported_to=~"a\"\\|\\.\\*|b"}}[60s]) or rate(t{{{who},exported_to="",to=~"a\"\\|\\.\\*|b"}}[60s]))"#
                ),
                format!(
                    r#"histogram_quantile(0.95, sum by ({kept}, le) (rate(h_bucket{{{who},exported_to=~"a\"\\|\\.\\*|b",code!~"no"}}[60s]) or rate(h_bucket{{{who},exported_to="",to=~"a\"\\|\\.\\*|b",code!~"no"}}[60s])))"#
                ),
            ]
        );
    }

    #[test]
    fn what_cannot_be_said_in_few_words_is_not_said() {
        let calls = dialect("[[calls]]\ntotal = \"t\"\ncallee = \"job\"\n");
        let pod = Party::Pod { namespace: Arc::from("shop"), pod: Arc::from("cart-0"), address: None };
        let by = "instance, namespace, pod, job";
        for (processes, selected) in [
            (vec![pod.clone()], r#"namespace=~"shop",pod=~"cart-0",job=~"x""#),
            (vec![address("::1", 9)], r#"instance=~"\\[::1\\]:9",job=~"x""#),
            (vec![pod, address("::1", 9)], r#"job=~"x""#),
            (vec![Party::Named(Arc::from("cart"))], r#"job=~"x""#),
            ((0..2_000).map(|port| address("10.0.0.1", port)).collect(), r#"job=~"x""#),
        ] {
            assert_eq!(asked(&calls, &processes, &["x"]), [format!("sum by ({by}) (rate(t{{{selected}}}[60s]))")]);
        }
        assert_eq!(asked(&calls, &[], &[]), [format!("sum by ({by}) (rate(t[60s]))")]);
    }

    #[test]
    fn evidence_tells_its_counter() {
        let text = &texts(dialect("[[calls]]\ntotal = \"t\"\ncallee = \"to\"\n"))[0];
        assert!(asks_growth_of(text, "t") && !asks_growth_of(text, "tt") && !asks_growth_of(text, "to"));
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
