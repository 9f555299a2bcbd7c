"""Where httprs wants to be. For each: what, its figure from the results, and its bound.

A figure is compared as it is printed, with two decimals.
"""


def cpu(scenario, server="httprs"):
    return lambda results: results.median(scenario, server, "cpu")


def throughput(scenario, server="httprs"):
    return lambda results: results.median(scenario, server, "bytes")


def spread(scenario):
    return lambda results: results.median(scenario, "httprs, two workers", "spread")


def best_floor(scenario):
    def least(results):
        known = [cpu(scenario, server)(results) for server in ("floor", "floor, sendfile")]
        return min((figure for figure in known if figure is not None), default=None)
    return least


def ratio(ours, theirs):
    def of(results):
        a, b = ours(results), theirs(results)
        return None if a is None or not b else a / b
    return of


STATIC = "httprs, static (glibc)"


def idle(server):
    def of(results):
        known = results.memory.get(server)
        return known and known[0] / (1 << 20)
    return of


def for_each_connection(results):
    return results.memory.get("httprs", (None, None, None))[2]


def start(results):
    known = results.startup.get("httprs")
    return known and middle(known) * 1e3


def size(results):
    known = results.size.get(STATIC)
    return known and known / (1 << 20)


TARGETS = [
    ("13 B, 64 connections: CPU, × floor", ratio(cpu("13B"), best_floor("13B")), "≤", 1.10),
    ("13 B, 1,024 connections: CPU, × floor",
     ratio(cpu("c1024"), best_floor("c1024")), "≤", 1.15),
    ("1 KiB: CPU, × floor", ratio(cpu("1KiB"), best_floor("1KiB")), "≤", 1.10),
    ("100 KiB: CPU, × the better floor",
     ratio(cpu("100KiB"), best_floor("100KiB")), "≤", 1.10),
    ("10 MiB: bytes a second, × h2o",
     ratio(throughput("10MiB"), throughput("10MiB", "h2o")), "≥", 1.0),
    ("16 pipelined: CPU, µs (hyper's is 0.75)", cpu("pipelined"), "<", 0.75),
    ("16 pipelined, library: CPU, µs (hyper's is 0.75)",
     cpu("pipelined", "httprs, library"), "<", 0.75),
    ("a connection for each request: CPU, × h2o",
     ratio(cpu("close"), cpu("close", "h2o")), "<", 1.0),
    ("1 connection: CPU, × floor",
     ratio(cpu("single"), best_floor("single")), "≤", 1.10),
    ("access log: CPU, × without", ratio(cpu("log"), cpu("13B")), "≤", 1.25),
    ("two workers, 64 connections: most ÷ least requests", spread("cores 64"), "≤", 2),
    ("two workers, 1,000 connections: most ÷ least requests", spread("cores 1000"), "≤", 2),
    ("memory, master and 4 workers idle: MiB", idle("httprs"), "<", 1.5),
    ("the same, static with glibc: MiB", idle(STATIC), "<", 1.5),
    ("memory for an idle connection: bytes", for_each_connection, "<", 400),
    ("exec to first answer: ms", start, "<", 5),
    ("static binary with glibc, stripped: MiB", size, "≤", 1.3),
]


class Judged:
    """A target for which there is a figure."""

    def __init__(self, what, value, relation, bound):
        value = round(value, 2)
        self.what = what
        self.shown, self.wanted = f"{value:.2f}", f"{relation} {bound:g}"
        self.met = {"≤": value <= bound, "<": value < bound, "≥": value >= bound}[relation]


def judged(results):
    known = [(what, figure(results), relation, bound)
             for what, figure, relation, bound in TARGETS]
    return [Judged(*target) for target in known if target[1] is not None]


def middle(values):
    values = sorted(values)
    return values[len(values) // 2]
