//! The status of a board that is written by hand.

use super::*;
use crate::harness::every_split;
use crate::http::Http1;
use crate::process::Stage;
use crate::scoreboard::State;

/// When the harness's clock begins, in milliseconds since 1970.
const NOW: u64 = 1_795_352_400_000;

/// Three workers: the first is being replaced, the second answers, the third was killed.
fn board() -> Scoreboard {
    let board = Scoreboard::new().unwrap();
    board.set_started(42, NOW - 100_000);
    board.set_wanted(3, 6);
    let start = |slot: usize, state, pid, age_ms| {
        let slot = board.slot(slot).unwrap();
        slot.set_born(NOW - age_ms);
        slot.count_life();
        slot.set_state(state, pid);
        slot
    };
    let old = start(0, State::Draining, 10, 90_000);
    old.count_request(200, 1_000, 7);
    old.count_request(200, 1_000, 9);
    old.set_connections(1);
    old.count_accepted();
    let new = start(1, State::Ready, 11, 5_000);
    new.count_request(404, 100, 900);
    new.set_connections(2);
    new.count_accepted();
    new.count_accepted();
    let busy = start(2, State::Ready, 12, 80_000);
    busy.count_request(500, 0, u64::from(u32::MAX));
    busy.set_busy(1);
    busy.record_request(b"GET /", 1);
    busy.record_stage(Stage::Sending);
    busy.count_lost_lines(3);
    let dead = start(4, State::Ready, 13, 70_000);
    dead.set_connections(5);
    dead.count_request(304, 0, 8);
    dead.set_state(State::Empty, 0);
    let text = "worker 2 (pid 13) was killed by SIGSEGV while answering GET /<b>\"x\\ \n\
                GET /<b>\"x\\ HTTP/1.1\nCookie: ***";
    board.report(NOW - 60_000, text);
    board
}

fn ask(board: &Scoreboard, line: &str, fields: &str) -> (String, String) {
    let http = Http1::with(Status::new(board.clone()));
    let wire = format!("{line} HTTP/1.1\r\nHost: localhost:9\r\n{fields}\r\n");
    let got = String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    (format!("{head}\r\n"), body.to_owned())
}

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

#[test]
fn each_path_has_its_form() {
    let board = board();
    let text = "Content-Type: text/plain; charset=utf-8";
    let html = "Content-Type: text/html; charset=utf-8";
    for (line, fields, status, want, begins) in [
        ("GET /status", "", 200, text, "httprs "),
        ("GET /status", "Accept: */*\r\n", 200, text, "httprs "),
        ("GET /status", BROWSER, 200, html, "<!doctype html>\n"),
        ("GET /status?still", BROWSER, 200, html, "<!doctype html>\n"),
        ("GET /status.txt", BROWSER, 200, text, "httprs "),
        (
            "GET /status.json",
            BROWSER,
            200,
            "Content-Type: application/json",
            "{\"version\":",
        ),
        (
            "GET /metrics",
            "",
            200,
            "Content-Type: text/plain; version=0.0.4; charset=utf-8",
            "# HELP httprs_build_info ",
        ),
        ("HEAD /metrics", "", 200, "Content-Type: text/plain", ""),
        ("GET /", "", 302, "Location: /status", "302 Found\n"),
        (
            "GET /",
            BROWSER,
            302,
            "Location: /status",
            "<!doctype html>",
        ),
        ("GET /metrics/", "", 404, text, "404 Not Found\n"),
        ("GET /status.xml", "", 404, text, "404 Not Found\n"),
        ("POST /status", "", 405, "Allow: GET, HEAD", "405 "),
        ("DELETE /nothing", "", 405, "Allow: GET, HEAD", "405 "),
    ] {
        let (head, body) = ask(&board, line, fields);
        let name = format!("{line} {fields}: {head}");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{name}");
        assert!(head.contains(&format!("\r\n{want}")), "{name}");
        assert!(body.starts_with(begins), "{name}: {body}");
        assert_eq!(body.is_empty(), begins.is_empty(), "{name}");
        assert!(head.contains("\r\nCache-Control: no-store\r\n"), "{name}");
        assert!(head.contains("\r\nX-Content-Type-Options: nosniff\r\n"));
        let refreshed = head.contains("\r\nRefresh: 5\r\n");
        let is_page = line == "GET /status" && fields == BROWSER;
        assert_eq!(refreshed, is_page, "{name}");
    }
}

