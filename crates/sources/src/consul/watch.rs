//! When to ask again, and what to wait for: the rules of blocking queries
//! (<https://developer.hashicorp.com/consul/api-docs/features/blocking>) as a state machine without IO. Time and chance
//! are passed in.
//!
//! - An index that went backwards is dropped: the answer that carried it is taken as a whole new listing, and the next
//!   request does not wait. An index of 0, or none, is never waited on.
//! - Only an answer's index is adopted, never one from an error; a failure keeps the old one for comparison, and the next
//!   request does not wait, so that the end of the trouble shows at once.
//! - A hash is opaque: it has no order and cannot go backwards.
//! - A server holds a query to its end although whoever asked is gone, and counts it against the connections that it allows
//!   one client (200 by default). So a young watch asks for short waits, no longer than it has lived itself: a command that
//!   ends after a second leaves nothing behind.
//! - An answer does not mean a change. What is paid for is attention: an answer that brought news costs the time that it
//!   took to read, one that brought none costs half a second, and twice as much each time in a row. The account fills
//!   with time up to one second, so that a first change always passes at once.

use std::sync::Arc;
use std::time::Duration;

use super::api::Hold;
use crate::error::ErrorKind;

/// What is known of a listing, in the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// `X-Consul-Index`.
    Index(u64),
    /// `X-Consul-ContentHash`.
    Hash(Arc<str>),
}

/// How fast a watch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long the server may hold an answer back; Consul allows at most ten minutes.
    pub wait: Duration,
    /// How long at first; then no longer than the watch has lived.
    pub first_wait: Duration,
    /// How often an endpoint that cannot wait is asked.
    pub poll: Duration,
    /// The first pause after a failure; doubled with each one in a row.
    pub first_pause: Duration,
    /// The longest pause after a failure.
    pub longest_pause: Duration,
    /// The pause after a refusal for want of rights: a policy does not change every second.
    pub denied_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(300),
            first_wait: Duration::from_secs(2),
            poll: Duration::from_secs(15),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            denied_pause: Duration::from_secs(30),
        }
    }
}

/// What a full account pays for.
const FULL: i64 = 1_000;
/// What an answer with news costs at least, in milliseconds of attention.
const NEWS: i64 = 10;
/// From this reading time on, an answer costs three times its time.
const LONG_READ: i64 = 100;
/// What an answer without news costs the first time.
const NO_NEWS: i64 = 500;
/// And at most.
const NO_NEWS_MOST: i64 = 15_000;

/// How an answer is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// As everything there is: what it does not name is gone, and versions may go back.
    Whole,
    /// As what was known, with changes.
    Changes,
}

/// The next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// After this pause.
    pub(super) after: Duration,
    /// Waiting for a change of this, or for nothing.
    pub(super) hold: Option<Hold>,
}

impl Next {
    /// At once, waiting for nothing.
    pub(super) const AT_ONCE: Self = Self { after: Duration::ZERO, hold: None };
}

/// One watch.
#[derive(Clone, Debug)]
pub(super) struct WatchState {
    pace: Pace,
    mark: Option<Mark>,
    /// True when the next answer must be taken as a whole.
    anew: bool,
    failures: u32,
    without_news: u32,
    account: i64,
    filled_at: Duration,
    born: Duration,
}

impl WatchState {
    /// A watch that has not asked yet; `now` is the time since any fixed moment.
    pub(super) fn new(pace: Pace, now: Duration) -> Self {
        Self { pace, mark: None, anew: true, failures: 0, without_news: 0, account: FULL, filled_at: now, born: now }
    }

    /// Makes the next answer count as a whole, and the next request not wait for anything.
    pub(super) fn start_anew(&mut self) {
        self.anew = true;
        self.mark = None;
    }

    /// The head of an answer is here: how is its body to be taken?
    pub(super) fn on_head(&self, mark: Option<&Mark>) -> Listing {
        if self.anew || self.went_back(mark) { Listing::Whole } else { Listing::Changes }
    }

    fn went_back(&self, mark: Option<&Mark>) -> bool {
        matches!((&self.mark, mark), (Some(Mark::Index(old)), Some(Mark::Index(new))) if new < old)
    }

