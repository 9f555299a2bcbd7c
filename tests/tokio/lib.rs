//! A server of httprs inside of a program of tokio: see the tests.
