//! The `souk` process as a library: what its `main` runs and its benchmarks measure. Nothing else depends on it.
//!
//! ```text
//!   main --> cli --> node ---> data_folder, keys, market_file, store, files        what a node finds on its disk
//!                     |
//!                     +------> net <--> engine (owns the Market machine) <--> api   the running node
//!                                         |  ^
//!                                         v  +-- worker, client                     tasks of others, own tasks
//!                                       store
//! ```
//!
//! Each part of the world has one knower: `net` libp2p, `store` the disk, `api` and `cli` JSON, `clock` the time, `keys`
//! secrets. [`engine`] hands what happens to the machine and carries out what it wants; it decides nothing.

mod adoption;
mod api;
pub mod cli;
mod client;
mod clock;
mod data_folder;
pub mod engine;
mod files;
mod happening;
mod keys;
mod market_file;
mod net;
mod node;
mod peer_records;
pub mod store;
mod worker;
