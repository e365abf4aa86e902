"""Connections that come, exchange 16 bytes and go, one at a time and 64."""
import programs
import topology

PARALLEL = (1, 64)


def measure(running, peers, settings):
    figures = {}
    for parallel in PARALLEL:
        run(running, peers, parallel, settings.warm_up)
        rate, median, cost = run(running, peers, parallel, settings.short_seconds)
        figures |= {f"connect{parallel}.rate": rate, f"connect{parallel}.p50": median, f"connect{parallel}.cpu": cost}
    return figures


def run(running, peers, parallel, seconds):
    """(a second, microseconds of the median one, CPU microseconds of each)"""
    before = running.cpu_seconds()
    report = peers.load(running.application, "connections", "--count", 10**9, "--seconds", seconds, "--parallel", parallel,
                        f"{topology.SERVERS}:{programs.ECHO}")
    cost = running.cpu_seconds() - before
    if report["failed"] * 100 > report["count"]:
        raise programs.Failed(f"{report['failed']} connections failed, {report['count']} did not: {report['failures']}")
    return report["rate"], report["total_us"]["p50"], cost * 1e6 / report["count"]
