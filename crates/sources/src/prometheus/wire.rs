//! The answers of Prometheus' HTTP API (<https://prometheus.io/docs/prometheus/latest/querying/api/>), as far as they are read.
//!
//! Other servers answer with more fields, or with fewer; what is missing is empty. A row that is not understood is counted and
//! left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::scrape::exposition::Labels;

/// What stands around every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) data: Option<T>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) warnings: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) infos: Vec<String>,
    /// VictoriaMetrics says by this that some of its storage did not answer.
    #[serde(rename = "isPartial", default, deserialize_with = "or_default")]
    pub(super) is_partial: bool,
}

/// What stands in the answer when something is wrong.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(rename = "errorType", default)]
    pub(super) error_type: String,
    #[serde(default)]
    pub(super) error: String,
}

fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(value: D) -> Result<T, D::Error> {
    Option::deserialize(value).map(Option::unwrap_or_default)
}

/// A row, or something else in its place.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Row<T> {
    Good(T),
    Bad(IgnoredAny),
}

/// The rows that were understood, and how many were not.
#[derive(Debug)]
pub(super) struct Rows<T> {
    pub(super) good: Vec<T>,
    pub(super) bad: usize,
}

impl<T> Rows<T> {
    /// Leaves out the series over a limit, and says so when there are some.
    pub(super) fn keep(&mut self, most: usize) -> Option<String> {
        let over = self.good.len() > most;
        self.good.truncate(most);
        over.then(|| format!("more than {most} series; the rest is left out"))
    }
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { good: Vec::new(), bad: 0 }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let rows: Option<Vec<Row<T>>> = Option::deserialize(value)?;
        let mut read = Self::default();
        for row in rows.into_iter().flatten() {
            match row {
                Row::Good(row) => read.good.push(row),
                Row::Bad(_) => read.bad += 1,
            }
        }
        Ok(read)
    }
}

/// The result of an instant query that is a vector; the only kind that is asked for.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Found {
    Vector(Rows<Series>),
}

/// One series of a vector. One that holds a native histogram in place of a number is not understood.
#[derive(Debug, Deserialize)]
pub(super) struct Series {
    pub(super) metric: Labels,
    pub(super) value: Number,
}

/// The result of a range query.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum FoundOverTime {
    Matrix(Rows<Line>),
}

/// One series of a matrix. A moment at which it has no number is left out.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) metric: Labels,
    pub(super) values: Vec<Number>,
}

/// `[1435781451.781, "1"]`: the time, and the number as text, for JSON has neither NaN nor infinity.
#[derive(Debug, Deserialize)]
#[serde(try_from = "(f64, String)")]
pub(super) struct Number {
    /// The moment that the query was evaluated at, by the server's clock, in seconds since 1970.
    pub(super) at: f64,
    pub(super) is: f64,
}

impl TryFrom<(f64, String)> for Number {
    type Error = std::num::ParseFloatError;

    fn try_from((at, text): (f64, String)) -> Result<Self, Self::Error> {
        Ok(Self { at, is: text.parse()? })
    }
}

/// `/api/v1/targets`
#[derive(Debug, Deserialize)]
pub(super) struct Targets {
    #[serde(rename = "activeTargets", default)]
    pub(super) active: Rows<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    #[serde(default)]
    pub(super) discovered_labels: Discovered,
    #[serde(default)]
    pub(super) labels: Labels,
    #[serde(default)]
    pub(super) scrape_pool: Arc<str>,
    pub(super) scrape_url: String,
    #[serde(default)]
    pub(super) last_error: String,
    #[serde(default)]
    pub(super) last_scrape: Option<String>,
    pub(super) health: String,
    /// Since Prometheus 2.29.
    #[serde(default)]
    pub(super) scrape_interval: Option<String>,
}

/// Of the labels before relabelling one is of use: VictoriaMetrics tells the interval there only.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Discovered {
    #[serde(rename = "__scrape_interval__", default)]
    scrape_interval: Option<String>,
}

impl Target {
    /// The scrape job that it belongs to.
    pub(super) fn job(&self) -> &Arc<str> {
        self.labels.get("job").filter(|job| !job.is_empty()).unwrap_or(&self.scrape_pool)
    }

    /// How often it is scraped.
    pub(super) fn interval(&self) -> Option<Duration> {
        duration(self.scrape_interval.as_ref().or(self.discovered_labels.scrape_interval.as_ref())?)
    }
}

