//! Whole lives of deals and offers between several machines, and what hostile peers can do to one.

mod anything;
mod gossip;
mod offers;
mod owners;
mod proposals;
mod silence;
mod storms;
mod submissions;
mod trading;
