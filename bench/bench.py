"""Measures tunflow beside its peers and a plain copy, and writes docs/performance.md and its plot. bench.py --help"""
import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import accounting
import machine
import measure
import native
import plot
import programs
import report
import short
import topology
import tunnels
from results import Results

# What goes wrong with one tunnel is told, and the others go on.
ERRORS = (RuntimeError, OSError, ValueError, KeyError, subprocess.SubprocessError)


def chosen(options, key, round_number):
    """The sessions of a tunnel in a round: lists of kinds, each for a process of its own."""
    busy, quiet = measure.PLAN[key]
    if round_number > options.long_rounds:
        quiet = ()
    sessions = [[kind for kind in kinds if not options.kinds or kind in options.kinds] for kinds in (busy, quiet)]
    return [session for session in sessions if session]


def run_session(starter, peers, results, key, kinds, settings, label):
    with starter.start(key) as running:
        for kind in kinds:
            began = time.monotonic()
            try:
                figures = ({**measure.BUSY, **measure.QUIET})[kind].measure(running, peers, settings)
            except ERRORS as exception:
                results.fail(key, kind, exception)
                print(f"{label} {key:12} {kind}: {exception}", file=sys.stderr, flush=True)
                continue
            results.add(key, figures)
            shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            print(f"{label} {key:12} {kind:11} {time.monotonic() - began:3.0f} s  {shown}", flush=True)


@contextlib.contextmanager
def prepared(options):
    """The host's namespace with its servers, and what starts the tunnels there."""
    with topology.host() as host, programs.Peers(host, os.path.join(options.tools, "tunflow-load")).serving() as peers:
        variants = ["dotnet", "exec", options.variants] if options.variants else None
        yield peers, tunnels.Tunnels(host, options.tunflow, variants, os.path.join(options.tools, "tunflow-copy"))


def measure_native(results, options):
    """Once: it takes the least of its own rounds."""
    try:
        if (reason := native.missing(options.tools)) is not None:
            raise programs.Failed(reason)
        results.add("native", native.measure(options.tools))
    except ERRORS as exception:
        results.fail("native", "50,000 flows", exception)
        print(f"native library: {exception}", file=sys.stderr, flush=True)


def measure_all(options, settings):
    keys = [key for key in tunnels.TITLES if not options.tunnels or key in options.tunnels]
    with prepared(options) as (peers, starter), accounting.group() as group:
        results = Results(machine.describe() | {"rounds": options.rounds, "long_rounds": options.long_rounds, "seconds": options.seconds,
                                                "accounting": group.name, "mtu": tunnels.MTU})
        for key in keys:
            if (reason := starter.missing(key)) is not None:
                results.fail(key, "all", reason)
        keys = [key for key in keys if starter.missing(key) is None]
        for number in range(1, options.rounds + 1):
            # By turns, and each round from another one on, so that what else the machine does hits all alike.
            for key in keys[number % len(keys):] + keys[:number % len(keys)]:
                for kinds in chosen(options, key, number):
                    try:
                        run_session(starter, peers, results, key, kinds, settings, f"round {number}")
                    except ERRORS as exception:
                        results.fail(key, ", ".join(kinds), exception)
                        print(f"round {number} {key}: {exception}", file=sys.stderr, flush=True)
            results.save(options.results)
    return results


def write(results, options):
    text = report.render(results, options.document)
    if is_part(options):
        print(f"\n{text}\na part only: the document stays as it is, the results are in {options.results}")
        return
    with open(options.document, "w", encoding="utf-8") as file:
        file.write(text)
    picture = os.path.splitext(options.document)[0] + ".svg"
    with open(picture, "w", encoding="utf-8") as file:
        file.write(plot.render(results))
    print(f"\n{text}\nwritten to {options.document} and {picture}")


def is_part(options):
    return bool(options.tunnels or options.kinds)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench", description="Measures tunflow beside its peers and a plain copy between two TUNs. As it is, it takes 35 minutes.")
    add = parser.add_argument
    add("--rounds", type=int, default=5)
    add("--long-rounds", type=int, default=2, help="of those, how many with the measurements of processes at rest, which take minutes")
    add("--seconds", type=int, default=measure.Settings.seconds, help="of a stream")
    add("--tunnels", type=lambda text: text.split(","), help=", ".join(tunnels.TITLES))
    add("--kinds", type=lambda text: text.split(","), help=", ".join([*measure.BUSY, *measure.QUIET]))
    add("--settings", type=json.loads, default={}, help="other durations and counts, as JSON; see measure.Settings")
    add("--report", action="store_true", help="write the document again from the last results, without measuring")
    add("--short", metavar="JUNIT", help="the short form of the tests: compare with the copy, and write what passed and failed")
    add("--results", required=True, help=argparse.SUPPRESS)
    add("--document", required=True, help=argparse.SUPPRESS)
    add("--tools", required=True, help=argparse.SUPPRESS)
    add("--variants", help=argparse.SUPPRESS)
    add("tunflow", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for key in options.tunnels or ():
        if key not in tunnels.TITLES:
            parser.error(f"--tunnels: there is no {key}")
    for kind in options.kinds or ():
        if kind not in {**measure.BUSY, **measure.QUIET}:
            parser.error(f"--kinds: there is no {kind}")
    if is_part(options):
        options.results = os.path.join(os.path.dirname(options.results), "part.json")
    return options


def main():
    options = parse(sys.argv[1:])
    # Namespaces and processes are left by the way of exceptions.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if options.report:
        write(Results.load(options.results), options)
        return 0
    if options.short:
        return short.run(options, prepared)
    settings = measure.Settings(**{"seconds": options.seconds, **options.settings})
    results = measure_all(options, settings)
    if not is_part(options):
        measure_native(results, options)
        results.save(options.results)
    write(results, options)
    for failure in results.failures:
        print(f"failed: {failure['tunnel']} {failure['kind']}: {failure['reason']}", file=sys.stderr)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
