"""What is measured of each server."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))


class Scenario:
    """A load, and which servers it is for; `peers` are all that are installed.

    It is asked for by the first word of its key. One that is not pinned leaves the server and the
    two threads of wrk to the scheduler, and counts the requests of each worker.
    """

    def __init__(self, key, title, path="/13B.txt", connections=64, script=None, close=False,
                 log=False, pinned=True, names=("floor", "httprs", "peers")):
        self.key, self.title, self.path, self.connections = key, title, path, connections
        self.script = script and os.path.join(HERE, script)
        self.close, self.log, self.pinned, self.names = close, log, pinned, names

    @property
    def word(self):
        return self.key.split()[0]


# httprs again, by the number of its workers.
WORKERS = {"httprs, one worker": 1, "httprs, two workers": 2}
LARGE = ("floor", "floor, sendfile", "httprs", "peers")
SCENARIOS = [
    Scenario("13B", "13 B, 64 connections"),
    Scenario("browser", "13 B with a browser's fields, 64 connections", script="browser.lua"),
    Scenario("1KiB", "1 KiB, 64 connections", "/1KiB.bin"),
    Scenario("100KiB", "100 KiB, 64 connections", "/100KiB.bin", names=LARGE),
    Scenario("10MiB", "10 MiB, 8 connections", "/10MiB.bin", 8, names=LARGE),
    Scenario("c1024", "13 B, 1,024 connections", connections=1024),
    Scenario("pipelined", "13 B, 64 connections, 16 requests at once", script="pipelined.lua",
             names=("floor", "httprs", "httprs, library", "peers")),
    Scenario("close", "13 B, 64 connections, a new one for each request", close=True),
    Scenario("single", "13 B, 1 connection", connections=1),
    Scenario("library", "13 B from a handler of the library, 64 connections",
             names=("floor", "httprs, library")),
    Scenario("log", "13 B, 64 connections, access log to a file", log=True,
             names=("httprs", "peers")),
    Scenario("cores 64", "cores, 64 connections", pinned=False, names=WORKERS),
    Scenario("cores 1000", "cores, 1,000 connections", connections=1000, pinned=False,
             names=WORKERS),
]
# Measured apart from the rounds.
APART = ["memory", "startup", "size"]