#[test]
fn the_text() {
    let (_, body) = ask(&board(), "GET /status.txt", "");
    let version = env!("CARGO_PKG_VERSION");
    let first = format!("httprs {version} (pid 42), up 1 min 40 s since 2026-11-22T12:58:20Z\n");
    assert!(body.starts_with(&first), "{body}");
    for line in [
        "2 of 3 workers ready, 1 death",
        "5 requests (0.0/s on average), 2.1 KiB sent, 3 of 3 connections open",
        "answers: 2xx 2 3xx 1 4xx 1 5xx 1",
        // It is not known how long the longest took.
        "times: 50 % below 16 µs",
        "3 lines of the log lost",
        "     0      11  waiting                      5 s      2       3             3       1       0  \
         2.1 KiB",
        "            10  gracefully finishing  1 min 30 s",
        "     1      12  sending reply         1 min 20 s      1       0             1       0       1  \
         \x20   0 B",
        "     2       -  open slot                      -      1       0             1       0       0  \
         \x20   0 B",
        "2026-11-22T12:59:00Z worker 2 (pid 13) was killed by SIGSEGV while answering GET \
         /<b>\"x\\ ",
        "    Cookie: ***",
    ] {
        assert!(body.lines().any(|it| it == line), "{line:?} in {body}");
    }
    let empty = ask(&Scoreboard::new().unwrap(), "GET /status.txt", "").1;
    assert!(empty.contains("up 0 s") && empty.contains("not ready\n0 of 0 workers"));
}

