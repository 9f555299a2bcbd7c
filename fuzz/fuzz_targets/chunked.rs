//! Decoding what was encoded gives it back, and the same bytes give the same body however cut.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::chunked::holds(data));
