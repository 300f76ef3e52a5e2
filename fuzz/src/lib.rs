//! What the fuzz targets do with their bytes. Knows the pure core alone, and judges it only by what must always hold.
//!
//! ```text
//!   bytes --wire----------> every word of the protocol: one form only
//!         --reconcile-----> symbols of a hostile neighbour; two sketches under any changes
//!         --market--------> any inputs at any times: no panic, bounded effects, one answer each
//! ```

pub mod market;
pub mod people;
pub mod reconcile;
pub mod wire;
