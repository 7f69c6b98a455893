//! How a view's data is kept up to date: a head (small, whole) and keyed rows.

use serde::Serialize;
use ts_rs::TS;

/// The answer to a pull: everything, or what changed since the revision that the window has.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Patch<H, R> {
    /// Everything: the first pull, other parameters, or a gap.
    Full {
        /// The revision that this is.
        revision: u32,
        /// What is not a row.
        head: H,
        /// All rows in their order.
        rows: Vec<R>,
    },
    /// What changed.
    Delta {
        /// The revision that this builds on: the one asked with.
        since: u32,
        /// The revision that this leads to.
        revision: u32,
        /// Present when it changed.
        head: Option<H>,
        /// New and changed rows, by their `key`.
        put: Vec<R>,
        /// Keys of rows that are gone.
        removed: Vec<String>,
        /// The order of all keys, present when appending the new rows at the end does not give it.
        order: Option<Vec<String>>,
    },
}
