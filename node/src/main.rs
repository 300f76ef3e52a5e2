//! Stub.
#![allow(dead_code, unused_imports)]
mod net;

fn main() {}
