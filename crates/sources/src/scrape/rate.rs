//! From counters to rates: what happened in a sliding window of readings of one process.
//!
//! Only intervals that were really measured count. An interval in which a counter fell, or in which its process was another
//! one at its end than at its start, is left out with its time: so a restart makes a rate unknown for one interval, and never
//! makes a spike. (PromQL's `rate` adds the whole new value instead, and extrapolates to the ends of its range; between the
//! first and the last reading of an undisturbed window both give the same.)

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::exposition::{Bucket, Labels, Sample, Value};

/// The metric by which client libraries tell when their process was started, in seconds since 1970.
pub const PROCESS_START: &str = "process_start_time_seconds";

/// A counter falls when its process starts anew, and a process that does so twice in one window is no rule.
const FALLS_OF_A_GAUGE: usize = 2;

/// A series: a metric's name and its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    /// The metric.
    pub name: Arc<str>,
    /// Its labels.
    pub labels: Labels,
}

/// One reading of one series.
#[derive(Clone, Debug)]
struct Reading {
    /// When, on a clock that only goes forward.
    at: Duration,
    /// How many restarts of the process had been seen.
    process: u32,
    value: Value,
}

/// The readings of one process in the last while.
#[derive(Clone, Debug)]
pub struct Window {
    span: Duration,
    latest: Option<Duration>,
    started: Option<f64>,
    process: u32,
    series: BTreeMap<SeriesKey, VecDeque<Reading>>,
}

impl Window {
    /// An empty window over this time.
    pub fn new(span: Duration) -> Self {
        Self { span, latest: None, started: None, process: 0, series: BTreeMap::new() }
    }

    /// How long the window is.
    pub fn span(&self) -> Duration {
        self.span
    }

    /// Takes the counters of one reading in. `at` is a clock that only goes forward, `started` is what the process says of
    /// its own start. A series that is not among them is gone, and is a new one when it comes back.
    pub fn push(&mut self, at: Duration, started: Option<f64>, counters: impl IntoIterator<Item = Sample>) {
        let connected = self.latest.is_some_and(|latest| at > latest && at.saturating_sub(latest) <= self.span);
        if !connected {
            self.series.clear();
        }
        // The value itself is compared, not its size: another process may also have started earlier.
        if let (Some(before), Some(now)) = (self.started, started)
            && before.to_bits() != now.to_bits()
        {
            self.process = self.process.wrapping_add(1);
        }
        self.started = started.or(self.started);
        self.latest = Some(at);
        for Sample { name, labels, value } in counters {
            if is_count(&value) {
                let reading = Reading { at, process: self.process, value };
                self.series.entry(SeriesKey { name, labels }).or_default().push_back(reading);
            }
        }
        let span = self.span;
        self.series.retain(|_, readings| {
            while readings.front().is_some_and(|oldest| at.saturating_sub(oldest.at) > span) {
                readings.pop_front();
            }
            readings.back().is_some_and(|newest| newest.at == at)
        });
    }

    /// The series of one metric in the latest reading.
    pub fn series<'a>(&'a self, name: &Arc<str>) -> impl Iterator<Item = &'a SeriesKey> + use<'a> {
        let from = SeriesKey { name: name.clone(), labels: Labels::new() };
        let name = name.clone();
        self.series.range(from..).map(|(key, _)| key).take_while(move |key| key.name == name)
    }

    /// All series of the latest reading.
    pub fn all(&self) -> impl Iterator<Item = &SeriesKey> {
        self.series.keys()
    }

    /// Metrics that fall again and again while their process lives on: they are no counters, whatever they are called.
    pub fn falling(&self) -> BTreeSet<&Arc<str>> {
        let falls = |key: &SeriesKey| {
            let fell = |(before, after): &(&Reading, &Reading)| match (&before.value, &after.value) {
                (Value::Number(from), Value::Number(to)) => to < from,
                _ => false,
            };
            self.intervals(key).filter(fell).count()
        };
        self.series.keys().filter(|key| falls(key) >= FALLS_OF_A_GAUGE).map(|key| &key.name).collect()
    }

    /// How much a counter grew per second; `None` when no interval was measured.
    pub fn per_second(&self, key: &SeriesKey) -> Option<f64> {
        let mut grown = 0.0;
        let mut measured = Duration::ZERO;
        for (before, after) in self.intervals(key) {
            if let (Value::Number(from), Value::Number(to)) = (&before.value, &after.value)
                && to >= from
            {
                grown += to - from;
                measured += after.at.saturating_sub(before.at);
            }
        }
        (!measured.is_zero()).then(|| grown / measured.as_secs_f64())
    }

    /// How much each bucket of a histogram grew per second; `None` when no interval was measured.
    pub fn buckets_per_second(&self, key: &SeriesKey) -> Option<Vec<Bucket>> {
        let mut grown: Option<Vec<Bucket>> = None;
        let mut measured = Duration::ZERO;
        for (before, after) in self.intervals(key) {
            if let (Value::Histogram(from), Value::Histogram(to)) = (&before.value, &after.value)
                && let Some(step) = growth(from, to)
            {
                measured += after.at.saturating_sub(before.at);
                grown = Some(match grown {
                    Some(sum) => add_buckets(&sum, &step),
                    None => step,
                });
            }
        }
        let seconds = measured.as_secs_f64();
        grown.map(|buckets| buckets.into_iter().map(|one| Bucket { count: one.count / seconds, ..one }).collect())
    }

    /// Neighbouring readings of one process.
    fn intervals(&self, key: &SeriesKey) -> impl Iterator<Item = (&Reading, &Reading)> {
        let readings = self.series.get(key);
        let pairs = readings.into_iter().flat_map(|readings| readings.iter().zip(readings.iter().skip(1)));
        pairs.filter(|(before, after)| before.process == after.process)
    }
}

