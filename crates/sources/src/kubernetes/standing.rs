//! How a cluster is doing, put together from how its watches are doing. Pure: time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use binnacle_model::snapshot::{Fault, SourceState, SourceStatus};
use jiff::Timestamp;

use super::part::Part;
use crate::error::{ErrorKind, SourceError};
use crate::published::Published;

/// How one part is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// It is read; in one namespace only where that is named, with objects that were not understood.
    Well {
        only: Option<Arc<str>>,
        complaint: Option<Fault>,
    },
    /// It may not be read at all.
    Denied(Fault),
    Failing {
        fault: Fault,
        next_try: Option<Timestamp>,
    },
}

/// How a cluster is doing.
#[derive(Debug)]
pub(super) struct Standing {
    address: Arc<str>,
    product: Option<Arc<str>>,
    parts: BTreeMap<Part, State>,
    /// What has been read at some time: what is known of it is old when it is refused.
    read: BTreeSet<Part>,
    /// What stands in the way of all parts: no credential, no kubeconfig; or what is about to be done.
    note: Option<Fault>,
    files: Option<Fault>,
    published: Published,
}

impl Standing {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: Arc::from(address),
            product: None,
            parts: Part::ALL.into_iter().map(|part| (part, State::Waiting)).collect(),
            read: BTreeSet::new(),
            note: None,
            files: None,
            published: Published::default(),
        }
    }

    /// Where it is reached now, and what it is.
    pub(super) fn is(&mut self, address: &Arc<str>, product: Option<Arc<str>>) {
        self.address = address.clone();
        self.product = product.or(self.product.take());
        self.note = None;
    }

    /// What is shown while the first answer is awaited.
    pub(super) fn note(&mut self, note: Fault) {
        self.note = Some(note);
    }

    /// What is wrong with the files that name the cluster, while an older state of them is used.
    pub(super) fn files(&mut self, error: Option<&SourceError>) {
        self.files = error.map(SourceError::fault);
    }

    /// A part is read, in all namespaces or in one only.
    pub(super) fn well(&mut self, part: Part, only: Option<Arc<str>>) {
        self.note = None;
        self.read.insert(part);
        let complaint = match self.parts.remove(&part) {
            Some(State::Well { complaint, .. }) => complaint,
            _ => None,
        };
        self.parts.insert(part, State::Well { only, complaint });
    }

    /// Objects of a part were not understood, or all are again.
    pub(super) fn complain(&mut self, part: Part, error: Option<&SourceError>) {
        if let Some(State::Well { complaint, .. }) = self.parts.get_mut(&part) {
            *complaint = error.map(SourceError::fault);
        }
    }

    /// A part did not answer, or refused.
    pub(super) fn unwell(&mut self, part: Part, error: &SourceError, next_try: Option<Timestamp>) {
        let state = match error.kind {
            ErrorKind::Forbidden => State::Denied(Fault { hint: Arc::from(denied_hint(part)), ..error.fault() }),
            _ => State::Failing { fault: error.fault(), next_try },
        };
        self.parts.insert(part, state);
    }

    /// This cluster does not have the part.
    pub(super) fn without(&mut self, part: Part) {
        self.parts.remove(&part);
    }

    /// True when each primary part has answered or refused.
    fn is_settled(&self) -> bool {
        self.primary().all(|state| matches!(state, State::Well { .. } | State::Denied(_)))
    }

    fn primary(&self) -> impl Iterator<Item = &State> {
        self.parts.iter().filter(|(part, _)| part.is_primary()).map(|(_, state)| state)
    }

    /// The status to publish, when it is another than the one published last.
    pub(super) fn news(&mut self, now: Timestamp) -> Option<SourceStatus> {
        let (state, fault, next_try) = self.sum();
        let mut partial = self.partial();
        // What the whole fails of need not be said of its parts.
        let same =
            |part: &Fault| fault.as_ref().is_some_and(|fault| fault.code == part.code && fault.hint == part.hint);
        partial.retain(|part| !same(part));
        let status = SourceStatus {
            state,
            since: self.published.since(state, now),
            address: self.address.clone(),
            product: self.product.clone(),
            fault,
            partial,
            unseen: self.unseen(),
            dialects: None,
            notes: Vec::new(),
            next_try,
            // Nothing can be edited or registered here yet.
            abilities: Vec::new(),
        };
        self.published.news(status)
    }

    fn sum(&self) -> (SourceState, Option<Fault>, Option<Timestamp>) {
        let failing = self.parts.iter().filter(|(part, _)| part.is_primary()).filter_map(|(part, state)| match state {
            State::Failing { fault, next_try } => Some((fault.clone(), *next_try)),
            State::Denied(fault) if self.read.contains(part) => Some((fault.clone(), None)),
            _ => None,
        });
        // The part that is tried first says it for all.
        if let Some((fault, next_try)) = failing.min_by_key(|(_, next_try)| *next_try) {
            return (SourceState::Failing, Some(fault), next_try);
        }
        let denied = self.primary().map(|state| match state {
            State::Denied(fault) => Some(fault),
            _ => None,
        });
        if let Some(all) = denied.collect::<Option<Vec<_>>>()
            && let Some(first) = all.first()
        {
            return (SourceState::Failing, Some((*first).clone()), None);
        }
        if self.is_settled() {
            (SourceState::Live, None, None)
        } else {
            (SourceState::Connecting, self.note.clone(), None)
        }
    }

    /// The parts of which not everything is told.
    fn unseen(&self) -> Vec<Arc<str>> {
        let whole = |state: &State| matches!(state, State::Well { only: None, complaint: None } | State::Waiting);
        let parts = self.parts.iter().filter(|(_, state)| !whole(state));
        parts.map(|(part, _)| Arc::from(part.collection())).collect()
    }

    fn partial(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.files.iter().cloned().collect();
        let mut limited: BTreeMap<&Arc<str>, Vec<Part>> = BTreeMap::new();
        for (part, state) in &self.parts {
            match state {
                State::Well { only, complaint } => {
                    if let Some(namespace) = only {
                        limited.entry(namespace).or_default().push(*part);
                    }
                    faults.extend(complaint.clone());
                }
                State::Denied(fault) => faults.push(fault.clone()),
                State::Failing { fault, .. } if !part.is_primary() => faults.push(fault.clone()),
                State::Failing { .. } | State::Waiting => {}
            }
        }
        faults.extend(limited.into_iter().map(|(namespace, parts)| one_namespace(namespace, &parts)));
        let mut said = BTreeSet::new();
        faults.retain(|fault| said.insert((fault.code.clone(), fault.hint.clone())));
        faults
    }
}

