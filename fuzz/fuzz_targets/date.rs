//! A printed date parses back, and a date that was parsed prints as what it means.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::date::holds(data));