/// A value that can be a count: finite and not negative.
fn is_count(value: &Value) -> bool {
    let counts = |number: f64| number.is_finite() && number >= 0.0;
    match value {
        Value::Number(number) => counts(*number),
        Value::Histogram(buckets) => buckets.iter().all(|bucket| counts(bucket.count) && !bucket.bound.is_nan()),
    }
}

/// What each bucket gained; `None` when one of them fell or the bounds are other ones.
fn growth(from: &[Bucket], to: &[Bucket]) -> Option<Vec<Bucket>> {
    if from.len() != to.len() {
        return None;
    }
    let step = |(from, to): (&Bucket, &Bucket)| {
        let same = from.bound.total_cmp(&to.bound).is_eq();
        (same && to.count >= from.count).then_some(Bucket { bound: to.bound, count: to.count - from.count })
    };
    from.iter().zip(to).map(step).collect()
}

/// Two histograms as one, by bound.
pub fn add_buckets(one: &[Bucket], other: &[Bucket]) -> Vec<Bucket> {
    let mut sum: Vec<Bucket> = one.iter().chain(other).copied().collect();
    sum.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    sum.dedup_by(|next, kept| {
        let same = next.bound.total_cmp(&kept.bound).is_eq();
        if same {
            kept.count += next.count;
        }
        same
    });
    sum
}

