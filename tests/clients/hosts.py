"""Hosts that are network namespaces, and a link between two of them that is as bad as it is told.

Nothing has a name in the file system: a namespace lasts as long as a descriptor or a process of it,
so whatever becomes of the test, nothing is left. The link carries IP packets between two tun
devices, one by one, so it needs no module for latency and loss.
"""

import contextlib
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import socket
import struct
import threading
import time

from background import Background

CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x4004_54CA, 0x0001, 0x1000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFMTU = 0x8914, 0x8916, 0x891C, 0x8922
IFF_UP = 0x1
MTU = 1500
QUEUE = 0.25  # seconds of its rate that a link holds; more is lost, as in a router

LIBC = ctypes.CDLL(None, use_errno=True)


class Impossible(Exception):
    """There may be no namespaces here."""


def check(result, what):
    if result != 0:
        raise Impossible(f"{what}: {os.strerror(ctypes.get_errno())}")


def may_make_namespaces():
    """Becomes root of a user namespace where it is not root. Before there are threads."""
    if not os.path.exists("/dev/net/tun"):
        raise Impossible("there is no /dev/net/tun")
    if os.geteuid() != 0:
        user, group = os.getuid(), os.getgid()
        check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare")
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"),
                           ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    with contextlib.ExitStack() as stack:
        stack.enter_context(Host("192.0.2.1"))


class Host:
    """A namespace with one interface. What is made by a thread that has entered it belongs to it."""

    def __init__(self, address):
        self.address = address
        made = []
        thread = threading.Thread(target=lambda: made.append(self.make()))
        thread.start()
        thread.join()
        if isinstance(made[0], Exception):
            raise made[0]

    def make(self):
        try:
            check(LIBC.unshare(CLONE_NEWNET), "unshare")
            self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH14x", b"link", IFF_TUN | IFF_NO_PI))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                def configure(name, request, value):
                    fcntl.ioctl(control, request, struct.pack("16s24s", name, value))
                for name, address, mask in ((b"link", self.address, "255.255.255.0"),
                                            (b"lo", "127.0.0.1", "255.0.0.0")):
                    configure(name, SIOCSIFADDR, inet(address))
                    configure(name, SIOCSIFNETMASK, inet(mask))
                    configure(name, SIOCSIFFLAGS, struct.pack("H", IFF_UP))
                configure(b"link", SIOCSIFMTU, struct.pack("i", MTU))
            return None
        except OSError as error:
            return Impossible(str(error))
        except Impossible as error:
            return error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.tun)
        os.close(self.namespace)

    @contextlib.contextmanager
    def entered(self):
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            check(LIBC.setns(self.namespace, CLONE_NEWNET), "setns")
            yield
        finally:
            check(LIBC.setns(before, CLONE_NEWNET), "setns")
            os.close(before)

    def socket(self, family):
        with self.entered():
            return socket.socket(family)


def inet(address):
    return struct.pack("HH4s16x", socket.AF_INET, 0, socket.inet_aton(address))


class Link(Background):
    """Carries packets between two hosts."""

    def __init__(self, one, other, delay=0.0, loss=0.0, rate=None):
        self.ends = {one.tun: other.tun, other.tun: one.tun}
        self.delay, self.loss, self.rate = delay, loss, rate
        self.is_up = True
        self.random = random.Random(13)
        self.waiting = []  # (when it is due, its number, where it goes, the packet)
        self.numbers = itertools.count()
        self.busy_until = dict.fromkeys(self.ends, 0.0)
        super().__init__()

    def run(self):
        poll = select.poll()
        for end in self.ends:
            poll.register(end, select.POLLIN)
        while not self.closing:
            due = self.waiting[0][0] - time.monotonic() if self.waiting else 0.1
            for end, _ in poll.poll(max(0, min(due, 0.1)) * 1000):
                self.take(end)
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(self.waiting)
                if self.is_up:
                    with contextlib.suppress(OSError):
                        os.write(to, packet)

    def take(self, end):
        for _ in range(64):
            try:
                packet = os.read(end, 2 * MTU)
            except BlockingIOError:
                return
            if not self.is_up or packet[0] >> 4 != 4 or self.random.random() < self.loss:
                continue
            leaves = now = time.monotonic()
            if self.rate:
                leaves = max(now, self.busy_until[end]) + len(packet) / self.rate
                if leaves - now > QUEUE:
                    continue
                self.busy_until[end] = leaves
            heapq.heappush(self.waiting,
                           (leaves + self.delay, next(self.numbers), self.ends[end], packet))
