//! What is written about runs and sweeps: JSON, CSV, and one HTML page that needs nothing else. Runs nothing.

pub mod chart;
pub mod compare;
pub mod csv;
pub mod document;
pub mod page;
pub mod timeline;
pub mod words;
