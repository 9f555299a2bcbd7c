"""What is measured: processor time, memory, start-up, and what wrk sees."""

import math
import os
import re
import resource
import select
import socket
import subprocess
import time

from running import PATIENCE, Running, receive, request
from servers import Failed

TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # microseconds


def tree(pid):
    """A process and all below it."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as file:
                    found.extend(map(int, file.read().split()))
        except OSError:
            pass  # it has just ended; what it used is in its parent's figures
    return found


def processor_time(pid):
    """Microseconds, user and system, of the process tree and of those of it that have ended.

    From schedstat, which counts nanoseconds: stat leaves out what is less than a tick of 10 ms, and
    of a server with a process for each connection that is most of it. Those that have ended are
    in stat alone.
    """
    total = 0.0
    for each in tree(pid):
        try:
            for task in os.listdir(f"/proc/{each}/task"):
                with open(f"/proc/{each}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0]) / 1e3
            total += sum(stat_ticks(each)[2:]) * TICK
        except OSError:
            pass  # ended meanwhile
    return total


def stat_ticks(pid):
    """A process' utime and stime, and the cutime and cstime of its children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        # The name before may hold anything but is in brackets.
        return list(map(int, file.read().rpartition(")")[2].split()[11:15]))


def split_time(pid):
    """Ticks in user mode and in the kernel, of the same processes."""
    user = system = 0
    for each in tree(pid):
        try:
            ticks = stat_ticks(each)
            user, system = user + ticks[0] + ticks[2], system + ticks[1] + ticks[3]
        except OSError:
            pass  # ended meanwhile
    return user, system


def memory(pid):
    """Bytes of our share of memory (PSS), over the process tree, and those of them that are files.

    Old kernels do not tell files apart: then these are 0.
    """
    total = files = 0
    for each in tree(pid):
        try:
            with open(f"/proc/{each}/smaps_rollup", encoding="ascii") as file:
                known = dict(re.findall(r"^(\w+):\s+(\d+) kB", file.read(), re.M))
        except OSError:
            continue  # ended
        # A zombie has none.
        total += int(known.get("Pss", 0)) * 1024
        files += int(known.get("Pss_File", 0)) * 1024
    return total, files


class Load:
    """One run of wrk against a server, on a core or with two threads on whichever."""

    def __init__(self, wrk, core, seconds, scenario):
        self.wrk, self.core, self.seconds, self.scenario = wrk, core, seconds, scenario

    def argv(self, port):
        scenario = self.scenario
        pinned = ["taskset", "-c", str(self.core), self.wrk, "-t1"]
        argv = pinned if scenario.pinned else [self.wrk, "-t2"]
        argv += [f"-c{scenario.connections}", f"-d{self.seconds}s", "--latency"]
        if scenario.script:
            argv += ["-s", scenario.script]
        if scenario.close:
            argv += ["-H", "Connection: close"]
        return argv + [f"http://127.0.0.1:{port}{scenario.path}"]

    def run(self, running):
        """Figures of one run: µs for a request, requests and bytes a second, latencies, cores."""
        before, split_before = processor_time(running.pid), split_time(running.pid)
        client_before = ended_children()
        try:
            done = subprocess.run(
                self.argv(running.port), capture_output=True, text=True,
                timeout=self.seconds + PATIENCE, env={**os.environ, "LC_ALL": "C"}, check=False)
        except subprocess.TimeoutExpired:
            running.must_live()
            raise Failed("wrk does not come back") from None
        used = processor_time(running.pid) - before
        user, system = (now - then for now, then in zip(split_time(running.pid), split_before))
        client = ended_children() - client_before
        # Before what wrk says of it: this is the reason.
        running.must_live()
        said = done.stdout
        counted = re.search(r"(\d+) requests in ([\d.]+)(m?s|m),", said)
        if done.returncode or not counted:
            last = (done.stderr or said).strip().splitlines()
            raise Failed(f"wrk: {last[-1] if last else done.returncode}")
        wrong = re.findall(r"(Socket errors: .*|Non-2xx or 3xx responses: \d+)", said)
        if wrong:
            raise Failed("; ".join(wrong))
        requests = int(counted[1])
        if not requests:
            raise Failed("no request was answered")
        seconds = float(counted[2]) * {"ms": 1e-3, "s": 1, "m": 60}[counted[3]]
        rate = re.search(r"Transfer/sec:\s+([\d.]+)([KMGT]?)B", said)
        scale = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}[rate[2]]
        latency = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}
        percentiles = {int(percent): float(value) * latency[unit] for percent, value, unit
                       in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", said, re.M)}
        return {
            "cpu": used / requests,
            # Of many processes that did little each there may be no tick.
            "kernel": system / (user + system) if user + system else float("nan"),
            "requests": requests / seconds,
            "bytes": float(rate[1]) * scale,
            # wrk may have seen too few answers to tell.
            "p50": percentiles.get(50, float("nan")),
            "p99": percentiles.get(99, float("nan")),
            "busy": used / 1e6 / seconds,
            "client": client / seconds,
        }


def ended_children():
    """Seconds of processor time of those that ended and were waited for, as wrk was."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spread(requests):
    """How evenly workers shared requests, of which each has so many."""
    most, least = max(requests), min(requests)
    return {"most": most, "least": least, "spread": most / least if least else math.inf}


def start_up(server, job, core, work):
    """Seconds from before exec until a request was answered."""
    with Running(server, job, core, work) as running:
        running.first_answer()
        return time.perf_counter() - running.started


def idle_memory(server, job, core, work):
    """Bytes of a server that has answered a request and has nothing to do, and those of files."""
    with Running(server, job, core, work) as running:
        running.check()
        time.sleep(0.5)
        known = memory(running.pid)
        running.must_live()
        return known


def memory_each(server, job, core, work):
    """Bytes that each of `job.connections` idle connections adds."""
    with Running(server, job, core, work) as running:
        running.check()
        time.sleep(0.5)
        before, _ = memory(running.pid)
        clients = []
        try:
            # One address has ports for 28,000 connections to one server.
            for _ in range(job.connections):
                client = socket.create_connection(("127.0.0.1", running.port), PATIENCE)
                clients.append(client)
                client.sendall(request(job.path))
                receive(client)
            time.sleep(1)
            poll = select.poll()
            for client in clients:
                poll.register(client, select.POLLIN)
            gone = len(poll.poll(0))
            if gone:
                raise Failed(f"closed {gone} of {job.connections} idle connections")
            return (memory(running.pid)[0] - before) / job.connections
        except OSError as error:
            running.must_live()
            raise Failed(f"idle connection {len(clients)}: {error}") from error
        finally:
            for client in clients:
                client.close()


def busy(seconds=2):
    """The part of the machine that is busy with whatever it is."""
    def times():
        with open("/proc/stat", encoding="ascii") as file:
            ticks = list(map(int, file.readline().split()[1:9]))
        return sum(ticks), ticks[3] + ticks[4]  # all; idle and waiting for disks
    before = times()
    time.sleep(seconds)
    after = times()
    return 1 - (after[1] - before[1]) / max(after[0] - before[0], 1)


def raise_limit(descriptors):
    """As many descriptors as may be, here and for the servers; returns whether they suffice."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < descriptors:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
            return True
        except (ValueError, OSError):
            pass
    if soft < min(hard, descriptors):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, descriptors), hard))
    return hard >= descriptors
