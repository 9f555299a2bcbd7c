"""Kinds of clients: what they do, and what became of it in a word.

Each function here makes a function of a client and the deadlines. It returns the outcome; `Ended`,
which it may raise, is the outcome "cut". Pauses are those of the world, and are scaled.
"""

import os
import time

from client import Client, Ended

KB, MB = 1 << 10, 1 << 20
BIG = "/big.bin"


def outcome(answer):
    return "served" if answer.status in (200, 206) else str(answer.status)


def refused(client):
    """The answer, and how the connection ends behind it if it says so."""
    answer = client.answer()
    client.ended = time.monotonic()
    return f"{outcome(answer)}, {client.end()}" if answer.closes else outcome(answer)


# Readers

def plays(*pauses, first=2 * MB, each=256 * KB, total=None, path=BIG, version="1.1",
          half_closes=False):
    """Reads some, pauses, reads some more, and so on, and then the rest, or so much in total."""
    def act(client, deadlines):
        client.get(path, version=version)
        if half_closes:
            client.half_close()
        answer = None
        if first:
            answer = client.open()
            answer.read(first)
        for pause in pauses:
            time.sleep(deadlines.scaled(pause))
            answer = answer or client.open()
            answer.read(each)
        answer = answer or client.open()
        if total is None:
            answer.rest()
        elif len(answer.read(total - answer.offset)) == 0:
            return "ended"
        return outcome(answer)
    return act


def reads_at(rate, seconds, path=BIG, endless=False):
    """Reads at a rate for a while, then the rest, if there is an end to it."""
    def act(client, _):
        client.get(path)
        client.rate = rate
        answer = client.open()
        answer.read(rate * seconds)
        client.rate = None
        if not endless:
            answer.rest()
        return outcome(answer)
    return act


def stops_reading(first=0, request=None, rate=0):
    """Reads so much and then nothing, or next to nothing."""
    def act(client, _):
        if request:
            request(client)
        else:
            client.get(BIG)
        answer = None
        if first:
            answer = client.open()
            answer.read(first)
        client.mark()
        if rate:
            drips_in(client, rate)
        client.wait_released()
        (answer or client.open()).rest()
        return "served"
    return act


def drips_in(client, rate):
    """Takes a byte now and then, for as long as the server holds the connection."""
    client.await_accepted()
    while client.pair not in client.observer.gone:
        client.buffer += client.socket.recv(1)
        time.sleep(1 / rate)


def leaves(how, first=0, pause=0, path=BIG):
    """Asks, reads some, and is gone: the server must notice."""
    def act(client, deadlines):
        if path:
            client.get(path)
        if first:
            client.open().read(first)
        time.sleep(deadlines.scaled(pause))
        getattr(client, how)()
        client.wait_released()
        return "let go"
    return act


def resumes(client, _):
    """A download that is broken off, and the rest of it on the same terms as a manager asks."""
    client.get(BIG)
    answer = client.open()
    got = answer.read(2 * MB)
    again = Client(client.socket.getpeername(), client.observer)
    client.reset()
    fields = [f"Range: bytes={len(got)}-"]
    if "etag" in answer.fields:  # a file that has just been changed has none
        fields.append(f"If-Range: {answer.fields['etag']}")
    again.get(BIG, *fields)
    rest = again.open(offset=len(got))
    rest.rest()
    return outcome(rest)


# Writers

