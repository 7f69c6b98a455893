//! How one datacenter is doing, put together from how its watches are doing. Pure: time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use binnacle_model::snapshot::{Ability, Fault, SourceState, SourceStatus};
use jiff::Timestamp;

use super::api::Head;
use crate::error::{ErrorKind, SourceError};
use crate::published::Published;

/// What is read by a watch of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The names of services.
    Services,
    /// Nodes.
    Nodes,
    /// Instances of services.
    Instances,
    /// States of checks.
    Health,
    /// Keys.
    Kv,
    /// Config entries of one kind.
    Mesh(&'static str),
    /// Lock sessions.
    Sessions,
}

impl Part {
    /// Without these there is no picture.
    const PRIMARY: [Self; 5] = [Self::Services, Self::Nodes, Self::Instances, Self::Health, Self::Kv];

    fn is_primary(self) -> bool {
        Self::PRIMARY.contains(&self)
    }

    /// What it is, for people.
    fn words(self) -> String {
        match self {
            Self::Services => "the names of services".to_owned(),
            Self::Nodes => "nodes".to_owned(),
            Self::Instances => "instances of services".to_owned(),
            Self::Health => "checks".to_owned(),
            Self::Kv => "keys".to_owned(),
            Self::Mesh(kind) => format!("config entries of the kind {kind}"),
            Self::Sessions => "lock sessions".to_owned(),
        }
    }

    /// The rule of an ACL policy that lets it be read.
    fn rule(self) -> &'static str {
        match self {
            Self::Services | Self::Instances | Self::Health => {
                "service_prefix \"\" { policy = \"read\" } and node_prefix \"\" { policy = \"read\" }"
            }
            Self::Nodes => "node_prefix \"\" { policy = \"read\" }",
            Self::Kv => "key_prefix \"\" { policy = \"read\" }",
            Self::Mesh("service-intentions") => "service_prefix \"\" { policy = \"read\" intentions = \"read\" }",
            Self::Mesh(_) => "service_prefix \"\" { policy = \"read\" }, and mesh = \"read\" or operator = \"read\"",
            Self::Sessions => "session_prefix \"\" { policy = \"read\" }",
        }
    }
}

/// How one part is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Well,
    /// It answers, and leaves things out or says that it is not sure.
    Limited(Vec<Fault>),
    Denied(Fault),
    Silent(Fault),
    Failing {
        fault: Fault,
        next_try: Option<Timestamp>,
    },
}

/// How a datacenter is doing.
#[derive(Debug)]
pub(super) struct Standing {
    address: Arc<str>,
    product: Option<Arc<str>>,
    parts: BTreeMap<Part, State>,
    /// True when Consul denies by default and no token is sent: an empty answer says nothing then.
    blind: bool,
    may: BTreeSet<Ability>,
    published: Published,
}

impl Standing {
    pub(super) fn new(address: &str, product: Option<Arc<str>>) -> Self {
        Self {
            address: Arc::from(address),
            product,
            parts: Part::PRIMARY.into_iter().map(|part| (part, State::Waiting)).collect(),
            blind: false,
            may: BTreeSet::from([Ability::ReadConfig, Ability::EditConfig, Ability::Register]),
            published: Published::default(),
        }
    }

    /// Where and by which way it is reached now.
    pub(super) fn reached(&mut self, address: Arc<str>) {
        self.address = address;
    }

    /// A part answered.
    pub(super) fn well(&mut self, part: Part, head: &Head, anonymous: bool) {
        self.blind |= head.default_deny && anonymous;
        let mut limits = Vec::new();
        if head.filtered {
            limits.push(left_out(part));
        }
        if head.leaderless {
            limits.push(leaderless(part));
        }
        self.parts.insert(part, if limits.is_empty() { State::Well } else { State::Limited(limits) });
    }

    /// A part did not answer, or refused. `held` is whether the request waited for a change.
    pub(super) fn unwell(&mut self, part: Part, error: &SourceError, held: bool, next_try: Option<Timestamp>) {
        let state = match error.kind {
            ErrorKind::AclDenied => State::Denied(Fault { hint: Arc::from(policy_hint(part)), ..error.fault() }),
            ErrorKind::TimedOut if held => State::Silent(error.fault()),
            _ => State::Failing { fault: error.fault(), next_try },
        };
        self.parts.insert(part, state);
    }