#[test]
fn the_json() {
    let (_, body) = ask(&board(), "GET /status.json", "");
    for part in [
        "\"master_pid\":42,\"now_unix_ms\":1795352400000,\"started_unix_ms\":1795352300000,",
        "\"uptime_ms\":100000,\n\"ready\":true,\"stopping\":false,\"workers_wanted\":3,",
        "\"workers_ready\":2,\"deaths\":1,\n\"total\":{\"starts\":4,\"connections\":3,",
        "\"accepted\":3,\"requests\":5,",
        "\"responses\":{\"1xx\":0,\"2xx\":2,\"3xx\":1,\"4xx\":1,\"5xx\":1},\"body_bytes\":2100,",
        "\"lost_log_lines\":3,",
        "\"p50_below_us\":16,\"p90_below_us\":null,\"p99_below_us\":null,",
        "\"buckets\":[{\"below_us\":8,\"count\":1},{\"below_us\":16,\"count\":2},",
        "{\"below_us\":null,\"count\":1}]}},\n\"workers\":[",
        "\"latency\":{\"count\":3,\"sum_us\":916,\"p50_below_us\":16,\"p90_below_us\":1024,\
         \"p99_below_us\":1024}}",
        "{\"worker\":0,\"group\":\"\",\"processes\":[{\"pid\":11,\"state\":\"waiting\",\"letter\":\"_\",",
        "{\"pid\":10,\"state\":\"gracefully finishing\",\"letter\":\"G\",",
        "{\"pid\":12,\"state\":\"sending reply\",\"letter\":\"W\",\"born_unix_ms\":1795352320000}",
        "{\"worker\":2,\"group\":\"\",\"processes\":[],\"starts\":1,\"connections\":0,",
        "{\"number\":1,\"unix_ms\":1795352340000,\"text\":\"worker 2 (pid 13) was killed by",
        "GET /<b>\\\"x\\\\ \\nGET /<b>\\\"x\\\\ HTTP/1.1\\nCookie: ***\"}]}\n",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

#[test]
fn the_metrics() {
    let (_, body) = ask(&board(), "GET /metrics", "");
    for line in [
        "# TYPE httprs_start_time_seconds gauge",
        "httprs_start_time_seconds 1795352300",
        "httprs_ready 1",
        "httprs_stopping 0",
        "httprs_workers_wanted 3",
        "httprs_workers_ready 2",
        "httprs_workers{state=\"starting\"} 0",
        "httprs_workers{state=\"waiting\"} 1",
        "httprs_workers{state=\"reading\"} 0",
        "httprs_workers{state=\"sending\"} 1",
        "httprs_workers{state=\"finishing\"} 1",
        "# TYPE httprs_worker_deaths_total counter",
        "httprs_worker_deaths_total 1",
        "httprs_worker_starts_total{worker=\"0\"} 2",
        "httprs_connections{worker=\"0\"} 3",
        "httprs_connections{worker=\"2\"} 0",
        "httprs_requests_total{worker=\"0\",class=\"2xx\"} 2",
        "httprs_requests_total{worker=\"2\",class=\"3xx\"} 1",
        "httprs_response_body_bytes_total{worker=\"0\"} 2100",
        "httprs_request_duration_seconds_bucket{le=\"0.000008\"} 1",
        "httprs_request_duration_seconds_bucket{le=\"0.000016\"} 3",
        "httprs_request_duration_seconds_bucket{le=\"0.001024\"} 4",
        "httprs_request_duration_seconds_bucket{le=\"33.554432\"} 4",
        "httprs_request_duration_seconds_bucket{le=\"+Inf\"} 5",
        "httprs_request_duration_seconds_sum 4294.968219",
        "httprs_request_duration_seconds_count 5",
    ] {
        assert!(body.lines().any(|it| it == line), "{line} in {body}");
    }
}

#[test]
fn the_page() {
    let (head, body) = ask(&board(), "GET /status", BROWSER);
    assert!(head.contains("\r\nContent-Security-Policy: default-src 'none';"));
    for part in [
        "<title>httprs: short of workers</title>",
        "name=\"viewport\"",
        "prefers-color-scheme: dark",
        "up 1 min 40 s",
        "<i class=\"waiting\" title=\"worker 0, process 11: waiting\">_</i>",
        "<i class=\"moving\" title=\"worker 0, process 10: gracefully finishing\">G</i>",
        "<i class=\"busy\" title=\"worker 1, process 12: sending reply\">W</i>",
        "<i class=\"open\" title=\"worker 2: open slot\">.</i>",
        "<td>11<br>10</td><td>waiting<br>gracefully finishing</td>",
        "<b>5xx</b> 1 <small>20 %</small>",
        "3 lines of the access log were lost",
        "while answering GET /&lt;b&gt;&quot;x\\ </span></summary>",
        "GET /&lt;b&gt;&quot;x\\ HTTP/1.1\nCookie: ***\n</pre>",
        "href=\"/status?still\"",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert!(!body.contains("<b>\"x") && !body.contains("<script"));
    let (_, still) = ask(&board(), "GET /status?still", BROWSER);
    assert!(still.contains("<a href=\"/status\">"), "{still}");
    let board = board();
    board.set_stopping();
    let (_, body) = ask(&board, "GET /status", BROWSER);
    assert!(body.contains("<title>httprs: stopping</title>"), "{body}");
}

#[test]
fn a_share_is_never_all_or_nothing_unless_it_is() {
    for (part, all, want) in [
        (0, 9, "0 %"),
        (1, 1_000_000, "&lt; 0.1 %"),
        (1, 1_000, "0.1 %"),
        (20, 1_000, "2 %"),
        (123, 1_000, "12 %"),
        (995, 1_000, "99.5 %"),
        (999_999, 1_000_000, "&gt; 99.9 %"),
        (7, 7, "100 %"),
        (0, 0, "0 %"),
    ] {
        assert_eq!(page::share(part, all), want, "{part} of {all}");
    }
}

#[test]
fn a_page_elsewhere_cannot_point_its_name_here() {
    let board = board();
    let http = Http1::with(Status::new(board));
    for (host, status) in [
        ("127.0.0.1", "200"),
        ("127.0.0.1:9000", "200"),
        ("[::1]:9000", "200"),
        ("[2001:db8::1]", "200"),
        ("LocalHost:9000", "200"),
        ("localhost", "200"),
        ("evil.example:9000", "421"),
        ("localhost.evil.example", "421"),
        ("127.0.0.1.evil.example", "421"),
        ("127.1", "421"),
        ("[v1.x]", "421"),
    ] {
        for target in ["/status.json", "/metrics", "/status"] {
            let wire = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let got = String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap();
            assert!(
                got.starts_with(&format!("HTTP/1.1 {status} ")),
                "{host}: {got}"
            );
        }
        // The target's host counts (RFC 9112 §3.2.2).
        let wire = format!("GET http://{host}/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let got = String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap();
        assert!(
            got.starts_with(&format!("HTTP/1.1 {status} ")),
            "{host}: {got}"
        );
    }
    let old = every_split(&http, b"GET /status.json HTTP/1.0\r\n\r\n").bytes;
    assert!(old.starts_with(b"HTTP/1.1 200 "), "no host, no browser");
}
