//! The `souk` process.
#![allow(dead_code, unused_imports)]
mod api;
mod client;
mod clock;
mod data_folder;
mod engine;
mod files;
mod happening;
mod keys;
mod market_file;
mod net;
mod node;
mod store;
mod worker;
fn main() {}
