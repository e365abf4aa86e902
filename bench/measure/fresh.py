"""The resident set of a process that has started and carried nothing."""
import time

import accounting


def measure(running, _peers, settings):
    time.sleep(settings.fresh_seconds)
    return {"memory.fresh": accounting.resident_bytes(running.processes()) / 1e6}
