"""What was measured. The report is made of nothing else."""

import math
import os
import statistics

from scenarios import SCENARIOS
from settings import run_for_text, version

HERE = os.path.dirname(os.path.abspath(__file__))


class Results:
    QUIET = 0.03  # of the machine may be busy with something else

    def __init__(self, settings):
        self.settings = settings
        self.scenarios = [s for s in SCENARIOS if s.word in settings.scenarios]
        self.cells = []  # (scenario, server), in their order
        self.samples = {}  # (scenario, server): one dictionary of figures a round
        self.failures = {}  # (scenario, server): why
        self.memory = {}  # server: bytes when idle, those of files, for a connection or None
        self.startup = {}  # server: seconds, sorted
        self.size = {}  # target: bytes
        self.rounds = 0
        self.elsewhere = 0.0  # the part of the machine that did something else at the start
        self.versions = [text for _, text in settings.peers]
        self.commit = run_for_text(["git", "-C", HERE, "describe", "--always", "--dirty"])
        for program in ("rustc", "cc"):
            self.versions.append(run_for_text([program, "--version"]))
        # wrk says it and then fails, since it was given nothing to do.
        self.versions.append(version("wrk", "-v").split(" Copyright")[0])

    def median(self, scenario, server, figure):
        samples = self.samples.get((scenario, server))
        if not samples or (scenario, server) in self.failures:
            return None
        # A figure that a round could not tell is not a number.
        known = [sample[figure] for sample in samples if not math.isnan(sample[figure])]
        return statistics.median(known) if known else None

    def rows(self, scenario):
        """The servers of a scenario, in their order."""
        return [server for key, server in self.cells
                if key == scenario and ((key, server) in self.samples
                                        or (key, server) in self.failures)]

    def failed(self):
        return [f"{scenario}: {server}: {why}" for (scenario, server), why in self.failures.items()]
