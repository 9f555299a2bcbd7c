"""Servers that run, and how they are ended."""

import os
import re
import signal
import socket
import subprocess
import time

PATIENCE = 20  # seconds for anything that must happen at all


class Server:
    """A program that serves; `with` ends it and what it has started."""

    running = set()

    def __init__(self, name, argv, work, ready=" serves "):
        self.name, self.argv, self.ready = name, argv, ready
        self.path = os.path.join(work, f"{name}.log")
        self.ports = []

    def __enter__(self):
        # What sets options of httprs would change what is expected.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("HTTPRS_")
                       and name not in ("PORT", "WEB_CONCURRENCY")}
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(
                self.argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.running.add(self)
        until = time.monotonic() + PATIENCE
        while self.ready not in self.said():
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise SystemExit(f"clients: {self.name} does not start: {self.said().strip()}")
            time.sleep(0.01)
        self.ports += [int(port) for port in re.findall(r"//[\d.]+:(\d+)/", self.said())]
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def wait_for(self, address, make=socket.socket):
        """Until it listens there. `make` makes a socket where that is."""
        for _ in range(20 * PATIENCE):
            with make(socket.AF_INET) as attempt:
                if attempt.connect_ex(address) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit(f"clients: {self.name} does not listen: {self.said().strip()}")

    def kill(self):
        """Ends all of its session that is left."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.running.discard(self)

    @classmethod
    def kill_all(cls):
        for server in list(cls.running):
            server.kill()

    def said(self):
        """What it has printed."""
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def processes(self):
        """Itself and its workers."""
        found = [self.process.pid]
        try:
            with open(f"/proc/{found[0]}/task/{found[0]}/children", encoding="ascii") as file:
                found += [int(pid) for pid in file.read().split()]
        except OSError:
            pass
        return found

    def surprises(self):
        """What is wrong with how it went, once it has ended."""
        status = self.process.returncode
        if status != 0:
            yield f"{self.name} ended with {status}"
        for line in self.said().splitlines():
            # That a client is refused is a warning, too, and none of these.
            if re.search(r"Z (error|warn +worker \d+ \(pid )", line):
                yield f"{self.name} says: {line}"
