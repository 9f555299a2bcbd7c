//! A normalised path never climbs, and normalising it again changes nothing.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::uri::holds(data));
