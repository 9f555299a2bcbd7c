//! The status as JSON (RFC 8259).
//!
//! Names are only ever added. Times end in `_unix_ms`, `_ms` or `_us`, in milliseconds since 1970,
//! milliseconds and microseconds; counters continue when a worker is replaced.
//!
//! ```text
//! version, master_pid, now_unix_ms, started_unix_ms, uptime_ms
//! ready                 whether a balancer should send new clients here, as in /readyz
//! stopping
//! workers_wanted, workers_ready
//! deaths                of workers that were not told to exit
//! total                 counters, see below
//! workers               a list:
//!   worker              its number, from 0
//!   group               the name of its group; empty where there is one group
//!   processes           a list of the living ones, the youngest first:
//!     pid, state (in the words of Apache's mod_status), letter, born_unix_ms
//!   ...                 counters, see below
//! reports               the last deaths, the latest first: number, unix_ms, text
//! ```
//! Counters are `starts` (of processes), `connections` (open ones), `accepted`, `requests`,
//! `responses` (by class: `1xx` to `5xx`), `body_bytes`, `lost_log_lines`, and `latency`: `count`,
//! `sum_us`, `p50_below_us`, `p90_below_us`, `p99_below_us` (`null` if unknown) and, in `total`
//! alone, `buckets`: a list of `below_us` (`null` for no bound) and `count`, not cumulative.

use std::io::{self, Write};

use super::snapshot::{Counters, Snapshot};
use crate::handlers::escape::Json;
use crate::scoreboard::Latency;

pub fn write(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    let version = Json(env!("CARGO_PKG_VERSION").as_bytes());
    writeln!(
        out,
        "{{\"version\":{version},\"master_pid\":{},\"now_unix_ms\":{},\"started_unix_ms\":{},\
         \"uptime_ms\":{},\n\"ready\":{},\"stopping\":{},\"workers_wanted\":{},\
         \"workers_ready\":{},\"deaths\":{},",
        status.master_pid,
        status.now_ms,
        status.started_ms,
        status.uptime_ms(),
        status.is_ready,
        status.stopping,
        status.wanted,
        status.ready,
        status.deaths,
    )?;
    write!(out, "\"total\":{{")?;
    write_counters(out, &status.total)?;
    write!(out, ",\"buckets\":[")?;
    for (at, count) in status.total.latency.buckets.iter().enumerate() {
        let (comma, below) = (separator(at), or_null(Latency::bound_us(at)));
        write!(out, "{comma}{{\"below_us\":{below},\"count\":{count}}}")?;
    }
    write!(out, "]}}}},\n\"workers\":[")?;
    for (at, worker) in status.workers.iter().enumerate() {
        let comma = separator(at);
        write!(
            out,
            "{comma}\n{{\"worker\":{},\"group\":{},\"processes\":[",
            worker.number,
            Json(worker.group.as_bytes()),
        )?;
        for (at, process) in worker.processes.iter().enumerate() {
            let comma = separator(at);
            write!(
                out,
                "{comma}{{\"pid\":{},\"state\":{},\"letter\":{},\"born_unix_ms\":{}}}",
                process.pid,
                Json(process.word().as_bytes()),
                Json(process.letter().to_string().as_bytes()),
                process.born_unix_ms,
            )?;
        }
        write!(out, "],")?;
        write_counters(out, &worker.counters)?;
        write!(out, "}}}}")?;
    }
    write!(out, "],\n\"reports\":[")?;
    for (at, report) in status.reports.iter().enumerate() {
        write!(
            out,
            "{}\n{{\"number\":{},\"unix_ms\":{},\"text\":{}}}",
            separator(at),
            report.number,
            report.unix_ms,
            Json(report.text.as_bytes()),
        )?;
    }
    writeln!(out, "]}}")
}

/// Writes all counters, and the latency without its buckets: the object of the latency stays open.
fn write_counters(out: &mut impl Write, counters: &Counters) -> io::Result<()> {
    write!(
        out,
        "\"starts\":{},\"connections\":{},\"accepted\":{},\"requests\":{},\"responses\":{{",
        counters.starts, counters.connections, counters.accepted, counters.requests,
    )?;
    for (at, answers) in counters.by_class.iter().enumerate() {
        write!(out, "{}\"{}xx\":{answers}", separator(at), at + 1)?;
    }
    let latency = &counters.latency;
    write!(
        out,
        "}},\"body_bytes\":{},\"lost_log_lines\":{},\"lost_messages\":{},\n \"latency\":{{\"count\":{},\"sum_us\":{}",
        counters.body_bytes,
        counters.lost_lines,
        counters.lost_messages,
        latency.count(),
        latency.sum_us,
    )?;
    for (name, thousandths) in [("p50", 500), ("p90", 900), ("p99", 990)] {
        let below = or_null(latency.below_us(thousandths));
        write!(out, ",\"{name}_below_us\":{below}")?;
    }
    Ok(())
}

fn separator(at: usize) -> &'static str {
    if at == 0 { "" } else { "," }
}

fn or_null(number: Option<u64>) -> String {
    number.map_or("null".into(), |number| number.to_string())
}