    /// This Consul does not have the part.
    pub(super) fn without(&mut self, part: Part) {
        self.parts.remove(&part);
    }

    /// What the token may do, once it is known.
    pub(super) fn may(&mut self, ability: Ability, allowed: bool) {
        if allowed {
            self.may.insert(ability)
        } else {
            self.may.remove(&ability)
        };
    }

    /// True when each primary part has answered or refused at least once.
    pub(super) fn is_settled(&self) -> bool {
        self.primary().all(|state| matches!(state, State::Well | State::Limited(_) | State::Denied(_)))
    }

    fn primary(&self) -> impl Iterator<Item = &State> {
        self.parts.iter().filter(|(part, _)| part.is_primary()).map(|(_, state)| state)
    }

    /// The status to publish, when it is another than the one published last.
    pub(super) fn news(&mut self, now: Timestamp) -> Option<SourceStatus> {
        let (state, fault, next_try) = self.sum();
        let status = SourceStatus {
            state,
            since: self.published.since(state, now),
            address: self.address.clone(),
            product: self.product.clone(),
            fault,
            partial: self.partial(),
            unseen: Vec::new(),
            dialects: None,
            notes: Vec::new(),
            next_try,
            abilities: self.abilities(),
        };
        self.published.news(status)
    }

    fn sum(&self) -> (SourceState, Option<Fault>, Option<Timestamp>) {
        let failing = self.primary().filter_map(|state| match state {
            State::Failing { fault, next_try } => Some((fault.clone(), *next_try)),
            _ => None,
        });
        // The part that is tried first says it for all.
        if let Some((fault, next_try)) = failing.min_by_key(|(_, next_try)| *next_try) {
            return (SourceState::Failing, Some(fault), next_try);
        }
        let denied: Option<Vec<Fault>> = self
            .primary()
            .map(|state| match state {
                State::Denied(fault) => Some(fault.clone()),
                _ => None,
            })
            .collect();
        if let Some(fault) = denied.and_then(|all| all.into_iter().next()) {
            return (SourceState::Failing, Some(fault), None);
        }
        let silent = self.primary().find_map(|state| match state {
            State::Silent(fault) => Some(fault.clone()),
            _ => None,
        });
        if let Some(fault) = silent {
            return (SourceState::Stale, Some(fault), None);
        }
        if self.is_settled() { (SourceState::Live, None, None) } else { (SourceState::Connecting, None, None) }
    }

    fn partial(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.blind.then(blind).into_iter().collect();
        for (part, state) in &self.parts {
            match state {
                State::Limited(limits) => faults.extend(limits.iter().cloned()),
                State::Denied(fault) => faults.push(fault.clone()),
                State::Failing { fault, .. } | State::Silent(fault) if !part.is_primary() => faults.push(fault.clone()),
                _ => {}
            }
        }
        // Many kinds of entries fail of one cause; it is said once.
        let mut said = BTreeSet::new();
        faults.retain(|fault| said.insert((fault.code.clone(), fault.hint.clone())));
        faults
    }

    fn abilities(&self) -> Vec<Ability> {
        let no_keys = matches!(self.parts.get(&Part::Kv), Some(State::Denied(_)));
        let offered = |ability: &Ability| !(no_keys && matches!(ability, Ability::ReadConfig));
        self.may.iter().copied().filter(offered).collect()
    }
}

fn policy_hint(part: Part) -> String {
    format!("To see {}, give this token a policy with {}.", part.words(), part.rule())
}

fn left_out(part: Part) -> Fault {
    Fault {
        code: Arc::from("consul.acl_denied"),
        detail: Arc::from(format!("Consul left out some of {}: this token may not read them.", part.words())),
        hint: Arc::from(policy_hint(part)),
    }
}

