//! A printed date parses back, and a parsed date prints as the date that it means.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::date::holds(data));
