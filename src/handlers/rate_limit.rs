//! [`RateLimit`]: how many requests a client may send in a time.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::IpAddr;

use crate::http::{HttpRequest, HttpResponse, Layer, Mark, Pass, StatusCode};
use crate::process::Peer;
use crate::time::Millis;

/// Sets of the table, and clients in each: 4,096 clients, 96 KiB a worker.
const SETS: usize = 1_024;
const WAYS: usize = 4;

/// Refuses the requests of a client that sends more than so many in a time, with 429 and
/// `Retry-After`: a *token bucket* for each address, and for each /64 of IPv6, which one customer
/// has.
///
/// Each worker counts for itself, so a client whose connections are with several workers gets as
/// many times more. A table of 4,096 clients is kept in each; when there are more, those that have
/// asked the least are forgotten. Clients of a Unix socket are not limited. Behind a proxy, the
/// address is that of the proxy.
///
/// How many requests of a client are in work *at once* is no matter of a layer: a worker calls one
/// handler at a time.
///
/// ```
/// use std::io::Write;
/// use httprs::handlers::RateLimit;
/// use httprs::{Handler, Http1, HttpRequest, HttpResponse, harness};
///
/// let hello = |_: &HttpRequest, res: &mut HttpResponse| write!(res, "hello");
/// let http = Http1::with(hello.wrap(RateLimit::new(2, 10_000)));
/// let mut client = harness::Conversation::open(&http);
/// let mut ask = |ms| {
///     client.pass(ms);
///     String::from_utf8(client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap()
/// };
/// assert!(ask(0).ends_with("hello") && ask(0).ends_with("hello"));
/// let refused = ask(0);
/// assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("\r\nRetry-After: 5\r\n"));
/// assert!(ask(5_000).ends_with("hello"));
/// ```
pub struct RateLimit {
    requests: u64,
    within_ms: u64,
    /// An attacker that does not know its keys cannot choose addresses of one set.
    hasher: RandomState,
    clients: RefCell<Box<[[Client; WAYS]; SETS]>>,
    mark: Mark,
}

/// A bucket. A request costs `within_ms`, and each millisecond adds `requests`.
#[derive(Clone, Copy, Debug, Default)]
struct Client {
    /// The address; 0 for none.
    key: u64,
    level: u64,
    at: Millis,
}

impl RateLimit {
    /// So many requests within so many milliseconds, all of them at once if need be; at least 1 in
    /// 1 ms.
    pub fn new(requests: u32, within_ms: u32) -> RateLimit {
        RateLimit {
            requests: u64::from(requests.max(1)),
            within_ms: u64::from(within_ms.max(1)),
            hasher: RandomState::new(),
            clients: RefCell::new(Box::new([[Client::default(); WAYS]; SETS])),
            mark: Mark::new(),
        }
    }

    /// Takes a request out of a client's bucket.
    ///
    /// # Errors
    /// The bucket is empty, for so many milliseconds.
    fn take(&self, key: u64, now: Millis) -> Result<(), u64> {
        let full = self.requests * self.within_ms;
        let filled = |client: &Client| {
            let added = now.since(client.at).saturating_mul(self.requests);
            client.level.saturating_add(added).min(full)
        };
        let set = self.hasher.hash_one(key) as usize % SETS;
        let set = &mut self.clients.borrow_mut()[set];
        let way = set
            .iter()
            .position(|client| client.key == key)
            .unwrap_or_else(|| {
                // A full bucket says no more than none; the fullest says the least.
                let fullest = (0..WAYS).max_by_key(|way| match set[*way].key {
                    0 => full,
                    _ => filled(&set[*way]),
                });
                let way = fullest.unwrap_or(0);
                let (level, at) = (full, now);
                set[way] = Client { key, level, at };
                way
            });
        let client = &mut set[way];
        (client.level, client.at) = (filled(client), now);
        match client.level.checked_sub(self.within_ms) {
            Some(level) => {
                client.level = level;
                Ok(())
            }
            None => Err((self.within_ms - client.level).div_ceil(self.requests)),
        }
    }
}

