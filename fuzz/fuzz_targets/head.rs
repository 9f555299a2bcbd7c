//! An accepted head, written out again, reads the same, and holds no bare CR, bare LF or NUL.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::head::holds(data));
