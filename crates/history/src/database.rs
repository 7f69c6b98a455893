//! Opening the file and bringing its schema up to date, also when several processes do so at once.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use crate::error::HistoryError;

/// Every change of the schema, in order. What is released is never edited, only added to.
const MIGRATIONS: [M<'static>; 2] =
    [M::up(include_str!("../migrations/001_edits.sql")), M::up(include_str!("../migrations/002_switches.sql"))];

/// How long a write waits for other processes.
const PATIENCE: Duration = Duration::from_secs(10);

const OWNER_ALONE: u32 = 0o600;

pub(crate) fn open(path: &Path) -> Result<Connection, HistoryError> {
    let not_opened =
        |why: &dyn std::fmt::Display| HistoryError::NotOpened { path: path.to_owned(), why: why.to_string() };
    make_private(path).map_err(|error| not_opened(&error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| not_opened(&error))?;
    connection.busy_timeout(PATIENCE)?;
    let ready = is_ready(&connection)?;
    close_to_others(path).map_err(|error| not_opened(&error))?;
    if !ready {
        // Changing to WAL and changing the schema are not safe against another process that does the same.
        let lock = private_file(&beside(path)).map_err(|error| not_opened(&error))?;
        lock.lock().map_err(|error| not_opened(&error))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        migrate(&mut connection)?;
    }
    settle_in(&mut connection)?;
    Ok(connection)
}

pub(crate) fn in_memory() -> Result<Connection, HistoryError> {
    let mut connection = Connection::open_in_memory()?;
    migrate(&mut connection)?;
    settle_in(&mut connection)?;
    Ok(connection)
}

/// Makes the folder and the file for the owner alone; SQLite gives its own files beside it the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    private_file(path).map(drop)
}

fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(OWNER_ALONE).open(path)
}

/// For a file that somebody made with more permissions.
fn close_to_others(path: &Path) -> std::io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & !OWNER_ALONE == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(OWNER_ALONE))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn version(connection: &Connection) -> Result<i64, HistoryError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn is_ready(connection: &Connection) -> Result<bool, HistoryError> {
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(journal == "wal" && version(connection)? == known())
}

fn migrate(connection: &mut Connection) -> Result<(), HistoryError> {
    let found = version(connection)?;
    if found > known() {
        return Err(HistoryError::Newer { found, known: known() });
    }
    Migrations::from_slice(&MIGRATIONS).to_latest(connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => HistoryError::from(err),
        other => HistoryError::Failed(other.to_string()),
    })
}

fn settle_in(connection: &mut Connection) -> Result<(), HistoryError> {
    connection.pragma_update(None, "foreign_keys", true)?;
    // The pending line must be on disk before the request is sent, also when the power fails.
    connection.pragma_update(None, "synchronous", "full")?;
    // A transaction that begins by reading and then writes fails at once when another process wrote in between.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_build_the_schema_from_nothing() {
        Migrations::from_slice(&MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn only_the_owner_may_read_the_folder_and_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/binnacle/history.sqlite");
        let connection = open(&path).unwrap();
        connection
            .execute("INSERT INTO edit (at, actor, source, connection, state) VALUES ('', '', '', '', 'pending')", [])
            .unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        let files: Vec<PathBuf> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 4, "the file, its log, its index and the lock: {files:?}");
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        fs::write(&path, b"").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_history_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "these are my notes, and no database at all\n".repeat(100)).unwrap();
        let before = fs::read(&path).unwrap();
        assert_eq!(open(&path).unwrap_err().code(), "history.damaged");
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_newer_history_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        open(&path).unwrap().pragma_update(None, "user_version", 1000).unwrap();
        assert_eq!(open(&path).unwrap_err().code(), "history.newer");
    }

    #[test]
    fn a_place_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let error = open(&folder.path().join("file/history.sqlite")).unwrap_err();
        assert_eq!(error.code(), "history.not_opened");
        assert!(error.to_string().contains("file/history.sqlite"), "{error}");
    }

    #[test]
    fn many_may_open_a_new_history_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        let opened: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| open(&path).map(drop))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    }
}
