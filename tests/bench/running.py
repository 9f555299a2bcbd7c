"""A server that runs, and how it is asked."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from servers import Failed

PATIENCE = 20  # seconds for anything that must happen at all


@contextlib.contextmanager
def uninterrupted():
    """Lets signals wait that would interrupt: what is being started could not be ended."""
    came = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: came.append(1)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


class Running:
    """A server that runs, in a session of its own, on one core or all; `with` ends all of it."""

    def __init__(self, server, job, core, work):
        self.server, self.job, self.core = server, job, core
        self.work = os.path.join(work, "server")
        self.process = None

    def __enter__(self):
        shutil.rmtree(self.work, ignore_errors=True)
        os.mkdir(self.work)
        self.port = free_port()
        argv = self.server.command(self.server.binary, self.job, self.port, self.work)
        # What sets options of httprs would change what is measured.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("HTTPRS_")
                       and name not in ("PORT", "WEB_CONCURRENCY")}
        self.errors = open(os.path.join(self.work, "stderr"), "w+b")
        before = os.sched_getaffinity(0)
        try:
            with uninterrupted():
                if self.core is not None:
                    os.sched_setaffinity(0, {self.core})
                self.started = time.perf_counter()
                self.process = subprocess.Popen(
                    argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=self.errors, start_new_session=True)
        except BaseException:
            self.__exit__()
            raise
        finally:
            os.sched_setaffinity(0, before)
        return self

    def __exit__(self, *_):
        try:
            if self.process:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            # Whatever is left of its session, also after a second ^C.
            if self.process:
                try:
                    os.killpg(self.process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                self.process.wait()
            self.errors.close()

    @property
    def pid(self):
        return self.process.pid

    def first_answer(self):
        """Waits until a request is answered, and returns the answer."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return ask(self.port, self.job.path)
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise Failed(f"does not start: {self.last_words() or error}") from error

    def must_live(self):
        """Fails if it has ended: what was measured of it then says nothing.

        To be asked after its processor time, which this reaps.
        """
        status = self.process.poll()
        if status is not None:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            said = self.last_words()
            raise Failed(f"ended with {how}{': ' if said else ''}{said}")

    def last_words(self):
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def check(self):
        """That the answer is the right one: 200 and the file."""
        answer = self.first_answer()
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise Failed(f"answers {answer.splitlines()[0].decode(errors='replace')}")
        body = answer[answer.index(b"\r\n\r\n") + 4:]
        with open(self.job.site + self.job.path, "rb") as file:
            if body != file.read():
                raise Failed("answers with another body")
        return answer

    def requests_by_worker(self):
        """What each worker of httprs has answered, by its own account."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(os.path.join(self.work, "admin"))
                connection.sendall(request("/status.json"))
                status = json.loads(receive(connection).partition(b"\r\n\r\n")[2])
            return [worker["requests"] for worker in status["workers"]]
        except (OSError, ValueError, KeyError) as error:
            raise Failed(f"does not tell the requests of its workers: {error}") from error


def ask(port, path, close=False):
    """One request on a connection of its own; returns the whole answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request(path, close))
        return receive(connection)


def request(path, close=False):
    more = "Connection: close\r\n" if close else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode()


def receive(connection):
    """One answer that has a Content-Length."""
    answer = bytearray()
    need = None
    while need is None or len(answer) < need:
        piece = connection.recv(1 << 20)
        if not piece:
            raise ConnectionError("closed before the answer was complete")
        answer += piece
        end = answer.find(b"\r\n\r\n") if need is None else -1
        if end >= 0:
            need = end + 4
            for line in bytes(answer[:end]).lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    need += int(line.split(b":")[1])
    return bytes(answer)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
