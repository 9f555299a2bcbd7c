#!/usr/bin/env python3
"""`make network`: clients at the other end of a link with latency, loss and times when it is down.

Each case has two hosts of its own, which are network namespaces, so nothing of it can be seen from
outside and nothing is left; see hosts.py. Needs Linux's tun device, and root or user namespaces;
where there are none, a line says so and that is all.
"""

import contextlib
import os
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # nothing is left in the source tree

import proxies  # noqa: E402
from client import PATTERN, Client, Ended, Wrong  # noqa: E402
from deadlines import Deadlines  # noqa: E402
from hosts import Host, Impossible, Link, may_make_namespaces  # noqa: E402
from kinds import KB, MB, outcome, post  # noqa: E402
from observer import Observer  # noqa: E402
from results import Result, report  # noqa: E402
from servers import Server  # noqa: E402
from settings import parse  # noqa: E402
from table import Row  # noqa: E402

OFFSETS = (-0.3, -0.04, -0.035, -0.03, -0.025, -0.02, -0.015, -0.01, -0.005, 0.0, 0.1)
SERVER, CLIENT, PORT = "192.0.2.1", "192.0.2.2", 8080


class Network:
    """A server and its clients, each on a host, and a link between them."""

    def __init__(self, arguments, deadlines, kind="site", **link):
        self.arguments, self.deadlines, self.kind = arguments, deadlines, kind
        self.stack = contextlib.ExitStack()
        self.options = link

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            enter = stack.enter_context
            self.work = enter(tempfile.TemporaryDirectory(prefix="httprs-network-"))
            self.near, self.far = enter(Host(SERVER)), enter(Host(CLIENT))
            self.link = enter(Link(self.near, self.far, **self.options))
            with self.near.entered():
                self.server = enter(Server(self.kind, self.command(), self.work))
            net = f"/proc/{self.server.process.pid}/net/tcp"
            self.observer = enter(Observer([self.server], net, every=0.2))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def command(self):
        deadlines = self.deadlines
        if self.kind == "streams":
            return [self.arguments.streams, SERVER, str(PORT), *deadlines.arguments()]
        argv = [self.arguments.httprs, "--host", SERVER, "-p", str(PORT), "-w", "1", "--log", "none",
                *deadlines.flags()]
        if self.kind == "site":
            with open(os.path.join(self.work, "big.bin"), "wb") as file:
                file.write(PATTERN * 4)
            argv.append(self.work)
        return argv

    def client(self, address=(SERVER, PORT)):
        return Client(address, self.observer, make=self.far.socket)

    def outage(self, seconds):
        self.link.is_up = False
        time.sleep(seconds)
        self.link.is_up = True


# Cases: functions of a network and a client of it

def downloads(outage):
    def act(net, client):
        client.get("/big.bin")
        answer = client.open()
        answer.read(MB)
        net.outage(outage)
        answer.rest()
        return outcome(answer)
    return act


def uploads(outage):
    def act(net, client):
        body = os.urandom(MB)
        post(client, len(body))
        client.send(body[:KB])
        time.sleep(0.2)
        net.link.is_up = False
        client.send(body[KB:2 * KB])
        net.outage(outage)
        client.send(body[2 * KB:])
        return outcome(client.answer(body=body))
    return act


def vanishes(path, first, pause=0):
    """Reads so much, and has no power any more."""
    def act(net, client):
        client.get(path)
        answer = client.open()
        answer.read(first)
        time.sleep(pause)
        net.link.is_up = False
        client.mark()
        client.wait_released()
        return "let go"
    return act


def vanishes_in_head(net, client):
    client.send(b"GET / HT")
    client.await_accepted()
    net.link.is_up = False
    client.mark()
    client.wait_released()
    return "let go"


def many_requests(clients, rounds):
    """Several clients that each ask a number of things, one after the other."""
    def act(net, _):
        def ask():
            client = net.client()
            for _ in range(rounds):
                body = os.urandom(20 * KB)
                client.request("POST", "/", body=body)
                if client.answer(body=body).status != 200:
                    return
                client.get("/")
                if client.answer().status != 200:
                    return
            client.socket.close()
            done.append(client)
        done = []
        at_once(ask, [()] * clients)
        return f"{len(done)} of {clients}"
    return act


