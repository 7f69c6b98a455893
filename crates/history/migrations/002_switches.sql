-- Circuit breakers that were switched by hand. `seen` is the state that was the guard, in the system's own word; `way_back` is
-- how it can be taken back, NULL where it cannot. `verified` is what the system said last, as of registrations.
CREATE TABLE switch (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          TEXT    NOT NULL,
    settled_at  TEXT,
    actor       TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    connection  TEXT    NOT NULL,
    why         TEXT,
    undo_of     INTEGER REFERENCES switch (id),
    breaker     TEXT    NOT NULL,
    switched_to TEXT    NOT NULL,
    seen        TEXT    NOT NULL,
    way_back    TEXT,
    request     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'applied', 'refused', 'failed', 'unknown')),
    error_code  TEXT,
    verified    TEXT    CHECK (verified IN ('stuck', 'not_stuck')),
    verified_at TEXT
) STRICT;

CREATE INDEX switch_undo ON switch (undo_of) WHERE undo_of IS NOT NULL;
