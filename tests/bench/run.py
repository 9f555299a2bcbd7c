#!/usr/bin/env python3
"""`make bench`: what a request costs, next to other servers and to the least that it can cost.

What counts is the server's own processor time for a request (user and system, all its processes):
it says how much of a core is left for everything else, and it is steadier than requests a second,
which on loopback are mostly what wrk can do. The server has one core, and one worker unless a row
says otherwise (apache2: a process for each connection); `wrk -t1` has another core. Rounds go
through all scenarios and servers in turn, because a machine's speed drifts; medians count.

A server that waits for wrk ("core busy" tells) also pays for falling asleep and waking up, and for
waking wrk; one that is never idle takes many requests in one turn. So a cheap server looks a little
dearer than it is, the floor most of all.

"In the kernel" is the part of that time that is system time, from /proc/PID/stat. That has ticks of
10 ms, enough for a few hundredths over a second of one process, not of many that do little each.

The floor (`floor.c`) is what the kernel asks of any server: one recv and one send of ready-made
bytes, the very ones that httprs answers.

`cores` is another question, how evenly two workers share the load: there nothing is pinned, wrk has
two threads, and httprs tells the requests of each worker at its admin address.

Knobs, all from the environment:
    ROUNDS=5          rounds
    SECONDS_EACH=2    seconds of each measurement
    SCENARIOS=...     some of: 13B browser 1KiB 100KiB 10MiB c1024 pipelined close single library log cores
                      memory startup size
    SERVERS=...       some of: floor httprs nginx h2o lighttpd apache2
    RESULTS=1         writes RESULTS.md and chart.svg beside this file as well

It installs nothing, and says what is missing.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing is left in the source tree

import measure  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
from results import Results  # noqa: E402
from running import Running, ask  # noqa: E402
from scenarios import APART, SCENARIOS, WORKERS  # noqa: E402
from servers import Failed, Job, Server  # noqa: E402
from settings import Settings, run_for_text  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

STARTS = 25
SITE = [("/13B.txt", 13), ("/1KiB.bin", 1 << 10), ("/100KiB.bin", 100 << 10),
        ("/10MiB.bin", 10 << 20)]


def main():
    try:
        settings = Settings()
    except Failed as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    work = tempfile.mkdtemp(prefix="httprs-bench-")
    os.chmod(work, 0o755)  # servers that root starts serve as nobody
    try:
        results = Bench(settings, work).run()
    except Failed as error:
        print(f"\nbench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbench: interrupted", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = report.markdown(results)
    print(text)
    if os.environ.get("RESULTS", "") not in ("", "0"):
        report.write_files(HERE, text, results)
    failed = results.failed()
    for line in failed:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if failed else 0


def interrupt(*_):
    raise KeyboardInterrupt


class Bench:
    """Builds, measures, and says how far it is."""

    def __init__(self, settings, work):
        self.settings, self.work = settings, work
        self.site = os.path.join(work, "site")
        self.results = Results(settings)
        self.said = 0.0

    def run(self):
        self.build()
        os.mkdir(self.site)
        for path, size in SITE:
            with open(self.site + path, "wb") as file:
                file.write(b"hello, world\n" if size == 13 else os.urandom(1 << 10) * (size >> 10))
        self.answers = {}
        self.cells = [(scenario, server) for scenario in self.results.scenarios
                      for server in self.servers(scenario.names)]
        self.results.cells = [(scenario.key, server.name) for scenario, server in self.cells]
        self.began = time.monotonic()
        self.estimate = self.estimated()
        # Servers that hang are given up after their first time, so this ends not much later.
        self.deadline = self.began + 1.5 * self.estimate + 60
        self.results.elsewhere = measure.busy()
        print(f"bench: about {minutes(self.estimate)}: {self.settings.rounds} rounds of "
              f"{len(self.cells)} measurements, {self.settings.seconds} s each", file=sys.stderr)
        if self.results.elsewhere > Results.QUIET:
            print("bench: this machine is busy with something else; figures will be noisy",
                  file=sys.stderr)
        self.rounds()
        if "memory" in self.settings.scenarios:
            self.memory()
        if "startup" in self.settings.scenarios:
            self.startup()
        self.clear()
        return self.results

    def build(self):
        """Builds what is ours."""
        self.clear("building")
        target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(TOP, "target")
        self.compile(["cargo", "build", "--release", "--quiet", "--bin", "httprs",
                      "--example", "bench_hello"])
        floor = os.path.join(self.work, "floor")
        self.compile(["cc", "-O2", "-o", floor, os.path.join(HERE, "floor.c")])
        httprs = os.path.join(target, "release", "httprs")
        self.known = {
            "floor": Server("floor", floor, servers.floor),
            "floor, sendfile": Server("floor, sendfile", floor, servers.floor_sendfile),
            "httprs": Server("httprs", httprs, servers.httprs),
            "httprs, library": Server("httprs, library",
                                      os.path.join(target, "release", "examples", "bench_hello"),
                                      servers.hello, own_answer=True),
            **{name: Server(name, httprs, servers.httprs, workers=workers)
               for name, workers in WORKERS.items()},
        }
        if not set(APART) & set(self.settings.scenarios):
            return
        machine = os.uname().machine
        for libc in ("gnu", "musl"):
            triple = f"{machine}-unknown-linux-{libc}"
            libraries = run_for_text(["rustc", "--print", "target-libdir", "--target", triple])
            if not os.path.isdir(libraries):
                continue
            flags = os.environ.get("RUSTFLAGS", "") + " -C target-feature=+crt-static"
            self.compile(["cargo", "build", "--release", "--quiet", "--bin", "httprs",
                          "--target", triple], {"RUSTFLAGS": flags.strip()})
            binary = os.path.join(target, triple, "release", "httprs")
            name = f"httprs, static ({'glibc' if libc == 'gnu' else libc})"
            self.known[name] = Server(name, binary, servers.httprs)
            if "size" in self.settings.scenarios:
                self.results.size[name] = os.path.getsize(binary)
                empty = self.empty(triple, flags.split())
                self.results.size[name.replace("httprs", "an empty Rust program")] = empty

    def empty(self, triple, flags):
        """Bytes of a program that does nothing, built as Cargo.toml has httprs built."""
        source, binary = (os.path.join(self.work, name) for name in ("empty.rs", "empty"))
        with open(source, "w", encoding="ascii") as file:
            file.write("fn main() {}\n")
        profile = [part for option in ("opt-level=3", "lto", "codegen-units=1", "panic=abort",
                                       "strip=symbols") for part in ("-C", option)]
        self.compile(["rustc", *flags, *profile, "--target", triple, "-o", binary, source])
        return os.path.getsize(binary)

    def compile(self, argv, environment=None):
        done = subprocess.run(argv, cwd=TOP, env={**os.environ, **(environment or {})}, check=False)
        if done.returncode:
            raise Failed(f"{' '.join(argv[:2])} failed")

    def servers(self, names):
        """Those that were asked for, in the order of the tables."""
        found = []
        for name in names:
            if name == "peers":
                found += [server for server, _ in self.settings.peers]
            elif name.split(",")[0] in self.settings.servers and name in self.known:
                found.append(self.known[name])
        return found

    def static(self):
        return [name for name in self.known if "static" in name]

    def estimated(self):
        """Seconds, from what starting and ending took when this was written."""
        each = self.settings.seconds + 0.5
        total = sum(each + (3 if server.name == "apache2" and scenario.connections > 500 else 0)
                    for scenario, server in self.cells) * self.settings.rounds
        if "memory" in self.settings.scenarios:
            total += 7 * len(self.servers(["httprs", *self.static(), "peers"]))
        if "startup" in self.settings.scenarios:
            total += 0.3 * STARTS * len(self.servers(["floor", "httprs", *self.static(), "peers"]))
        return total

    def rounds(self):
        done = 0
        for number in range(self.settings.rounds):
            for scenario, server in self.cells:
                self.progress(f"round {number + 1} of {self.settings.rounds}: {scenario.title}: "
                              f"{server.name}")
                done += 1
                key = (scenario.key, server.name)
                if key in self.results.failures:
                    continue
                if number and time.monotonic() > self.deadline:
                    print("\nbench: this takes much longer than expected; the rest is left out",
                          file=sys.stderr)
                    return
                try:
                    figures = self.measure(scenario, server)
                    self.results.samples.setdefault(key, []).append(figures)
                except Failed as error:
                    self.results.failures[key] = str(error)
            self.results.rounds = number + 1

    def measure(self, scenario, server):
        log = os.path.join(self.work, "access.log") if scenario.log else None
        job = Job(self.site, scenario.path, server.workers, scenario.connections, log,
                  admin=not scenario.pinned)
        if server.name.startswith("floor"):
            job.answer = self.answer(scenario)
        settings = self.settings
        load = measure.Load(shutil.which("wrk"), settings.client_core, settings.seconds, scenario)
        core = settings.server_core if scenario.pinned else None
        with Running(server, job, core, self.work) as running:
            running.check()
            figures = load.run(running)
            if job.admin:
                figures.update(measure.spread(running.requests_by_worker()))
        if log:
            # Also that there was a line for each: what is dropped costs nothing.
            with open(log, "rb") as file:
                lines = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
            os.remove(log)
            wanted = figures["requests"] * settings.seconds
            if lines < 0.95 * wanted:
                raise Failed(f"logged {lines} of about {wanted:.0f} requests")
        return figures

    def answer(self, scenario):
        """What httprs answers, which the floor repeats."""
        key = (scenario.key == "library", scenario.path, scenario.close)
        if key not in self.answers:
            server = self.known["httprs, library" if key[0] else "httprs"]
            job = Job(self.site, scenario.path)
            with Running(server, job, self.settings.server_core, self.work) as running:
                running.check()
                self.answers[key] = ask(running.port, scenario.path, scenario.close)
        return self.answers[key]

    def memory(self):
        for server in self.servers(["httprs", *self.static(), "peers"]):
            self.progress(f"memory: {server.name}")
            where = (self.settings.server_core, self.work)
            try:
                job = Job(self.site, "/13B.txt", 4, 1024)
                idle, files = measure.idle_memory(server, job, *where)
                each = None
                # Apache's prefork has one process for each connection.
                if self.settings.idle_connections and server.name != "apache2":
                    # Each worker could take all of them: how they are spread is the server's
                    # affair. Some set memory aside for that, so it is a start of its own.
                    job = Job(self.site, "/13B.txt", 4, self.settings.idle_connections)
                    each = measure.memory_each(server, job, *where)
                self.results.memory[server.name] = (idle, files, each)
            except Failed as error:
                self.results.failures["memory", server.name] = str(error)

    def startup(self):
        known = self.servers(["floor", "httprs", *self.static(), "peers"])
        for start in range(STARTS):
            for server in known:
                self.progress(f"start-up {start + 1} of {STARTS}: {server.name}")
                if ("startup", server.name) in self.results.failures:
                    continue
                job = Job(self.site, "/13B.txt", workers=1 if server.name == "floor" else 4)
                try:
                    if server.name == "floor":
                        job.answer = self.answer(SCENARIOS[0])
                    took = measure.start_up(server, job, self.settings.server_core, self.work)
                    self.results.startup.setdefault(server.name, []).append(took)
                except Failed as error:
                    self.results.failures["startup", server.name] = str(error)

    def progress(self, what):
        """A line that replaces itself on a terminal, and comes twice a minute elsewhere."""
        left = max(0.0, self.began + self.estimate - time.monotonic())
        line = f"{what} (about {minutes(left)} left)"
        if sys.stderr.isatty():
            self.clear(line)
        elif time.monotonic() - self.said > 30:
            self.said = time.monotonic()
            print(f"bench: {line}", file=sys.stderr)

    def clear(self, line=""):
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def minutes(seconds):
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
