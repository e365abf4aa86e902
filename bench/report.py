"""docs/performance.md, from the results of a run."""
import glob
import os
import statistics
import textwrap

import targets
from tunnels import TITLES

COLUMNS = ("up1", "up4", "down1", "down4")


def render(results, document):
    lines = [*introduction(results.about), *verdicts(results), "", *bulk(results), "", *latency(results), "", *footprint(results), "",
             *check(results), "", *problems(results), *notes(document)]
    return "\n".join(wrapped for line in lines for wrapped in wrap(line)).rstrip() + "\n"


def wrap(line):
    """Paragraphs and list items; tables and headings are as long as they are."""
    if not line or line[0] in "|#!":
        return [line]
    return textwrap.wrap(line, 120, subsequent_indent="  " if line.startswith("- ") else "", break_long_words=False, break_on_hyphens=False)


def introduction(about):
    yield from ("# Performance", "", "Written by `./build.sh bench`; run it on your own machine before you compare.", "",
                "![Throughput and CPU seconds per GB of each tunnel](performance.svg)", "")
    yield (f"Machine: {about['cores']} cores of {about['processor']}, Linux {about['kernel']}; {', '.join(about['programs'] + about['packages'])}. "
           f"Load average of other work when the measurement began: {about['load']:.1f}"
           f"{' (a busy machine: all figures are worse than they could be)' if about['load'] > 1 else ''}.")
    yield ""
    yield (f"All at MTU {about['mtu']}, both ends on one machine: the client in a network namespace behind the tunnel, the server in the namespace "
           f"where the tunnel's own sockets live; clients, servers and the kernel share the cores. Rounds: {about['rounds']}, tunnels by turns, streams for "
           f"{about['seconds']} s each; rounds of what is measured on processes at rest: {about['long_rounds']}. Figures are medians, with the lowest and highest. "
           f"Processor time is user and system time of all of the tunnel's processes (its {about['accounting']}). GB are 10^9 bytes.")
    yield ""
    yield from (
        "- tunflow up: the tool as published, default options.",
        "- general path: the same with a dialer whose connections show no socket, as those of proxies with encryption.",
        "- without offload: the same on a TUN without virtio headers, as on an old kernel.",
        "- copy: [tunflow-copy](../bench/copy), packets read from one TUN and written to another: kernel TCP on both ends, no stack between. "
        "What any tunnel costs at least.", "")


def verdicts(results):
    rows = list(targets.all_of(results))
    counted = [row.reached for row in rows if not (isinstance(row, targets.Verdict) and row.orientation)]
    yield "## Targets"
    yield ""
    yield f"{counted.count(True)} reached, {counted.count(False)} missed, {counted.count(None)} not measured. The ratios are between medians of this run; they decide, and absolute figures beside them are for orientation. Allocations (under 0.01 bytes a packet) are what a test of the suite demands."
    yield ""
    yield "| target | figure | limit | |"
    yield "|---|---|---|---|"
    for row in rows:
        if isinstance(row, targets.Either):
            yield (f"| {row.one.name} (or to slirp4netns) | {figure(row.one)} ({figure(row.other)}) | {limit(row.one)} (or {limit(row.other)}) | {word(row.reached)} |")
        else:
            yield f"| {row.name} | {figure(row)} | {limit(row)} | {word(row.reached)}{', for orientation' if row.orientation and row.reached is not None else ''} |"


def word(reached):
    return {True: "reached", False: "**missed**", None: "not measured"}[reached]


def figure(verdict):
    return "-" if verdict.figure is None else f"{number(verdict.figure)} {verdict.unit}"


def limit(verdict):
    return f"{'at least' if verdict.at_least else 'at most'} {verdict.limit:g} {verdict.unit}"


