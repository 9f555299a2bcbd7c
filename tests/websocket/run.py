"""WebSocket, asked by clients that others have made: Python's websockets, Node's ws, Chromium.

`make test-websocket` runs this. A client that is missing is skipped with a line that says so;
with --all, that is a failure.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Server:
    """A program that serves on a free port, until the `with` ends."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.lines = []
        found = threading.Event()

        def read():
            for line in self.process.stdout:
                self.lines.append(line)
                if match := re.search(r"://[^/ ]*:(\d+)/", line):
                    self.port = int(match[1])
                    found.set()

        threading.Thread(target=read, daemon=True).start()
        if not found.wait(10):
            sys.exit(f"{self.command[0]} does not say where it serves: {self.lines}")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)

    def workers(self):
        text = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read()
        return [int(pid) for pid in text.split()]


def check(what, holds, found=""):
    if not holds:
        raise AssertionError(f"{what}: {found!r}")


def python_client(programs):
    """Sizes, fragments, pings, close codes, a compression that is not agreed on, many at once."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    with Server([f"{programs}/httprs", "--protocol", "websocket", "--host", "127.0.0.1",
                 "--port", "0", "--worker", "2"]) as server:
        url = f"ws://127.0.0.1:{server.port}/any/path"
        with connect(url, max_size=None) as socket:
            check("no extension", not socket.protocol.extensions, socket.protocol.extensions)
            for size in [0, 1, 125, 126, 127, 16_384, 65_535, 65_536]:
                for message in ["ü" * (size // 2), os.urandom(size)]:
                    socket.send(message)
                    check(f"{size} bytes", socket.recv(timeout=5) == message)
            socket.send(["frag", "ment", "", "s"])
            check("fragments", socket.recv(timeout=5) == "fragments")
            check("a ping", socket.ping(b"alive").wait(5))
            socket.close(4001, "done")
            check("its code", socket.close_code == 4001, socket.close_code)
        with connect(url) as socket:
            socket.send(b"x" * 65_537)
            try:
                socket.recv(timeout=5)
                check("too big", False)
            except ConnectionClosed as closed:
                check("too big", closed.rcvd.code == 1009, closed)
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(connect(url)) for _ in range(200)]
            for number, socket in enumerate(sockets):
                socket.send(f"I am {number}")
            for number, socket in enumerate(sockets):
                check("many", socket.recv(timeout=5) == f"I am {number}")
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            for socket in sockets:
                try:
                    socket.recv(timeout=5)
                    check("a drain", False)
                except ConnectionClosed as closed:
                    check("a drain", closed.rcvd.code == 1001, closed)
            check("the stop", server.process.wait(10) == 0)
            seconds = time.monotonic() - began
            print(f"  200 clients were told to go, and went, in {seconds:.2f} s")


def node_client(programs):
    """Node's ws, in echo.cjs."""
    with Server([f"{programs}/httprs", "--protocol", "websocket", "--host", "127.0.0.1",
                 "--port", "0"]) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        done = subprocess.run(["node", f"{HERE}/echo.cjs", url], timeout=60,
                              capture_output=True, text=True)
        check("echo.cjs", done.returncode == 0, done.stdout + done.stderr)


def chromium_client(programs, screenshot=None):
    """The page of the chat, in two tabs, one of whose workers is killed."""
    from browser import Browser

    with Server([f"{programs}/examples/chat", "127.0.0.1:0"]) as server, Browser() as browser:
        url = f"http://127.0.0.1:{server.port}/"
        tabs = [browser.open(url) for _ in range(2)]
        lines = "[...document.querySelectorAll('li')].map((li) => li.textContent).join('|')"
        for tab in tabs:
            tab.until(f"{lines}.includes('welcome')")
        tabs[0].run("line.value = 'hello from a tab'; document.forms[0].requestSubmit()")
        for tab in tabs:
            tab.until(f"{lines}.includes('hello from a tab')")
        for pid in server.workers():
            os.kill(pid, signal.SIGKILL)
        for tab in tabs:
            tab.until(f"{lines}.split('welcome').length === 3")
        check("the code of a lost worker", "closed: 1006" in tabs[0].run(lines), tabs[0].run(lines))
        tabs[1].run("line.value = 'and again'; document.forms[0].requestSubmit()")
        for tab in tabs:
            tab.until(f"{lines}.includes('and again')")
        if screenshot:
            tabs[0].screenshot(screenshot)


def missing(name):
    """Why a client cannot run; None if it can."""
    if name == "node":
        if not shutil.which("node"):
            return "apt install nodejs"
        found = subprocess.run(["node", "-e", "require('ws')"], capture_output=True)
        return None if found.returncode == 0 else "npm install ws, and NODE_PATH"
    try:
        import websockets.sync.client  # noqa: F401
    except ImportError:
        return "pip install websockets"
    if name == "chromium" and not shutil.which("chromium"):
        return "apt install chromium"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", help="where httprs is, and examples/chat")
    parser.add_argument("--all", action="store_true", help="fail where a client is missing")
    parser.add_argument("--screenshot", help="a picture of the chat, as PNG")
    arguments = parser.parse_args()
    failed = 0
    for name, client in [("python", python_client), ("node", node_client),
                         ("chromium", chromium_client)]:
        if why := missing(name):
            print(f"{name}: skipped ({why})")
            failed += arguments.all
            continue
        try:
            extra = [arguments.screenshot] if name == "chromium" else []
            client(arguments.programs, *extra)
            print(f"{name}: ok")
        except Exception as error:  # noqa: BLE001: each client is tried
            print(f"{name}: FAILED: {error}")
            failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
