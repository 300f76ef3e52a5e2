//! Jobs in real child processes: what they may do, how they end, and what is left of them.

mod bounds;
mod determinism;
mod files;
mod outcomes;
mod processes;
mod rig;
