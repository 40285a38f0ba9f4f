#!/usr/bin/env python3
"""Draws the charts of docs/charts/ from the figures of benches/figures/.

    python3 benches/charts.py --take     # copies the figures of the last runs to benches/figures/, then draws
    python3 benches/charts.py            # draws
    python3 benches/charts.py --check    # fails if a chart is not what the figures draw

The benchmarks write their figures to target/performance/. Needs Python 3.9 and nothing else.
"""

import json
import shutil
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Callable, Optional

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "benches/figures"
CHARTS = ROOT / "docs/charts"
RUNS = [ROOT / "target/performance", ROOT / "benches/peers/target/performance"]

OVER_HTTP = "Requests per second of one server thread over HTTP, median round"
PEERS_LAYER = "Through the layer, best round (and ratio to the bare check)"
PATHS = "Through the layer, best round, request included"

OURS = "tower-bearer-auth"
CACHED = "tower-bearer-auth, cached"
REFERENCES = ["no authentication", "bare signature check"]

# The card brings its own background, since the theme of the page can differ from that of the browser.
STYLE = """
    text { font-family: -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 13px; fill: #1f2328 }
    .title { font-size: 17px; font-weight: 600 }
    .panel { font-weight: 600 }
    .ours { font-weight: 600 }
    .small { font-size: 11px; fill: #59636e }
    .card { fill: #ffffff; stroke: #d1d9e0 }
    .grid { stroke: #e4e8ec }
    .floor { stroke: #59636e; stroke-dasharray: 3 3 }
    .bar-ours { fill: #0969da }
    .bar-peer { fill: #9aa4af }
    .bar-reference { fill: #d1d9e0 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .small { fill: #9198a1 }
      .card { fill: #0d1117; stroke: #3d444d }
      .grid { stroke: #262c36 }
      .floor { stroke: #9198a1 }
      .bar-ours { fill: #4493f8 }
      .bar-peer { fill: #656c76 }
      .bar-reference { fill: #3d444d }
    }
"""

WIDTH = 900
MARGIN = 24
ROW = 34
BAR = 18
# The height above the first row: the title, the explanation, and the name of the panel.
TOP = 92
BOTTOM = 58
# The width of the longest value beside a bar.
VALUE = 74


@dataclass
class Bar:
    """One bar of a panel, of one or more segments from the left."""

    name: str
    note: str
    segments: list[tuple[str, float]]
    value: float


@dataclass
class Panel:
    name: str
    bars: list[Bar]
    # A dashed line through all bars.
    floor: Optional[float] = None


@dataclass
class Chart:
    title: str
    explanation: str
    axis: str
    panels: list[Panel]
    columns: int
    label: Callable[[float], str]
    # The names are left of each panel, or only of the first in a row.
    shared_names: bool
    legend: list[tuple[str, str]] = field(default_factory=list)
    names_width: int = 214


class Figures:
    """The tables that a benchmark wrote: rows by title, as dictionaries by the names of the columns."""

    def __init__(self, benchmark: str):
        self.tables = json.loads((FIGURES / f"{benchmark}.json").read_text())

    def rows(self, title: str) -> list[dict]:
        header, *rows = self.tables[title]
        return [dict(zip(header, row)) for row in rows]


def microseconds(ns: float) -> str:
    us = ns / 1000
    return f"{us:.2f} µs" if us < 10 else f"{us:.1f} µs" if us < 100 else f"{us:.0f} µs"


def per_second(requests: float) -> str:
    """Three digits, as repeated runs differ in the third."""
    digits = len(str(int(requests))) - 3
    return f"{round(requests, -digits):,.0f}".replace(",", "\u202f")


def kind(name: str) -> str:
    if name in REFERENCES:
        return "reference"
    return "ours" if name in (OURS, CACHED) else "peer"


def bar(name: str, note: str, value: float) -> Bar:
    return Bar(name, note, [(kind(name), value)], value)


def fastest(rows: list[dict], column: str, best: Callable) -> list[dict]:
    """Of each crate, the row of its fastest backend. Crates without the algorithm are left out."""
    rows = [row for row in rows if row[column] is not None]
    name = next(iter(rows[0]))
    names = list(dict.fromkeys(row[name] for row in rows))
    of = lambda crate: [row for row in rows if row[name] == crate]
    return [best(of(crate), key=lambda row: row[column]) for crate in names]


