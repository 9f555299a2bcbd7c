//! An encoded body decodes to itself, and the same bytes give the same body however they are cut.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::chunked::holds(data));
