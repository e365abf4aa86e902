"""docs/performance.svg: throughput and CPU per GB of each tunnel, as bars with the range of the rounds. Readable on light and dark."""
import math
import statistics
from xml.sax.saxutils import escape

from tunnels import TITLES

WAYS = (("up1", "up, 1 stream"), ("up4", "up, 4 streams"), ("down1", "down, 1 stream"), ("down4", "down, 4 streams"))
PANELS = (("gbits", "Throughput, Gbit/s", "more is better"), ("cpu", "CPU seconds per GB", "less is better"))
BAR, GAP, ROW_GAP = 9, 2, 14
LABELS, PANEL, BETWEEN, VALUE, TOP, BOTTOM = 170, 300, 40, 56, 76, 22
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 14px; font-weight: 600 } .small, .value { font-size: 10px; fill: #57606a }
.up1 { fill: #0550ae } .up4 { fill: #54aeff } .down1 { fill: #9a5b00 } .down4 { fill: #e8a33d }
.axis { stroke: #8c959f; stroke-opacity: .35 } .range { stroke: #24292f; stroke-opacity: .7 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small, .value { fill: #9198a1 } .range { stroke: #e6edf3 }
.up1 { fill: #4493f8 } .up4 { fill: #a5d0ff } .down1 { fill: #d4890f } .down4 { fill: #f4c57c }
}"""


def nice_scale(most):
    """(end of the axis, step): 1, 2 or 5 times a power of ten, with 3 to 8 steps."""
    if most <= 0:
        return 1.0, 0.5
    step = 10 ** math.floor(math.log10(most))
    for factor in (0.2, 0.5, 1, 2):
        if most / (step * factor) <= 6:
            step *= factor
            break
    return math.ceil(most / step - 1e-9) * step, step


def render(results):
    keys = [key for key in TITLES if any(results.values(key, f"{way}.gbits") for way, _ in WAYS)]
    row = len(WAYS) * (BAR + GAP) + ROW_GAP
    width = LABELS + 2 * (PANEL + VALUE) + BETWEEN
    height = TOP + len(keys) * row + BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
             "<title>Throughput and CPU seconds per GB of each tunnel</title>", f"<style>{STYLE}</style>", *legend()]
    for index, key in enumerate(keys):
        middle = TOP + index * row + (row - ROW_GAP) / 2 + 4
        parts.append(text(LABELS - 10, middle, TITLES[key], anchor="end"))
    for index, (name, title, hint) in enumerate(PANELS):
        parts += panel(results, keys, name, title, hint, LABELS + index * (PANEL + VALUE + BETWEEN), row)
    return "\n".join([*parts, "</svg>"]) + "\n"


def legend():
    for index, (way, title) in enumerate(WAYS):
        left = LABELS + index * 130
        yield f'<rect class="{way}" x="{left}" y="8" width="12" height="12"/>'
        yield text(left + 17, 18, title)


def panel(results, keys, name, title, hint, left, row):
    most = max((max(values) for key in keys for way, _ in WAYS if (values := results.values(key, f"{way}.{name}"))), default=0)
    end, step = nice_scale(most)
    bottom = TOP + len(keys) * row - ROW_GAP / 2
    yield text(left, 44, title, "title")
    yield text(left, 60, hint, "small")
    for tick in range(round(end / step) + 1):
        x = left + tick * step / end * PANEL
        yield f'<line class="axis" x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
        yield text(x, bottom + 14, f"{tick * step:g}", "small", "middle")
    for index, key in enumerate(keys):
        for place, (way, _) in enumerate(WAYS):
            if values := results.values(key, f"{way}.{name}"):
                yield from bar(values, way, left, TOP + index * row + place * (BAR + GAP), PANEL / end)


def bar(values, way, left, top, scale):
    median, low, high = statistics.median(values), min(values), max(values)
    yield f'<rect class="{way}" x="{left}" y="{top}" width="{max(1, median * scale):.1f}" height="{BAR}"/>'
    if high > low:
        yield f'<line class="range" x1="{left + low * scale:.1f}" y1="{top + BAR / 2}" x2="{left + high * scale:.1f}" y2="{top + BAR / 2}"/>'
    yield text(left + high * scale + 4, top + BAR - 0.5, f"{median:.2f}" if median < 10 else f"{median:.1f}", "value")


def text(x, y, content, kind=None, anchor=None):
    kind = f' class="{kind}"' if kind else ""
    anchor = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{anchor}>{escape(content)}</text>'
