//! A part of a file lies inside it, and is the part that was asked for.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::range::holds(data));
