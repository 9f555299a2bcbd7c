"""Tables in Markdown, targets, and a chart."""

import datetime
import html
import os
import re
import shlex

# Where httprs wants to be. For each: what, its figure from the results, and its bound.
# A figure is compared as it is printed, with two decimals.


def cpu(scenario, server="httprs"):
    return lambda results: results.median(scenario, server, "cpu")


def throughput(scenario, server="httprs"):
    return lambda results: results.median(scenario, server, "bytes")


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
    return results.memory.get("httprs", (None, None))[1]


def start(results):
    known = results.startup.get("httprs")
    return known and middle(known) * 1e3


def size(results):
    known = results.size.get(STATIC)
    return known and known / (1 << 20)


TARGETS = [
    ("13 B, 64 connections: CPU, × floor", ratio(cpu("13B"), best_floor("13B")), "≤", 1.10),
    ("13 B, 1,024 connections: CPU, × floor", ratio(cpu("c1024"), best_floor("c1024")), "≤", 1.15),
    ("1 KiB: CPU, × floor", ratio(cpu("1KiB"), best_floor("1KiB")), "≤", 1.10),
    ("100 KiB: CPU, × the better floor", ratio(cpu("100KiB"), best_floor("100KiB")), "≤", 1.10),
    ("10 MiB: bytes a second, × h2o",
     ratio(throughput("10MiB"), throughput("10MiB", "h2o")), "≥", 1.0),
    ("16 pipelined: CPU, µs (hyper's is 0.75)", cpu("pipelined"), "<", 0.75),
    ("16 pipelined, library: CPU, µs (hyper's is 0.75)",
     cpu("pipelined", "httprs, library"), "<", 0.75),
    ("a connection for each request: CPU, × h2o",
     ratio(cpu("close"), cpu("close", "h2o")), "<", 1.0),
    ("1 connection: CPU, × floor", ratio(cpu("single"), best_floor("single")), "≤", 1.10),
    ("access log: CPU, × without", ratio(cpu("log"), cpu("13B")), "≤", 1.25),
    ("memory, master and 4 workers idle: MiB", idle("httprs"), "<", 1.5),
    ("the same, static with glibc: MiB", idle(STATIC), "<", 1.5),
    ("memory for an idle connection: bytes", for_each_connection, "<", 400),
    ("exec to first answer: ms", start, "<", 5),
    ("static binary with glibc, stripped: MiB", size, "≤", 1.3),
]


