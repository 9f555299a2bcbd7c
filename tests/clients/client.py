"""A client, as slow and as rude as it is told to be, that checks each byte it gets."""

import os
import select
import socket
import struct
import time

PATTERN = os.urandom(1 << 20)  # all files are made of it
MSS = 1448  # as on Ethernet: over loopback a window would open in steps of 64 KiB
BUFFER = 64 * 1024  # what the client's kernel takes ahead of the client


class Ended(Exception):
    """The server ended the connection before the answer was whole."""


class Wrong(Exception):
    """An answer that no server may give."""


def pattern(offset, length):
    start = offset % len(PATTERN)
    return (PATTERN * (2 + length // len(PATTERN)))[start:start + length]


class Client:
    """One connection. Its methods raise `Ended` when the server has ended it."""

    give_up = 60  # seconds until one that should have been served or cut is neither

    def __init__(self, address, observer=None, buffer=BUFFER, make=socket.socket):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = make(family)
        self.socket.settimeout(self.give_up)
        self.observer = observer
        self.pair = None
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.pair = (address[1], self.socket.getsockname()[1])
        self.buffer = b""
        self.rate = None  # bytes a second, of reading
        self.mark()

    # Time

    def mark(self):
        """Deadlines that are measured begin now."""
        self.marked = time.monotonic()
        self.ended = None

    def after(self):
        """Seconds from the mark to what happened."""
        return (self.ended or time.monotonic()) - self.marked

    def wait_released(self):
        """Until the server has let go of the connection, whether or not the client can see that."""
        if self.pair:
            self.ended = self.observer.wait_released(self.pair, self.give_up)
            if not self.ended:
                raise Wrong("the server still holds it")

    def interrupted(self, seconds):
        """Pauses, and says whether something came meanwhile; `after` is then when that was."""
        if select.select([self.socket], [], [], seconds)[0]:
            self.ended = time.monotonic()
        return self.ended is not None

    # Writing

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Ended(f"reset while it wrote ({error.strerror})") from error
        except TimeoutError as error:
            raise Wrong(f"may not write for {self.give_up} s") from error

    def send_paced(self, data, rate):
        """Without a look at what comes back."""
        began, sent = time.monotonic(), 0
        step = max(1, rate // 20)
        while sent < len(data):
            self.send(data[sent:sent + step])
            sent += step
            time.sleep(max(0.0, began + sent / rate - time.monotonic()))

    def drip(self, parts, pause):
        """Until something comes back."""
        for part in parts:
            self.send(part)
            if select.select([self.socket], [], [], pause)[0]:
                return

    def request(self, method, path, *fields, body=None, version="1.1"):
        lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    def get(self, path, *fields, **options):
        self.request("GET", path, *fields, **options)

    # Reading

    def fill(self, most=256 * 1024):
        """Some more bytes, at the rate of this client."""
        if self.rate:
            most = max(1, min(most, self.rate // 20))
            time.sleep(most / self.rate)
        try:
            got = self.socket.recv(most)
        except ConnectionResetError as error:
            raise Ended("reset") from error
        except TimeoutError as error:
            raise Wrong(f"hears nothing for {self.give_up} s") from error
        if not got:
            raise Ended("closed")
        self.buffer += got

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def head(self):
        """The status of the answer that comes, and its fields."""
        while True:
            version, status, _ = self.line().split(" ", 2)
            fields = {}
            while line := self.line():
                name, value = line.split(":", 1)
                fields[name.lower()] = value.strip()
            if status == "100":
                continue
            if version != "HTTP/1.1":
                raise Wrong(f"version {version}")
            return int(status), fields

    def open(self, method="GET", offset=0):
        """The answer that comes, up to its body."""
        status, fields = self.head()
        return Answer(self, method, status, fields, offset)

    def answer(self, method="GET", body=None):
        """The answer that comes, whole; of an echo, with `body` at its end."""
        answer = self.open(method)
        got = answer.rest()
        if answer.status == 200 and body is not None and not got.endswith(body):
            raise Wrong(f"{len(got)} bytes without the ones that it sent")
        return answer

    def end(self):
        """Waits until the server ends the connection; how it did."""
        try:
            self.fill(1)
        except Ended as ended:
            self.ended = self.ended or time.monotonic()
            return str(ended)
        raise Wrong(f"more than it asked for: {self.buffer[:80]}")

    # Leaving

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def leave(self):
        """Closes. What the kernel still has for it makes a reset of that, as it does for others."""
        self.await_accepted()
        self.mark()
        self.socket.close()

    def reset(self):
        self.await_accepted()
        self.mark()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def await_accepted(self):
        if self.observer and self.pair and not self.observer.wait_accepted(self.pair, 5):
            raise Wrong("nobody accepted it")


class Answer:
    """An answer of which the head has come."""

    def __init__(self, client, method, status, fields, offset):
        self.client, self.status, self.fields = client, status, fields
        self.closes = fields.get("connection", "").lower() == "close"
        self.offset = offset  # of a file, where the next byte is
        self.is_file = fields.get("content-type") == "application/octet-stream"
        self.chunks = 0 if "chunked" in fields.get("transfer-encoding", "") else None
        if method == "HEAD" or status in (101, 204, 304):
            self.left, self.chunks = 0, None
        elif self.chunks is not None:
            self.left = 0
        else:
            length = fields.get("content-length")
            self.left = None if length is None else int(length)

    def more(self):
        """Whether there is more of the body."""
        if self.left is None:
            try:
                if not self.client.buffer:
                    self.client.fill()
            except Ended as ended:
                if str(ended) != "closed":
                    raise
                return False
        elif self.left == 0 and self.chunks is not None:
            if self.chunks > 0:
                self.client.line()
            self.chunks += 1
            self.left = int(self.client.line(), 16)
            if self.left == 0:
                self.client.line()
                self.chunks = None
        return self.left != 0

    def read(self, count):
        """So many bytes of the body, or fewer if it ends before."""
        got = bytearray()
        try:
            while len(got) < count and self.more():
                if not self.client.buffer:
                    self.client.fill()
                wanted = count - len(got)
                if self.left is not None:
                    wanted = min(wanted, self.left)
                    self.left -= min(wanted, len(self.client.buffer))
                got += self.client.buffer[:wanted]
                self.client.buffer = self.client.buffer[wanted:]
        except Ended as ended:
            raise Ended(f"{ended} after {self.offset + len(got)} bytes") from ended
        if self.is_file and bytes(got) != pattern(self.offset, len(got)):
            raise Wrong(f"wrong bytes from {self.offset} on")
        self.offset += len(got)
        return bytes(got)

    def rest(self):
        got = []
        while part := self.read(1 << 20):
            got.append(part)
        return b"".join(got)
