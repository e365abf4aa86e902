"""Round trips of 16 bytes on what is open already, alone and beside bulk streams."""
import sys

import programs
import topology

LOAD_STREAMS = 4
LEAST_LOAD = 0.1  # of a processor: what the tunnel must have been busy with


def measure(running, peers, settings):
    figures = {}
    for protocol, options in (("tcp", ()), ("udp", ("--udp",))):
        trips = run(running, peers, protocol, settings.short_seconds, *options)
        figures |= {f"ping.{protocol}.p50": trips["p50"], f"ping.{protocol}.p99": trips["p99"]}
    return figures | {"ping.loaded.p99": loaded(running, peers, settings.seconds)["p99"]}


def loaded(running, peers, seconds):
    for attempt in range(programs.ATTEMPTS):
        try:
            with programs.bulk(running.application, "both", LOAD_STREAMS, seconds + 30):
                before = running.cpu_seconds()
                trips = run(running, peers, "tcp", seconds)
                if running.cpu_seconds() - before < LEAST_LOAD * seconds:
                    raise programs.Failed("the streams beside it did not run")
                return trips
        except programs.Failed as failure:
            # iperf3's server may not be done with the client before.
            print(f"round trips beside streams, attempt {attempt + 1}: {failure}", file=sys.stderr, flush=True)
            last = failure
    raise last


def run(running, peers, protocol, seconds, *options):
    target = f"{topology.SERVER}:{programs.UDP if protocol == 'udp' else programs.ECHO}"
    report = peers.load(running.application, "pingpong", "--seconds", seconds, *options, target)
    if report["broken"] or report["results"]["count"] == 0:
        raise programs.Failed(f"round trips over {protocol}: {report['results']['failures']}")
    return report["results"]["round_trip_us"]
