"""The documented deadlines: what the program's own --help says, divided by a factor.

What a flag can set is scaled, and handed to the server by that flag. What no flag sets stays as
the manual has it. Expectations are made from these numbers alone.
"""

import re
import subprocess

FLAGS = {"timeout": "--timeout-ms", "header": "--header-timeout-ms",
         "write": "--write-timeout-ms", "keepalive": "--keepalive-ms"}


class Deadlines:
    """All in seconds."""

    # A connection that the server has ended is read from until the client is silent for so long,
    linger = 2.0
    # and for so long at most.
    linger_most = 30.0
    # An admin connection may take so long to ask.
    admin = 1.0
    # Where there is no room, a client that has said nothing for so long makes some.
    hello = 1.0
    # The same for a client that has read nothing for so long.
    stalled = 1.0
    # The kernel asks a client that is silent for so long whether it is there, and gives it up.
    probes = 60.0
    probes_end = 120.0
    # `--min-rate` judges no body that is younger than this, or than `--timeout-ms`.
    rate_grace = 10.0
    # Bytes a second, by default.
    min_rate = 64

    def __init__(self, program, factor):
        self.factor = factor
        text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
        for name, flag in FLAGS.items():
            default = re.search(rf"{flag} MS .*\[(\d+)", text.stdout)
            if not default:
                raise SystemExit(f"clients: --help has no default of {flag}")
            setattr(self, name, int(default[1]) / 1000 / factor)

    def flags(self):
        """What makes a server keep them."""
        return [part for name, flag in FLAGS.items() for part in (flag, self.ms(name))]

    def arguments(self):
        """The same for the example program."""
        return [self.ms(name) for name in FLAGS]

    def ms(self, name):
        return str(round(getattr(self, name) * 1000))

    def scaled(self, seconds):
        """A pause of a client in the world, as it is here."""
        return seconds / self.factor
