#!/usr/bin/env python3
"""`make clients`: a hundred kinds of slow, pausing, stalling and vanishing clients, all at once.

Prints what each of them met and after how long, next to what the documented deadlines say, which
are scaled by a factor; exits with 1 if anything is a surprise. Everything is on loopback.
"""

import contextlib
import os
import socket
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # nothing is left in the source tree

import proxies  # noqa: E402
from client import PATTERN, Client, Ended, Wrong  # noqa: E402
from deadlines import Deadlines  # noqa: E402
from kinds import FULL  # noqa: E402
from observer import Observer  # noqa: E402
from results import Result, report  # noqa: E402
from servers import Server  # noqa: E402
from settings import parse  # noqa: E402
from table import rows  # noqa: E402

BEHIND = ("site", "echo", "streams")  # where a proxy may be in front
BODIES = 4 << 20  # the largest body that is accepted
SITE = [("small.txt", 1 << 10), ("mid.bin", 1 << 20), ("big.bin", 16 << 20), ("huge.bin", 64 << 20)]


def main():
    arguments = parse(__doc__, slack=1.5)
    httprs = arguments.httprs
    deadlines = Deadlines(httprs, arguments.factor)
    Client.give_up = 40 + 3 * deadlines.keepalive
    chosen = [row for row in rows(deadlines)
              if arguments.only in row.name and (row.quick or not arguments.quick)
              and (not arguments.behind or may_be_behind(row))]
    with tempfile.TemporaryDirectory(prefix="httprs-clients-") as work:
        site = make_site(work)
        unix = os.path.join(work, "socket")
        flags = ["--host", "127.0.0.1", "-p", "0", "-w", "2", "--log", "none",
                 "--admin", "127.0.0.1:0", *deadlines.flags()]
        with (
            contextlib.ExitStack() as stack,
            Server("site", [httprs, *flags, "--host", f"unix:{unix}", site], work) as files,
            Server("echo", [httprs, *flags, "--max-body-size", str(BODIES)], work) as echo,
            Server("echo2", [httprs, *flags], work) as half,
            Server("streams", [arguments.streams, "127.0.0.1", "0", *deadlines.arguments()],
                   work) as streams,
        ):
            servers = [files, echo, half, streams]
            places = {"site": address(files), "unix": unix, "echo": address(echo),
                      "streams": address(streams), "admin": address(files, 1),
                      "crowd": address(echo, 1), "half": address(half, 1)}
            for number, row in enumerate(chosen):
                if row.server.startswith("full-"):
                    place = f"{row.server}{number}"
                    argv = ([arguments.streams, "127.0.0.1", "0", *deadlines.arguments(), str(FULL)]
                            if row.server == "full-streams" else
                            [httprs, *flags, "-w", "1", "--max-connections", str(FULL), site])
                    servers.append(stack.enter_context(Server(place, argv, work)))
                    places[id(row)] = address(servers[-1])
            observer = None
            if arguments.behind:
                places = stack.enter_context(behind(arguments.behind, places, deadlines, work))
            else:
                observer = stack.enter_context(Observer(servers))
            began = time.monotonic()
            results = run(chosen, places, deadlines, observer, arguments.slack)
            took = time.monotonic() - began
        surprises = [line for server in servers for line in server.surprises()]
    report(results)
    for line in surprises:
        print(f"! {line}")
    count = len(surprises) + sum(bool(result.surprise) for result in results)
    print(f"{len(results)} clients, {count} surprises, {took:.0f} s; deadlines and pauses are "
          f"{arguments.factor:g} times shorter than in the world")
    return 1 if count else 0


def may_be_behind(row):
    """Whether a proxy in front must make no difference."""
    return (row.expected == "served" and not row.within and row.server in BEHIND
            and "closes its side" not in row.name)  # they take that for the end of the client


@contextlib.contextmanager
def behind(name, places, deadlines, work):
    """The same places, with nginx or haproxy in front."""
    with contextlib.ExitStack() as free:
        sockets = [free.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in BEHIND]
        ports = [made.getsockname()[1] for made in sockets]
    backends = {port: "{}:{}".format(*places[place]) for port, place in zip(ports, BEHIND)}
    with proxies.front(name, work, backends, deadlines.scaled(proxies.IDLE[name])) as server:
        server.wait_for(("127.0.0.1", ports[-1]))
        yield {place: ("127.0.0.1", port) for port, place in zip(ports, BEHIND)}


def make_site(work):
    site = os.path.join(work, "site")
    os.mkdir(site)
    for name, size in SITE:
        with open(os.path.join(site, name), "wb") as file:
            for at in range(0, size, len(PATTERN)):
                file.write(PATTERN[:size - at])
    return site


def address(server, which=0):
    return ("127.0.0.1", server.ports[which])


def meet(result, address, deadlines, observer, slack):
    """Lets a client do what it does."""
    try:
        client = Client(address, observer, result.row.buffer)
    except OSError as error:
        result.surprise = f"cannot connect: {error}"
        return
    if result.row.within:
        client.give_up = result.row.within[1] + 20
    result.run(lambda: result.row.act(client, deadlines), client.after, slack)
    # However it went: a client that has left holds nothing.
    client.socket.close()
    if observer and client.pair in observer.inodes and not observer.wait_released(client.pair, 5 * slack):
        result.surprise = result.surprise or "the server still holds it"


def run(chosen, places, deadlines, observer, slack):
    results = [Result(row) for row in chosen]
    threads = [threading.Thread(target=meet, daemon=True, args=(
        result, places.get(id(result.row)) or places[result.row.server], deadlines, observer, slack)) for result in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


if __name__ == "__main__":
    sys.exit(main())
