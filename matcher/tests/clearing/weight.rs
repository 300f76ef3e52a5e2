//! Not written yet at all.
