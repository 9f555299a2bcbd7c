//! The `httprs` program.
#![forbid(unsafe_code)]

fn main() {}
