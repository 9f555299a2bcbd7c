"""What limits httprs: read from what was measured, with the targets that were missed.

A topic says nothing where its figures are missing, and chooses its words by them: they are from one
machine and one day. What it explains holds on all of them.
"""

import statistics

from targets import STATIC, best_floor, judged, middle

MIB = 1 << 20
BUSY = 0.9  # of a core: from here on it is taken for the limit


def section(results):
    lines = []
    targets = judged(results)
    for topic, title, explain in TOPICS:
        said = explain(results)
        missed = [f"{target.what}: {target.shown} instead of {target.wanted}"
                  for target in targets if target.topic == topic and not target.met]
        if missed:
            said.append(f"**Missed:** {'; '.join(missed)}.")
        if said:
            lines.append(f"- *{title}.* {' '.join(said)}")
    if not all(target.met for target in targets):
        lines += noise(results)
    return lines and "### What limits us\n\n" + "\n".join(lines)


def figures(results, scenario, *names, server="httprs"):
    """Medians by their names; none if one of them is missing."""
    known = [results.median(scenario, server, name) for name in names]
    return None if None in known else known


def percent(part):
    return f"{100 * part:.0f} %"


def small(results):
    known = figures(results, "13B", "cpu", "kernel")
    floor = figures(results, "13B", "cpu", "kernel", server="floor")
    if not known:
        return []
    used, kernel = known
    said = [f"A request for 13 B takes about {used * kernel:.2f} µs in the kernel "
            f"({percent(kernel)}) and {used * (1 - kernel):.2f} in httprs itself, which reads the "
            "head, finds the file, and keeps limits, deadlines and counters."]
    if floor:
        least, kernel = floor
        said.append(f"The floor, recv and send alone, takes {least * kernel:.2f} and "
                    f"{least * (1 - kernel):.2f}.")
        above = used - least
        said.append(f"{above:.2f} µs in all are above it." if above >= 0.05 else
                    "Nothing is above it that could be told from noise.")
    return said


def client(results):
    """Where wrk has no time left, and httprs has."""
    found = []
    for scenario in results.scenarios:
        known = figures(results, scenario.key, "busy", "client") if scenario.pinned else None
        if known and known[1] >= BUSY and known[0] < 0.95:
            found.append(f"{scenario.title} ({percent(known[0])})")
    if not found:
        return []
    return [f"wrk has no time left, and httprs has some, with: {'; '.join(found)}. Requests/s then "
            "say what wrk can do, and a server that waits also pays for falling asleep and waking "
            "up."]


def pipelined(results):
    known = figures(results, "pipelined", "cpu", "kernel")
    if not known:
        return []
    used, kernel = known
    return [f"16 requests share one recv and one send, so {percent(1 - kernel)} of the {used:.2f} "
            "µs are httprs itself: parsing each head, and writing that of each answer."]


def large(results):
    said = []
    known = [figures(results, "100KiB", "cpu", server=server)
             for server in ("httprs", "floor", "floor, sendfile")]
    if all(known):
        (used,), (sent,), (by_sendfile,) = known
        said.append(f"100 KiB take {used:.2f} µs; send from memory alone takes {sent:.2f}, and "
                    f"sendfile alone {by_sendfile:.2f}. httprs keeps no files of that size in "
                    "memory: it uses sendfile, and asks statx each time whether the file is still "
                    "the same.")
    known = figures(results, "10MiB", "cpu", "bytes", "busy", "client")
    if not known:
        return said
    used, rate, busy, wrk = known
    shares = f"{percent(wrk)} of wrk's core are busy, and {percent(busy)} of httprs'"
    if wrk >= BUSY > busy:
        said.append("With 10 MiB the client is the limit, which copies all bytes out of the "
                    f"kernel: {shares}.")
    else:
        said.append(f"With 10 MiB {shares}.")
    other = figures(results, "10MiB", "cpu", "bytes", server="h2o")
    if other and other[1] > rate:
        said.append(f"h2o sends {other[1] / rate:.2f} times the bytes a second for "
                    f"{other[0] / used:.2f} times the CPU time of a request.")
    return said


