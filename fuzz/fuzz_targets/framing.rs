//! A head has one reading of where its body ends: an independent reader of its lines agrees.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::framing::holds(data));
