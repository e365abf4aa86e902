"""Context switches of all threads while nothing happens: timers that fire, polls that return. Before anything was carried."""
import time

import accounting


def measure(running, _peers, settings):
    before, cpu = accounting.switches(running.processes()), running.cpu_seconds()
    time.sleep(settings.idle_seconds)
    after = accounting.switches(running.processes())
    by_thread = {}
    for thread, count in after.items():
        if count > before.get(thread, 0):
            by_thread[thread[2]] = by_thread.get(thread[2], 0) + count - before.get(thread, 0)
    print(f"idle: switches by thread in {settings.idle_seconds} s: {by_thread}", flush=True)
    return {"idle.switches": sum(by_thread.values()) / settings.idle_seconds,
            "idle.cpu": (running.cpu_seconds() - cpu) * 1e6 / settings.idle_seconds}
