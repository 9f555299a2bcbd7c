"""What a client cannot see: whether the server still holds its connection.

A socket that was reset or forgotten is gone from /proc/net/tcp while its process still has the
descriptor, so the inode is looked up while the connection lives, and then looked for among the
descriptors of the server's processes.
"""

import os
import threading
import time

from background import Background


class Observer(Background):
    """Looks every so many seconds."""

    def __init__(self, servers, net="/proc/net/tcp", every=0.05):
        self.servers, self.net, self.every = servers, net, every
        self.inodes = {}  # (the server's port, the client's): inode
        self.gone = {}  # the same: when it was first seen to be held by no process
        self.looks = 0
        self.changed = threading.Condition()
        super().__init__()

    def run(self):
        while not self.closing:
            ports = {port for server in self.servers for port in server.ports}
            accepted = dict(accepted_sockets(self.net, ports))
            # After that, so that what is closed meanwhile counts as held once more at most.
            held = {inode for server in self.servers for pid in server.processes()
                    for inode in sockets_of(pid)}
            with self.changed:
                self.inodes.update(accepted)
                for pair, inode in self.inodes.items():
                    if inode not in held:
                        self.gone.setdefault(pair, time.monotonic())
                self.looks += 1
                self.changed.notify_all()
            time.sleep(self.every)

    def wait_accepted(self, pair, seconds):
        """Whether a process of the server takes the connection in time."""
        with self.changed:
            return self.changed.wait_for(lambda: pair in self.inodes, seconds)

    def wait_released(self, pair, seconds):
        """When no process of the server held it any more; None if one still does."""
        with self.changed:
            # Of one that was closed between two looks there is nothing to be seen.
            whole = self.looks + 2
            self.changed.wait_for(lambda: pair in self.inodes or self.looks >= whole, seconds)
            if pair not in self.inodes:
                return time.monotonic()
            self.changed.wait_for(lambda: pair in self.gone, seconds)
            return self.gone.get(pair)


def accepted_sockets(net, ports):
    with open(net, encoding="ascii") as table:
        next(table)
        for line in table:
            fields = line.split()
            local, remote = (int(end.rsplit(":", 1)[1], 16) for end in fields[1:3])
            # Before a process has accepted it, and after it was closed, it has none.
            if local in ports and fields[3] != "0A" and fields[9] != "0":
                yield (local, remote), fields[9]


def sockets_of(pid):
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]
