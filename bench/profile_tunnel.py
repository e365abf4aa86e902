"""Records perf of a tunnel under one stream and prints where its processor time goes. bench/profile.sh calls it."""
import argparse
import concurrent.futures
import contextlib
import os
import subprocess
import sys
import time

import programs
import stacks
import topology
import tunnels

# What tunflow-load is to do, and where its report counts it.
LOADS = {
    "udp": (["udp", f"{topology.SERVER}:{programs.UDP}"], "received"),
    "connections": (["connections", "--count", 10**9, "--parallel", 64, f"{topology.SERVERS}:{programs.ECHO}"], "count"),
}


def stream(running, peers, direction, seconds):
    """(Gbit/s, CPU seconds per GB)"""
    return programs.iperf(running.application, direction, 1, seconds, running.cpu_seconds)


def load(running, peers, kind, seconds):
    """(thousands a second, CPU milliseconds per thousand)"""
    (command, *arguments), done = LOADS[kind]
    before = running.cpu_seconds()
    report = peers.load(running.application, command, "--seconds", seconds, *arguments)
    return report[done] / 1e3 / seconds, (running.cpu_seconds() - before) * 1e6 / report[done]


def record(running, peers, direction, options):
    """perf's stacks as text, and what was carried meanwhile at which cost."""
    carry = load if direction in LOADS else stream
    carry(running, peers, direction, 3)  # the JIT's last tier comes after a while
    data = os.path.join(options.work, f"{direction}.data")
    pids = ",".join(map(str, running.processes()))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        carried = pool.submit(carry, running, peers, direction, options.seconds + 2)
        time.sleep(1)
        # cpu-clock: virtual machines often have no counter of cycles.
        perf("record", "--quiet", "--event", "cpu-clock", "--freq", "997", "--call-graph", "fp", "--pid", pids, "--output", data,
             "--", "sleep", str(options.seconds))
        outcome = carried.result()
    try:
        return perf("script", "--input", data, "--fields", "comm,tid,ip,sym,dso"), outcome
    finally:
        for pid in running.processes():
            for name in (f"/tmp/perf-{pid}.map", f"/tmp/perfinfo-{pid}.map"):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(name)


def perf(*command):
    result = subprocess.run(["perf", *command], capture_output=True, text=True, errors="replace", check=False)
    if result.returncode != 0:
        raise RuntimeError(f"perf {command[0]}: exit code {result.returncode}: {result.stderr.strip()}")
    return result.stdout


def sources(library):
    """{symbol: "lwIP" or "shim"} of the native library, by its debug information."""
    lines = subprocess.run(["nm", "--line-numbers", "--defined-only", library], capture_output=True, text=True, check=True).stdout.splitlines()
    return stacks.parse_symbols(lines)


def show(direction, outcome, tallies, most):
    rate, cost = outcome
    total = sum(tally.samples for tally in tallies.values())
    rate_unit, cost_unit = ("thousand a second", "CPU us each") if direction in LOADS else ("Gbit/s", "CPU seconds per GB")
    print(f"\n{direction}: {rate:.2f} {rate_unit}, {cost:.2f} {cost_unit} while recorded; {total} samples\n")
    print(f"| where | share | {'us' if direction in LOADS else 's/GB'} | most of it |\n|---|---|---|---|")
    for name, tally in sorted(tallies.items(), key=lambda item: -item[1].samples):
        share = tally.samples / total
        symbols = ", ".join(f"{symbol} {count / total:.1%}" for symbol, count in tally.symbols.most_common(most))
        described = f"{name}: {stacks.DESCRIPTIONS[name]}" if name in stacks.DESCRIPTIONS else name
        print(f"| {described} | {share:.1%} | {share * cost:.3f} | {symbols} |", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="bench/profile.sh")
    parser.add_argument("--direction", choices=("up", "down", "both", *LOADS), default="both")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--tunnel", choices=("tunflow", "general", "plain"), default="tunflow")
    parser.add_argument("--symbols", type=int, default=5, help="of each group that are named")
    for hidden in ("library", "load", "tool", "variants", "work"):
        parser.add_argument(f"--{hidden}", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    # Without W^X the JIT's memory is anonymous, and only there perf looks its map up.
    environment = dict(os.environ, DOTNET_PerfMapEnabled="1", DOTNET_EnableWriteXorExecute="0")
    known = sources(options.library)
    with topology.host() as host, programs.Peers(host, options.load).serving() as peers:
        starter = tunnels.Tunnels(host, ["dotnet", "exec", options.tool], ["dotnet", "exec", options.variants], environment=environment)
        for direction in ("up", "down") if options.direction == "both" else (options.direction,):
            with starter.start(options.tunnel) as running:
                text, outcome = record(running, peers, direction, options)
            show(direction, outcome, stacks.tally(stacks.parse(text), known), options.symbols)
    return 0


if __name__ == "__main__":
    sys.exit(main())
