"""Round trips of 16 bytes on what is open already."""
import programs
import topology


def measure(running, peers, settings):
    figures = {}
    for protocol, options in (("tcp", ()), ("udp", ("--udp",))):
        trips = run(running, peers, protocol, settings.short_seconds, *options)
        figures |= {f"ping.{protocol}.p50": trips["p50"], f"ping.{protocol}.p99": trips["p99"]}
    return figures


def run(running, peers, protocol, seconds, *options):
    target = f"{topology.SERVER}:{programs.UDP if protocol == 'udp' else programs.ECHO}"
    report = peers.load(running.application, "pingpong", "--seconds", seconds, *options, target)
    if report["broken"] or report["results"]["count"] == 0:
        raise programs.Failed(f"round trips over {protocol}: {report['results']['failures']}")
    return report["results"]["round_trip_us"]
