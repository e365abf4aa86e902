"""Throughput and processor time of `tunflow up` beside slirp4netns: bench.py [OPTION...] -- TUNFLOW..."""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import topology

MTU = 1500
TARGET = 1.2  # CPU seconds per GB, each way
ATTEMPTS = 5
DIRECTIONS = {"up": [], "down": ["-R"]}


def cpu_seconds(pid):
    """User and system time of all threads of a process so far, exited ones included (proc(5), fields 14 and 15)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def measure(name, process, direction, seconds):
    """One iperf3 run: (Gbit/s, CPU seconds per GB)."""
    for attempt in range(ATTEMPTS):
        before = cpu_seconds(process.pid)
        result = subprocess.run(
            ["ip", "netns", "exec", name, "iperf3", "-c", topology.SERVER, "-p", str(topology.PORT), "-t", str(seconds), "-J",
             *DIRECTIONS[direction]], capture_output=True, check=False, timeout=seconds + 60)
        cost = cpu_seconds(process.pid) - before
        answer = json.loads(result.stdout)
        if "error" not in answer:
            received = answer["end"]["sum_received"]
            return received["bits_per_second"] / 1e9, cost / (received["bytes"] / 1e9)
        # The server takes one client at a time and may not be done with the one before.
        print(f"attempt {attempt + 1}: {answer['error']}", file=sys.stderr, flush=True)
        time.sleep(2)
    raise RuntimeError(f"no result in {ATTEMPTS} attempts: {answer['error']}")


def measure_all(command, rounds, seconds):
    """Tunnels and directions by turns, so that what else the machine does hits all alike."""
    results, memory = {}, {}
    with topology.host() as host:
        for number in range(rounds):
            tunnels = {"tunflow": lambda: topology.tunflow(command, host, MTU), "slirp4netns": lambda: topology.slirp4netns(host, MTU)}
            for tunnel, start in tunnels.items():
                with start() as (name, process):
                    for direction in DIRECTIONS:
                        measure(name, process, direction, 1)  # warms up: JIT, TCP's windows
                        rate, cost = measure(name, process, direction, seconds)
                        results.setdefault((tunnel, direction), []).append((rate, cost))
                        print(f"round {number + 1}  {tunnel:12} {direction:5} {rate:6.2f} Gbit/s  {cost:5.2f} CPU s/GB", flush=True)
                    memory[tunnel] = max(memory.get(tunnel, 0), peak_memory(process.pid))
    return results, memory


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release().split('-')[0]}"


def first_line(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def report(results, memory, load, options):
    worst = max(statistics.median(cost for _, cost in results["tunflow", direction]) for direction in DIRECTIONS)
    lines = [
        "# Performance", "",
        "Written by `./build.sh bench`; run it on your own machine before you compare.", "",
        f"One TCP stream of iperf3 at MTU {MTU}, both ends on one machine: the client in a network namespace behind the tunnel, the",
        "server in the namespace where the tunnel's own sockets live. Processor time is user and system time of all threads",
        f"of the tunnel's process, per GB (10^9 bytes) received. {options.rounds} rounds of {options.seconds} s, tunnels and directions by turns; the",
        "median, and in brackets the lowest and highest. iperf3 and the kernel share the same cores.", "",
        f"Machine: {machine()}. {first_line('slirp4netns', '--version')}, {first_line('iperf3', '--version').split(' (')[0]}.",
        f"Load average of other work when the measurement began: {load:.1f}{' (a busy machine: all figures are worse than they could be)' if load > 1 else ''}.", "",
        "| tunnel | direction | Gbit/s | CPU seconds per GB | peak memory, MB |", "|---|---|---|---|---|",
    ]
    for (tunnel, direction), values in results.items():
        rates, costs = zip(*values)
        lines.append(f"| {tunnel} | {direction} | {spread(rates)} | {spread(costs)} | {memory[tunnel]:.0f} |")
    lines += ["", "up: from the application to the server. down: from the server to the application."]
    verdict = "reached" if worst <= TARGET else "missed"
    lines += ["", f"Target: at most {TARGET} CPU seconds per GB each way. The worse direction has {worst:.2f}: {verdict}."]
    return "\n".join(lines) + "\n"


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--output", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    results, memory = measure_all(options.command, options.rounds, options.seconds)
    text = report(results, memory, load, options)
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"\n{text}\nwritten to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
