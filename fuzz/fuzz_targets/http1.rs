//! However the bytes are cut, a connection answers the same, and no more than it was asked.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::http1::holds(data));
