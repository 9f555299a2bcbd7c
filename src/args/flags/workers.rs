//! Flags for the number of workers, their replacement and the graceful stop.

use crate::args::flag::{FLAG, Flag, Job};
use crate::args::values::{millis, number, restarts, workers};

const WORKERS: &str = "Workers";

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "worker",
        alias: Some("workers"),
        short: Some('w'),
        value: "N|auto",
        platform: Some("WEB_CONCURRENCY"),
        about: "processes; auto: one per CPU, at least 2",
        group: WORKERS,
        default: "auto",
        job: Job::Value(|o, v| workers(v).map(|v| o.workers = v)),
    },
    Flag {
        long: "max-connections",
        value: "N",
        about: "connections per worker; 1 is classic prefork",
        group: WORKERS,
        default: "1024",
        job: Job::Value(|o, v| number(v, 1, 1_000_000).map(|n| o.max_connections = n as usize)),
        ..FLAG
    },
    Flag {
        long: "worker-timeout-ms",
        value: "MS",
        about: "replace a worker stuck in one step; 0: never",
        group: WORKERS,
        default: "30000",
        job: Job::Value(|o, v| millis(v, 0).map(|n| o.worker_timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "max-requests",
        value: "N",
        about: "replace a worker after so many; 0: never",
        group: WORKERS,
        default: "0",
        job: Job::Value(|o, v| number(v, 0, u32::MAX.into()).map(|n| o.max_requests = n)),
        ..FLAG
    },
    Flag {
        long: "max-requests-jitter",
        value: "PERCENT",
        about: "up to so much fewer, each worker its own",
        group: WORKERS,
        default: "10",
        job: Job::Value(|o, v| number(v, 0, 100).map(|n| o.max_requests_jitter = n as u8)),
        ..FLAG
    },
    Flag {
        long: "max-restarts",
        value: "N/SECS",
        about: "give up when N workers die unready in SECS",
        group: WORKERS,
        default: "10/60",
        job: Job::Value(|o, v| restarts(v).map(|v| o.max_restarts = v)),
        ..FLAG
    },
    Flag {
        long: "drain-delay-ms",
        value: "MS",
        about: "unready but serving before a graceful stop drains",
        group: WORKERS,
        default: "0",
        job: Job::Value(|o, v| millis(v, 0).map(|n| o.drain_delay_ms = n)),
        ..FLAG
    },
    Flag {
        long: "drain-timeout-ms",
        value: "MS",
        about: "how long a graceful stop may take, delay and all",
        group: WORKERS,
        default: "8000",
        job: Job::Value(|o, v| millis(v, 0).map(|n| o.drain_timeout_ms = n)),
        ..FLAG
    },
];
