"""What many idle connections change: CPU per GB and round trips of one process without them, with them, and without them again."""
import statistics
import time

import programs
from measure import roundtrips

BESIDE, AROUND = 3, 2  # measurements with them, and before and after each


def measure(running, peers, settings):
    _once(running, peers, settings)  # warms up
    without = [_once(running, peers, settings) for _ in range(AROUND)]
    with peers.idle(running.application, settings.idle_connections) as opened:
        if opened < settings.idle_connections:
            raise programs.Failed(f"{opened} of {settings.idle_connections} idle connections could be opened")
        beside = [_once(running, peers, settings) for _ in range(BESIDE)]
    time.sleep(2)
    without += [_once(running, peers, settings) for _ in range(AROUND)]
    return {f"flat.{name}": change([figures[name] for figures in without], [figures[name] for figures in beside]) for name in beside[0]}


def change(without, beside):
    """Percent, between medians. Before and after count alike, so that a drift of the machine does not."""
    return 100 * (statistics.median(beside) / statistics.median(without) - 1)


def _once(running, peers, settings):
    return {
        "up": programs.iperf(running.application, "up", 1, settings.seconds, running.cpu_seconds)[1],
        "down": programs.iperf(running.application, "down", 1, settings.seconds, running.cpu_seconds)[1],
        "ping": roundtrips.run(running, peers, "tcp", settings.short_seconds)["p50"],
    }
