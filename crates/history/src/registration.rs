//! The audit of registrations and deregistrations.

use std::fmt;

use binnacle_model::id::{InstanceId, SourceId};
use jiff::Timestamp;
use rusqlite::{Row, named_params, params};

use crate::History;
use crate::edit::{EditState, Settled};
use crate::error::HistoryError;
use crate::record::{not_understood, optional_time, time};

/// The number of a registration's line in its audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(i64);

impl RegistrationId {
    /// The number.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A registration or deregistration that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRegistration {
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
    /// The instance that it is about.
    pub instance: InstanceId,
    /// `PUT /v1/...`, one line a request, without bodies.
    pub requests: Vec<String>,
}

/// What the catalog said afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StuckRecord {
    /// The same.
    Stuck,
    /// Otherwise.
    NotStuck,
}

impl StuckRecord {
    /// The word in the file and in the public JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::NotStuck => "not_stuck",
        }
    }
}

/// A registration or deregistration in the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRecord {
    /// Its number.
    pub id: RegistrationId,
    /// What was sent.
    pub sent: NewRegistration,
    /// When its answer was known.
    pub settled_at: Option<Timestamp>,
    /// How far it came.
    pub state: EditState,
    /// The stable code of what went wrong.
    pub error_code: Option<String>,
    /// What the catalog said last, and when.
    pub verified: Option<(StuckRecord, Timestamp)>,
}

impl History {
    /// Records a registration as pending. When this returns, the line is on disk.
    pub fn begin_registration(&self, registration: &NewRegistration) -> Result<RegistrationId, HistoryError> {
        let connection = self.connection();
        connection
            .prepare_cached(
                "INSERT INTO registration (at, actor, source, connection, why, instance, requests, state)
                 VALUES (:at, :actor, :source, :connection, :why, :instance, :requests, 'pending')",
            )?
            .execute(named_params! {
                ":at": registration.at.to_string(), ":actor": registration.actor,
                ":source": registration.source.as_str(), ":connection": registration.connection,
                ":why": registration.why, ":instance": registration.instance.as_str(),
                ":requests": registration.requests.join("\n"),
            })?;
        Ok(RegistrationId(connection.last_insert_rowid()))
    }

    /// Records what became of a pending registration. Versions are not kept: a registry has none.
    pub fn settle_registration(
        &self,
        id: RegistrationId,
        at: Timestamp,
        settled: &Settled,
    ) -> Result<(), HistoryError> {
        let changed = self.connection().execute(
            "UPDATE registration SET state = ?2, settled_at = ?3, error_code = ?4 WHERE id = ?1 AND state = 'pending'",
            params![id.number(), settled.state().word(), at.to_string(), settled.code()],
        )?;
        if changed == 0 { Err(HistoryError::NotPending(id.number())) } else { Ok(()) }
    }

    /// Records what the catalog says now.
    pub fn verify_registration(
        &self,
        id: RegistrationId,
        at: Timestamp,
        verified: StuckRecord,
    ) -> Result<(), HistoryError> {
        self.connection().execute(
            "UPDATE registration SET verified = ?2, verified_at = ?3 WHERE id = ?1",
            params![id.number(), verified.word(), at.to_string()],
        )?;
        Ok(())
    }

    /// Registrations and deregistrations, the newest first.
    pub fn registrations(&self, newest: u32) -> Result<Vec<RegistrationRecord>, HistoryError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT id, at, settled_at, actor, source, connection, why, instance, requests, state, error_code,
                    verified, verified_at
             FROM registration ORDER BY id DESC LIMIT ?1",
        )?;
        let records = statement.query_map([newest], record)?;
        Ok(records.collect::<Result<_, _>>()?)
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<RegistrationRecord> {
    let state: String = row.get(9)?;
    let known = EditState::ALL.into_iter().find(|known| known.word() == state);
    let verified = match (row.get::<_, Option<String>>(11)?, optional_time(row, 12)?) {
        (Some(word), Some(at)) if word == StuckRecord::Stuck.word() => Some((StuckRecord::Stuck, at)),
        (Some(_), Some(at)) => Some((StuckRecord::NotStuck, at)),
        _ => None,
    };
    let requests: String = row.get(8)?;
    Ok(RegistrationRecord {
        id: RegistrationId(row.get(0)?),
        sent: NewRegistration {
            at: time(row, 1)?,
            actor: row.get(3)?,
            source: SourceId::from(row.get::<_, String>(4)?),
            connection: row.get(5)?,
            why: row.get(6)?,
            instance: InstanceId::from(row.get::<_, String>(7)?),
            requests: requests.lines().map(str::to_owned).collect(),
        },
        settled_at: optional_time(row, 2)?,
        state: known.ok_or_else(|| not_understood(9, format!("no state is called {state}")))?,
        error_code: row.get(10)?,
        verified,
    })
}
