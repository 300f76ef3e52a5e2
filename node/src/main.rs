//! Stub.
#![allow(dead_code)]
mod net;

fn main() {}
