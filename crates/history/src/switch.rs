//! The audit of circuit breakers that were switched by hand.

use std::fmt;

use binnacle_model::id::SourceId;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params, params};

use crate::History;
use crate::edit::{EditState, Settled};
use crate::error::HistoryError;
use crate::record::{not_understood, optional_time, time};
use crate::registration::StuckRecord;

/// The number of a switch's line in its audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwitchId(i64);

impl SwitchId {
    /// The number.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl From<i64> for SwitchId {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl fmt::Display for SwitchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A switch that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSwitch {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// In which source.
    pub source: SourceId,
    /// By which connection, without secrets.
    pub connection: String,
    /// Why, in the actor's words.
    pub why: Option<String>,
    /// The switch that this one takes back.
    pub undo_of: Option<SwitchId>,
    /// The breaker, by the library's name.
    pub breaker: String,
    /// To what, as the command line has it: `force-open`.
    pub switched_to: String,
    /// The state that was the guard, in the system's own word.
    pub seen: String,
    /// By what it can be taken back, as the command line has it; `None` where it cannot.
    pub way_back: Option<String>,
    /// `POST /actuator/...`, without the body.
    pub request: String,
}

/// A switch in the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchRecord {
    /// Its number.
    pub id: SwitchId,
    /// What was sent.
    pub sent: NewSwitch,
    /// When its answer was known.
    pub settled_at: Option<Timestamp>,
    /// How far it came.
    pub state: EditState,
    /// The stable code of what went wrong.
    pub error_code: Option<String>,
    /// What the system said last, and when.
    pub verified: Option<(StuckRecord, Timestamp)>,
    /// The applied switch that took this one back.
    pub undone_by: Option<SwitchId>,
}

const RECORD: &str =
    "SELECT id, at, settled_at, actor, source, connection, why, undo_of, breaker, switched_to, seen, way_back,
    request, state, error_code, verified, verified_at,
    (SELECT max(undo.id) FROM switch AS undo WHERE undo.undo_of = switch.id AND undo.state = 'applied') FROM switch";

