"""The short form of the tests: tunflow beside the copy with offload, and only what is grossly worse fails. Ratios, never time."""
import shutil
import subprocess
import xml.etree.ElementTree as ET

import programs
import topology
from measure import connections, roundtrips
from results import Results

TUNNELS = ("tunflow", "copy")
ROUNDS = 3  # at most: one that is good is enough, since what else a machine does only makes it worse
# (what, figure, how tunflow's may compare with the copy's, whether that is the least)
LIMITS = (
    ("throughput up", "up1.gbits", 0.25, True), ("throughput down", "down1.gbits", 0.25, True),
    ("CPU per GB up", "up1.cpu", 4, False), ("CPU per GB down", "down1.cpu", 4, False),
    ("connections a second", "connect64.rate", 0.15, True), ("CPU of a connection", "connect64.cpu", 8, False),
    ("round trip", "ping.tcp.p50", 5, False),
)


def figures(running, peers):
    measured = {}
    for direction in ("up", "down"):
        programs.iperf(running.application, direction, 1, 1)
        rate, cost = programs.iperf(running.application, direction, 1, 2, running.cpu_seconds)
        measured |= {f"{direction}1.gbits": rate, f"{direction}1.cpu": cost}
    connections.run(running, peers, 64, 1)
    rate, _, cost = connections.run(running, peers, 64, 1)
    return measured | {"connect64.rate": rate, "connect64.cpu": cost, "ping.tcp.p50": roundtrips.run(running, peers, "tcp", 1)["p50"]}


def judge(results):
    """[(what, ratio, limit, at least, good)]"""
    rows = []
    for what, name, limit, at_least in LIMITS:
        ours, theirs = (results.median(key, name) for key in TUNNELS)
        ratio = ours / theirs if theirs else float("inf")
        rows.append((what, ratio, limit, at_least, ratio >= limit if at_least else ratio <= limit))
    return rows


def run(options, prepared):
    if reason := unable():
        write(options.short, [(what, "skip", reason) for what, *_ in LIMITS])
        print(f"skipped: {reason}")
        return 0
    best = {what: (what, "fail", "not measured") for what, *_ in LIMITS}
    with prepared(options) as (peers, starter):
        for _ in range(ROUNDS):
            results = Results({})
            try:
                for key in TUNNELS:
                    with starter.start(key) as running:
                        results.add(key, figures(running, peers))
            except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as exception:
                print(f"nothing measured: {exception}", flush=True)
                for what, (_, verdict, _) in best.items():
                    if verdict == "fail":
                        best[what] = (what, "fail", f"not measured: {exception}")
                continue
            for what, ratio, limit, at_least, good in judge(results):
                said = f"{ratio:.2f} times the copy's, {'at least' if at_least else 'at most'} {limit:g} allowed"
                print(f"{what}: {said}", flush=True)
                if good or best[what][1] == "fail":
                    best[what] = (what, "pass" if good else "fail", said)
            if all(verdict == "pass" for _, verdict, _ in best.values()):
                break
    write(options.short, best.values())
    return 1 if any(verdict == "fail" for _, verdict, _ in best.values()) else 0


def unable():
    """Why nothing can be measured here, or None."""
    try:
        with open("/dev/net/tun", "rb"):
            pass
    except OSError as exception:
        return f"no TUN: {exception.strerror}"
    if not shutil.which("iperf3"):
        return "iperf3 is not installed"
    try:
        with topology.namespace("probe"):
            return None
    except (RuntimeError, OSError) as exception:
        return f"no network namespaces: {exception}"


def write(path, rows):
    """JUnit as ctest writes it."""
    suite = ET.Element("testsuite", name="bench")
    for what, verdict, said in rows:
        case = ET.SubElement(suite, "testcase", name=what, status={"pass": "run", "skip": "notrun", "fail": "fail"}[verdict])
        ET.SubElement(case, "system-out").text = said
        if verdict == "fail":
            ET.SubElement(case, "failure", message=said)
    ET.ElementTree(suite).write(path, encoding="unicode")
