//! The fuzz target `market`: hands its bytes to the library, which knows what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| souk_fuzz::market::run(bytes));