def chunked(data, size=1000):
    parts = [data[at:at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def post(client, length, path="/", *fields):
    if length is None:
        client.request("POST", path, "Transfer-Encoding: chunked", *fields)
    else:
        client.request("POST", path, f"Content-Length: {length}", *fields)


def uploads(size, rate, coded=False, path="/"):
    """Writes a body at a rate, then reads the echo of it."""
    def act(client, _):
        data = os.urandom(size)
        post(client, None if coded else size, path)
        client.send_paced(chunked(data) if coded else data, rate)
        return outcome(client.answer(body=data if path == "/" else None))
    return act


def pauses_in_body(*pauses, each=10 * KB):
    """Writes some, pauses, writes on, and only then reads."""
    def act(client, deadlines):
        data = os.urandom(each * (len(pauses) + 1))
        post(client, len(data))
        client.send(data[:each])
        for at, pause in enumerate(pauses, 1):
            time.sleep(deadlines.scaled(pause))
            client.send(data[each * at:each * (at + 1)])
        return outcome(client.answer(body=data))
    return act


def stops_in_body(sent, length=10 * KB, path="/", fields=()):
    """Writes some of a body and no more, and reads."""
    def act(client, _):
        post(client, length, path, *fields)
        if sent:
            client.send(b"a" * sent if length else b"%x\r\n" % sent + b"a" * sent + b"\r\n")
        client.mark()
        return refused(client)
    return act


def drips_body(size, rate):
    """Writes a body byte by byte."""
    def act(client, _):
        post(client, size)
        client.mark()
        client.drip([b"a"] * size, 1 / rate)
        return refused(client)
    return act


def leaves_in_body(how, path="/"):
    def act(client, _):
        post(client, 10 * KB, path)
        client.send(b"a" * KB)
        getattr(client, how)()
        if how == "half_close":
            client.mark()
            return refused(client)
        client.wait_released()
        return "let go"
    return act


def expects(waits, pause=0):
    """Asks for `100 Continue`, and waits for it or not."""
    def act(client, deadlines):
        data = os.urandom(10 * KB)
        post(client, len(data), "/", "Expect: 100-continue")
        if waits and not client.line().startswith("HTTP/1.1 100 "):
            return "no 100"
        if waits:
            client.line()
        time.sleep(deadlines.scaled(pause))
        client.send(data)
        return outcome(client.answer(body=data))
    return act


# Writers whose body is refused

def insists(size, rate, coded=False, pause=0, steps=1, path=BIG):
    """Writes all of a body that is not wanted before it reads, as many clients do."""
    def act(client, _):
        data = b"a" * size
        post(client, None if coded else size, path)
        client.mark()
        for step in range(steps):
            part = data[size * step // steps:size * (step + 1) // steps]
            client.send_paced(chunked(part)[:-5] if coded else part, rate)
            time.sleep(pause)
        if coded:
            client.send(b"0\r\n\r\n")
        return refused(client)
    return act


def gives_in(client, _):
    """Reads while it writes, and stops when it is refused."""
    post(client, 2 * MB, BIG)
    client.drip([b"a" * KB] * 2000, 0.01)
    return refused(client)


def stays(request, then=None):
    """Is refused and does not close."""
    def act(client, _):
        request(client)
        client.answer()
        if then:
            client.await_accepted()
        client.mark()
        if then:
            getattr(client, then)()
        client.wait_released()
        return "let go"
    return act


# Clients that keep their connection

def idles(*pauses, method="GET", path="/small.txt"):
    """Asks, pauses, asks again."""
    def act(client, deadlines):
        body = b"some" if method == "POST" else None
        client.request(method, path, body=body)
        answer = client.answer(body=body)
        for pause in pauses:
            client.mark()
            if client.interrupted(deadlines.scaled(pause)):
                return client.end()
            client.request(method, path, body=body)
            answer = client.answer(body=body)
        return outcome(answer)
    return act


def falls_asleep(client, _):
    """Asks, and then never again."""
    client.get("/small.txt")
    client.answer()
    client.mark()
    return client.end()


def pipelines(count, path="/small.txt", rate=None, pauses=(), half_closes=False):
    """Asks many things at once, and reads the answers slowly, or with pauses between them."""
    def act(client, deadlines):
        for _ in range(count):
            client.get(path)
        if half_closes:
            client.half_close()
        client.rate = rate
        pauses_left = list(pauses)
        for _ in range(count):
            answer = client.answer()
            if outcome(answer) != "served":
                return outcome(answer)
            if pauses_left:
                time.sleep(deadlines.scaled(pauses_left.pop()))
        return "served"
    return act


def pipelines_half(client, _):
    """Half a request behind a whole one."""
    client.send(b"GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /small")
    client.answer()
    client.mark()
    return refused(client)


def many_big(client):
    for _ in range(100):
        client.get(BIG)


# Heads

def says(*parts, pause=0, then=None):
    """Writes so much, and hears what comes of it."""
    def act(client, deadlines):
        for part in parts:
            client.send(part)
            if part is not parts[-1]:
                time.sleep(deadlines.scaled(pause))
        if then:
            getattr(client, then)()
        if then in ("leave", "reset"):
            client.wait_released()
            return "let go"
        client.mark()
        try:
            client.fill()
        except Ended as ended:
            return str(ended)
        return refused(client)
    return act


def hesitates(pause, parts=(b"", b"GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n")):
    """Writes some of a head, or none, pauses, and writes the rest."""
    def act(client, deadlines):
        client.send(parts[0])
        client.mark()
        if client.interrupted(deadlines.scaled(pause)):
            return refused(client) if parts[0] else client.end()
        client.send(parts[1])
        return outcome(client.answer())
    return act


def drips_head(parts, pause):
    def act(client, deadlines):
        client.mark()
        client.drip(parts, deadlines.scaled(pause))
        return refused(client)
    return act


# Streams, and what is no HTTP any more

def ends_its_side(path):
    """Closes its half while a source has nothing to say."""
    def act(client, _):
        client.get(path)
        answer = client.open()
        client.mark()
        client.half_close()
        answer.rest()
        client.ended = time.monotonic()
        return f"ended, {client.end()}"
    return act


def upgrades(pause=0, then=None):
    """Speaks to an echo behind an upgrade, pauses, and speaks or leaves."""
    def act(client, deadlines):
        client.get("/upgrade", "Upgrade: echo", "Connection: upgrade")
        if client.head()[0] != 101:
            return "no upgrade"
        time.sleep(deadlines.scaled(pause))
        if then:
            getattr(client, then)()
            client.wait_released()
            return "let go"
        client.send(b"hello")
        while client.buffer != b"hello":
            client.fill()
        return "served"
    return act


# Clients of a server that has no room

FULL = 4  # connections that it has


def asks_when_full(others, pause=0.3):
    """Asks when others, who do this, have all connections, and the last of them for so long."""
    def act(client, _):
        address = client.socket.getpeername()
        client.socket.close()
        full = [Client(address, client.observer) for _ in range(FULL)]
        for other in full:
            others(other)
        time.sleep(pause)
        return asks_beside(client, full, address, "/small.txt")
    return act


def asks_beside(client, others, address, path):
    """The outcome for one more client while `others` are connected, timed as `client`'s."""
    client.mark()
    asker = Client(address, client.observer)
    asker.get(path)
    answer = asker.answer()
    client.ended = time.monotonic()
    for other in [*others, asker]:
        other.socket.close()
    return outcome(answer)


def gets(path, first=1, then=None):
    """Asks, reads so much, and closes its side or leaves."""
    def other(client):
        client.get(path)
        answer = client.open()
        if first:
            answer.read(first)
        if then:
            getattr(client, then)()
    return other


def is_refused(client):
    post(client, 2 * MB, BIG)
    client.answer()


def is_silent(client):
    client.await_accepted()


# Those who look after the server

def asks_in_a_crowd(silent, words=b""):
    """Asks while many others are connected and say nothing, or half of what they want."""
    def act(client, _):
        others = [Client(client.socket.getpeername(), client.observer) for _ in range(silent)]
        for other in others:
            other.send(words)
        return asks_beside(client, others, client.socket.getpeername(), "/status.json")
    return act
