//! The market as users have it: the real binary, real processes, real sockets on loopback, real programs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bad_input;
mod devnet;
mod explain;
mod kill;
mod limits;
mod market;
mod nodes;
mod owners;
mod restart;
mod resvg;
mod verify;
