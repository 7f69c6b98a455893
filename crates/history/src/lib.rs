//! SQLite: the audit of edits, and what else must outlive the process.