fn leaderless(part: Part) -> Fault {
    Fault {
        code: Arc::from("consul.server_error"),
        detail: Arc::from(format!("A server without a leader answered about {}: it may be behind.", part.words())),
        hint: Arc::from("See `consul operator raft list-peers`."),
    }
}

fn blind() -> Fault {
    Fault {
        code: Arc::from("consul.acl_denied"),
        detail: Arc::from(
            "Consul denies by default and no token is sent: what is missing here may exist all the same.",
        ),
        hint: Arc::from("Set CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE to a token that may read, or enter one."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> SourceError {
        SourceError {
            system: "consul",
            kind,
            tried: "GET x".to_owned(),
            came_back: "no".to_owned(),
            hint: "wait".to_owned(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn live() -> Standing {
        let mut standing = Standing::new("http://127.0.0.1:8500", None);
        for part in Part::PRIMARY {
            standing.well(part, &Head::default(), false);
        }
        standing
    }

    #[test]
    fn it_is_live_once_every_primary_part_answered_or_is_denied() {
        let mut standing = Standing::new("x", None);
        for part in Part::PRIMARY {
            assert_eq!(standing.sum().0, SourceState::Connecting);
            match part {
                Part::Kv => standing.unwell(part, &error(ErrorKind::AclDenied), false, None),
                part => standing.well(part, &Head::default(), false),
            }
        }
        let status = standing.news(at(1)).unwrap();
        assert_eq!(status.state, SourceState::Live);
        assert!(status.partial[0].hint.contains("key_prefix"), "{:?}", status.partial);
        assert!(!status.abilities.contains(&Ability::ReadConfig));
    }

    #[test]
    fn one_primary_part_that_fails_makes_it_failing_and_its_end_makes_it_live() {
        let mut standing = live();
        assert_eq!(standing.news(at(1)).unwrap().state, SourceState::Live);
        standing.unwell(Part::Kv, &error(ErrorKind::ServerError), false, Some(at(9)));
        let failing = standing.news(at(2)).unwrap();
        assert_eq!((failing.state, failing.since, failing.next_try), (SourceState::Failing, at(2), Some(at(9))));
        assert_eq!(&*failing.fault.unwrap().code, "consul.server_error");
        standing.well(Part::Kv, &Head::default(), false);
        assert_eq!(standing.news(at(3)).unwrap().state, SourceState::Live);
        assert_eq!(standing.news(at(4)), None, "nothing new is not published");
    }

    #[test]
    fn a_part_beside_the_picture_that_fails_leaves_it_live() {
        let mut standing = live();
        standing.unwell(Part::Mesh("mesh"), &error(ErrorKind::ServerError), false, None);
        standing.unwell(Part::Mesh("service-router"), &error(ErrorKind::ServerError), false, None);
        let status = standing.news(at(1)).unwrap();
        assert_eq!((status.state, status.partial.len()), (SourceState::Live, 1));
    }

    #[test]
    fn a_held_query_without_an_answer_makes_it_stale() {
        let mut standing = live();
        standing.unwell(Part::Health, &error(ErrorKind::TimedOut), true, None);
        assert_eq!(standing.news(at(1)).unwrap().state, SourceState::Stale);
    }

    #[test]
    fn an_empty_answer_to_nobody_is_not_an_empty_cluster() {
        let mut standing = live();
        let head = Head { default_deny: true, ..Head::default() };
        standing.well(Part::Services, &head, true);
        assert!(standing.news(at(1)).unwrap().partial[0].detail.contains("no token"));
    }

    #[test]
    fn what_was_left_out_is_said_with_the_rule_that_would_give_it() {
        let mut standing = live();
        standing.well(Part::Health, &Head { filtered: true, ..Head::default() }, false);
        assert!(standing.news(at(1)).unwrap().partial[0].hint.contains("node_prefix"));
    }

    #[test]
    fn a_token_that_may_read_nothing_at_all_is_a_failure() {
        let mut standing = Standing::new("x", None);
        for part in Part::PRIMARY {
            standing.unwell(part, &error(ErrorKind::AclDenied), false, None);
        }
        assert_eq!(standing.news(at(1)).unwrap().state, SourceState::Failing);
    }
}
