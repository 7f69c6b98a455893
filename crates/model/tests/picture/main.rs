//! What facts add up to: the algebra of the merge ([`merge`]) and single cases, one sentence each ([`cases`]).

mod build;
mod cases;
mod merge;
