"""What the resident set grows by for each idle connection: the code that the first of them bring with them is in it."""
import time

import accounting
import programs


def measure(running, peers, settings):
    count = settings.idle_connections if running.key == "tunflow" else settings.peers_idle_connections
    before = accounting.resident_bytes(running.processes())
    with peers.idle(running.application, count) as opened:
        if opened < count:
            raise programs.Failed(f"{opened} of {count} idle connections could be opened")
        time.sleep(1)
        grown = accounting.resident_bytes(running.processes())
    return {"memory.connection": (grown - before) / count, "memory.connections": count}
