//! Whole lives of deals and offers between several machines, and what hostile peers can do to one.

mod anything;
mod epochs;
mod equivocation;
mod gossip;
mod offers;
mod owners;
mod proposals;
mod races;
mod restarts;
mod silence;
mod storms;
mod submissions;
mod sync;
mod sync_attacks;
mod trading;
