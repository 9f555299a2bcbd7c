//! The status as text, for a terminal: what `httprs status` prints.

use std::io::{self, Write};

use super::snapshot::{Snapshot, Worker};
use crate::handlers::human::{Brief, Count, Rate, Size, Span};
use crate::http::date::rfc3339;

pub fn write(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    let total = &status.total;
    writeln!(
        out,
        "httprs {} (pid {}), up {} since {}{}",
        env!("CARGO_PKG_VERSION"),
        status.master_pid,
        Span(status.uptime_ms()),
        time(status.started_ms),
        match (status.stopping, status.is_ready) {
            (true, _) => ", stopping",
            (_, false) => ", not ready",
            _ => "",
        }
    )?;
    writeln!(
        out,
        "{} of {} workers ready, {} {}",
        status.ready,
        status.wanted,
        Count(status.deaths),
        if status.deaths == 1 {
            "death"
        } else {
            "deaths"
        },
    )?;
    writeln!(
        out,
        "{} requests ({}/s on average), {} sent, {} of {} connections open",
        Count(total.requests),
        Rate(status.rate_tenths()),
        Size(total.body_bytes),
        Count(total.connections),
        Count(total.accepted),
    )?;
    if total.requests > 0 {
        write!(out, "answers:")?;
        for (class, answers) in (1..).zip(total.by_class) {
            if answers > 0 {
                write!(out, " {class}xx {}", Count(answers))?;
            }
        }
        write!(out, "\ntimes:")?;
        for (share, thousandths) in [("50", 500), ("90", 900), ("99", 990)] {
            if let Some(us) = total.latency.below_us(thousandths) {
                let comma = if thousandths == 500 { "" } else { "," };
                write!(out, "{comma} {share} % below {}", Brief(us))?;
            }
        }
        writeln!(out)?;
    }
    if total.lost_lines > 0 {
        writeln!(out, "{} lines of the log lost", Count(total.lost_lines))?;
    }
    write_workers(out, status)?;
    for report in &status.reports {
        let when = time(report.unix_ms);
        let mut lines = report.text.lines();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "\n{when} {first}")?;
        lines.try_for_each(|line| writeln!(out, "    {line}"))?;
    }
    Ok(())
}

fn write_workers(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    writeln!(
        out,
        "\n{:>6} {:>7}  {:<20} {:>11} {:>6} {:>7} {:>13} {:>7} {:>7} {:>8}",
        "WORKER", "PID", "STATE", "AGE", "STARTS", "CLIENTS", "REQUESTS", "4XX", "5XX", "SENT"
    )?;
    for worker in &status.workers {
        let mut processes = worker.processes.iter();
        let (pid, word, age) = match processes.next() {
            Some(process) => (
                process.pid.to_string(),
                process.word(),
                Span(status.now_ms.saturating_sub(process.born_unix_ms)).to_string(),
            ),
            None => ("-".into(), "open slot", "-".into()),
        };
        let Worker {
            number, counters, ..
        } = worker;
        let group = match worker.group {
            "" => String::new(),
            group => format!("  {group}"),
        };
        writeln!(
            out,
            "{number:>6} {pid:>7}  {word:<20} {age:>11} {:>6} {:>7} {:>13} {:>7} {:>7} {:>8}{group}",
            Count(counters.starts),
            Count(counters.connections),
            Count(counters.requests),
            Count(counters.by_class[3]),
            Count(counters.by_class[4]),
            Size(counters.body_bytes).to_string(),
        )?;
        // During a replacement there is another process.
        for process in processes {
            let age = Span(status.now_ms.saturating_sub(process.born_unix_ms));
            let (pid, word) = (process.pid, process.word());
            writeln!(out, "{:>6} {pid:>7}  {word:<20} {age:>11}", "")?;
        }
    }
    Ok(())
}

/// A time in milliseconds since 1970.
pub fn time(unix_ms: u64) -> String {
    String::from_utf8_lossy(&rfc3339(unix_ms / 1_000)).into_owned()
}
