//! SQLite: the audit of edits, and what else must outlive the process.
//!
//! One file, shared by the app and any number of `binnaclectl` processes at once: WAL mode, and every write is one short
//! transaction that takes its place at the start. An edit is recorded as [`EditState::Pending`] before its request is sent
//! and settled when its answer is known, so that a process which is killed in between leaves a line that says so.
//!
//! The value of a sensitive key never reaches the disk: this crate leaves it out itself, whoever calls.
//!
//! All functions block; callers on a runtime call them from a thread of their own.

mod database;
mod edit;
mod error;
mod place;
mod record;
mod registration;
mod switch;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub use edit::{EditId, EditRecord, EditState, Kept, KeyRecord, NewEdit, NewKey, Settled, Value};
pub use error::HistoryError;
pub use place::usual_place;
pub use record::Filter;
pub use registration::{NewRegistration, RegistrationId, RegistrationRecord, StuckRecord};
pub use switch::{NewSwitch, SwitchId, SwitchRecord};

/// The history file, open.
#[derive(Debug)]
pub struct History {
    connection: Mutex<Connection>,
}

impl History {
    /// Opens the history at this place, and makes it, readable by its owner alone, where it is not there.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Ok(Self { connection: Mutex::new(database::open(path)?) })
    }

    /// A history that ends with the process.
    pub fn in_memory() -> Result<Self, HistoryError> {
        Ok(Self { connection: Mutex::new(database::in_memory()?) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held rolled its transaction back: the connection itself is as good as before.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
