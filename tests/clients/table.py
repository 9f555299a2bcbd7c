"""The clients, and what the documented deadlines say of each.

Pauses are those of the world; here they are as much shorter as the server's deadlines. An
expectation is an outcome and, for a deadline, between how many seconds it may come. `AT_ONCE` is as
soon as the server can.
"""

from dataclasses import dataclass
from typing import Callable

from kinds import (BIG, KB, MB, asks_in_a_crowd, asks_when_full, drips_body, drips_head, ends_its_side, expects,
                   falls_asleep, gets, gives_in, hesitates, idles, insists, is_refused,
                   is_silent, leaves, leaves_in_body,
                   many_big, pauses_in_body, pipelines, pipelines_half, plays, post, reads_at,
                   resumes, says, stays, stops_in_body, stops_reading, upgrades, uploads)

AT_ONCE = (0, 0)
HEAD = b"GET /small.txt HTTP/1.1\r\nHost: x\r\n"
TLS = bytes.fromhex("160301020001 0001fc0303".replace(" ", "")) + bytes(505)
EVENT = len(b"data: event\n\n")


@dataclass
class Row:
    """A client, of which server, and what is expected."""

    name: str
    server: str  # site, unix, echo, streams, or admin
    act: Callable
    expected: str
    within: tuple = None
    quick: bool = False  # one of the few of the short run
    buffer: int = 64 * KB


def rows(d):
    """All of them, for these deadlines."""
    # The server looks at what a reader has taken eight times in its deadline.
    write = (d.write, d.write * 9 / 8)
    # A head that stops, and a client that says nothing.
    head = min(d.timeout, d.header)
    yield from readers(d, write)
    yield from writers(d)
    yield from refused_writers(d)
    yield from keepers(d, write, head)
    yield from heads(d, head)
    yield from streams(d, write)
    yield from crowds(d)
    yield from admins(d)


def judge(pause, deadline, served, cut):
    """What comes of a pause. Nearly as long as a deadline, it would say nothing of the server."""
    if 0.85 * deadline < pause < 1.15 * deadline:
        raise SystemExit(f"clients: a pause of {pause} s is too near to {deadline} s")
    return served if pause < deadline else cut


def readers(d, write):
    # The server sees what the client's kernel acknowledges, which is in steps of some 64 KiB: a rate
    # below that in a write timeout looks like silence. 10 KB/s in 6 s is 1 KB/s in 60 s.
    for rate, name in ((10 * KB, "10 KB/s"), (100 * KB, "100 KB/s"),
                       (MB, "1 MB/s")):
        yield Row(f"reads {name} for 12 s, then fast", "site", reads_at(rate, 12), "served")
    for pause in (1, 5, 10, 25, 40, 50):
        yield Row(f"reads 2 MB, pauses {pause} s, reads on", "site", plays(pause),
                  *judge(d.scaled(pause), d.write, ("served",), ("cut",)), quick=pause == 25)
    yield Row("reads 256 KB after each 30 s, four times", "site", plays(30, 30, 30, 30), "served")
    for pause in (10, 50):
        yield Row(f"pauses {pause} s before it reads", "site", plays(pause, first=0), "served")
    yield Row("pauses 50 s with a large window", "site", plays(50, path="/huge.bin"), "served",
              buffer=0)
    yield Row("pauses 50 s with a tiny window", "site", plays(50, first=64 * KB, path="/mid.bin"),
              "served", buffer=2 * KB)
    yield Row("never reads", "site", stops_reading(), "cut", write, quick=True)
    yield Row("reads 2 MB and then nothing", "site", stops_reading(2 * MB), "cut", write)
    yield Row("reads 2 MB and then nothing, large window", "site",
              stops_reading(8 * MB, lambda client: client.get("/huge.bin")), "cut", write, buffer=0)
    yield Row("reads 2 MB, then 2 bytes a second", "site", stops_reading(2 * MB, rate=2), "cut",
              write)
    yield Row("never reads a small answer", "site",
              stops_reading(request=lambda client: client.get("/small.txt")), "served",
              (d.keepalive + d.linger, d.keepalive + d.linger))
    yield Row("closes its side, then reads with a pause of 25 s", "site",
              plays(25, half_closes=True), "served")
    yield Row("HTTP/1.0, pauses 25 s", "site", plays(25, version="1.0"), "served")
    yield Row("never reads the echo of 4 MB", "echo",
              stops_reading(request=lambda client: client.request("POST", "/", body=b"a" * 4 * MB)),
              "cut", write)
    yield Row("leaves after 2 MB", "site", leaves("leave", 2 * MB), "let go", AT_ONCE, quick=True)
    yield Row("resets after 2 MB", "site", leaves("reset", 2 * MB), "let go", AT_ONCE)
    yield Row("leaves after a pause of 25 s", "site", leaves("leave", 2 * MB, 25), "let go",
              AT_ONCE)
    yield Row("resets, and asks for the rest", "site", resumes, "served")
    yield Row("Unix: reads 2 MB, pauses 25 s, reads on", "unix", plays(25), "served")
    yield Row("Unix: pauses 50 s before it reads", "unix", plays(50, first=0), "served")


