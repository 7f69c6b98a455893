//! What a source of many endpoints says of itself.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::snapshot::{Ability, Fault, SourceState, SourceStatus};
use jiff::{SignedDuration, Timestamp};

use super::Target;
use crate::error::SourceError;
use crate::http;
use crate::published::Published;
use crate::road::by_way;

/// How many failing endpoints are named one by one.
const NAMED_FAULTS: usize = 20;

/// One endpoint: how its last attempt ended, if there was one.
pub(crate) type Outcome = Option<Result<(), SourceError>>;

/// The status that was published last, and the next one made from it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    published: Published,
    next_try: Option<Timestamp>,
}

/// What a new status is made of, besides the state.
pub(crate) struct Account {
    pub(crate) address: Arc<str>,
    pub(crate) product: Option<Arc<str>>,
    /// What may be done by it while it is live.
    pub(crate) abilities: Vec<Ability>,
    /// One for each endpoint with something wrong.
    pub(crate) faults: Vec<Fault>,
}

impl Standing {
    /// The state that the endpoints add up to.
    pub(crate) fn state<'o>(&self, outcomes: &(impl Iterator<Item = &'o Outcome> + Clone)) -> SourceState {
        let before = self.published.last().map_or(SourceState::Connecting, |status| status.state);
        let none = outcomes.clone().next().is_none();
        let open = outcomes.clone().any(Option::is_none);
        let read = outcomes.clone().any(|outcome| matches!(outcome, Some(Ok(()))));
        match (none, read, open) {
            // The first picture is whole when each endpoint answered or failed once. A list that became empty is known to be
            // so; one that was never filled is not here yet.
            (true, _, _) | (_, _, true) if before == SourceState::Connecting => SourceState::Connecting,
            (true, _, _) | (_, true, _) => SourceState::Live,
            (false, false, true) => before,
            (false, false, false) => SourceState::Failing,
        }
    }

    /// Notes when the next attempt after a failure is due.
    pub(crate) fn try_after(&mut self, pause: Duration) {
        let pause = SignedDuration::try_from(pause).unwrap_or_default();
        self.next_try = Timestamp::now().checked_add(pause).ok();
    }

    /// The status to publish; `None` when it is the published one.
    pub(crate) fn news(&mut self, state: SourceState, account: Account) -> Option<SourceStatus> {
        let before = self.published.last();
        let failing = state == SourceState::Failing;
        let mut faults = few(account.faults).into_iter();
        let status = SourceStatus {
            state,
            since: self.published.since(state, Timestamp::now()),
            address: account.address,
            product: account.product.or_else(|| before.and_then(|status| status.product.clone())),
            fault: if failing { faults.next() } else { None },
            partial: faults.collect(),
            unseen: Vec::new(),
            dialects: None,
            notes: Vec::new(),
            next_try: self.next_try.filter(|_| failing),
            abilities: account.abilities,
        };
        self.published.news(status)
    }
}

/// Where a list of endpoints is reached.
pub(crate) fn address(targets: &[Target], place: &str, way: Option<String>) -> Arc<str> {
    match targets {
        [only] => by_way(&http::shown_address(&only.url), way),
        many => Arc::from(format!("{} endpoints of {place}", many.len())),
    }
}

fn few(mut faults: Vec<Fault>) -> Vec<Fault> {
    if faults.len() > NAMED_FAULTS {
        let more = faults.len() - NAMED_FAULTS;
        faults.truncate(NAMED_FAULTS);
        if let Some(last) = faults.last_mut() {
            last.detail = Arc::from(format!("{} (and {more} more endpoints)", last.detail));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn error() -> SourceError {
        SourceError {
            system: "scrape",
            kind: ErrorKind::Unreachable,
            tried: "GET http://127.0.0.1:1/metrics".to_owned(),
            came_back: "connection refused".to_owned(),
            hint: "See that it runs.".to_owned(),
        }
    }

    fn failed() -> Outcome {
        Outcome::from(Err(error()))
    }

    /// Feeds the outcomes of all endpoints step by step.
    fn states(steps: &[&[Outcome]]) -> Vec<SourceState> {
        let mut standing = Standing::default();
        let step = |outcomes: &&[Outcome]| {
            let state = standing.state(&outcomes.iter());
            standing.news(
                state,
                Account { address: Arc::from("x"), product: None, abilities: Vec::new(), faults: Vec::new() },
            );
            state
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn the_first_picture_is_whole_when_each_endpoint_had_its_say() {
        use SourceState::{Connecting, Live};
        let good = || Some(Ok(()));
        assert_eq!(
            states(&[&[], &[None, None], &[good(), None], &[good(), failed()]]),
            [Connecting, Connecting, Connecting, Live]
        );
        // A newcomer does not take the picture back.
        assert_eq!(states(&[&[good()], &[good(), None], &[]]), [Live, Live, Live]);
    }

    #[test]
    fn it_fails_when_no_endpoint_answers() {
        use SourceState::{Failing, Live};
        let good = || Some(Ok(()));
        assert_eq!(
            states(&[&[good(), good()], &[failed(), good()], &[failed(), failed()], &[good(), failed()]]),
            [Live, Live, Failing, Live]
        );
    }

    #[test]
    fn a_status_is_told_once_and_keeps_since_when() {
        let mut standing = Standing::default();
        let account = || Account {
            address: Arc::from("x"),
            product: None,
            abilities: Vec::new(),
            faults: vec![error().fault(); 30],
        };
        let first = standing.news(SourceState::Failing, account()).unwrap();
        assert_eq!((first.fault.is_some(), first.partial.len()), (true, NAMED_FAULTS - 1));
        assert!(first.partial.last().unwrap().detail.ends_with("(and 10 more endpoints)"));
        assert_eq!(standing.news(SourceState::Failing, account()), None);
    }
}