def posts_behind(front, idle, rounds=4):
    """Posts through a proxy, paced around its own keep-alive and the server's.

    What is sent while the server's FIN is on its way is lost: up to two delays of the link before
    the deadline.
    """
    def act(net, _):
        paces = [limit + offset for limit in (idle, net.deadlines.keepalive) for offset in OFFSETS]
        ports = range(9000, 9000 + len(paces))
        statuses = []

        def post_at(pace, port):
            client = net.client(("127.0.0.1", port))
            with contextlib.suppress(Ended):
                for _ in range(rounds):
                    client.request("POST", "/", body=b"some")
                    statuses.append(client.answer(body=b"some").status)
                    time.sleep(max(0, pace))

        with contextlib.ExitStack() as stack:
            with net.far.entered():
                backends = dict.fromkeys(ports, f"{SERVER}:{PORT}")
                server = stack.enter_context(proxies.front(front, net.work, backends, idle))
            server.wait_for(("127.0.0.1", ports[-1]), net.far.socket)
            at_once(post_at, zip(paces, ports))
        return f"{statuses.count(200)} of {len(paces) * rounds}"
    return act


def at_once(run, jobs):
    threads = [threading.Thread(target=run, args=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cases(d, world):
    """Rows as in table.py, each with the options of its network, and the deadlines in force."""
    write, head = (d.write, d.write * 9 / 8), min(d.timeout, d.header)
    near = {"delay": 0.01, "rate": MB}
    # Packets that are lost are sent again after 0.2 s, and then after twice as long each time, so
    # nothing goes on for up to twice as long as the link was down.
    short = 0.3 * d.write
    yield near, d, Row(f"a download, link down for {short:.1f} s", "site", downloads(short),
                       "served", quick=True)
    yield near, d, Row(f"an upload, link down for {0.3 * d.timeout:.1f} s", "echo",
                       uploads(0.3 * d.timeout), "served")
    # It gets 408, and when the link is back the server does not listen any more.
    gone = d.timeout + d.linger + 2
    yield near, d, Row(f"an upload, link down for {gone:.1f} s", "echo", uploads(gone), "cut")
    yield near, d, Row("a download, and no power any more", "site", vanishes("/big.bin", MB),
                       "let go", write)
    yield near, d, Row("a flood, and no power any more", "streams", vanishes("/flood", MB),
                       "let go", write)
    yield near, d, Row("events, and no power any more", "streams", vanishes("/events", 13),
                       "let go", write, quick=True)
    yield near, d, Row("an idle connection, and no power any more", "echo", vanishes("/", 13),
                       "let go", (d.keepalive + d.linger, d.keepalive + d.linger), quick=True)
    yield near, d, Row("half a head, and no power any more", "echo", vanishes_in_head,
                       "let go", (head + d.linger, head + d.linger))
    yield near, d, Row("silent events, and no power any more", "streams", vanishes("/silent", 0),
                       "let go", (d.write, d.probes_end))
    bad = {"delay": 0.1, "loss": 0.05}
    yield bad, world, Row("20 clients, 100 ms each way, 5 % lost", "echo", many_requests(20, 3),
                          "20 of 20", quick=True)
    for name, program in proxies.PROGRAMS.items():
        if os.path.exists(program):
            idle = d.scaled(proxies.IDLE[name])
            yield {"delay": 0.02}, d, Row(f"posts behind {name}", "echo", posts_behind(name, idle),
                                          "88 of 88")
        else:
            print(f"network: {name}: skipped, there is no {program}")


def main():
    arguments = parse(__doc__, slack=2)
    try:
        may_make_namespaces()
    except (Impossible, OSError) as error:
        print(f"network: skipped, there may be no namespaces here: {error}")
        return 0
    deadlines = Deadlines(arguments.httprs, arguments.factor)
    chosen = [case for case in cases(deadlines, Deadlines(arguments.httprs, 1))
              if arguments.only in case[2].name and (case[2].quick or not arguments.quick)]
    results = [Result(row) for _, _, row in chosen]
    began = time.monotonic()
    try:
        at_once(lambda case, result: meet(arguments, *case, result), zip(chosen, results))
    finally:
        Server.kill_all()
    report(results)
    count = sum(bool(result.surprise) for result in results)
    print(f"{len(results)} cases, {count} surprises, {time.monotonic() - began:.0f} s; deadlines "
          f"are {arguments.factor:g} times shorter than in the world")
    return 1 if count else 0


def meet(arguments, options, deadlines, row, result):
    with Network(arguments, deadlines, row.server, **options) as net:
        client = net.client()
        if row.within:
            client.give_up = row.within[1] + 20
        result.run(lambda: row.act(net, client), client.after, arguments.slack)


if __name__ == "__main__":
    sys.exit(main())
