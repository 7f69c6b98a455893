//! The way back: from facts to the series that they were read from, as far as the values of labels tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use binnacle_model::fact::{BreakerFact, CallsFact, Fact, Party, ServedFact, Side};

use super::party::{PartyRule, said, said_of_namespaces};
use super::words::{LabelName, Told};
use super::{Breakers, Calls, Channels, Dialect, Reads, Series, Served};
use crate::scrape::exposition::Labels;

/// Which series some facts were read from. Others may be among them: who reads them again finds out.
#[derive(Clone, Debug)]
pub struct Traced<'a> {
    /// What the rule reads that read the facts, and for what.
    pub series: Vec<(&'a Series, Reads)>,
    /// The processes that show them; empty where it may be any.
    pub processes: BTreeSet<&'a Party>,
    /// Of each of these one holds for the series; the most telling first.
    pub labels: Vec<Vec<Said>>,
}

/// What a label says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The label.
    pub label: LabelName,
    /// Some texts.
    pub texts: BTreeSet<Arc<str>>,
    /// What they are to its value.
    pub fit: Fit,
}

/// How a value fits some texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is one of them.
    Is,
    /// One of them stands in it.
    Contains,
    /// It is none of them.
    IsNot,
}

impl Dialect {
    /// Which series some facts were read from that were counted by this one, or told by it ([`Series::id`]), rule by rule; none when it
    /// is not the dialect's.
    pub fn traced<'a>(&'a self, counter: &str, facts: &[&'a Fact]) -> Vec<Traced<'a>> {
        let is_it = |series: &Series| *series.id == *counter;
        if let Some(rule) = self.calls.iter().find(|rule| is_it(&rule.total)) {
            return vec![rule.traced(&calls(facts))];
        }
        if let Some(rule) = self.served.iter().find(|rule| is_it(&rule.total)) {
            return vec![rule.traced(&served(facts))];
        }
        if let Some(rule) = self.channels.iter().find(|rule| is_it(&rule.total)) {
            return vec![rule.traced(&calls(facts))];
        }
        // Several rules may tell parts of one breaker.
        if self.breakers.iter().any(|rule| rule.series().iter().any(|(series, _)| is_it(series))) {
            let facts = breakers(facts);
            return self.breakers.iter().map(|rule| rule.traced(&facts)).collect();
        }
        Vec::new()
    }
}

fn calls<'a>(facts: &[&'a Fact]) -> Vec<&'a CallsFact> {
    let calls = |fact: &&'a Fact| if let Fact::Calls(calls) = *fact { Some(calls) } else { None };
    facts.iter().filter_map(calls).collect()
}

fn served<'a>(facts: &[&'a Fact]) -> Vec<&'a ServedFact> {
    let served = |fact: &&'a Fact| if let Fact::Served(served) = *fact { Some(served) } else { None };
    facts.iter().filter_map(served).collect()
}

fn breakers<'a>(facts: &[&'a Fact]) -> Vec<&'a BreakerFact> {
    let breakers = |fact: &&'a Fact| if let Fact::Breaker(breaker) = *fact { Some(breaker) } else { None };
    facts.iter().filter_map(breakers).collect()
}

/// Whether only the process itself can be meant.
fn is_process(rules: &[PartyRule]) -> bool {
    matches!(rules, [rule] if rule.is_process())
}

impl Calls {
    fn traced<'a>(&'a self, facts: &[&'a CallsFact]) -> Traced<'a> {
        let callers: Vec<&Party> = facts.iter().map(|one| &one.caller).collect();
        let callees: Vec<&Party> = facts.iter().map(|one| &one.callee).collect();
        let sides = facts.iter().map(|one| one.observer.side).collect();
        let labels = [
            said(&self.callee, &callees),
            said(&self.caller, &callers),
            other_sides(&self.observer, &sides),
            said_of_namespaces(&self.callee, &callees),
            said_of_namespaces(&self.caller, &callers),
        ];
        let processes = if self.caller.is_empty() || is_process(&self.caller) {
            callers
        } else if is_process(&self.callee) {
            callees
        } else {
            Vec::new()
        };
        Traced {
            series: self.series().collect(),
            processes: processes.into_iter().collect(),
            labels: labels.into_iter().flatten().collect(),
        }
    }
}

impl Served {
    fn traced<'a>(&'a self, facts: &[&'a ServedFact]) -> Traced<'a> {
        let parties: Vec<&Party> = facts.iter().map(|one| &one.process).collect();
        let offers = self.offers.clone().map(|label| {
            let texts = facts.iter().map(|one| one.offers.clone().unwrap_or_default()).collect();
            vec![Said { label, texts, fit: Fit::Is }]
        });
        let labels = [said(&self.process, &parties), offers, said_of_namespaces(&self.process, &parties)];
        let by_process = self.process.is_empty() || is_process(&self.process);
        Traced {
            series: self.series().collect(),
            processes: parties.into_iter().filter(|_| by_process).collect(),
            labels: labels.into_iter().flatten().collect(),
        }
    }
}

impl Channels {
    /// Of a message one side is a process and the other a channel, on either end.
    fn traced<'a>(&'a self, facts: &[&'a CallsFact]) -> Traced<'a> {
        let (mut processes, mut texts) = (BTreeSet::new(), BTreeSet::new());
        for one in facts {
            if let (Party::Channel(name), process) | (process, Party::Channel(name)) = (&one.caller, &one.callee) {
                processes.insert(process);
                texts.insert(name.clone());
            }
        }
        let channel = Said { label: self.channel.clone(), texts, fit: Fit::Is };
        Traced { series: vec![(&self.total, Reads::Growth)], processes, labels: vec![vec![channel]] }
    }
}

impl Breakers {
    fn traced<'a>(&'a self, facts: &[&'a BreakerFact]) -> Traced<'a> {
        let callers: Vec<&Party> = facts.iter().map(|one| &one.caller).collect();
        let callees: Vec<&Party> = facts.iter().filter_map(|one| one.callee.as_ref()).collect();
        let name = match self.name.as_slice() {
            [label] => {
                let texts = facts.iter().map(|one| one.name.clone()).collect();
                Some(vec![Said { label: label.clone(), texts, fit: Fit::Is }])
            }
            _ => None,
        };
        let labels = [name, said(&self.callee, &callees), said(&self.caller, &callers)];
        let by_process = self.caller.is_empty() || is_process(&self.caller);
        Traced {
            series: self.series(),
            processes: callers.into_iter().filter(|_| by_process).collect(),
            labels: labels.into_iter().flatten().filter(|said| !said.is_empty()).collect(),
        }
    }
}

/// What the label of the observer has not, where only these sides are meant: any word that nobody explained is the caller's side.
fn other_sides(observer: &Told<Side>, sides: &BTreeSet<Side>) -> Option<Vec<Said>> {
    let Told::ByLabel { label, words } = observer else { return None };
    let known = words.keys().map(String::as_str).chain(["caller", "between", "callee"]);
    let names_another = |value: &&str| {
        let labels: Labels = [(Arc::from(label.as_str()), Arc::from(*value))].into_iter().collect();
        !sides.contains(&observer.of(&labels))
    };
    let texts: BTreeSet<Arc<str>> = known.filter(names_another).map(Arc::from).collect();
    (!texts.is_empty()).then(|| vec![Said { label: label.clone(), texts, fit: Fit::IsNot }])
}
