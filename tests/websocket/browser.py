"""A headless Chromium, led over its DevTools protocol."""

import base64
import json
import re
import subprocess
import tempfile
import time
import urllib.request

from websockets.sync.client import connect

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-quic", "--remote-debugging-port=0", "about:blank"]
# How long a page may take, in seconds.
LONGEST = 15


class Tab:
    """A page."""

    def __init__(self, url):
        self.socket = connect(url, max_size=None)
        self.calls = 0

    def call(self, method, **params):
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv(timeout=LONGEST))
            if answer.get("id") == self.calls:
                return answer["result"]

    def run(self, script):
        """The value of an expression, promises awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def until(self, script):
        """Waits for an expression to be true."""
        began = time.monotonic()
        while not self.run(script):
            if time.monotonic() - began > LONGEST:
                raise AssertionError(f"not so: {script}; {self.run('document.body.innerText')}")
            time.sleep(0.05)

    def screenshot(self, path):
        picture = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture))


class Browser:
    """The browser, until the `with` ends."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            ["chromium", f"--user-data-dir={self.folder.name}", *FLAGS],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in self.process.stderr:
            if match := re.search(r"ws://([^/]+)/", line):
                self.address = match[1]
                return self
        raise AssertionError("Chromium does not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()
        self.folder.cleanup()

    def open(self, url):
        request = urllib.request.Request(f"http://{self.address}/json/new?{url}", method="PUT")
        with urllib.request.urlopen(request, timeout=LONGEST) as answer:
            return Tab(json.load(answer)["webSocketDebuggerUrl"])
