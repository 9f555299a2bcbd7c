//! Conditions mean the same each time, and only a GET or HEAD is answered with 304.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::conditional::holds(data));