def new_connections(results):
    known, kept = figures(results, "close", "cpu", "kernel"), figures(results, "13B", "cpu")
    if not known:
        return []
    used, kernel = known
    said = [f"A new connection for each request takes {used:.2f} µs, {percent(kernel)} of them in "
            "the kernel."]
    if kept:
        said.append(f"On a kept one it is {kept[0]:.2f}: the rest is the kernel's handshake, "
                    "accepting, closing, and waking up.")
    floor = best_floor("close")(results)
    if floor:
        said.append("httprs makes the same calls as the floor, accept4, recv, send and close, and "
                    f"takes {used / floor:.2f} times as long.")
    return said + [f"About {used * (1 - kernel):.2f} µs are httprs itself."]


def one_connection(results):
    known, many = figures(results, "single", "cpu"), figures(results, "13B", "cpu")
    if not known or not many:
        return []
    return [f"A request takes {known[0]:.2f} µs alone and {many[0]:.2f} among 64 connections: the "
            "server falls asleep after each, and is woken by the next."]


def log(results):
    known, without = figures(results, "log", "cpu"), figures(results, "13B", "cpu")
    if not known or not without:
        return []
    more = known[0] - without[0]
    if more <= 0:
        return ["What a line costs is less than the noise."]
    return [f"A line takes {more:.2f} µs: making it, and its part of one write for each turn."]


def cores(results):
    found = []
    for scenario in results.scenarios:
        known = figures(results, scenario.key, "spread", server="httprs, two workers")
        if known:
            found.append(f"{known[0]:.2f} times with {scenario.connections:,} connections")
    if not found:
        return []
    return [f"The busier one answers more requests than the other: {', '.join(found)}. What is "
            "spread is connections: a worker with more than the mean takes no new ones, and how "
            "much the clients of each then ask for is up to them."]


def memory(results):
    known = results.memory.get("httprs")
    if not known or not known[1]:
        return []
    total, files, each = known
    said = [f"{files / MIB:.2f} of {total / MIB:.2f} MiB are pages of files: the binary, and our "
            "part of the libraries, which is larger where fewer programs use them. Each of the "
            f"five processes has {(total - files) / 5 / 1024:.0f} KiB besides."]
    static = results.memory.get(STATIC)
    if static and static[1] > files:
        said.append("A static binary shares libc with no other program: "
                    f"{static[0] / MIB:.2f} MiB with glibc.")
    if each:
        said.append(f"An idle connection takes {each:.0f} bytes, which is its state; it has no "
                    "buffers.")
    return said


def start(results):
    def took(server):
        return middle(results.startup[server]) * 1e3
    if "httprs" not in results.startup:
        return []
    said = []
    if "floor" in results.startup:
        said.append(f"The floor, one process that listens, takes {took('floor'):.1f} of "
                    f"{took('httprs'):.1f} ms; httprs opens what it serves and forks four workers.")
    static = [took(server) for server in results.startup if "static" in server]
    if static and min(static) < took("httprs"):
        said.append(f"Without libraries to be found and linked it is {min(static):.1f}.")
    return said


def size(results):
    said = []
    for libc in ("glibc", "musl"):
        whole = results.size.get(f"httprs, static ({libc})")
        empty = results.size.get(f"an empty Rust program, static ({libc})")
        if whole and empty:
            said.append(f"With {libc} an empty program is {empty / MIB:.2f} MiB already, and "
                        f"httprs adds {(whole - empty) / MIB:.2f}.")
    if said:
        # By nm: gimli, addr2line, miniz_oxide, rustc_demangle, and what unwinds them.
        said.append("In each, about 0.18 MiB find names for backtraces: the std that comes with "
                    "Rust has them, wanted or not. `make static` takes musl where that target is "
                    "installed.")
    return said


def noise(results):
    """How far rounds are apart: what decides about a target by hundredths."""
    apart = []
    for scenario in results.scenarios:
        each = [sample["cpu"] for sample in results.samples.get((scenario.key, "httprs"), [])]
        if len(each) > 1:
            apart.append(max(each) / min(each) - 1)
    if not apart:
        return []
    return [f"- *Noise.* The dearest round of httprs took {percent(statistics.median(apart))} more "
            "than the cheapest (the median of the scenarios), so a figure that is within some "
            "hundredths of its target may be on its other side in the next run."]


# What the topics of the targets are about, in the order of the section.
TOPICS = [
    ("small", "Small files", small),
    ("client", "The client", client),
    ("pipelined", "Pipelined requests", pipelined),
    ("large", "Large files", large),
    ("close", "New connections", new_connections),
    ("single", "One connection", one_connection),
    ("log", "Access log", log),
    ("cores", "Two workers", cores),
    ("memory", "Memory", memory),
    ("start", "Start", start),
    ("size", "Size", size),
]
