//! What a client takes depends on what it says, not on the order or the lines it says it in.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::accept::holds(data));