def number(value):
    """Three digits, more only before the point."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def spread(values, scale=1):
    if not values:
        return "-"
    median, low, high = (function(values) * scale for function in (statistics.median, min, max))
    return number(median) if len(values) == 1 else f"{number(median)} ({number(low)} to {number(high)})"


def table(results, heading, columns, only=TITLES):
    """columns: [(title, figure, scale)]; a tunnel without any of them has no row."""
    yield f"| {heading} | {' | '.join(title for title, _, _ in columns)} |"
    yield "|---|" + "---|" * len(columns)
    for key in only:
        if any(results.values(key, name) for _, name, _ in columns):
            yield f"| {TITLES[key]} | {' | '.join(spread(results.values(key, name), scale) for _, name, scale in columns)} |"


def bulk(results):
    yield from ("## Streams", "", "TCP by iperf3. up: from the application to the server. down: from the server to the application.", "")
    yield from table(results, "Gbit/s", [(targets.NAMES[way], f"{way}.gbits", 1) for way in COLUMNS])
    yield ""
    yield from table(results, "CPU seconds per GB", [(targets.NAMES[way], f"{way}.cpu", 1) for way in COLUMNS])


def latency(results):
    yield from ("## Connections, round trips and datagrams", "",
                "Connections exchange 16 bytes and end. Loaded: beside 4 streams each way. UDP: echoes of 64 bytes, a window of 64; processor time of each, both ways. "
                "Lost: of what was sent at 50,000 a second, or as many as the client could. Upload: 40 KB on a new connection, answered by one byte.", "")
    yield from table(results, "connections", [("one by one, a second", "connect1.rate", 1), ("p50, us", "connect1.p50", 1),
                                              ("64 at a time, a second", "connect64.rate", 1), ("CPU us each", "connect64.cpu", 1),
                                              ("upload p99, ms", "upload.p99", 1e-3)])
    yield ""
    yield from table(results, "round trips, us", [("TCP p50", "ping.tcp.p50", 1), ("TCP p99", "ping.tcp.p99", 1), ("UDP p50", "ping.udp.p50", 1),
                                                  ("UDP p99", "ping.udp.p99", 1), ("loaded TCP p99", "ping.loaded.p99", 1)])
    yield ""
    yield from table(results, "UDP echo", [("thousand a second", "udp.kpps", 1), ("CPU us each", "udp.cpu", 1), ("lost, %", "udp.loss", 1),
                                         ("of thousand a second", "udp.offered", 1)])


def footprint(results):
    yield from ("## At rest", "", "Resident set of all processes, 30 s after the start; context switches of all threads in the 60 s after that; what the resident set grows by "
                "for each connection that is opened then, first use of the code included. What the kernel holds for a tunnel's sockets is not counted.", "")
    yield from table(results, "memory and wakes", [("fresh, MB", "memory.fresh", 1), ("KB a connection", "memory.connection", 1 / 1000),
                                                   ("at connections", "memory.connections", 1), ("switches a second", "idle.switches", 1)])
    yield ""
    yield from table(results, "with 10,000 idle connections, change in %", [("CPU per GB up", "flat.up", 1), ("CPU per GB down", "flat.down", 1), ("ping-pong p50", "flat.ping", 1)])


def check(results):
    yield from ("## Peers as known", "", "Each peer must come out within 25 % of a figure that was measured before, by other tools on a machine of the same kind, before others count.", "")
    yield from ("| peer | | here | known | |", "|---|---|---|---|---|")
    for tunnel, what, here, known, within in targets.known_peers(results):
        yield f"| {tunnel} | {what} | {'-' if here is None else number(here)} | {number(known)} | {'within 25 %' if within else 'not within 25 %' if here is not None else 'not measured'} |"
    for tunnel, known in sorted(targets.checked(results).items()):
        if known is None:
            yield from ("", f"**{tunnel} was not measured: this run is not checked by it.**")
        elif not known:
            yield from ("", f"**No figure of {tunnel} is within 25 %: this run, or this machine, is not comparable.**")


def problems(results):
    if results.failures:
        titles = TITLES | {"native": "native library"}
        yield from ("## Not measured", "")
        for failure in results.failures:
            yield f"- {titles[failure['tunnel']]}, {failure['kind']}: {failure['reason']}"
        yield ""


def notes(document):
    """What people wrote, beside the document in a directory of its name: it is linked, and stays as it is."""
    files = sorted(glob.glob(os.path.join(os.path.splitext(document)[0], "*.md")))
    if files:
        yield from ("## More", "")
    for path in files:
        with open(path, encoding="utf-8") as file:
            title = file.readline().lstrip("# ").strip()
        yield f"- [{title}]({os.path.basename(os.path.dirname(path))}/{os.path.basename(path)})"
