"""The chart: a panel for each scenario, a bar for each server."""

import html

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
