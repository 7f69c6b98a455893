//! A circuit breaker of the failure kind, as Hystrix and its descendants have it: closed until too many of the last
//! calls failed, then open for a while, then half-open for a few probes that decide.
//!
//! Time is passed in. A demo wants to be quick: the window is one second, and an open breaker asks again after four.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What opens a breaker, and what closes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BreakerPlan {
    pub(crate) window: Duration,
    /// Fewer calls than this in the window never open it.
    pub(crate) volume: u32,
    /// The share of failed calls that opens it, in percent.
    pub(crate) error_percent: u32,
    /// How long it stays open before it lets a probe through.
    pub(crate) sleep: Duration,
    /// So many probes in a row must go well to close it.
    pub(crate) probes: u32,
}

pub(crate) const PLAN: BreakerPlan = BreakerPlan {
    window: Duration::from_secs(1),
    volume: 4,
    error_percent: 51,
    sleep: Duration::from_secs(4),
    probes: 3,
};

const SLICES: u32 = 10;
/// Latencies kept of one slice of the window; more do not change the percentiles that anyone reads.
const LATENCIES_PER_SLICE: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl BreakerState {
    pub(crate) const ALL: [BreakerState; 3] = [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen];

    /// The words of the `state` label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

/// How a call that was let through ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    Success,
    Failure,
    Timeout,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) success: u32,
    pub(crate) failure: u32,
    pub(crate) timeout: u32,
    pub(crate) short_circuited: u32,
}

impl Counts {
    /// The calls that were really made; refused ones do not count, so an open breaker falls to zero.
    pub(crate) fn requests(&self) -> u32 {
        self.success + self.failure + self.timeout
    }

    pub(crate) fn errors(&self) -> u32 {
        self.failure + self.timeout
    }

    pub(crate) fn error_percent(&self) -> u32 {
        (self.errors() * 100).checked_div(self.requests()).unwrap_or(0)
    }

    fn add(&mut self, other: &Counts) {
        self.success += other.success;
        self.failure += other.failure;
        self.timeout += other.timeout;
        self.short_circuited += other.short_circuited;
    }
}

/// What the breaker looks like from outside, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Glance {
    pub(crate) state: BreakerState,
    pub(crate) counts: Counts,
    /// Of the window's calls, sorted.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) in_flight: u32,
    /// Calls refused since the start.
    pub(crate) rejected: u64,
}

#[derive(Debug, Default)]
struct Slice {
    number: u128,
    counts: Counts,
    latencies: Vec<Duration>,
}

#[derive(Debug)]
enum Mode {
    Closed,
    Open { until: Instant },
    HalfOpen { passed: u32, probing: bool },
}

#[derive(Debug)]
struct Inner {
    mode: Mode,
    slices: VecDeque<Slice>,
    in_flight: u32,
    rejected: u64,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    plan: BreakerPlan,
    born: Instant,
    inner: Mutex<Inner>,
}

/// The right to make one call. Dropped without a word, the call counts as never made.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    ended: bool,
}

impl Breaker {
    pub(crate) fn new(plan: BreakerPlan, now: Instant) -> Breaker {
        let inner = Inner { mode: Mode::Closed, slices: VecDeque::new(), in_flight: 0, rejected: 0 };
        Breaker { plan, born: now, inner: Mutex::new(inner) }
    }

