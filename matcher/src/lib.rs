//! The one machine that every peer runs. Pure: it takes what happened and the time, and returns what to do.
//!
//! ```text
//!  Input + now                        Market                                  Effects, in order
//!  Place, Heard ----> intake ----> book ----> seal                           Clear, Recover, Sign (come back as Input)
//!  Recovered, Signed               (heads,    (epoch ends)                   Judge, Publish, Send, Respond
//!  Asked, Answered ----> deals      fills)                                   Store, then Answer: on disk before told
//!  Tick, PeerUp           ^                                                  Tell
//!  Cleared                +-------- propose, countersign
//! ```
//!
//! Nested machines: [`book`] holds what is offered, [`clearing`] is the pure function every peer agrees on, [`maker`]
//! keeps this node's own offers alive, [`deals`] carries a match to its end. [`Market`] joins them.
#![no_std]
extern crate alloc;

pub mod audit;
pub mod book;
pub mod clearing;
mod dealings;
pub mod deals;
pub mod effect;
mod epoch;
pub mod fills;
pub mod history;
pub mod input;
mod intake;
mod layered;
pub mod maker;
mod mandate;
pub mod market;
mod pages;
pub mod proofs;
mod publish;
mod recent;
mod restore;
pub mod sealed;
pub mod seed;
pub mod sharing;
mod submit;
pub mod sync;
mod waiting;
#[cfg(test)]
mod world;

pub use book::{Book, Change, Fingerprint, Head, Kept, Quota, SealKey};
pub use clearing::{Clearing, Match, Pair, Stage, Surplus, Violation, clear, clear_in_stages, verify};
pub use deals::{Deal, DealState, EndReason};
pub use effect::{Answer, Effect, Event, Placed, Record, Refused, Topic, Verdict};
pub use fills::Fills;
pub use history::{Cleared, Outcome, Proven};
pub use input::{Draft, Input, Unanswered};
pub use maker::Standing;
pub use market::Market;
pub use proofs::Proofs;
pub use sealed::{OpenLots, SealedBook, SealedOrder};
pub use seed::Seed;
pub use sharing::SealCache;
pub use sync::{Agreement, Agreements};