fn denied_hint(part: Part) -> String {
    let scope = if part.is_namespaced() { "a Role (or a ClusterRole for all namespaces)" } else { "a ClusterRole" };
    format!("To see {}, give this account {scope} with {}.", part.plural(), part.rule())
}

fn one_namespace(namespace: &str, parts: &[Part]) -> Fault {
    let names: Vec<&str> = parts.iter().map(|part| part.plural()).collect();
    let rules: BTreeSet<String> = parts.iter().map(|part| part.rule()).collect();
    let rules: Vec<String> = rules.into_iter().collect();
    Fault {
        code: Arc::from("kube.forbidden"),
        detail: Arc::from(format!(
            "Only the namespace {namespace} is read: this account may not list {} in all of them.",
            names.join(", ")
        )),
        hint: Arc::from(format!("To see all namespaces, give this account a ClusterRole with {}.", rules.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> SourceError {
        SourceError { system: "kube", kind, tried: "GET x".into(), came_back: "no".into(), hint: "wait".into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn live() -> Standing {
        let mut standing = Standing::new("https://127.0.0.1:6443");
        for part in Part::ALL {
            standing.well(part, None);
        }
        standing
    }

    #[test]
    fn it_is_live_once_every_primary_part_answered_or_is_denied() {
        let mut standing = Standing::new("x");
        for part in Part::ALL.into_iter().filter(|part| part.is_primary()) {
            assert_eq!(standing.sum().0, SourceState::Connecting);
            match part {
                Part::CronJobs => standing.unwell(part, &error(ErrorKind::Forbidden), None),
                part => standing.well(part, None),
            }
        }
        let status = standing.news(at(1)).unwrap();
        assert_eq!(status.state, SourceState::Live);
        assert_eq!(&*status.partial[0].code, "kube.forbidden");
        assert!(status.partial[0].hint.contains("apiGroups: [\"batch\"], resources: [\"cronjobs\"]"), "{status:?}");
    }

    #[test]
    fn a_secret_that_may_not_be_read_leaves_it_live_and_names_the_rule() {
        let mut standing = live();
        standing.unwell(Part::Secrets, &error(ErrorKind::Forbidden), None);
        let status = standing.news(at(1)).unwrap();
        assert_eq!((status.state, status.partial.len()), (SourceState::Live, 1));
        assert!(status.partial[0].hint.contains("apiGroups: [\"\"], resources: [\"secrets\"]"), "{status:?}");
        assert_eq!(status.unseen, [Arc::from("secret")]);
    }

    #[test]
    fn parts_that_are_read_in_one_namespace_are_told_of_together() {
        let mut standing = live();
        for part in [Part::Pods, Part::Deployments] {
            standing.well(part, Some(Arc::from("shop")));
        }
        let status = standing.news(at(1)).unwrap();
        assert_eq!((status.state, status.partial.len()), (SourceState::Live, 1));
        assert!(status.partial[0].detail.contains("pods, deployments"), "{status:?}");
        assert_eq!(status.unseen, [Arc::from("pods"), Arc::from("deployments")]);
    }

    #[test]
    fn one_primary_part_that_fails_makes_it_failing_and_its_end_makes_it_live() {
        let mut standing = live();
        assert_eq!(standing.news(at(1)).unwrap().state, SourceState::Live);
        standing.unwell(Part::Pods, &error(ErrorKind::Unreachable), Some(at(9)));
        let failing = standing.news(at(2)).unwrap();
        assert_eq!((failing.state, failing.since, failing.next_try), (SourceState::Failing, at(2), Some(at(9))));
        standing.well(Part::Pods, None);
        assert_eq!(standing.news(at(3)).unwrap().state, SourceState::Live);
        assert_eq!(standing.news(at(4)), None, "nothing new is not published");
    }

    #[test]
    fn pods_that_were_read_and_may_not_be_any_longer_are_old() {
        let mut standing = live();
        standing.unwell(Part::Pods, &error(ErrorKind::Forbidden), None);
        let status = standing.news(at(1)).unwrap();
        assert_eq!((status.state, status.partial.len()), (SourceState::Failing, 0));
        assert!(status.fault.unwrap().hint.contains("resources: [\"pods\"]"));
        standing.well(Part::Pods, None);
        assert_eq!(standing.news(at(2)).unwrap().state, SourceState::Live);
    }

    #[test]
    fn what_all_of_it_fails_of_is_said_once() {
        let mut standing = Standing::new("x");
        for part in Part::ALL {
            standing.unwell(part, &error(ErrorKind::PluginFailed), None);
        }
        let status = standing.news(at(1)).unwrap();
        assert_eq!((status.state, status.partial), (SourceState::Failing, vec![]));
        assert_eq!(&*status.fault.unwrap().code, "kube.plugin_failed");
    }

    #[test]
    fn an_account_that_may_read_nothing_at_all_is_a_failure() {
        let mut standing = Standing::new("x");
        for part in Part::ALL {
            standing.unwell(part, &error(ErrorKind::Forbidden), None);
        }
        assert_eq!(standing.news(at(1)).unwrap().state, SourceState::Failing);
    }
}