    /// May a call be made now? `None`: it is refused.
    pub(crate) fn ask(&self, now: Instant) -> Option<Permit<'_>> {
        let mut inner = self.lock();
        if let Mode::Open { until } = inner.mode
            && now >= until
        {
            inner.mode = Mode::HalfOpen { passed: 0, probing: false };
        }
        let probe = match &mut inner.mode {
            Mode::Closed => Some(false),
            Mode::HalfOpen { probing, .. } if !*probing => {
                *probing = true;
                Some(true)
            }
            Mode::Open { .. } | Mode::HalfOpen { .. } => None,
        };
        let Some(probe) = probe else {
            inner.rejected += 1;
            self.count(&mut inner, now, |slice| slice.counts.short_circuited += 1);
            return None;
        };
        inner.in_flight += 1;
        Some(Permit { breaker: self, probe, ended: false })
    }

    pub(crate) fn glance(&self, now: Instant) -> Glance {
        let mut inner = self.lock();
        self.forget_old(&mut inner, now);
        let mut counts = Counts::default();
        let mut latencies = Vec::new();
        for slice in &inner.slices {
            counts.add(&slice.counts);
            latencies.extend_from_slice(&slice.latencies);
        }
        latencies.sort_unstable();
        let state = match inner.mode {
            Mode::Closed => BreakerState::Closed,
            Mode::Open { .. } => BreakerState::Open,
            Mode::HalfOpen { .. } => BreakerState::HalfOpen,
        };
        Glance { state, counts, latencies, in_flight: inner.in_flight, rejected: inner.rejected }
    }

    fn ended(&self, now: Instant, probe: bool, end: Option<CallEnd>, took: Duration) {
        let mut inner = self.lock();
        inner.in_flight = inner.in_flight.saturating_sub(1);
        if let Some(end) = end {
            self.count(&mut inner, now, |slice| {
                match end {
                    CallEnd::Success => slice.counts.success += 1,
                    CallEnd::Failure => slice.counts.failure += 1,
                    CallEnd::Timeout => slice.counts.timeout += 1,
                }
                if slice.latencies.len() < LATENCIES_PER_SLICE {
                    slice.latencies.push(took);
                }
            });
        }
        if probe {
            self.judge_probe(&mut inner, now, end);
        } else if matches!(inner.mode, Mode::Closed) && self.failed_too_often(&mut inner, now) {
            inner.mode = Mode::Open { until: now + self.plan.sleep };
        }
    }

    fn judge_probe(&self, inner: &mut Inner, now: Instant, end: Option<CallEnd>) {
        let Mode::HalfOpen { passed, probing } = &mut inner.mode else { return };
        *probing = false;
        match end {
            None => {}
            Some(CallEnd::Success) => {
                *passed += 1;
                if *passed >= self.plan.probes {
                    // What was counted before it opened must not open it again.
                    inner.mode = Mode::Closed;
                    inner.slices.clear();
                }
            }
            Some(CallEnd::Failure | CallEnd::Timeout) => inner.mode = Mode::Open { until: now + self.plan.sleep },
        }
    }

    fn failed_too_often(&self, inner: &mut Inner, now: Instant) -> bool {
        self.forget_old(inner, now);
        let mut counts = Counts::default();
        for slice in &inner.slices {
            counts.add(&slice.counts);
        }
        counts.requests() >= self.plan.volume && counts.error_percent() >= self.plan.error_percent
    }

    fn number(&self, now: Instant) -> u128 {
        let width = (self.plan.window / SLICES).as_micros().max(1);
        now.duration_since(self.born).as_micros() / width
    }

    fn forget_old(&self, inner: &mut Inner, now: Instant) {
        let number = self.number(now);
        while inner.slices.front().is_some_and(|slice| slice.number + u128::from(SLICES) <= number) {
            inner.slices.pop_front();
        }
    }

    /// Counts something in the window's newest slice.
    fn count(&self, inner: &mut Inner, now: Instant, count: impl FnOnce(&mut Slice)) {
        self.forget_old(inner, now);
        let number = self.number(now);
        let mut current = match inner.slices.pop_back() {
            // A slice that two threads reach out of order belongs to the newer one.
            Some(slice) if slice.number >= number => slice,
            older => {
                inner.slices.extend(older);
                Slice { number, ..Slice::default() }
            }
        };
        count(&mut current);
        inner.slices.push_back(current);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    pub(crate) fn end(mut self, now: Instant, end: CallEnd, took: Duration) {
        self.ended = true;
        self.breaker.ended(now, self.probe, Some(end), took);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let now = Instant::now();
            self.breaker.ended(now, self.probe, None, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn call(breaker: &Breaker, now: Instant, end: CallEnd) -> bool {
        match breaker.ask(now) {
            Some(permit) => {
                permit.end(now, end, 5 * MS);
                true
            }
            None => false,
        }
    }

    fn opened(start: Instant) -> Breaker {
        let breaker = Breaker::new(PLAN, start);
        for at in 0..PLAN.volume {
            call(&breaker, start + MS * at, CallEnd::Failure);
        }
        breaker
    }

    #[test]
    fn a_few_failures_do_not_open_it_and_many_do() {
        let start = Instant::now();
        let breaker = Breaker::new(PLAN, start);
        for at in 0..PLAN.volume - 1 {
            call(&breaker, start + MS * at, CallEnd::Failure);
        }
        assert_eq!(breaker.glance(start + 10 * MS).state, BreakerState::Closed);
        call(&breaker, start + 10 * MS, CallEnd::Timeout);
        assert_eq!(breaker.glance(start + 10 * MS).state, BreakerState::Open);
    }

    #[test]
    fn failures_older_than_the_window_are_forgotten() {
        let start = Instant::now();
        let breaker = Breaker::new(PLAN, start);
        for at in 0..20u32 {
            // Two failures a second stay below the volume for ever.
            call(&breaker, start + MS * (at * 500), CallEnd::Failure);
        }
        assert_eq!(breaker.glance(start + MS * 9_600).state, BreakerState::Closed);
    }

    #[test]
    fn a_moderate_share_of_errors_does_not_open_it() {
        let start = Instant::now();
        let breaker = Breaker::new(PLAN, start);
        for at in 0..100u32 {
            let end = if at % 3 == 0 { CallEnd::Failure } else { CallEnd::Success };
            assert!(call(&breaker, start + MS * (at * 100), end), "call {at}");
        }
    }

    #[test]
    fn open_it_refuses_and_says_so_and_its_request_count_falls_to_zero() {
        let start = Instant::now();
        let breaker = opened(start);
        assert!(!call(&breaker, start + 100 * MS, CallEnd::Success));
        let later = breaker.glance(start + 1_050 * MS);
        assert_eq!((later.counts.requests(), later.counts.short_circuited, later.rejected), (0, 1, 1));
    }

    #[test]
    fn half_open_it_lets_one_probe_through_at_a_time_and_closes_after_enough() {
        let start = Instant::now();
        let breaker = opened(start);
        let after = start + PLAN.sleep + 10 * MS;
        let probe = breaker.ask(after).expect("a probe");
        assert!(breaker.ask(after).is_none(), "one at a time");
        assert_eq!(breaker.glance(after).state, BreakerState::HalfOpen);
        probe.end(after, CallEnd::Success, MS);
        for _ in 1..PLAN.probes {
            assert!(call(&breaker, after, CallEnd::Success));
        }
        assert_eq!(breaker.glance(after).state, BreakerState::Closed);
        assert!(call(&breaker, after, CallEnd::Failure), "one failure after that does not open it");
        assert_eq!(breaker.glance(after).state, BreakerState::Closed);
    }

    #[test]
    fn a_failed_probe_opens_it_again_for_as_long() {
        let start = Instant::now();
        let breaker = opened(start);
        let after = start + PLAN.sleep + 10 * MS;
        assert!(call(&breaker, after, CallEnd::Failure));
        assert!(!call(&breaker, after + PLAN.sleep / 2, CallEnd::Success));
        assert!(call(&breaker, after + PLAN.sleep, CallEnd::Success));
    }

    #[test]
    fn a_probe_that_is_given_up_frees_its_turn() {
        let start = Instant::now();
        let breaker = opened(start);
        let after = start + PLAN.sleep + 10 * MS;
        drop(breaker.ask(after).expect("a probe"));
        assert!(breaker.ask(after).is_some());
    }
}