def ordered(rows: list[dict], key: Callable[[dict], float]) -> list[dict]:
    """The references and our own rows first, as they are in the table, and then the peers from fast to slow."""
    name = next(iter(rows[0]))
    peers = [row for row in rows if kind(row[name]) == "peer"]
    return [row for row in rows if row not in peers] + sorted(peers, key=key)


def over_http() -> Chart:
    rows = Figures("peers").rows(OVER_HTTP)
    order = [row["authentication"] for row in ordered(fastest(rows, "RS256", max), lambda row: -row["RS256"])]
    panels = []
    for algorithm in ("RS256", "ES256"):
        best = {row["authentication"]: row for row in fastest(rows, algorithm, max)}
        bars = [bar(name, best[name]["cryptography"], best[name][algorithm]) for name in order]
        panels.append(Panel(algorithm, bars))
    return Chart(
        title="Requests per second over HTTP",
        explanation="axum, one server thread, 8 connections, tokens of 700 to 1000 bytes. Each crate with the fastest "
        "cryptography it offers. More is better.",
        axis="requests per second",
        panels=panels,
        columns=2,
        label=per_second,
        shared_names=True,
    )


def beside_peers() -> Chart:
    rows = [row for row in Figures("peers").rows(PEERS_LAYER) if row["crate"] != CACHED]
    panels = []
    for algorithm in ("HS256", "RS256", "ES256", "EdDSA"):
        best = ordered(fastest(rows, algorithm, min), lambda row: row[algorithm])
        bars = [bar(row["crate"], row["cryptography"], row[algorithm]) for row in best]
        panels.append(Panel(algorithm, bars, floor=best[0][algorithm]))
    return Chart(
        title="Time of a request through the layer",
        explanation="Without HTTP, to an empty service. Each crate with the fastest cryptography it offers. Dashed: the "
        "bare signature check. Less is better.",
        axis="microseconds per request",
        panels=panels,
        columns=2,
        label=microseconds,
        shared_names=False,
    )


def paths() -> Chart:
    rows = {row["request"]: row for row in Figures("layer").rows(PATHS)}
    shown = {
        "no token": "refused: no token",
        "RS256, cached": "accepted: RS256, cached",
        "HS256": "accepted: HS256",
        "RS256": "accepted: RS256",
        "EdDSA": "accepted: EdDSA",
        "ES256": "accepted: ES256",
    }
    bars = []
    for request, name in shown.items():
        time, limit = rows[request]["time"], min(rows[request]["limit"], rows[request]["time"])
        bars.append(Bar(name, "", [("reference", limit), ("ours", time - limit)], time))
    return Chart(
        title="Time of each path through the layer",
        explanation="Without HTTP, to an empty service, including the construction of the request. Less is better.",
        axis="microseconds per request",
        panels=[Panel("", bars)],
        columns=1,
        label=microseconds,
        shared_names=True,
        legend=[
            ("reference", "the least work possible, such as the signature check"),
            ("ours", "what the crate adds"),
        ],
    )


def ticks(longest: float, width: float) -> list[float]:
    """Round numbers from zero, at most eight, and at most one per 45 pixels."""
    step = 1.0
    while longest / step > min(7, width / 45):
        mantissa = step / 10 ** (len(str(int(step))) - 1)
        step *= 2.5 if mantissa == 2 else 2
    return [step * i for i in range(int(longest / step) + 1)]


def text(x: float, y: float, content: str, css: str = "", anchor: str = "start") -> str:
    attributes = f' class="{css}"' if css else ""
    attributes += f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(content)}</text>'


