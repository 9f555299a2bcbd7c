//! [`Snapshot`]: the scoreboard as it was at one moment, slots put together to workers.
//!
//! A worker has two slots, one of which is its successor's while it is replaced. Counters go on
//! with the slot; so the counters of a worker and all its predecessors are the sum of both.

use crate::scoreboard::{Latency, Record, Report, Scoreboard, State};

/// The state of a server.
pub struct Snapshot {
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// The time at which the master started.
    pub started_ms: u64,
    pub master_pid: u64,
    pub wanted: usize,
    pub ready: usize,
    /// Whether a balancer should send new clients here.
    pub is_ready: bool,
    pub stopping: bool,
    pub deaths: u64,
    /// The last exit reports, latest first.
    pub reports: Vec<Report>,
    /// All workers that ever were, by number.
    pub workers: Vec<Worker>,
    /// The sums over all workers.
    pub total: Counters,
}

/// A worker and its successors.
pub struct Worker {
    pub number: usize,
    /// The name of its group; empty where there is one group.
    pub group: &'static str,
    /// The living processes: one as a rule, two during a replacement, none before a restart.
    pub processes: Vec<Record>,
    pub counters: Counters,
}

/// Counters of a worker, or of all.
#[derive(Default)]
pub struct Counters {
    /// Processes that were started.
    pub starts: u64,
    /// Open connections.
    pub connections: u64,
    pub accepted: u64,
    pub requests: u64,
    pub by_class: [u64; 5],
    pub latency: Latency,
    pub body_bytes: u64,
    pub lost_lines: u64,
    pub lost_messages: u64,
}

impl Snapshot {
    pub fn take(board: &Scoreboard, now_ms: u64) -> Snapshot {
        let mut workers: Vec<Worker> = Vec::new();
        let mut total = Counters::default();
        for record in board.records() {
            let number = record.slot / 2;
            if workers.len() <= number {
                workers.push(Worker {
                    number,
                    group: record.group,
                    processes: Vec::new(),
                    counters: Counters::default(),
                });
            }
            total.add(&record);
            let Some(worker) = workers.last_mut() else {
                continue;
            };
            worker.counters.add(&record);
            if record.state != State::Empty {
                worker.processes.push(record);
            }
        }
        for worker in &mut workers {
            // The youngest process is the successor.
            worker
                .processes
                .sort_by_key(|process| std::cmp::Reverse(process.born_unix_ms));
        }
        Snapshot {
            now_ms,
            started_ms: board.started_unix_ms(),
            master_pid: board.master_pid(),
            wanted: board.wanted(),
            // During a replacement there may be one more.
            ready: board.ready().min(board.wanted()),
            is_ready: board.is_ready(),
            stopping: board.stopping(),
            deaths: board.deaths(),
            reports: board.reports(),
            workers,
            total,
        }
    }

    /// The uptime of the server, in milliseconds.
    pub fn uptime_ms(&self) -> u64 {
        match self.started_ms {
            0 => 0,
            started => self.now_ms.saturating_sub(started),
        }
    }

    /// Requests a second on average, in tenths.
    pub fn rate_tenths(&self) -> u64 {
        let tenths = u128::from(self.total.requests) * 10_000 / u128::from(self.uptime_ms().max(1));
        u64::try_from(tenths).unwrap_or(u64::MAX)
    }

    /// All processes, worker by worker.
    pub fn processes(&self) -> impl Iterator<Item = (usize, &Record)> {
        let of = |worker: &'_ Worker| worker.number;
        (self.workers.iter()).flat_map(move |w| w.processes.iter().map(move |p| (of(w), p)))
    }
}

impl Counters {
    fn add(&mut self, record: &Record) {
        self.starts += record.lives;
        // A worker that was killed could not clear its count.
        if record.state != State::Empty {
            self.connections += record.connections;
        }
        self.accepted += record.accepted;
        self.requests += record.requests;
        for (sum, n) in self.by_class.iter_mut().zip(record.by_class) {
            *sum += n;
        }
        self.latency.add(&record.latency);
        self.body_bytes += record.body_bytes;
        self.lost_lines += record.lost_lines;
        self.lost_messages += record.lost_messages;
    }
}
