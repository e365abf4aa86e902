"""The resident set of a process that just started, and what it grows by for each idle connection."""
import time

import accounting
import programs


def measure(running, peers, settings):
    time.sleep(settings.fresh_seconds)
    fresh = accounting.resident_bytes(running.processes())
    count = settings.idle_connections if running.key == "tunflow" else settings.peers_idle_connections
    with peers.idle(running.application, count) as opened:
        if opened < count:
            raise programs.Failed(f"{opened} of {count} idle connections could be opened")
        time.sleep(1)
        grown = accounting.resident_bytes(running.processes())
    return {"memory.fresh": fresh / 1e6, "memory.connection": (grown - fresh) / count, "memory.connections": count}
