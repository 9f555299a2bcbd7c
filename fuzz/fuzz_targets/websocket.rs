//! However its frames are cut, a WebSocket answers as a naive reader of all of them would.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| httprs_fuzz::invariants::websocket::holds(data));
