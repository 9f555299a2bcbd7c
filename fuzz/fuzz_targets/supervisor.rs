//! In any order of events: one child a slot, no fork after a stop, one end, when none lives.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::supervisor::holds(data));
