//! The words of the market and what two peers say to each other. Pure: no clock, socket, file, thread or randomness.
//!
//! ```text
//!   people's units        typed words            EIP-712             bytes
//!   "30Mhash/s"  ----->   Order, Cancel   --->   digest  --sign-->   Signed<Order>  --wire-->  gossip
//!   "0.02SNM/h"  quantity DealTerms, Task  typed         signature                  wire
//!                                                          |
//!                                            recover -> Address -> Verified<Order>
//! ```
//!
//! An object's id is its EIP-712 digest in the market's [`Domain`]; never a hash of bytes or of a signature.
//! The type strings in [`typed`] are fixed: contracts, wallets and other implementations sign the same ones.
#![no_std]
extern crate alloc;

pub mod address;
pub mod bulk;
pub mod capacity;
pub mod deal;
pub mod delegation;
pub mod equivocation;
pub mod hash;
pub mod mandate;
pub mod market;
pub mod memo;
pub mod money;
pub mod order;
pub mod quantity;
pub mod reconcile;
pub mod rejected;
pub mod signature;
pub mod signed;
pub mod talk;
pub mod task;
pub mod typed;
pub mod wire;

pub use address::Address;
pub use capacity::{Capacity, Metric, Score};
pub use deal::{Acknowledgement, DealEnd, DealTerms, EndCause, OrderRef, StruckDeal};
pub use delegation::{Delegation, Identity, Scope};
pub use equivocation::Equivocation;
pub use hash::{Hash, keccak256};
pub use mandate::Mandate;
pub use market::{MarketId, Parameters};
pub use memo::Memo;
pub use money::Price;
pub use order::{Cancel, Flags, Order, Side};
pub use rejected::Rejected;
pub use signature::Signature;
pub use signed::{Authority, Claim, Entry, Recovery, Signable, Signed, Verified};
pub use task::{Limits, Metering, Outcome, ProgramKind, Receipt, Task, TaskFile};
pub use typed::{Domain, Typed};
