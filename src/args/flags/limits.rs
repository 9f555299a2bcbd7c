//! Flags for timeouts and size limits.

use crate::args::flag::{FLAG, Flag, Job};
use crate::args::values::{bytes, millis, number};

const LIMITS: &str = "Limits";

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "timeout-ms",
        short: Some('t'),
        value: "MS",
        about: "close on a client that sends no more of a request",
        group: LIMITS,
        default: "10000",
        job: Job::Value(|o, v| millis(v, 1).map(|n| o.timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "header-timeout-ms",
        value: "MS",
        about: "for a whole request head",
        group: LIMITS,
        default: "10000",
        job: Job::Value(|o, v| millis(v, 1).map(|n| o.header_timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "write-timeout-ms",
        value: "MS",
        about: "close on a client that reads nothing for so long",
        group: LIMITS,
        default: "60000",
        job: Job::Value(|o, v| millis(v, 1).map(|n| o.write_timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "keepalive-ms",
        value: "MS",
        about: "idle time between two requests",
        group: LIMITS,
        default: "75000",
        job: Job::Value(|o, v| millis(v, 1).map(|n| o.keepalive_ms = n)),
        ..FLAG
    },
    Flag {
        long: "keepalive-requests",
        value: "N",
        about: "requests per connection; 0: no limit",
        group: LIMITS,
        default: "0",
        job: Job::Value(|o, v| number(v, 0, u32::MAX.into()).map(|n| o.keepalive_requests = n)),
        ..FLAG
    },
    Flag {
        long: "min-rate",
        value: "BYTES",
        about: "a second that a client must make on the whole; 0: any",
        group: LIMITS,
        default: "64",
        job: Job::Value(|o, v| number(v, 0, 1 << 30).map(|n| o.min_rate = n)),
        ..FLAG
    },
    Flag {
        long: "max-header-size",
        value: "BYTES",
        about: "largest request head (256 to 1048576)",
        group: LIMITS,
        default: "16384",
        job: Job::Value(|o, v| bytes(v, 256, 1 << 20).map(|n| o.max_header_size = n as usize)),
        ..FLAG
    },
    Flag {
        long: "max-body-size",
        value: "BYTES",
        about: "largest request body",
        group: LIMITS,
        default: "1048576",
        job: Job::Value(|o, v| bytes(v, 0, 1 << 40).map(|n| o.max_body_size = n)),
        ..FLAG
    },
    Flag {
        long: "body-memory",
        value: "BYTES",
        about: "of each worker for bodies; auto: at most 64 MiB",
        group: LIMITS,
        default: "auto",
        job: Job::Value(|o, v| {
            if v == "auto" {
                o.body_memory = None;
                return Ok(());
            }
            bytes(v, 0, 1 << 40).map(|n| o.body_memory = Some(n))
        }),
        ..FLAG
    },
];