def panel_lines(chart: Chart, panel: Panel, x: float, y: float, width: float, named: bool) -> list[str]:
    """The panel, whose bars start at `x`, and whose first row starts at `y`."""
    height = ROW * len(panel.bars)
    longest = max(bar.value for bar in panel.bars)
    scale = (width - VALUE) / longest
    lines = [text(x, y - 10, panel.name, "panel")] if panel.name else []
    for tick in ticks(longest, width - VALUE):
        at = x + tick * scale
        name = f"{tick / 1000:g}" + ("k" if chart.label is per_second and tick else "")
        lines.append(f'<line class="grid" x1="{at:.1f}" y1="{y:.1f}" x2="{at:.1f}" y2="{y + height:.1f}"/>')
        lines.append(text(at, y + height + 16, name, "small", "middle"))
    lines.append(text(x, y + height + 34, chart.axis, "small"))
    for i, bar in enumerate(panel.bars):
        top = y + i * ROW + (ROW - BAR) / 2
        css = "ours" if bar.name in (OURS, CACHED) else ""
        if named:
            middle = top + BAR / 2 + (-1 if bar.note else 5)
            lines.append(text(x - 10, middle, bar.name, css, "end"))
            if bar.note:
                lines.append(text(x - 10, middle + 13, bar.note, "small", "end"))
        start = x
        for segment, value in bar.segments:
            length = value * scale
            rect = f'x="{start:.1f}" y="{top:.1f}" width="{length:.1f}" height="{BAR}"'
            lines.append(f'<rect class="bar-{segment}" {rect}/>')
            start += length
        lines.append(text(start + 6, top + BAR / 2 + 5, chart.label(bar.value), css))
    if panel.floor:
        at = x + panel.floor * scale
        lines.append(f'<line class="floor" x1="{at:.1f}" y1="{y:.1f}" x2="{at:.1f}" y2="{y + height:.1f}"/>')
    return lines


def description(chart: Chart) -> str:
    """All figures of the chart as text, for screen readers."""
    panels = []
    for panel in chart.panels:
        bars = "; ".join(f"{bar.name} {chart.label(bar.value)}" for bar in panel.bars)
        panels.append(f"{panel.name}: {bars}." if panel.name else f"{bars}.")
    return " ".join(panels)


def svg(chart: Chart) -> str:
    legend_height = 24 if chart.legend else 0
    named_columns = 1 if chart.shared_names else chart.columns
    bars_width = (WIDTH - 2 * MARGIN - named_columns * chart.names_width) / chart.columns
    lines = [text(MARGIN, 36, chart.title, "title"), text(MARGIN, 57, chart.explanation, "small")]
    x = MARGIN
    for css, name in chart.legend:
        lines.append(f'<rect class="bar-{css}" x="{x}" y="70" width="12" height="12"/>')
        lines.append(text(x + 18, 80, name, "small"))
        x += 50 + 6 * len(name)
    y = TOP + legend_height - (0 if chart.panels[0].name else 12)
    for first in range(0, len(chart.panels), chart.columns):
        row = chart.panels[first : first + chart.columns]
        x = MARGIN
        for column, panel in enumerate(row):
            named = column == 0 or not chart.shared_names
            x += chart.names_width if named else 0
            lines += panel_lines(chart, panel, x, y, bars_width, named)
            x += bars_width
        y += ROW * max(len(panel.bars) for panel in row) + BOTTOM + 22
    height = y - 30
    lines.insert(0, f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="6"/>')
    body = "\n  ".join(lines)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" \
height="{height:.0f}" role="img" aria-labelledby="title description">
  <title id="title">{escape(chart.title)}</title>
  <desc id="description">{escape(description(chart))}</desc>
  <style>{STYLE}  </style>
  {body}
</svg>
"""


def take() -> None:
    FIGURES.mkdir(exist_ok=True)
    for directory in RUNS:
        for file in sorted(directory.glob("*.json")):
            shutil.copy(file, FIGURES / file.name)
            print(f"took {file.relative_to(ROOT)}")


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--take"], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments == ["--take"]:
        take()
    charts = {"http.svg": over_http, "peers.svg": beside_peers, "paths.svg": paths}
    stale = []
    for name, chart in charts.items():
        drawn, file = svg(chart()), CHARTS / name
        if arguments != ["--check"]:
            CHARTS.mkdir(exist_ok=True)
            file.write_text(drawn)
        elif not file.exists() or file.read_text() != drawn:
            stale.append(name)
    for name in stale:
        print(f"docs/charts/{name} is not what benches/figures/ draws: run python3 benches/charts.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
