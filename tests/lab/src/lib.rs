//! The lab: real servers for tests, each owned by the process that started it.
