"""Bulk TCP: Gbit/s and CPU seconds per GB, up and down, with one stream and four."""
import programs

STREAMS = (1, 4)


def measure(running, _peers, settings):
    figures = {}
    for count in STREAMS:
        for direction in ("up", "down"):
            programs.iperf(running.application, direction, count, settings.warm_up)  # the JIT, TCP's windows
            rate, cost = programs.iperf(running.application, direction, count, settings.seconds, running.cpu_seconds)
            figures[f"{direction}{count}.gbits"] = rate
            figures[f"{direction}{count}.cpu"] = cost
    return figures
