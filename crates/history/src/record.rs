//! Writing and reading the audit of edits.

use binnacle_model::id::SourceId;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};

use crate::History;
use crate::edit::{EditId, EditRecord, EditState, Kept, KeyRecord, NewEdit, NewKey, Settled, Value};
use crate::error::HistoryError;

/// The largest value that a list of edits brings along, in bytes.
const LISTED: u64 = 16 * 1024;

/// Which edits to list: the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this key of this source.
    pub key: Option<(SourceId, String)>,
    /// At most so many.
    pub newest: u32,
}

impl History {
    /// Records an edit as pending. When this returns, the line is on disk.
    pub fn begin(&self, edit: &NewEdit) -> Result<EditId, HistoryError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO edit (at, actor, source, connection, why, undo_of, state)
                 VALUES (:at, :actor, :source, :connection, :why, :undo_of, 'pending')",
            )?
            .execute(named_params! {
                ":at": edit.at.to_string(), ":actor": edit.actor, ":source": edit.source.as_str(),
                ":connection": edit.connection, ":why": edit.why, ":undo_of": edit.undo_of.map(EditId::number),
            })?;
        let id = EditId(transaction.last_insert_rowid());
        for (position, key) in edit.keys.iter().enumerate() {
            insert_key(&transaction, id, position, key)?;
        }
        transaction.commit()?;
        Ok(id)
    }

    /// Records what became of a pending edit.
    pub fn settle(&self, id: EditId, at: Timestamp, settled: &Settled) -> Result<(), HistoryError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            "UPDATE edit SET state = ?2, settled_at = ?3, error_code = ?4 WHERE id = ?1 AND state = 'pending'",
            params![id.number(), settled.state().word(), at.to_string(), settled.code()],
        )?;
        if changed == 0 {
            return Err(HistoryError::NotPending(id.number()));
        }
        if let Settled::Applied(versions) = settled {
            let mut statement = transaction
                .prepare_cached("UPDATE edit_key SET after_version = ?3 WHERE edit = ?1 AND position = ?2")?;
            for (position, version) in versions.iter().enumerate() {
                statement.execute(params![id.number(), stored_position(position), version.map(stored)])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// One edit with the values that were kept; `None` when there is no such line.
    pub fn edit(&self, id: EditId) -> Result<Option<EditRecord>, HistoryError> {
        let connection = self.connection();
        let head =
            connection.prepare_cached(&format!("{HEAD} WHERE id = ?1"))?.query_row([id.number()], head).optional()?;
        let Some(head) = head else { return Ok(None) };
        Ok(Some(EditRecord { keys: keys(&connection, id, Bytes::All)?, ..head }))
    }

    /// Edits, the newest first, with their values as far as those are at most 16 KiB.
    pub fn edits(&self, filter: &Filter) -> Result<Vec<EditRecord>, HistoryError> {
        let connection = self.connection();
        let mut heads: Vec<EditRecord> = match &filter.key {
            None => connection
                .prepare_cached(&format!("{HEAD} ORDER BY id DESC LIMIT ?1"))?
                .query_map([filter.newest], head)?
                .collect::<Result<_, _>>()?,
            Some((source, path)) => connection
                .prepare_cached(&format!(
                    "{HEAD} WHERE source = ?1 AND id IN (SELECT edit FROM edit_key WHERE path = ?2)
                     ORDER BY id DESC LIMIT ?3"
                ))?
                .query_map(params![source.as_str(), path, filter.newest], head)?
                .collect::<Result<_, _>>()?,
        };
        for edit in &mut heads {
            edit.keys = keys(&connection, edit.id, Bytes::Small)?;
        }
        Ok(heads)
    }

    /// How many edits are recorded.
    pub fn count(&self) -> Result<usize, HistoryError> {
        let count: i64 = self.connection().query_row("SELECT count(*) FROM edit", [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// The value that a key had at this version, if an edit by the same connection read or wrote it then.
    pub fn value_at(
        &self,
        source: &SourceId,
        connection: &str,
        path: &str,
        version: u64,
    ) -> Result<Option<Value>, HistoryError> {
        let database = self.connection();
        let mut statement = database.prepare_cached(
            "SELECT iif(after_version = ?4, after_flags, before_flags), iif(after_version = ?4, after_bytes, before_bytes)
             FROM edit_key JOIN edit ON edit.id = edit_key.edit
             WHERE path = ?3 AND source = ?1 AND connection = ?2
               AND ((after_version = ?4 AND after_bytes IS NOT NULL)
                    OR (before_version = ?4 AND before_bytes IS NOT NULL AND after_version IS NOT ?4))
             ORDER BY edit DESC LIMIT 1",
        )?;
        let found = statement.query_row(params![source.as_str(), connection, path, stored(version)], |row| {
            Ok(Value { version: Some(version), flags: unsigned(row.get(0)?), bytes: row.get(1)? })
        });
        Ok(found.optional()?)
    }
}

/// An unsigned number of a store in the file's signed column, bit for bit.
pub(crate) fn stored(number: u64) -> i64 {
    number.cast_signed()
}

fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

fn stored_position(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn size(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn insert_key(transaction: &Transaction<'_>, edit: EditId, position: usize, key: &NewKey) -> Result<(), HistoryError> {
    // The one place through which values reach the disk, and where those of sensitive keys stop.
    let bytes = |value: &'_ Option<Value>| value.as_ref().filter(|_| !key.sensitive).map(|value| value.bytes.clone());
    let flags = |value: &'_ Option<Value>| value.as_ref().map(|value| stored(value.flags));
    let sizes = |value: &'_ Option<Value>| value.as_ref().map(|value| size(&value.bytes));
    let version = |value: &'_ Option<Value>| value.as_ref().and_then(|value| value.version).map(stored);
    transaction
        .prepare_cached(
            "INSERT INTO edit_key (edit, position, path, guard_version, sensitive,
                 before_version, before_flags, before_size, before_bytes,
                 after_version, after_flags, after_size, after_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            edit.number(),
            stored_position(position),
            key.path,
            key.guard_version.map(stored),
            key.sensitive,
            version(&key.before),
            flags(&key.before),
            sizes(&key.before),
            bytes(&key.before),
            version(&key.after),
            flags(&key.after),
            sizes(&key.after),
            bytes(&key.after),
        ])?;
    Ok(())
}

const HEAD: &str = "SELECT id, at, settled_at, actor, source, connection, why, undo_of, state, error_code,
    (SELECT max(undo.id) FROM edit AS undo WHERE undo.undo_of = edit.id AND undo.state = 'applied') FROM edit";

fn head(row: &Row<'_>) -> rusqlite::Result<EditRecord> {
    let state: String = row.get(8)?;
    let known = EditState::ALL.into_iter().find(|known| known.word() == state);
    Ok(EditRecord {
        id: EditId(row.get(0)?),
        at: time(row, 1)?,
        settled_at: optional_time(row, 2)?,
        actor: row.get(3)?,
        source: SourceId::from(row.get::<_, String>(4)?),
        connection: row.get(5)?,
        why: row.get(6)?,
        undo_of: row.get::<_, Option<i64>>(7)?.map(EditId),
        undone_by: row.get::<_, Option<i64>>(10)?.map(EditId),
        state: known.ok_or_else(|| not_understood(8, format!("no state is called {state}")))?,
        error_code: row.get(9)?,
        keys: Vec::new(),
    })
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: jiff::Error| not_understood(column, error.to_string()))
}

pub(crate) fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    match row.get::<_, Option<String>>(column)? {
        None => Ok(None),
        Some(_) => time(row, column).map(Some),
    }
}

pub(crate) fn not_understood(column: usize, why: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

/// Which of the values themselves are read.
#[derive(Clone, Copy)]
enum Bytes {
    /// All of them, as undo needs them.
    All,
    /// Those that are small enough for a list.
    Small,
}

fn keys(connection: &Connection, edit: EditId, bytes: Bytes) -> Result<Vec<KeyRecord>, HistoryError> {
    let values = match bytes {
        Bytes::All => "before_bytes, after_bytes".to_owned(),
        Bytes::Small => {
            format!("iif(before_size <= {LISTED}, before_bytes, NULL), iif(after_size <= {LISTED}, after_bytes, NULL)")
        }
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT path, guard_version, sensitive, before_version, before_flags, before_size,
                after_version, after_flags, after_size, {values}
         FROM edit_key WHERE edit = ?1 ORDER BY position"
    ))?;
    let rows = statement.query_map([edit.number()], |row| {
        Ok(KeyRecord {
            path: row.get(0)?,
            guard_version: row.get::<_, Option<i64>>(1)?.map(unsigned),
            sensitive: row.get(2)?,
            before: kept(row, 3, 9)?,
            after: kept(row, 6, 10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A value from its version, flags and size, in this order from column `first` on.
fn kept(row: &Row<'_>, first: usize, bytes: usize) -> rusqlite::Result<Option<Kept>> {
    let Some(size) = row.get::<_, Option<i64>>(first + 2)? else { return Ok(None) };
    Ok(Some(Kept {
        version: row.get::<_, Option<i64>>(first)?.map(unsigned),
        flags: row.get::<_, Option<i64>>(first + 1)?.map(unsigned).unwrap_or_default(),
        size_bytes: unsigned(size),
        bytes: row.get(bytes)?,
    }))
}