impl History {
    /// Records a switch as pending. When this returns, the line is on disk.
    pub fn begin_switch(&self, switch: &NewSwitch) -> Result<SwitchId, HistoryError> {
        let connection = self.connection();
        connection
            .prepare_cached(
                "INSERT INTO switch (at, actor, source, connection, why, undo_of, breaker, switched_to, seen, way_back,
                     request, state)
                 VALUES (:at, :actor, :source, :connection, :why, :undo_of, :breaker, :switched_to, :seen, :way_back,
                     :request, 'pending')",
            )?
            .execute(named_params! {
                ":at": switch.at.to_string(), ":actor": switch.actor, ":source": switch.source.as_str(),
                ":connection": switch.connection, ":why": switch.why, ":undo_of": switch.undo_of.map(SwitchId::number),
                ":breaker": switch.breaker, ":switched_to": switch.switched_to, ":seen": switch.seen,
                ":way_back": switch.way_back, ":request": switch.request,
            })?;
        Ok(SwitchId(connection.last_insert_rowid()))
    }

    /// Records what became of a pending switch. Versions are not kept: a breaker has none.
    pub fn settle_switch(&self, id: SwitchId, at: Timestamp, settled: &Settled) -> Result<(), HistoryError> {
        let changed = self.connection().execute(
            "UPDATE switch SET state = ?2, settled_at = ?3, error_code = ?4 WHERE id = ?1 AND state = 'pending'",
            params![id.number(), settled.state().word(), at.to_string(), settled.code()],
        )?;
        if changed == 0 { Err(HistoryError::NotPending(id.number())) } else { Ok(()) }
    }

    /// Records what the system says now.
    pub fn verify_switch(&self, id: SwitchId, at: Timestamp, verified: StuckRecord) -> Result<(), HistoryError> {
        self.connection().execute(
            "UPDATE switch SET verified = ?2, verified_at = ?3 WHERE id = ?1",
            params![id.number(), verified.word(), at.to_string()],
        )?;
        Ok(())
    }

    /// Switches, the newest first.
    pub fn switches(&self, newest: u32) -> Result<Vec<SwitchRecord>, HistoryError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(&format!("{RECORD} ORDER BY id DESC LIMIT ?1"))?;
        let records = statement.query_map([newest], record)?;
        Ok(records.collect::<Result<_, _>>()?)
    }

    /// One switch; `None` when there is none of this number.
    pub fn switch(&self, id: SwitchId) -> Result<Option<SwitchRecord>, HistoryError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(&format!("{RECORD} WHERE id = ?1"))?;
        Ok(statement.query_row([id.number()], record).optional()?)
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<SwitchRecord> {
    let state: String = row.get(13)?;
    let known = EditState::ALL.into_iter().find(|known| known.word() == state);
    let verified = match (row.get::<_, Option<String>>(15)?, optional_time(row, 16)?) {
        (Some(word), Some(at)) if word == StuckRecord::Stuck.word() => Some((StuckRecord::Stuck, at)),
        (Some(_), Some(at)) => Some((StuckRecord::NotStuck, at)),
        _ => None,
    };
    Ok(SwitchRecord {
        id: SwitchId(row.get(0)?),
        sent: NewSwitch {
            at: time(row, 1)?,
            actor: row.get(3)?,
            source: SourceId::from(row.get::<_, String>(4)?),
            connection: row.get(5)?,
            why: row.get(6)?,
            undo_of: row.get::<_, Option<i64>>(7)?.map(SwitchId),
            breaker: row.get(8)?,
            switched_to: row.get(9)?,
            seen: row.get(10)?,
            way_back: row.get(11)?,
            request: row.get(12)?,
        },
        settled_at: optional_time(row, 2)?,
        state: known.ok_or_else(|| not_understood(13, format!("no state is called {state}")))?,
        error_code: row.get(14)?,
        verified,
        undone_by: row.get::<_, Option<i64>>(17)?.map(SwitchId),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(undo_of: Option<SwitchId>) -> NewSwitch {
        NewSwitch {
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            actor: "ada@ship".to_owned(),
            source: SourceId::from("actuator:127.0.0.1:8080"),
            connection: "actuator=http://127.0.0.1:8080".to_owned(),
            why: Some("it hangs".to_owned()),
            undo_of,
            breaker: "pay".to_owned(),
            switched_to: "force-open".to_owned(),
            seen: "CLOSED".to_owned(),
            way_back: Some("close".to_owned()),
            request: "POST /actuator/circuitbreakers/pay".to_owned(),
        }
    }

    #[test]
    fn a_switch_is_kept_as_it_was_sent_and_knows_what_took_it_back() {
        let history = History::in_memory().unwrap();
        let at: Timestamp = "2026-01-02T03:04:06Z".parse().unwrap();
        let id = history.begin_switch(&line(None)).unwrap();
        assert_eq!(history.switch(id).unwrap().unwrap().state, EditState::Pending);
        history.settle_switch(id, at, &Settled::Applied(Vec::new())).unwrap();
        history.verify_switch(id, at, StuckRecord::Stuck).unwrap();
        let kept = history.switch(id).unwrap().unwrap();
        assert_eq!((&kept.sent, kept.state, kept.undone_by), (&line(None), EditState::Applied, None));
        assert_eq!(kept.verified, Some((StuckRecord::Stuck, at)));
        assert!(matches!(
            history.settle_switch(id, at, &Settled::Applied(Vec::new())),
            Err(HistoryError::NotPending(_))
        ));

        let undo = history.begin_switch(&line(Some(id))).unwrap();
        assert_eq!(history.switch(id).unwrap().unwrap().undone_by, None, "it is not applied yet");
        history.settle_switch(undo, at, &Settled::Applied(Vec::new())).unwrap();
        assert_eq!(history.switch(id).unwrap().unwrap().undone_by, Some(undo));
        let numbers: Vec<SwitchId> = history.switches(10).unwrap().into_iter().map(|record| record.id).collect();
        assert_eq!(numbers, [undo, id]);
        assert_eq!(history.switch(SwitchId::from(99)).unwrap(), None);
    }
}