    /// A whole answer is here. `news` is whether it said anything new, `reading` how long its body took.
    pub(super) fn on_answer(&mut self, now: Duration, mark: Option<Mark>, news: bool, reading: Duration) -> Next {
        self.fill(now);
        let unmoved = self.mark.is_some() && self.mark == mark;
        let went_back = self.went_back(mark.as_ref()) && mark != Some(Mark::Index(0));
        self.failures = 0;
        self.anew = false;
        self.pay(unmoved, news, reading);
        self.mark = match mark {
            Some(Mark::Index(0)) | None => None,
            _ if went_back => None,
            usable => usable,
        };
        let pause = Duration::from_millis(u64::try_from(-self.account).unwrap_or(0));
        match &self.mark {
            Some(mark) => Next { after: pause, hold: Some(Hold { mark: mark.clone(), wait: self.wait(now) }) },
            None if went_back => Next { after: pause, hold: None },
            None => Next { after: pause.max(self.pace.poll), hold: None },
        }
    }

    /// There was no usable answer. `chance` is anywhere from 0 to 1, to spread several clients apart.
    pub(super) fn on_failure(&mut self, kind: ErrorKind, chance: f64) -> Next {
        self.anew = true;
        let doubled = self.pace.first_pause.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let pause = match kind {
            ErrorKind::AclDenied | ErrorKind::Unauthenticated | ErrorKind::Unsupported | ErrorKind::NotFound => {
                self.pace.denied_pause
            }
            ErrorKind::RateLimited => doubled.saturating_mul(4).min(self.pace.longest_pause),
            _ => doubled.min(self.pace.longest_pause),
        };
        Next { after: pause.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0)), hold: None }
    }

    /// How long the server may hold the next answer back.
    fn wait(&self, now: Duration) -> Duration {
        now.saturating_sub(self.born).max(self.pace.first_wait).min(self.pace.wait)
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled_at).as_millis();
        self.account = self.account.saturating_add(i64::try_from(passed).unwrap_or(FULL)).min(FULL);
        self.filled_at = now;
    }

    fn pay(&mut self, unmoved: bool, news: bool, reading: Duration) {
        if unmoved && !news {
            // The waiting time went by; nothing woke us.
            self.without_news = 0;
            return;
        }
        let reading = i64::try_from(reading.as_millis()).unwrap_or(NO_NEWS_MOST);
        let price = if news {
            self.without_news = 0;
            NEWS + reading + 2 * (reading - LONG_READ).max(0)
        } else {
            let price = NO_NEWS << self.without_news.min(8);
            self.without_news = self.without_news.saturating_add(1);
            price
        };
        // The debt is what is slept off: never more than the longest pause.
        self.account = (self.account - price).max(-NO_NEWS_MOST);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[allow(clippy::unnecessary_wraps, reason = "an answer may have none, and these tests pass what answers have")]
    fn index(index: u64) -> Option<Mark> {
        Some(Mark::Index(index))
    }

    fn held(next: &Next) -> Option<u64> {
        match next.hold.as_ref().map(|hold| &hold.mark) {
            Some(Mark::Index(index)) => Some(*index),
            _ => None,
        }
    }

    #[test]
    fn the_first_request_does_not_wait_and_its_answer_is_the_whole() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        assert_eq!(watch.on_head(index(7).as_ref()), Listing::Whole);
        let next = watch.on_answer(at(0), index(7), true, MOMENT);
        assert_eq!((next.after, held(&next)), (Duration::ZERO, Some(7)));
        assert_eq!(watch.on_head(index(8).as_ref()), Listing::Changes);
    }

    #[test]
    fn a_young_watch_asks_for_short_waits_and_an_old_one_for_long_ones() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = watch.on_answer(now, index(7), false, MOMENT).hold.unwrap().wait;
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [2, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn an_index_that_goes_back_is_a_new_listing_and_is_not_waited_on() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        watch.on_answer(at(0), index(100), true, MOMENT);
        assert_eq!(watch.on_head(index(99).as_ref()), Listing::Whole);
        let next = watch.on_answer(at(1), index(99), true, MOMENT);
        assert_eq!((next.after, next.hold), (Duration::ZERO, None));
        let next = watch.on_answer(at(1), index(99), true, MOMENT);
        assert_eq!(held(&next), Some(99));
    }

    #[test]
    fn an_index_of_zero_or_none_is_never_waited_on() {
        for mark in [index(0), None] {
            let mut watch = WatchState::new(Pace::default(), at(0));
            let next = watch.on_answer(at(0), mark, true, MOMENT);
            assert_eq!((next.after, next.hold), (Pace::default().poll, None));
        }
    }

    #[test]
    fn a_failure_backs_off_keeps_the_index_for_comparison_and_asks_without_waiting() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        watch.on_answer(at(0), index(50), true, MOMENT);
        let pauses: Vec<u128> =
            (0..9).map(|_| watch.on_failure(ErrorKind::ServerError, 1.0)).map(|next| next.after.as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
        assert_eq!(watch.on_failure(ErrorKind::ServerError, 0.0).hold, None);
        assert_eq!(watch.on_head(index(60).as_ref()), Listing::Whole);
        let next = watch.on_answer(at(60), index(40), true, MOMENT);
        assert_eq!(next.hold, None, "the index went back while it failed");
    }

    #[test]
    fn a_limited_rate_and_a_denial_pause_longer_than_a_fault() {
        let pause = |kind| WatchState::new(Pace::default(), at(0)).on_failure(kind, 1.0).after;
        assert!(pause(ErrorKind::RateLimited) > pause(ErrorKind::ServerError));
        assert_eq!(pause(ErrorKind::AclDenied), Pace::default().denied_pause);
    }

    #[test]
    fn a_first_change_passes_at_once_however_long_nothing_happened() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        watch.on_answer(at(0), index(1), true, MOMENT);
        for minute in 1..50 {
            let next = watch.on_answer(at(minute * 300), index(1), false, MOMENT);
            assert_eq!(next.after, Duration::ZERO);
        }
    }

    #[test]
    fn changes_that_are_read_fast_are_never_held_up() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        for change in 1..1000_u64 {
            let now = Duration::from_millis(change * 20);
            let next = watch.on_answer(now, index(change), true, Duration::from_millis(5));
            assert_eq!(next.after, Duration::ZERO, "change {change}");
        }
    }

    #[test]
    fn answers_without_news_are_asked_for_less_and_less() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        watch.on_answer(at(0), index(1), true, MOMENT);
        let mut now = at(10);
        let mut pauses = Vec::new();
        for change in 2..12 {
            let next = watch.on_answer(now, index(change), false, MOMENT);
            pauses.push(next.after.as_millis());
            now += next.after + MOMENT;
        }
        assert_eq!(pauses[..3], [0, 499, 1999]);
        assert!(pauses.iter().all(|pause| *pause <= 15_000), "{pauses:?}");
    }

    #[test]
    fn long_listings_that_change_all_the_time_take_less_than_half_of_it() {
        let mut watch = WatchState::new(Pace::default(), at(0));
        let reading = Duration::from_millis(600);
        let (mut now, mut busy) = (at(0), Duration::ZERO);
        for change in 1..100 {
            now += reading;
            busy += reading;
            now += watch.on_answer(now, index(change), true, reading).after;
        }
        assert!(busy.as_secs_f64() / now.as_secs_f64() < 0.5);
    }

    #[test]
    fn a_hash_has_no_order() {
        let hash = |text: &str| Some(Mark::Hash(Arc::from(text)));
        let mut watch = WatchState::new(Pace::default(), at(0));
        watch.on_answer(at(0), hash("b"), true, MOMENT);
        assert_eq!(watch.on_head(hash("a").as_ref()), Listing::Changes);
        let next = watch.on_answer(at(1), hash("a"), true, MOMENT);
        assert_eq!(next.hold.unwrap().mark, Mark::Hash(Arc::from("a")));
    }

    #[derive(Clone, Debug)]
    enum Event {
        Answer { index: Option<u64>, news: bool },
        Failure(ErrorKind),
    }

    fn event() -> impl Strategy<Value = Event> {
        let kinds = prop_oneof![Just(ErrorKind::ServerError), Just(ErrorKind::RateLimited), Just(ErrorKind::CutOff)];
        prop_oneof![
            (prop::option::of(0_u64..20), any::<bool>()).prop_map(|(index, news)| Event::Answer { index, news }),
            kinds.prop_map(Event::Failure),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_only_the_last_answers_own_index_is_waited_on(
            events in prop::collection::vec((event(), 0_u64..5_000, 0.0_f64..=1.0), 1..60),
        ) {
            let mut watch = WatchState::new(Pace::default(), at(0));
            let mut now = at(0);
            for (event, passed, chance) in events {
                now += Duration::from_millis(passed);
                let (next, last) = match event {
                    Event::Answer { index, news } => {
                        (watch.on_answer(now, index.map(Mark::Index), news, MOMENT), index)
                    }
                    Event::Failure(kind) => (watch.on_failure(kind, chance), None),
                };
                prop_assert!(held(&next) != Some(0));
                prop_assert!(held(&next).is_none() || held(&next) == last);
                prop_assert!(next.after <= Duration::from_secs(30));
                if next.hold.is_none() && matches!(last, None | Some(0)) {
                    prop_assert!(next.after >= Duration::from_millis(125), "a loop that neither waits nor pauses");
                }
            }
        }
    }
}
