//! In any order of events: one child a slot, no worker drains before its successor serves, one end.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::supervisor::holds(data));