/// A quantile of a classic histogram as PromQL's `histogram_quantile` computes it: linear within its bucket, the lowest
/// bucket starting at 0, and the highest finite bound for everything above it (a floor, not a measure). `None` where PromQL
/// has NaN: nothing was observed, or there is no bucket for +Inf.
///
/// Source: `bucketQuantile` in Prometheus' `promql/quantile.go`.
pub fn quantile(q: f64, buckets: &[Bucket]) -> Option<f64> {
    let mut buckets = add_buckets(buckets, &[]);
    // A bucket cannot hold less than a smaller one; sums of rates may differ by a rounding error.
    let mut most = 0.0_f64;
    for bucket in &mut buckets {
        most = most.max(bucket.count);
        bucket.count = most;
    }
    let (last, finite) = buckets.split_last()?;
    let highest = finite.last()?;
    if last.bound != f64::INFINITY || last.count <= 0.0 || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let rank = q * last.count;
    let Some(position) = finite.iter().position(|bucket| bucket.count >= rank) else {
        return Some(highest.bound);
    };
    let found = finite.get(position)?;
    let below = position.checked_sub(1).and_then(|before| finite.get(before));
    let (start, counted) = match below {
        Some(below) => (below.bound, below.count),
        None if found.bound <= 0.0 => return Some(found.bound),
        None => (0.0, 0.0),
    };
    let inside = found.count - counted;
    // Only for q = 0 in front of the first observation; PromQL divides 0 by 0 there.
    if inside <= 0.0 {
        return None;
    }
    Some(start + (found.bound - start) * ((rank - counted) / inside))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn counter(value: f64) -> Sample {
        Sample { name: Arc::from("c"), labels: Labels::new(), value: Value::Number(value) }
    }

    fn key() -> SeriesKey {
        SeriesKey { name: Arc::from("c"), labels: Labels::new() }
    }

    fn rate(readings: &[(u64, Option<f64>, f64)]) -> Option<f64> {
        let mut window = Window::new(SECOND * 10);
        for (second, started, value) in readings {
            window.push(SECOND * u32::try_from(*second).unwrap(), *started, [counter(*value)]);
        }
        window.per_second(&key())
    }

    #[test]
    fn one_reading_measures_nothing_and_two_do() {
        assert_eq!(rate(&[(1, None, 500.0)]), None);
        assert_eq!(rate(&[(1, None, 500.0), (3, None, 510.0)]), Some(5.0));
        assert_eq!(rate(&[(1, None, 500.0), (3, None, 500.0)]), Some(0.0));
    }

    #[test]
    fn a_missing_scrape_leaves_the_rate_right() {
        assert_eq!(rate(&[(1, None, 0.0), (2, None, 4.0), (7, None, 24.0)]), Some(4.0));
    }

    #[test]
    fn after_a_gap_longer_than_the_window_nothing_is_known_until_the_second_reading() {
        assert_eq!(rate(&[(1, None, 0.0), (2, None, 4.0), (20, None, 4000.0)]), None);
        assert_eq!(rate(&[(1, None, 0.0), (20, None, 4000.0), (21, None, 4003.0)]), Some(3.0));
    }

    #[test]
    fn a_fallen_counter_leaves_its_interval_out() {
        assert_eq!(rate(&[(1, None, 1000.0), (2, None, 1010.0), (3, None, 7.0)]), Some(10.0));
        assert_eq!(rate(&[(1, None, 1000.0), (2, None, 1010.0), (3, None, 7.0), (4, None, 27.0)]), Some(15.0));
    }

    #[test]
    fn a_restart_is_seen_even_when_the_counter_did_not_fall() {
        assert_eq!(rate(&[(1, Some(50.0), 5.0), (2, Some(50.0), 6.0), (3, Some(60.0), 9000.0)]), Some(1.0));
        assert_eq!(rate(&[(1, Some(50.0), 5.0), (2, Some(60.0), 9000.0)]), None);
    }

    #[test]
    fn a_series_that_went_away_and_came_back_is_a_new_one() {
        let mut window = Window::new(SECOND * 10);
        window.push(SECOND, None, [counter(3.0)]);
        window.push(SECOND * 2, None, []);
        assert_eq!(window.series(&Arc::from("c")).count(), 0);
        window.push(SECOND * 3, None, [counter(9000.0)]);
        assert_eq!(window.per_second(&key()), None);
        window.push(SECOND * 4, None, [counter(9001.0)]);
        assert_eq!(window.per_second(&key()), Some(1.0));
    }

    #[test]
    fn what_falls_again_and_again_is_no_counter() {
        let mut window = Window::new(SECOND * 10);
        let falling = |window: &Window| window.falling().len();
        for (second, value) in [(1, 5.0), (2, 3.0), (3, 8.0)] {
            window.push(SECOND * second, None, [counter(value)]);
        }
        assert_eq!(falling(&window), 0, "a process may start anew");
        window.push(SECOND * 4, None, [counter(2.0)]);
        assert_eq!(falling(&window), 1);
        window.push(SECOND * 5, Some(1.0), [counter(3.0)]);
        assert_eq!(falling(&window), 1);
    }

    #[test]
    fn a_value_that_is_no_count_is_not_measured() {
        assert_eq!(rate(&[(1, None, 1.0), (2, None, f64::NAN)]), None);
        assert_eq!(rate(&[(1, None, -1.0), (2, None, 5.0)]), None);
    }

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|(bound, count)| Bucket { bound: *bound, count: *count }).collect()
    }

    /// Expected values follow Prometheus' own test data (`promql/promqltest/testdata/histograms.test`).
    #[test]
    fn quantiles_are_those_of_promql() {
        let infinity = f64::INFINITY;
        let positive = buckets(&[(0.1, 5.0), (0.2, 7.0), (1.0, 11.0), (infinity, 12.0)]);
        let negative = buckets(&[(-0.2, 1.0), (-0.1, 2.0), (0.3, 2.0), (infinity, 3.0)]);
        for (q, of_positive, of_negative) in
            [(0.0, 0.0, -0.2), (0.2, 0.048, -0.2), (0.5, 0.15, -0.15), (0.8, 0.72, 0.3), (1.0, 1.0, 0.3)]
        {
            for (histogram, expected) in [(&positive, of_positive), (&negative, of_negative)] {
                let found = quantile(q, histogram).unwrap();
                assert!((found - expected).abs() < 1e-12, "q {q}: {found} for {expected}");
            }
        }
        for unusable in [
            vec![],
            buckets(&[(infinity, 3.0)]),
            buckets(&[(1.0, 3.0), (2.0, 4.0)]),
            buckets(&[(1.0, 0.0), (infinity, 0.0)]),
        ] {
            assert_eq!(quantile(0.5, &unusable), None);
        }
    }

    #[test]
    fn a_histogram_grows_as_one() {
        let name: Arc<str> = Arc::from("h");
        let sample = |pairs: &[(f64, f64)]| Sample {
            name: name.clone(),
            labels: Labels::new(),
            value: Value::Histogram(buckets(pairs)),
        };
        let mut window = Window::new(SECOND * 10);
        let infinity = f64::INFINITY;
        window.push(SECOND, None, [sample(&[(1.0, 10.0), (infinity, 20.0)])]);
        window.push(SECOND * 3, None, [sample(&[(1.0, 14.0), (infinity, 30.0)])]);
        let key = SeriesKey { name: name.clone(), labels: Labels::new() };
        let expected = buckets(&[(1.0, 2.0), (infinity, 5.0)]);
        assert_eq!(window.buckets_per_second(&key), Some(expected.clone()));
        // One bucket fell: the interval is left out as a whole, though another bucket grew.
        window.push(SECOND * 4, None, [sample(&[(1.0, 3.0), (infinity, 99.0)])]);
        assert_eq!(window.buckets_per_second(&key), Some(expected));
    }

    proptest! {
        /// A process with restarts and missed scrapes: whatever is measured lies between the least and the greatest true rate.
        #[test]
        fn a_measured_rate_is_never_above_the_true_one(
            steps in proptest::collection::vec((1..5u32, 0..100u32, prop::bool::weighted(0.2), prop::bool::weighted(0.2)), 2..40),
            tells_start: bool,
        ) {
            let mut window = Window::new(SECOND * 20);
            let (mut now, mut value, mut started) = (0u32, 0u32, 1.0);
            let mut greatest = 0.0_f64;
            for (seconds, per_second, restart, missed) in steps {
                now += seconds;
                if restart {
                    value = 0;
                    started = f64::from(now);
                }
                value += seconds * per_second;
                greatest = greatest.max(f64::from(per_second));
                if !missed {
                    window.push(SECOND * now, tells_start.then_some(started), [counter(f64::from(value))]);
                }
                if let Some(measured) = window.per_second(&key()) {
                    prop_assert!(measured >= 0.0 && measured <= greatest + 1e-9, "{measured} > {greatest}");
                }
            }
        }

        #[test]
        fn an_undisturbed_counter_is_measured_exactly(per_second in 0..1000u32, gaps in proptest::collection::vec(1..4u32, 1..20)) {
            let mut window = Window::new(SECOND * 20);
            let mut now = 0;
            for gap in gaps {
                window.push(SECOND * now, None, [counter(f64::from(now * per_second))]);
                now += gap;
            }
            window.push(SECOND * now, None, [counter(f64::from(now * per_second))]);
            prop_assert_eq!(window.per_second(&key()), Some(f64::from(per_second)));
        }

        #[test]
        fn quantiles_lie_within_the_finite_bounds_and_grow(
            counts in proptest::collection::vec(0..50u32, 2..8),
            one in 0.0..1.0f64,
            other in 0.0..1.0f64,
        ) {
            let mut sum = 0;
            let last = counts.len() - 1;
            let histogram: Vec<Bucket> = counts.iter().enumerate().map(|(position, count)| {
                sum += count;
                let bound = if position == last { f64::INFINITY } else { f64::from(u32::try_from(position + 1).unwrap()) };
                Bucket { bound, count: f64::from(sum) }
            }).collect();
            let (low, high) = (quantile(one.min(other), &histogram), quantile(one.max(other), &histogram));
            if let (Some(low), Some(high)) = (low, high) {
                prop_assert!(0.0 <= low && low <= high && high <= f64::from(u32::try_from(last).unwrap()));
            }
            prop_assert_eq!(high.is_none(), sum == 0);
        }
    }
}