/// `/api/v1/alerts`
#[derive(Debug, Deserialize)]
pub(super) struct Alerts {
    #[serde(default)]
    pub(super) alerts: Rows<Alert>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub(super) labels: Labels,
    #[serde(default)]
    pub(super) annotations: Labels,
    pub(super) state: String,
    #[serde(default)]
    pub(super) active_at: Option<String>,
    #[serde(default)]
    pub(super) value: Option<String>,
}

/// `/api/v1/rules?type=alert`
#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    #[serde(default)]
    pub(super) groups: Rows<RuleGroup>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RuleGroup {
    #[serde(default)]
    pub(super) rules: Rows<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) name: String,
    #[serde(default)]
    pub(super) health: String,
    #[serde(default)]
    pub(super) last_error: String,
}

/// `/api/v1/metadata`: what the processes declare of each metric, once for each way in which they do.
pub(super) type Metadata = BTreeMap<String, Vec<Declared>>;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Declared {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) unit: String,
    #[serde(default)]
    pub(super) help: String,
}

/// `/api/v1/status/buildinfo`
#[derive(Debug, Default, Deserialize)]
pub(super) struct BuildInfo {
    #[serde(default)]
    pub(super) version: String,
    /// Mimir says its own name.
    #[serde(default)]
    pub(super) application: String,
}

/// A time as RFC 3339 has it; Go's zero time means that there was none.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|at: &Timestamp| at.as_second() > 0)
}

/// A duration in Prometheus' words: `1m30s`, `500ms`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let factor: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        millis = number.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(millis)?;
        rest = behind;
    }
    (millis > 0).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Envelope<T> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_that_json_does_not_have_are_read() {
        let text = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"a":"1"},"value":[1.5,"NaN"]},{"metric":{},"value":[2,"+Inf"]},{"metric":{},"value":[3,"-1e-3"]}]}}"#;
        let Some(Found::Vector(rows)) = read(text).data else { panic!("no vector") };
        let numbers: Vec<f64> = rows.good.iter().map(|series| series.value.is).collect();
        assert!(numbers[0].is_nan());
        assert_eq!(format!("{:?}", &numbers[1..]), "[inf, -0.001]");
    }

    #[test]
    fn a_row_that_is_not_understood_is_counted_and_the_others_are_read() {
        let text = r#"{"data":{"resultType":"vector","result":[
            {"metric":{"a":"1"},"value":[1,"2"]}, 7, null, {"metric":{"a":2},"value":[1,"2"]}, {"metric":{}},
            {"metric":{},"value":[1,"many"]}, {"metric":{},"histogram":[1,{"count":"5"}]}]}}"#;
        let Some(Found::Vector(rows)) = read(text).data else { panic!("no vector") };
        assert_eq!((rows.good.len(), rows.bad), (1, 6));
    }

    #[test]
    fn other_kinds_of_results_and_other_shapes_are_no_answer() {
        for text in [
            r#"{"data":{"resultType":"scalar","result":[1,"2"]}}"#,
            r#"{"data":{"resultType":"matrix","result":[]}}"#,
            r#"{"data":{"resultType":"vector","result":{}}}"#,
            r#"{"data":[]}"#,
            "[1,2]",
            "",
        ] {
            assert!(serde_json::from_str::<Envelope<Found>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_over_time_are_read_and_a_series_of_another_kind_is_counted() {
        let text = r#"{"data":{"resultType":"matrix","result":[
            {"metric":{"a":"1"},"values":[[1,"2"],[1.5,"NaN"]]}, {"metric":{},"histograms":[[1,{}]]}, {"metric":{},"values":[[1]]}]}}"#;
        let Some(FoundOverTime::Matrix(rows)) = read(text).data else { panic!("no matrix") };
        assert_eq!((rows.good.len(), rows.good[0].values.len(), rows.bad), (1, 2, 2));
        let vector = r#"{"data":{"resultType":"vector","result":[]}}"#;
        assert!(serde_json::from_str::<Envelope<FoundOverTime>>(vector).is_err());
    }

    #[test]
    fn what_is_null_is_empty() {
        let answer: Envelope<Targets> = read(r#"{"data":{"activeTargets":null},"warnings":null,"isPartial":null}"#);
        assert!(answer.data.unwrap().active.good.is_empty() && answer.warnings.is_empty() && !answer.is_partial);
    }

    #[test]
    fn durations_are_read_in_prometheus_words() {
        for (text, millis) in [("15s", 15_000), ("1m30s", 90_000), ("500ms", 500), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "15", "1x", "99999999999999999999s", "9999999999999y", "-5s", "0s", "1.5s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_that_never_was_is_none() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("yesterday"), None);
        assert!(time("2026-11-25T18:24:18.225Z").is_some());
    }
}