def writers(d):
    for coded, how in ((False, ""), (True, " in chunks")):
        for size, rate, name in ((8 * KB, KB, "1 KB/s"), (80 * KB, 10 * KB, "10 KB/s"),
                                 (800 * KB, 100 * KB, "100 KB/s"), (4_000_000, MB, "1 MB/s")):
            yield Row(f"uploads at {name}{how}", "echo", uploads(size, rate, coded), "served",
                      quick=coded and rate == MB)
    yield Row("uploads into a sink at 1 MB/s", "streams", uploads(8 * MB, MB, path="/sink"),
              "served")
    for pause in (1, 5, 25, 50, 100):
        yield Row(f"uploads some, pauses {pause} s, writes on, reads", "echo",
                  pauses_in_body(pause),
                  *judge(d.scaled(pause), d.timeout, ("served",), ("408",)))
    yield Row("uploads, pausing 5 s five times", "echo", pauses_in_body(5, 5, 5, 5, 5), "served")
    timeout = (d.timeout, d.timeout)
    yield Row("uploads some, stops, reads", "echo", stops_in_body(KB), "408, closed", timeout,
              quick=True)
    yield Row("uploads some chunks, stops, reads", "echo", stops_in_body(KB, None), "408, closed",
              timeout)
    yield Row("uploads nothing of it, reads", "echo", stops_in_body(0), "408, closed", timeout)
    yield Row("uploads some into a sink, stops", "streams", stops_in_body(KB, path="/sink"),
              "408, closed", timeout)
    # Each byte that has come earns a 64th of a second.
    grace = max(d.rate_grace, d.timeout)
    earned = grace / (1 - 20 / d.min_rate)
    yield Row("uploads 20 bytes/s", "echo", drips_body(1000, 20), "408, closed",
              (grace, earned))
    yield Row("uploads 100 bytes/s for 15 s", "echo", drips_body(1500, 100), "served")
    for path, server in (("/", "echo"), ("/sink", "streams")):
        yield Row(f"uploads some of {path}, closes its side", server,
                  leaves_in_body("half_close", path), "400, closed", AT_ONCE)
        yield Row(f"uploads some of {path}, leaves", server, leaves_in_body("leave", path),
                  "let go", AT_ONCE)
        yield Row(f"uploads some of {path}, resets", server, leaves_in_body("reset", path),
                  "let go", AT_ONCE, quick=path == "/")
    yield Row("waits for 100, uploads", "echo", expects(True), "served")
    yield Row("waits for 100, pauses 5 s, uploads", "echo", expects(True, 5), "served")
    yield Row("expects 100, pauses 1 s, uploads without it", "echo", expects(False, 1), "served")
    yield Row("waits for 100, uploads nothing", "echo",
              stops_in_body(0, fields=("Expect: 100-continue",)), "408, closed", timeout)


def refused_writers(d):
    for size, rate, name in ((8 * KB, KB, "1 KB/s"), (80 * KB, 10 * KB, "10 KB/s"),
                             (800 * KB, 100 * KB, "100 KB/s"), (2_000_000, 400_000, "400 kB/s"),
                             (8 * MB, MB, "1 MB/s")):
        # The answer waits for a small body, and ends the connection before any other.
        yield Row(f"writes all of what is 405 at {name}, reads", "site", insists(size, rate),
                  "405" if size <= 64 * KB else "405, closed", quick=rate == 400_000)
    yield Row("writes all of what is 413 at 400 kB/s, reads", "echo",
              insists(2_400_000 + 4 * MB, 800_000, path="/"), "413, closed")
    yield Row("writes all of what is 413 in chunks, reads", "echo",
              insists(6 * MB, MB, True, path="/"), "413, closed")
    yield Row("writes all of what is 403 early, reads", "streams",
              insists(1_200_000, 400_000, path="/early"), "403, closed")
    # No more than two seconds of silence, and thirty in all; what is longer meets a reset.
    yield Row("the same with pauses of 1 s", "site", insists(MB, MB, pause=1, steps=8),
              "405, closed")
    yield Row("the same with a pause of 4 s", "site", insists(MB, MB, pause=4, steps=3), "cut",
              (d.linger, d.linger + 2 * 4))
    yield Row("the same for 45 s", "site", insists(450 * KB, 10 * KB), "cut",
              (d.linger_most, d.linger_most))
    yield Row("gives in when it is refused", "site", gives_in, "405, closed", AT_ONCE, quick=True)
    big = 2 * MB
    yield Row("is refused, and stays", "site", stays(lambda client: post(client, big, BIG)),
              "let go", (d.linger, d.linger))
    yield Row("is refused, and closes its side", "site",
              stays(lambda client: post(client, big, BIG), "half_close"), "let go", AT_ONCE)
    yield Row("is refused, and resets", "site", stays(lambda client: post(client, big, BIG),
                                                      "reset"), "let go", AT_ONCE)
    yield Row("says close, and stays", "site",
              stays(lambda client: client.get("/small.txt", "Connection: close")), "let go",
              AT_ONCE)
    for request, answer in ((f"POST {BIG}", "405"), ("GET /livez", "served")):
        for length, expected, within in ((10, "408", (d.timeout, d.timeout)),
                                         (100_000, answer, AT_ONCE)):
            yield Row(f"{request} with {length} bytes that never come", "site",
                      says(f"{request} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
                           .encode()), f"{expected}, closed", within)


