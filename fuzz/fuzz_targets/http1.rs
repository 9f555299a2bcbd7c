//! However the bytes are cut, a connection gives the same answers, one a request at most.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::http1::holds(data));