def middle(values):
    values = sorted(values)
    return values[len(values) // 2]


def markdown(results):
    parts = [scenario_table(results, scenario) for scenario in results.scenarios]
    parts += [memory_table(results), startup_table(results), size_table(results),
              targets_table(results), conditions(results)]
    return "\n\n".join(part for part in parts if part)


def scenario_table(results, scenario):
    large = scenario.path in ("/100KiB.bin", "/10MiB.bin")
    rows = []
    floor, ours = best_floor(scenario.key)(results), cpu(scenario.key)(results)
    for server in results.rows(scenario.key):
        def figure(name, server=server):
            return results.median(scenario.key, server, name)
        if (scenario.key, server) in results.failures:
            rows.append([server, f"failed: {results.failures[scenario.key, server]}"])
            continue
        each = [sample["cpu"] for sample in results.samples[scenario.key, server]]
        used = figure("cpu")
        row = [server, f"{used:.2f}", f"{min(each):.2f} to {max(each):.2f}"]
        if scenario.log:
            row.append(times(used, results.median("13B", server, "cpu")))
        else:
            row.append(times(used, floor))
        row.append(times(used, ours))
        row.append(f"{figure('requests'):,.0f}")
        if large:
            row.append(f"{figure('bytes') / 1e6:,.0f}")
        if scenario.connections == 1:
            row += [f"{figure('p50'):.0f}", f"{figure('p99'):.0f}"]
        row.append(f"{100 * figure('busy'):.0f} %")
        rows.append(row)
    if not rows:
        return ""
    head = ["server", "CPU µs/request", "in the rounds", "× without" if scenario.log else "× floor",
            "× httprs", "requests/s"]
    head += ["MB/s"] if large else []
    head += ["median µs", "99 % µs"] if scenario.connections == 1 else []
    return f"### {scenario.title}\n\n" + table(head + ["core busy"], rows)


def times(figure, other):
    return f"{figure / other:.2f}" if other else ""


def memory_table(results):
    rows = []
    for server, (idle_bytes, each) in results.memory.items():
        rows.append([server, f"{idle_bytes / (1 << 20):.2f}", f"{each:,.0f}" if each else ""])
    rows += failures(results, "memory")
    if not rows:
        return ""
    return "### Memory, 4 workers (PSS of all processes)\n\n" + table(
        ["server", "idle, MiB", "bytes for each of 10,000 idle connections"], rows)


def startup_table(results):
    rows = [[server, f"{middle(known) * 1e3:.1f}", f"{min(known) * 1e3:.1f}"]
            for server, known in results.startup.items()]
    rows += failures(results, "startup")
    if not rows:
        return ""
    return "### From exec to the first answer, 4 workers\n\n" + table(
        ["server", "median, ms", "least, ms"], rows)


def size_table(results):
    rows = [[name, f"{known:,}", f"{known / (1 << 20):.2f}"]
            for name, known in results.size.items()]
    return rows and "### Size, stripped\n\n" + table(["binary", "bytes", "MiB"], rows)


def failures(results, key):
    return [[server, f"failed: {why}"] for (where, server), why in results.failures.items()
            if where == key]


def targets_table(results):
    rows = []
    for what, figure, relation, bound in TARGETS:
        value = figure(results)
        if value is None:
            continue
        shown = round(value, 2)
        met = {"≤": shown <= bound, "<": shown < bound, "≥": shown >= bound}[relation]
        rows.append([what, f"{shown:.2f}", f"{relation} {bound:g}", "yes" if met else "**no**"])
    return rows and "### Targets of httprs\n\n" + table(["what", "measured", "target", "met"], rows)


def conditions(results):
    settings = results.settings
    cpu_name = first_match("/proc/cpuinfo", r"model name\s*: (.*)") or os.uname().machine
    ram = int(first_match("/proc/meminfo", r"MemTotal:\s+(\d+)") or 0) / (1 << 20)
    now = datetime.datetime.now(datetime.timezone.utc)
    lines = [
        f"{now:%Y-%m-%d %H:%M} UTC, httprs {results.commit}",
        f"{cpu_name}, {os.cpu_count()} cores, {ram:.0f} GiB, Linux {os.uname().release}; "
        f"{100 * results.elsewhere:.0f} % of it busy with something else at the start",
        "; ".join(text for text in results.versions if text),
        f"medians of {results.rounds} rounds of {settings.seconds} s; server on core "
        f"{settings.server_core}, wrk on core {settings.client_core}, one worker unless it says "
        "otherwise; apache2 has a process for each connection",
        f"`{command()}`, where each measurement is `wrk -t1 -c64 -d{settings.seconds}s --latency "
        "http://127.0.0.1:PORT/FILE`",
    ]
    if results.elsewhere > results.QUIET:
        lines.insert(0, "**The machine was busy with something else: do not rely on this.**")
    return "### How it was measured\n\n" + "\n".join(f"- {line}" for line in lines)


def command():
    known = {name: os.environ.get(name)
             for name in ("ROUNDS", "SECONDS_EACH", "SCENARIOS", "SERVERS", "RESULTS")}
    knobs = [f"{name}={shlex.quote(value)}" for name, value in known.items() if value]
    return " ".join([*knobs, "make bench"])


def first_match(path, pattern):
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.search(pattern, file.read())
    return found and found[1]


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    lines += [row + [""] * (len(head) - len(row)) for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_files(where, text, results):
    with open(os.path.join(where, "RESULTS.md"), "w", encoding="utf-8") as file:
        file.write("# Measured\n\nWritten by `RESULTS=1 make bench`. What the columns mean: "
                   "[`run.py`](run.py); how each server is configured: "
                   "[`servers.py`](servers.py).\n\n" + text + "\n")
    drawing = chart(results)
    if drawing:
        with open(os.path.join(where, "chart.svg"), "w", encoding="utf-8") as file:
            file.write(drawing)


# The chart: a panel for each scenario, a bar for each server.
PANELS = [("13B", "13 B"), ("1KiB", "1 KiB"), ("c1024", "13 B, 1,024 connections"),
          ("100KiB", "100 KiB"), ("pipelined", "13 B, 16 pipelined"),
          ("close", "13 B, a connection for each")]
WIDTH, LABEL, BAR, STEP, TOP, GAP = 380, 92, 220, 19, 34, 16

# It has a ground of its own: a reader's page may be dark where the system is light.
STYLE = """
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#24292f}
.ground{fill:#fff;stroke:#d0d7de}.title{font-weight:600}.note{fill:#57606a;font-size:11px;font-weight:400}
.peer{fill:#afb8c1}.floor{fill:#6e7781}.ours{fill:#bc4c00}.cut{stroke:#fff;stroke-width:3}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#161b22;stroke:#30363d}
.note{fill:#8b949e}.peer{fill:#484f58}.floor{fill:#8b949e}.ours{fill:#f0883e}.cut{stroke:#161b22}}
"""


def chart(results):
    panels = []
    for key, title in PANELS:
        bars = {}
        for server in results.rows(key):
            figure = results.median(key, server, "cpu")
            name = server.split(",")[0]
            if figure is not None and server != "httprs, library":
                bars[name] = min(figure, bars.get(name, figure))  # the better floor
        if bars:
            panels.append((title, bars))
    if not panels:
        return ""
    tall = TOP + STEP * max(len(bars) for _, bars in panels) + GAP
    height = 44 + tall * ((len(panels) + 1) // 2)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH + 20}" height="{height}" '
           f'viewBox="0 0 {2 * WIDTH + 20} {height}" role="img" '
           'aria-label="Processor time for a request, by server">',
           f"<style>{STYLE}</style>",
           f'<rect class="ground" x=".5" y=".5" width="{2 * WIDTH + 19}" '
           f'height="{height - 1}" rx="6"/>',
           '<text class="title" x="20" y="26">Processor time for a request, µs'
           '<tspan class="note" dx="10">less is better; scales differ; '
           'bars that are cut are longer; floor: recv and send alone</tspan></text>']
    for index, (title, bars) in enumerate(panels):
        left, top = 20 + index % 2 * WIDTH, 44 + index // 2 * tall
        out.append(f'<text class="title" x="{left}" y="{top + 18}">{html.escape(title)}</text>')
        # One that is far longer than all others would leave nothing to see of them.
        longest, *others = sorted(bars.values(), reverse=True)
        if others and longest > 2 * others[0]:
            longest = 1.25 * others[0]
        scale = BAR / longest
        for row, (name, figure) in enumerate(bars.items()):
            y = top + TOP - 6 + row * STEP
            kind = {"httprs": "ours", "floor": "floor"}.get(name, "peer")
            wide = max(min(figure, longest) * scale, 1)
            out.append(f'<text x="{left + LABEL - 8}" y="{y + 11}" text-anchor="end">{name}</text>'
                       f'<rect class="{kind}" x="{left + LABEL}" y="{y}" width="{wide:.1f}" '
                       'height="14" rx="2"/>'
                       f'<text x="{left + LABEL + wide + 5:.1f}" y="{y + 11}">{figure:.2f}</text>')
            if figure > longest:
                out.append(f'<path class="cut" d="M{left + LABEL + BAR - 18} {y + 15}l6 -16"/>')
    return "\n".join([*out, "</svg>", ""])
