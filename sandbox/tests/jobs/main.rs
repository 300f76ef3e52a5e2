//! Jobs in real child processes: what they may do, how they end, and what is left of them.

#![allow(clippy::unwrap_used, reason = "all of this is tests; clippy sees only those in test functions")]

mod bounds;
mod determinism;
mod files;
mod outcomes;
mod processes;
mod rig;
