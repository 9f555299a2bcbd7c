//! A client accepts the same types and codings in whatever order and lines its fields name them.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::accept::holds(data));
