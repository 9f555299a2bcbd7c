//! What the lookup of a route costs: a request to a router of 100 routes, less the same request to
//! a handler alone, in memory. A request is looked up twice: when its head is there, and when its
//! body is.
//!
//! `make bench-router` runs it.

use std::io;
use std::time::Instant;

use httprs::handlers::Routes;
use httprs::harness::Conversation;
use httprs::{Handler, Http1, HttpRequest, HttpResponse};

const REQUESTS: u32 = 50_000;
const ROUNDS: usize = 15;

fn nothing(_: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    res.no_content()
}

fn main() {
    let mut routes = Routes::new();
    for area in ["users", "orders", "items", "invoices", "reports"] {
        for n in 0..10 {
            routes = routes
                .get(&format!("/api/v1/{area}/{{id}}/part{n}"), nothing)
                .get(&format!("/api/v1/{area}/{{id}}/part{n}/{{other}}"), nothing);
        }
    }
    let router = Http1::with(routes.build().expect("routes"));
    let alone = Http1::new(nothing);
    for (name, path) in [
        ("a parameter", "/api/v1/orders/12345/part7"),
        ("two parameters", "/api/v1/reports/12345/part9/67890"),
        ("no route", "/api/v1/nowhere"),
    ] {
        let (mut routed, mut direct) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            routed = routed.min(round(&router, path));
            direct = direct.min(round(&alone, path));
        }
        println!("{name:<16} {:6.1} ns a lookup", (routed - direct) / 2.0);
    }
}

/// Nanoseconds a request.
fn round(http: &Http1<impl Handler>, path: &str) -> f64 {
    let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(50);
    let mut talk = Conversation::open(http);
    let began = Instant::now();
    for _ in 0..REQUESTS / 50 {
        talk.send(wire.as_bytes());
    }
    began.elapsed().as_nanos() as f64 / f64::from(REQUESTS)
}
