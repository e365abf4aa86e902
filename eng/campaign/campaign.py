"""The long forms of the tests: fuzzing, random packets, storms, a tiny heap, churn. What is done is kept in a directory; whoever stops
a campaign (Ctrl-C, kill) and starts it again goes on where it was."""

import argparse
import fcntl
import os
import pathlib
import signal
import sys

import fuzzing
import managed
import report
from state import State

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAGES = {
    "fuzz": fuzzing.run,
    "packets": managed.packets,
    "storm": managed.storm,
    "heap": managed.heap,
    "churn": managed.churn,
}


def parse():
    parser = argparse.ArgumentParser(prog="./build.sh campaign", description=__doc__)
    parser.add_argument("--stage", default=",".join(STAGES), metavar="NAME,...", help="of %(default)s")
    parser.add_argument("--hours", type=float, help="of fuzzing in all, earlier runs included (1)")
    parser.add_argument("--minutes", type=float, help="the same in minutes")
    parser.add_argument("--nice", type=int, default=10, help="of everything that runs (%(default)s)")
    parser.add_argument("--state", type=pathlib.Path, default=ROOT / "build" / "campaign", help="where everything is kept")
    parser.add_argument("--reset", action="store_true", help="forget the named stages before anything else; findings and corpus stay")
    parser.add_argument("--report", action="store_true", help="run nothing: write what is known into docs/robustness.md")
    arguments = parser.parse_args()
    arguments.stages = arguments.stage.split(",")
    unknown = [name for name in arguments.stages if name not in STAGES]
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)} (there are {', '.join(STAGES)})")
    minutes = arguments.minutes if arguments.minutes is not None else (arguments.hours or 1) * 60
    if minutes <= 0:
        parser.error("fuzzing takes more than no time")
    arguments.fuzz_seconds = minutes * 60
    return arguments


def stop(number, frame):
    raise KeyboardInterrupt


def main():
    arguments = parse()
    state = State(arguments.state)
    with open(state.directory / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not arguments.report or arguments.reset:
                sys.exit(f"campaign: another one is running on {state.directory}")
        if arguments.reset:
            for name in arguments.stages:
                state.forget(name)
            print(f"campaign: forgot {', '.join(arguments.stages)}")
            return 0
        if arguments.report:
            report.write(state, ROOT / "docs" / "robustness.md")
            return 0
        return run(arguments, state)


def run(arguments, state):
    os.nice(arguments.nice)
    signal.signal(signal.SIGTERM, stop)
    failed = []
    try:
        for name in arguments.stages:
            print(f"\n=== {name}", flush=True)
            if not STAGES[name](arguments, state, ROOT):
                failed.append(name)
    except KeyboardInterrupt:
        state.save()
        print("\ncampaign: stopped; the same command goes on from here", flush=True)
        return 130
    print()
    print(report.summary(state))
    print(f"campaign: {'failed: ' + ', '.join(failed) if failed else 'nothing failed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
