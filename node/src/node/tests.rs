//! Many whole nodes in one process: loop, mesh and store of each, over loopback sockets.
#![allow(clippy::print_stderr, reason = "a load test ends with its figures")]

mod clearing;
mod fleet;
mod load;
mod owners;