/// What tells one client from another; `None` for a client without an address.
fn key(peer: Peer) -> Option<u64> {
    let Peer::Inet(address) = peer else {
        return None;
    };
    Some(match address.ip().to_canonical() {
        // In a /64 that no client has (RFC 4291 §2.5.5), so not 0.
        IpAddr::V4(ip) => 0xffff_0000_0000 | u64::from(u32::from(ip)),
        // The first bit is no part of an address of the Internet (2000::/3).
        IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64 | 1 << 63,
    })
}

impl Layer for RateLimit {
    fn before(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
        let Some(key) = key(req.peer()).filter(|_| !self.mark.is_on(req)) else {
            return Ok(Pass::On);
        };
        match self.take(key, req.now().at) {
            Ok(()) => {
                self.mark.put(req);
                Ok(Pass::On)
            }
            Err(ms) => {
                res.status(StatusCode::TOO_MANY_REQUESTS)
                    .header("Retry-After", ms.div_ceil(1_000).max(1).to_string())?
                    .header("Cache-Control", "no-store")?;
                res.text("429 Too Many Requests\n")?;
                Ok(Pass::Answered)
            }
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimit({} in {} ms)", self.requests, self.within_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::converse;
    use crate::http::{Handler, Http1};
    use std::io::Write;

    #[test]
    fn a_bucket_is_filled_as_time_passes_and_not_beyond_its_size() {
        let limit = RateLimit::new(3, 1_000);
        for (other, (ms, want)) in (8..).zip([
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(334)),
            (333, Err(1)),
            (334, Ok(())),
            (334, Err(333)),
            (9_000, Ok(())),
            (9_000, Ok(())),
            (9_000, Ok(())),
            (9_000, Err(334)),
        ]) {
            assert_eq!(limit.take(7, Millis::new(ms)), want, "{ms} ms");
            assert_eq!(limit.take(other, Millis::new(ms)), Ok(()), "another client");
        }
    }

    #[test]
    fn those_that_have_asked_the_most_are_remembered() {
        let limit = RateLimit::new(10, 1_000_000);
        let now = Millis::new(5);
        for _ in 0..10 {
            limit.take(1, now).unwrap();
        }
        // Many more than there is room for, which ask once.
        for other in 2..100_000 {
            limit.take(other, now).unwrap();
        }
        assert!(limit.take(1, now).is_err(), "not forgotten");
        let size = size_of_val(&**limit.clients.borrow());
        assert_eq!(size, 24 * SETS * WAYS);
    }

    #[test]
    fn a_client_is_an_address_or_a_network_of_one_customer() {
        let of = |text: &str| key(Peer::Inet(text.parse().unwrap()));
        assert_eq!(of("192.0.2.1:5"), of("192.0.2.1:6"));
        assert_eq!(of("192.0.2.1:5"), of("[::ffff:192.0.2.1]:5"));
        assert_ne!(of("192.0.2.1:5"), of("192.0.2.2:5"));
        assert_eq!(of("[2001:db8::1]:5"), of("[2001:db8::ffff:1]:5"));
        assert_ne!(of("[2001:db8:0:1::1]:5"), of("[2001:db8::1]:5"));
        assert_ne!(of("[::1]:5"), None);
        assert_eq!(key(Peer::Unix), None);
    }

    #[test]
    fn a_request_counts_once_with_or_without_a_body() {
        let inner = |_: &HttpRequest, res: &mut HttpResponse| write!(res, "in");
        let http = Http1::with(inner.wrap(RateLimit::new(2, 60_000)));
        let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
        let wire = [&post[..]; 3].concat();
        let got = String::from_utf8(converse(&http, &[&wire[..70], &wire[70..]]).bytes).unwrap();
        assert_eq!(
            (got.matches(" 200 OK").count(), got.matches(" 429 ").count()),
            (2, 1),
            "{got}"
        );
    }
}
