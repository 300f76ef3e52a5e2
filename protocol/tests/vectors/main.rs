//! The signed examples in `vectors/`: made again and compared byte for byte, and judged from the files alone.
//! `SOUK_BLESS=1 cargo test -p protocol --release --test vectors` writes them.
#![allow(clippy::unwrap_used)]

mod accepted;
mod body;
mod case;
mod eip712;
mod files;
mod keys;
mod message;
mod reconcile;
mod refused;
mod words;
