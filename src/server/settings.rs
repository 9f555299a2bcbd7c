//! The settings of a server, which a program makes before it runs.

use super::Server;
use crate::log::Log;
use crate::worker::Recycling;

impl Server {
    /// How many workers to fork, 1 to 512; the default is one worker for each processor that this
    /// process may use, and at least 2.
    pub fn workers(mut self, workers: usize) -> Server {
        self.workers = workers;
        self
    }

    /// How many connections one worker takes; the default is 1024, and fewer where there are not
    /// enough descriptors for them. With 1, each worker serves one client at a time, as prefork
    /// servers once did. Where all workers are full and clients wait, lingering connections are
    /// evicted first, then idle ones
    /// ([`Connection::is_idle`](crate::process::Connection::is_idle)), then stalled ones, whose
    /// client reads nothing or which wait for another event
    /// ([`Connection::is_waiting`](crate::process::Connection::is_waiting)).
    pub fn max_connections(mut self, connections: usize) -> Server {
        self.options.max_connections = connections.max(1);
        self
    }

    /// How many connections an accept queue holds; the default is 1024.
    pub fn backlog(mut self, connections: u32) -> Server {
        self.options.backlog = connections;
        self
    }

    /// How long a client may read nothing of what was sent to it before the connection is closed,
    /// in milliseconds; the default is 60,000, as in nginx and Apache: players and downloads pause.
    pub fn write_timeout_ms(mut self, ms: u64) -> Server {
        self.options.slow_reader.write_timeout_ms = ms;
        self
    }

    /// How many bytes a second a slow reader must read on the whole, judged when it has been behind
    /// for longer than [`Server::write_timeout_ms`]; the default is 64, and 0 means any number.
    pub fn min_rate(mut self, bytes: u64) -> Server {
        self.options.slow_reader.min_rate = bytes;
        self
    }

    /// How long the server goes on as before when it is asked to stop, in milliseconds; the default
    /// is 0. [`Scoreboard::is_ready`](crate::Scoreboard::is_ready) is false at once, so a load
    /// balancer or Kubernetes can stop sending clients before a client is refused. Must be less
    /// than [`Server::drain_timeout_ms`], which bounds this too.
    pub fn drain_delay_ms(mut self, ms: u64) -> Server {
        self.policy.drain_delay_ms = ms;
        self
    }

    /// How long a stop may take, from when it was asked for, in milliseconds; the default is 8,000.
    /// Requests that are in flight then are aborted: each is reported as far as it came, and its
    /// client sees a reset. A worker that does not exit within 200 ms is killed. The same goes for
    /// a worker that is replaced, from when it is told to drain.
    pub fn drain_timeout_ms(mut self, ms: u64) -> Server {
        self.policy.drain_timeout_ms = ms;
        self
    }

    /// Replaces a worker after so many requests, one worker at a time, and its successor serves
    /// before it drains; the default is 0, never. Up to `jitter` percent fewer, so that workers
    /// that began together are not replaced together.
    pub fn max_requests(mut self, requests: u64, jitter: u8) -> Server {
        self.options.recycling = Recycling {
            requests,
            jitter: jitter.min(100),
        };
        self
    }

    /// Aborts (`SIGABRT`) and replaces a worker that is busy with one step, such as one request,
    /// for longer than this, in milliseconds; the default is 30 s, and 0 is never. A handler that
    /// waits for something must be faster: each piece of a stream and each message of a WebSocket
    /// has the whole time. Without it, a worker would hang for ever on a lock that another thread
    /// held at the fork.
    pub fn worker_timeout_ms(mut self, ms: u64) -> Server {
        self.worker_timeout_ms = ms;
        self
    }

    /// Gives up when `deaths` workers died within `seconds` before they were ready to serve; the
    /// default is 10 in 60. A worker that was ready is always replaced.
    pub fn max_restarts(mut self, deaths: u32, seconds: u64) -> Server {
        self.policy.restarts = deaths;
        self.policy.restarts_within_ms = seconds.saturating_mul(1_000);
        self
    }

    /// Writes log lines; the default is [`Log::silent`].
    ///
    /// With a log, a panic in a worker is one event of it, with the message, the place and the
    /// request, in place of what the standard library writes. A panic hook that the program has set
    /// is called behind that. The program itself keeps its hook, and so do workers without a log.
    pub fn log(mut self, log: Log) -> Server {
        self.log = log;
        self
    }

    /// Makes the signals of this process the server's: `SIGTERM`, `SIGQUIT` and `SIGINT` stop it
    /// gracefully, a second one at once, `SIGHUP` replaces the workers one by one and opens the log
    /// file again, `SIGTTIN` and `SIGTTOU` are one worker more and one less, `SIGUSR1` opens the
    /// log file again, and every child of the process is waited for. For a program that is nothing
    /// but a server, to be called before it starts threads.
    pub fn own_signals(mut self) -> Server {
        self.own_signals = true;
        self
    }

    /// A line to log when every worker is ready.
    pub fn announce(mut self, line: String) -> Server {
        self.announcement = Some(line);
        self
    }
}
