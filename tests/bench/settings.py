"""What was asked for, and what there is."""

import os
import shutil
import subprocess
import sys

import measure
import servers
from scenarios import APART, SCENARIOS
from servers import Failed, Server

# Programs that there must be, with their Debian packages.
NEEDED = [("wrk", "wrk"), ("taskset", "util-linux"), ("cc", "gcc"), ("cargo", "cargo")]
IDLE_CONNECTIONS = 10_000


class Settings:
    def __init__(self):
        self.rounds = number("ROUNDS", 5)
        self.seconds = number("SECONDS_EACH", 2)
        words = list(dict.fromkeys(scenario.word for scenario in SCENARIOS))
        self.scenarios = chosen("SCENARIOS", words + APART)
        if "log" in self.scenarios and "13B" not in self.scenarios:
            self.scenarios.insert(0, "13B")  # it is compared with that
        peers = [name for name, *_ in servers.PEERS]
        self.servers = chosen("SERVERS", ["floor", "httprs", *peers])
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise Failed("there must be two cores, one for the server and one for wrk")
        self.cores, self.server_core, self.client_core = len(cores), cores[0], cores[-1]
        missing = [f"{program} is missing (Debian's package {package})"
                   for program, package in NEEDED if not shutil.which(program)]
        if missing:
            raise Failed("\nbench: ".join(missing))
        self.peers = []
        for name, program, package, flag, command in servers.PEERS:
            if name not in self.servers:
                continue
            binary = servers.find(program)
            if binary:
                self.peers.append((Server(name, binary, command), version(binary, flag)))
            else:
                print(f"bench: {program} is missing (Debian's package {package}): not compared",
                      file=sys.stderr)
        # 10,000 clients here, each with a connection there; and room for what else is open.
        self.idle_connections = IDLE_CONNECTIONS
        if not measure.raise_limit(IDLE_CONNECTIONS + 2_000):
            self.idle_connections = 0
            print("bench: too few descriptors allowed (ulimit -n): no idle connections measured",
                  file=sys.stderr)


def number(name, otherwise):
    value = os.environ.get(name) or str(otherwise)
    if not value.isdigit() or int(value) < 1:
        raise Failed(f"{name}={value}: must be a whole number from 1 on")
    return int(value)


def chosen(name, known):
    words = os.environ.get(name, "").replace(",", " ").split()
    for word in words:
        if word not in known:
            raise Failed(f"{name}: there is no {word}; there are {' '.join(known)}")
    return [key for key in known if key in words] or list(known)


def version(binary, flag):
    done = subprocess.run([binary, flag], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines() or ["?"]
    return lines[0].replace("nginx version: ", "").replace("Server version: ", "")


def run_for_text(argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return done.stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ""