def keepers(d, write, head):
    for pause in (1, 5, 15, 30, 60):
        yield Row(f"asks again after {pause} s", "site", idles(pause),
                  *judge(d.scaled(pause), d.keepalive, ("served",),
                         ("closed", (d.keepalive, d.keepalive))), quick=pause == 30)
    for pause in (100, 150):
        yield Row(f"asks again after {pause} s", "site", idles(pause),
                  *judge(d.scaled(pause), d.keepalive, ("served",),
                         ("closed", (d.keepalive, d.keepalive))))
    yield Row("asks each second, 20 times", "site", idles(*[1] * 20), "served")
    yield Row("posts every 20 s, 5 times", "echo", idles(*[20] * 5, method="POST", path="/"),
              "served")
    yield Row("asks, and never again", "site", falls_asleep, "closed", (d.keepalive, d.keepalive),
              quick=True)
    yield Row("asks, and leaves", "site", leaves("leave", KB, 1, "/small.txt"), "let go", AT_ONCE)
    yield Row("asks, and resets", "site", leaves("reset", KB, 1, "/small.txt"), "let go", AT_ONCE)
    yield Row("asks 60 things at once, reads 10 KB/s", "site", pipelines(60, rate=10 * KB),
              "served")
    yield Row("asks 12 things at once, pauses 25 s in the answers", "site",
              pipelines(12, "/mid.bin", pauses=(25,)), "served", quick=True)
    yield Row("asks 12 things at once, closes its side", "site",
              pipelines(12, "/mid.bin", half_closes=True), "served")
    yield Row("asks 100 things at once, never reads", "site", stops_reading(request=many_big),
              "cut", write)
    yield Row("asks one thing and a half", "site", pipelines_half, "408, closed",
              (head, head))


