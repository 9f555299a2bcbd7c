//! The status for Prometheus, in its text format 0.0.4.
//!
//! Counters have one series for each worker's number, which successors continue: no series ends
//! with a process, and there are never more series than workers can be. The histogram is that of
//! all workers together, since it would have 25 series for each worker.

use std::fmt::Display;
use std::io::{self, Write};

use super::snapshot::{Counters, Snapshot, Worker};
use crate::scoreboard::{Latency, Record, State};

pub fn write(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    family(out, "build_info", "gauge", "Which httprs this is.")?;
    writeln!(out, "httprs_build_info{{version=\"{version}\"}} 1")?;
    let about = "When the master began, in seconds since 1970.";
    let started = Seconds(u128::from(status.started_ms) * 1_000);
    gauge(out, "start_time_seconds", about, started)?;
    let about = "Whether new clients should be sent here, as /readyz says.";
    gauge(out, "ready", about, u8::from(status.is_ready))?;
    let about = "Whether the server was asked to stop.";
    gauge(out, "stopping", about, u8::from(status.stopping))?;
    gauge(
        out,
        "workers_wanted",
        "How many workers should run.",
        status.wanted,
    )?;
    gauge(
        out,
        "workers_ready",
        "How many of them are ready.",
        status.ready,
    )?;
    let about = "Worker processes by what they are doing.";
    family(out, "workers", "gauge", about)?;
    for state in STATES {
        let count = status.processes().filter(|(_, p)| state_of(p) == state);
        writeln!(out, "httprs_workers{{state=\"{state}\"}} {}", count.count())?;
    }
    let about = "Deaths of workers that were not told to leave.";
    family(out, "worker_deaths_total", "counter", about)?;
    writeln!(out, "httprs_worker_deaths_total {}", status.deaths)?;
    for (name, kind, about, value) in BY_WORKER {
        family(out, name, kind, about)?;
        for worker in &status.workers {
            let (labels, value) = (labels(worker), value(&worker.counters));
            writeln!(out, "httprs_{name}{{{labels}}} {value}")?;
        }
    }
    let about = "Requests answered, by the class of the status.";
    family(out, "requests_total", "counter", about)?;
    for worker in &status.workers {
        for (class, answers) in (1..).zip(worker.counters.by_class) {
            let labels = labels(worker);
            writeln!(
                out,
                "httprs_requests_total{{{labels},class=\"{class}xx\"}} {answers}"
            )?;
        }
    }
    histogram(out, &status.total.latency)
}

/// Where there are several groups, the group belongs to the labels.
fn labels(worker: &Worker) -> String {
    match (worker.number, worker.group) {
        (number, "") => format!("worker=\"{number}\""),
        (number, group) => format!("worker=\"{number}\",group=\"{}\"", group.escape_default()),
    }
}

/// The states of a process, each word for a state of Apache's.
const STATES: [&str; 5] = ["starting", "waiting", "reading", "sending", "finishing"];

fn state_of(process: &Record) -> &'static str {
    match (process.state, process.letter()) {
        (State::Starting, _) => "starting",
        (State::Draining, _) => "finishing",
        (_, 'R') => "reading",
        (_, 'W') => "sending",
        _ => "waiting",
    }
}

/// A metric of each worker.
type ByWorker = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Counters) -> u64,
);

const BY_WORKER: [ByWorker; 6] = [
    (
        "worker_starts_total",
        "counter",
        "Processes that were started as this worker.",
        |counters| counters.starts,
    ),
    ("connections", "gauge", "Open connections.", |counters| {
        counters.connections
    }),
    (
        "connections_accepted_total",
        "counter",
        "Connections accepted.",
        |counters| counters.accepted,
    ),
    (
        "response_body_bytes_total",
        "counter",
        "Bytes of the bodies of answers.",
        |counters| counters.body_bytes,
    ),
    (
        "access_log_lost_lines_total",
        "counter",
        "Access log lines that were lost, unread or unwritten.",
        |counters| counters.lost_lines,
    ),
    (
        "room_lost_messages_total",
        "counter",
        "Messages of rooms that did not reach another worker.",
        |counters| counters.lost_messages,
    ),
];

fn histogram(out: &mut impl Write, latency: &Latency) -> io::Result<()> {
    let about = "From the first byte of a request until all of its answer was queued.";
    family(out, "request_duration_seconds", "histogram", about)?;
    let mut count = 0;
    for (at, answers) in latency.buckets.iter().enumerate() {
        count += answers;
        // The scoreboard's buckets exclude their bound, and Prometheus' include it. No time lies
        // between, since times are whole microseconds.
        let le = match Latency::bound_us(at) {
            Some(us) => Seconds(us.into()).to_string(),
            None => "+Inf".into(),
        };
        writeln!(
            out,
            "httprs_request_duration_seconds_bucket{{le=\"{le}\"}} {count}"
        )?;
    }
    let sum = Seconds(latency.sum_us.into());
    writeln!(out, "httprs_request_duration_seconds_sum {sum}")?;
    writeln!(out, "httprs_request_duration_seconds_count {count}")
}

fn family(out: &mut impl Write, name: &str, kind: &str, about: &str) -> io::Result<()> {
    writeln!(out, "# HELP httprs_{name} {about}")?;
    writeln!(out, "# TYPE httprs_{name} {kind}")
}

fn gauge(out: &mut impl Write, name: &str, about: &str, value: impl Display) -> io::Result<()> {
    family(out, name, "gauge", about)?;
    writeln!(out, "httprs_{name} {value}")
}

/// Microseconds, displayed in seconds: exactly, unlike a float.
struct Seconds(u128);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, us) = (self.0 / 1_000_000, self.0 % 1_000_000);
        match us {
            0 => write!(f, "{whole}"),
            _ => f.write_str(format!("{whole}.{us:06}").trim_end_matches('0')),
        }
    }
}
