//! Whatever head we accept, httparse reads the same; else it is one of the classes listed here.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::differential::holds(data));