def heads(d, first):
    header, timeout = (d.header, d.header), (first, first)
    yield Row("says nothing", "site", says(), "closed", (first, first), quick=True)
    yield Row("says nothing, closes its side", "site", says(then="half_close"), "closed", AT_ONCE)
    yield Row("says nothing, leaves", "site", leaves("leave", path=None), "let go", AT_ONCE)
    yield Row("says nothing, resets", "site", leaves("reset", path=None), "let go", AT_ONCE)
    yield Row("an empty line and no more", "site", says(b"\r\n"), "closed", timeout)
    yield Row("TLS", "site", says(TLS), "400, closed", AT_ONCE, quick=True)
    yield Row("SSH", "site", says(b"SSH-2.0-OpenSSH_9.2\r\n"), "400, closed", AT_ONCE)
    yield Row("HTTP/2", "site", says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505, closed", AT_ONCE)
    yield Row("connects, asks after 5 s", "site", hesitates(5), "served")
    yield Row("connects, asks after 25 s", "site", hesitates(25),
              *judge(d.scaled(25), first, ("served",), ("closed", (first, first))))
    yield Row("half a head, 5 s, the rest", "site", hesitates(5, (HEAD, b"\r\n")), "served")
    yield Row("half a head, 25 s, the rest", "site", hesitates(25, (HEAD, b"\r\n")),
              *judge(d.scaled(25), first, ("served",), ("408, closed", timeout)))
    yield Row("half a head and no more", "site", says(HEAD), "408, closed", timeout, quick=True)
    yield Row("a head by bytes, half a second each", "site",
              drips_head([bytes([byte]) for byte in HEAD * 3], 0.5), "408, closed", header,
              quick=True)
    yield Row("a head by lines, 5 s each", "site",
              drips_head([HEAD] + [b"X-A: b\r\n"] * 30, 5), "408, closed", header)
    yield Row("a head that is too long, slowly", "site",
              drips_head([HEAD] + [b"X-A: " + b"b" * 1000 + b"\r\n"] * 30, 0.1), "431, closed",
              AT_ONCE)
    yield Row("half a head, closes its side", "site", says(HEAD, then="half_close"),
              "400, closed", AT_ONCE)
    yield Row("half a head, leaves", "site", says(HEAD, then="leave"), "let go", AT_ONCE)
    yield Row("half a head, resets", "site", says(HEAD, then="reset"), "let go", AT_ONCE)


def streams(d, write):
    yield Row("listens to events for 10 s", "streams", plays(path="/events", total=50 * EVENT,
                                                             first=0), "served")
    yield Row("listens, pauses 50 s, listens", "streams",
              plays(50, path="/events", total=30 * EVENT, first=EVENT, each=EVENT), "served")
    for how, name in (("leave", "leaves"), ("reset", "resets")):
        yield Row(f"listens, {name}", "streams", leaves(how, EVENT, path="/events"), "let go",
                  AT_ONCE, quick=True)
        yield Row(f"listens for 30 s, {name}", "streams", leaves(how, EVENT, 30, "/events"),
                  "let go", AT_ONCE)
        yield Row(f"listens to silence for 30 s, {name}", "streams", leaves(how, 0, 30, "/silent"),
                  "let go", AT_ONCE, quick=True)
        yield Row(f"waits for a late answer, {name}", "streams",
                  leaves(how, 0, 5, "/late?30000"), "let go", AT_ONCE)
        yield Row(f"an upgrade, {name}", "streams", upgrades(5, how), "let go", AT_ONCE)
    yield Row("listens to silence, closes its side", "streams", ends_its_side("/silent"),
              "cut", AT_ONCE)
    yield Row("waits for an answer that is 2 s late", "streams", plays(path="/late?2000", first=0),
              "served", (2, 2))
    yield Row("waits for an answer later than any deadline", "streams",
              plays(path=f"/late?{round(2500 * d.keepalive)}", first=0), "served")
    yield Row("takes a flood, pauses 50 s, goes on", "streams",
              plays(50, path="/flood", total=16 * MB), "served")
    yield Row("takes a flood at 10 KB/s", "streams",
              reads_at(10 * KB, 12, "/flood", endless=True), "served")
    yield Row("takes no more of a flood", "streams",
              stops_reading(2 * MB, lambda client: client.get("/flood")), "cut", write, quick=True)
    yield Row("leaves a flood", "streams", leaves("leave", 2 * MB, path="/flood"), "let go",
              AT_ONCE)
    yield Row("HTTP/1.0, listens, leaves", "streams",
              plays(path="/events", total=10 * EVENT, first=0, version="1.0"), "served")
    yield Row("an upgrade, idle for 200 s", "streams", upgrades(200), "served")


def crowds(d):
    yield Row("full of idle clients, one more asks", "full-site",
              asks_when_full(gets("/small.txt", KB)), "served", AT_ONCE)
    yield Row("full of silent clients, one more asks", "full-site", asks_when_full(is_silent),
              "served", (0, d.hello))
    yield Row("full of refused writers, one more asks", "full-site", asks_when_full(is_refused),
              "served", AT_ONCE)
    yield Row("full of readers that pause, one more asks", "full-site",
              asks_when_full(gets(BIG, 2 * MB)), "served", (0, d.stalled))
    yield Row("full of half heads, one more asks", "full-site",
              asks_when_full(lambda other: other.send(HEAD)), "served", (0, d.timeout))
    for path in ("/silent", "/events"):
        for how, name in ((None, "listeners"), ("leave", "listeners that left"),
                          ("half_close", "listeners that closed their side")):
            yield Row(f"full of {name} to {path}, one more asks", "full-streams",
                      asks_when_full(gets(path, EVENT if path == "/events" else 0, how)), "served",
                      AT_ONCE)


def admins(d):
    admin = (d.admin, d.admin)
    yield Row("admin: says nothing", "admin", says(), "closed", admin)
    yield Row("admin: half a head and no more", "admin", says(b"GET /status HT"), "408, closed",
              admin)
    yield Row("admin: asks among 20 that are silent", "crowd", asks_in_a_crowd(20), "served",
              (0, 2 * d.admin))
    yield Row("admin: asks among 20 half heads", "half", asks_in_a_crowd(20, b"GET /status HT"),
              "served", (0, 2 * d.admin))
