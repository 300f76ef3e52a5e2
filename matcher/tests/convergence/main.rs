//! Whatever messages two to four peers hear, in whatever order, how often, and whichever are lost until they are brought
//! later: their sets are equal in the end, and so are the sealed roots of every later epoch.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
extern crate alloc;

mod cases;
mod peers;
#[allow(dead_code)]
#[path = "../../src/world/people.rs"]
mod people;
mod pool;

/// What the people of the machine's own tests are made with.
mod input {
    pub use matcher::Draft;
}
mod market {
    pub use matcher::Market;
}
