"""Tables in Markdown."""

import datetime
import os
import re
import shlex

from chart import chart
from scenarios import WORKERS
from targets import best_floor, cpu, judged, middle


def markdown(results):
    parts = [scenario_table(results, scenario) for scenario in results.scenarios
             if scenario.pinned]
    parts += [cores_table(results), memory_table(results), startup_table(results),
              size_table(results), targets_table(results), conditions(results)]
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
        row += [percent(figure("kernel")), f"{figure('requests'):,.0f}"]
        if large:
            row.append(f"{figure('bytes') / 1e6:,.0f}")
        if scenario.connections == 1:
            row += [whole(figure("p50")), whole(figure("p99"))]
        row.append(percent(figure("busy")))
        rows.append(row)
    if not rows:
        return ""
    head = ["server", "CPU µs/request", "in the rounds", "× without" if scenario.log else "× floor",
            "× httprs", "in the kernel", "requests/s"]
    head += ["MB/s"] if large else []
    head += ["median µs", "99 % µs"] if scenario.connections == 1 else []
    return f"### {scenario.title}\n\n" + table(head + ["core busy"], rows)


def cores_table(results):
    rows = []
    for scenario in results.scenarios:
        if scenario.pinned:
            continue
        one = results.median(scenario.key, "httprs, one worker", "requests")
        for server in results.rows(scenario.key):
            def figure(name, server=server, key=scenario.key):
                return results.median(key, server, name)
            row = [f"{scenario.connections:,}", str(WORKERS[server])]
            rows.append(row)
            if (scenario.key, server) in results.failures:
                row.append(f"failed: {results.failures[scenario.key, server]}")
                continue
            row += [f"{figure('requests'):,.0f}", times(figure("requests"), one),
                    f"{figure('cpu'):.2f}", percent(figure("kernel"))]
            if WORKERS[server] > 1:
                each = [sample["spread"] for sample in results.samples[scenario.key, server]]
                row += [f"{figure('most'):,.0f} and {figure('least'):,.0f}",
                        f"{figure('spread'):.2f}", f"{min(each):.2f} to {max(each):.2f}"]
            else:
                row += [""] * 3
            row.append(f"{figure('client'):.1f}")
    if not rows:
        return ""
    return "### Two workers\n\n" + table(
        ["connections", "workers", "requests/s", "× one worker", "CPU µs/request",
         "in the kernel", "requests of each", "most ÷ least", "in the rounds", "wrk's cores"], rows)


def times(figure, other):
    return f"{figure / other:.2f}" if other else ""


def whole(figure):
    return "" if figure is None else f"{figure:.0f}"


def percent(figure):
    return "" if figure is None else f"{100 * figure:.0f} %"


def memory_table(results):
    rows = []
    for server, (idle_bytes, files, each) in results.memory.items():
        rows.append([server, f"{idle_bytes / (1 << 20):.2f}",
                     f"{files / (1 << 20):.2f}" if files else "", f"{each:,.0f}" if each else ""])
    rows += failures(results, "memory")
    if not rows:
        return ""
    return "### Memory, 4 workers (PSS of all processes)\n\n" + table(
        ["server", "idle, MiB", "of it files, MiB", "bytes for each of 10,000 idle connections"],
        rows)


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
    rows = [[target.what, target.shown, target.wanted, "yes" if target.met else "**no**"]
            for target in judged(results)]
    return rows and "### Targets of httprs\n\n" + table(["what", "measured", "target", "met"], rows)


def conditions(results):
    settings = results.settings
    cpu_name = first_match("/proc/cpuinfo", r"model name\s*: (.*)") or os.uname().machine
    ram = int(first_match("/proc/meminfo", r"MemTotal:\s+(\d+)") or 0) / (1 << 20)
    now = datetime.datetime.now(datetime.timezone.utc)
    busy = percent(results.elsewhere)
    rows = [["time", f"{now:%Y-%m-%d %H:%M} UTC"], ["httprs", results.commit],
            ["machine", f"{cpu_name}, {os.cpu_count()} cores, {ram:.0f} GiB, "
                        f"Linux {os.uname().release}"],
            ["busy with something else", f"**{busy}**" if results.elsewhere > results.QUIET else busy],
            ["versions", "; ".join(text for text in results.versions if text)],
            ["rounds", f"{results.rounds} of {settings.seconds} s"],
            ["cores", f"server {settings.server_core}, wrk {settings.client_core}"],
            ["command", f"`{command()}`"]]
    return "### How it was measured\n\n" + table(["what", "value"], rows)


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
