//! The `souk` process. Stub: the modules below are built and tested, nothing uses them yet.
#![allow(dead_code, unused_imports)]

mod clock;
mod data_folder;
mod keys;
mod market_file;
mod store;

fn main() {}
