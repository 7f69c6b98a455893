-- The audit. A line is committed as `pending` before its request is sent, so that an edit which was cut off is known as such.
-- Times are RFC 3339 in UTC. Numbers of the stores (versions, flags) are unsigned 64-bit, kept bit for bit.

CREATE TABLE edit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT    NOT NULL,
    settled_at TEXT,
    actor      TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    why        TEXT,
    undo_of    INTEGER REFERENCES edit (id),
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'applied', 'refused', 'failed', 'unknown')),
    error_code TEXT
) STRICT;

CREATE INDEX edit_undo ON edit (undo_of) WHERE undo_of IS NOT NULL;

-- One row for each key of an edit, in the order of the write.
-- guard_version is NULL where the guard was "must not exist"; the before_ columns are NULL where the key did not exist, the
-- after_ columns for a delete. Of a sensitive key the sizes are kept and the bytes are NULL.
CREATE TABLE edit_key (
    edit           INTEGER NOT NULL REFERENCES edit (id) ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    path           TEXT    NOT NULL,
    guard_version  INTEGER,
    sensitive      INTEGER NOT NULL CHECK (sensitive IN (0, 1)),
    before_version INTEGER,
    before_flags   INTEGER,
    before_size    INTEGER,
    before_bytes   BLOB,
    after_version  INTEGER,
    after_flags    INTEGER,
    after_size     INTEGER,
    after_bytes    BLOB,
    PRIMARY KEY (edit, position),
    CHECK (sensitive = 0 OR (before_bytes IS NULL AND after_bytes IS NULL))
) STRICT;

CREATE INDEX edit_key_path ON edit_key (path);

-- Registrations and deregistrations. `verified` is what the catalog said last: 'stuck', 'not_stuck', or NULL for not asked.
CREATE TABLE registration (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT    NOT NULL,
    settled_at TEXT,
    actor      TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    why        TEXT,
    instance   TEXT    NOT NULL,
    requests   TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'applied', 'refused', 'failed', 'unknown')),
    error_code TEXT,
    verified   TEXT    CHECK (verified IN ('stuck', 'not_stuck')),
    verified_at TEXT
) STRICT;
