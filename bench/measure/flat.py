"""What many idle connections change: CPU per GB and round trips of one process without them, with them, and without them again."""
import time

import programs
from measure import roundtrips


def measure(running, peers, settings):
    _once(running, peers, settings)  # warms up
    before = _once(running, peers, settings)
    with peers.idle(running.application, settings.idle_connections) as opened:
        if opened < settings.idle_connections:
            raise programs.Failed(f"{opened} of {settings.idle_connections} idle connections could be opened")
        beside = _once(running, peers, settings)
    time.sleep(2)
    after = _once(running, peers, settings)
    return {f"flat.{name}": change(before[name], beside[name], after[name]) for name in before}


def change(before, beside, after):
    """Percent of the mean of before and after."""
    return 100 * (beside / ((before + after) / 2) - 1)


def _once(running, peers, settings):
    return {
        "up": programs.iperf(running.application, "up", 1, settings.seconds, running.cpu_seconds)[1],
        "down": programs.iperf(running.application, "down", 1, settings.seconds, running.cpu_seconds)[1],
        "ping": roundtrips.run(running, peers, "tcp", settings.short_seconds)["p50"],
    }
