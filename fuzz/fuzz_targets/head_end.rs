//! However a head is cut, its end is found at the same place, or refused for the same reason.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::head_end::holds(data));
