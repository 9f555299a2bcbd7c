//! We and httparse read each head the same, except for the classes of heads listed here.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::differential::holds(data));
