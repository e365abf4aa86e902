"""Results of a run that reached everything, for tests to change."""
from results import Results

WAYS = ("up1", "up4", "down1", "down4")


def about(**changes):
    return {"processor": "Test 9000", "cores": 2, "kernel": "6.1", "load": 0.2, "programs": ["iperf 3.12"], "packages": ["passt 1"],
            "rounds": 3, "long_rounds": 2, "seconds": 3, "accounting": "cgroup", "mtu": 1500} | changes


def bulk(rate, cost):
    return {f"{way}.gbits": rate for way in WAYS} | {f"{way}.cpu": cost for way in WAYS}


def reached():
    results = Results(about())
    small = {"connect1.rate": 6000, "connect1.p50": 150, "connect64.rate": 12_000, "connect64.cpu": 80, "ping.tcp.p50": 55, "ping.tcp.p99": 90,
             "ping.udp.p50": 50, "ping.udp.p99": 80, "ping.loaded.p99": 1500, "udp.kpps": 90, "udp.cpu": 7, "udp.loss": 0, "udp.offered": 50}
    quiet = {"memory.fresh": 40, "memory.connection": 5000, "memory.connections": 10_000, "idle.switches": 1.5, "idle.cpu": 20,
             "flat.up": 3, "flat.down": -2, "flat.ping": 4}
    results.add("native", {"flat.instructions": 1.1, "flat.time": 3})
    for factor in (0.95, 1, 1.05):
        results.add("tunflow", {name: value * factor for name, value in bulk(14, 0.55).items()} | small | quiet | {"upload.p50": 300, "upload.p99": 2500})
        results.add("general", bulk(9, 0.9))
        results.add("plain", bulk(1.9, 2.5) | {"upload.p50": 300, "upload.p99": 1500})
        results.add("copy", bulk(15, 0.39) | small)
        results.add("copy-plain", bulk(1.8, 3.8))
        results.add("slirp4netns", bulk(0.9, 9.0) | small | {"ping.tcp.p50": 60, "ping.udp.p50": 75})
        results.add("pasta", bulk(4, 1.5) | small | {"connect64.rate": 11_000, "udp.kpps": 84})
    return results


def set_values(results, tunnel, name, *values):
    results.figures[tunnel][name] = list(values)
    return results
