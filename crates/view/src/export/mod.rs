//! What programs get: the public JSON of a snapshot ([`snapshot`]) and the graph in other tools' languages ([`graph`]).

pub mod graph;
pub mod snapshot;

pub use snapshot::PublicSnapshot;
