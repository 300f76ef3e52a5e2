//! Clearing against other ways to the same figures, on a great many books: an oracle, a solver, and whoever would gain
//! from breaking it. `SOUK_SEED=17 cargo test -p matcher --release --test clearing NAME` runs one book alone.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod adversary;
mod books;
mod judge;
mod oracle;
mod roots;
mod runs;
mod small;
mod solver;
mod truth;
mod weight;
