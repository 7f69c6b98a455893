//! Switching circuit breakers by hand: plan, guard, carry out, read back, audit, undo.

use std::sync::Arc;

use binnacle_history::{EditState, History, NewSwitch, Settled, SwitchId, SwitchRecord};
use binnacle_model::id::SourceId;
use binnacle_sources::register::Verified;
use binnacle_sources::switch::{BreakerSwitch, SwitchPlan, SwitchTo, Switched};
use binnacle_sources::{Connection, ErrorKind, SourceError};

use crate::audited::{Audited, reason, stuck_record};
use crate::clock::Clock;
use crate::edits::{EditError, Stores};

/// The one road for switching breakers. A clone is the same road.
#[derive(Clone, Debug)]
pub struct Switches(Audited);

/// What a switch will do, and which one it takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSwitch {
    /// What is sent, and under which guard.
    pub plan: SwitchPlan,
    /// The line of the audit that it takes back.
    pub undo_of: Option<SwitchId>,
}

/// A switch that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchedOver {
    /// Its line in the audit.
    pub line: SwitchId,
    /// Whether the breaker is in the state that was wanted; an error when that could not be asked.
    pub verified: Result<Verified, SourceError>,
}

impl Switches {
    /// A road for this actor, recorded in this history.
    pub fn new(
        stores: Arc<dyn Stores>,
        history: Arc<History>,
        clock: Clock,
        actor: impl Into<Arc<str>>,
        read_only: bool,
    ) -> Self {
        Self(Audited::new("switch", stores, history, clock, actor.into(), read_only))
    }

    /// Plans a switch of the breaker that the source knows by this name.
    pub async fn plan(&self, source: &SourceId, breaker: &str, to: SwitchTo) -> Result<PlannedSwitch, EditError> {
        let connection = self.0.stores.connection_of(source).await?;
        let plan = switch_of(&*connection, source)?.plan(source, breaker, to).await?;
        Ok(PlannedSwitch { plan, undo_of: None })
    }

    /// Plans a switch that takes an applied one back. Refused when the breaker is no longer as that one left it.
    pub async fn plan_undo(&self, line: SwitchId) -> Result<PlannedSwitch, EditError> {
        let record = self.0.recorded(move |history| history.switch(line)).await?;
        let record = record.ok_or(EditError::NoSuchSwitch(line))?;
        let (made, back) = way_back(&record)?;
        let SwitchRecord { sent: NewSwitch { source, breaker, connection: by, .. }, .. } = &record;
        let connection = self.0.stores.connection_of(source).await?;
        if let Some(planned) = by.parse().ok().filter(|planned| planned != connection.spec()) {
            return Err(EditError::OtherConnection { planned, now: connection.spec().clone() });
        }
        let plan = switch_of(&*connection, source)?.plan(source, breaker, back).await?;
        if plan.seen != made.state() {
            let seen = format!("as line {line} left it ({})", made.word());
            return Err(EditError::BreakerMoved { breaker: breaker.clone(), seen, now: Some(plan.seen_word) });
        }
        Ok(PlannedSwitch { plan, undo_of: Some(line) })
    }

    /// Carries a plan out, once, and reads the breaker back.
    pub async fn carry_out(&self, planned: &PlannedSwitch, why: Option<String>) -> Result<SwitchedOver, EditError> {
        let plan = &planned.plan;
        let connection = self.0.writing_to(&plan.source).await?;
        let switch = switch_of(&*connection, &plan.source)?;
        let line = self.line(planned, connection.spec().to_string(), why);
        let line = self.0.recorded(move |history| history.begin_switch(&line)).await?;
        let outcome = match switch.carry_out(plan).await {
            Ok(Switched::Done) => Ok(()),
            Ok(Switched::Moved(now)) => {
                let (breaker, seen) = (plan.breaker.clone(), plan.seen_word.clone());
                Err(EditError::BreakerMoved { breaker, seen, now })
            }
            Err(error) => Err(EditError::Source(error)),
        };
        let settled = match &outcome {
            Ok(()) => Settled::Applied(Vec::new()),
            Err(error @ EditError::BreakerMoved { .. }) => Settled::Refused(error.code()),
            Err(error @ EditError::Source(cause)) if cause.kind == ErrorKind::OutcomeUnknown => {
                Settled::Unknown(error.code())
            }
            Err(error) => Settled::Failed(error.code()),
        };
        let at = self.0.clock.now();
        self.0.noted(move |history| history.settle_switch(line, at, &settled)).await;
        outcome?;
        let verified = switch.verify(plan).await;
        self.note_verified(line, &verified).await;
        Ok(SwitchedOver { line, verified })
    }

    /// The audit of switches, the newest first.
    pub async fn history(&self, newest: u32) -> Result<Vec<SwitchRecord>, EditError> {
        self.0.recorded(move |history| history.switches(newest)).await
    }

    fn line(&self, planned: &PlannedSwitch, connection: String, why: Option<String>) -> NewSwitch {
        let plan = &planned.plan;
        NewSwitch {
            at: self.0.clock.now(),
            actor: self.0.actor.to_string(),
            source: plan.source.clone(),
            connection,
            why: reason(why),
            undo_of: planned.undo_of,
            breaker: plan.breaker.clone(),
            switched_to: plan.to.word().to_owned(),
            seen: plan.seen_word.clone(),
            way_back: plan.way_back.to.map(|to| to.word().to_owned()),
            request: format!("{} {}", plan.request.method, plan.request.path),
        }
    }

    async fn note_verified(&self, line: SwitchId, verified: &Result<Verified, SourceError>) {
        let Ok(verified) = verified else { return };
        let stuck = stuck_record(verified);
        let at = self.0.clock.now();
        self.0.noted(move |history| history.verify_switch(line, at, stuck)).await;
    }
}

/// What the switch made of the breaker, and by what it is taken back.
fn way_back(record: &SwitchRecord) -> Result<(SwitchTo, SwitchTo), EditError> {
    let stays = |why: &'static str| EditError::SwitchStays { line: record.id, why };
    match record.state {
        EditState::Applied if record.undone_by.is_some() => return Err(stays("it was taken back already")),
        EditState::Applied => {}
        EditState::Refused | EditState::Failed => return Err(stays("it switched nothing")),
        EditState::Pending | EditState::Unknown => return Err(stays("it is not known whether it landed")),
    }
    let named = |word: &str| SwitchTo::ALL.into_iter().find(|to| to.word() == word);
    let back = record.sent.way_back.as_deref().and_then(named);
    let back = back.ok_or_else(|| stays("the state before is none that a person can set"))?;
    let made = named(&record.sent.switched_to).ok_or_else(|| stays("this version does not know what it did"))?;
    Ok((made, back))
}

fn switch_of<'a>(connection: &'a dyn Connection, source: &SourceId) -> Result<&'a dyn BreakerSwitch, EditError> {
    let none = || EditError::NoSwitch { what: source.to_string(), why: "it can only be read".to_owned() };
    connection.breaker_switch().ok_or_else(none)
}
