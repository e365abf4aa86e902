"""Round trips over TCP beside bulk streams both ways."""
import sys

import programs
from measure import roundtrips

STREAMS = 4
LEAST = 0.1  # of a processor: what the tunnel must have been busy with meanwhile
PATIENCE = 20_000  # ms; what is late is a figure, and no failure


def measure(running, peers, settings):
    for attempt in range(programs.ATTEMPTS):
        try:
            with programs.bulk(running.application, "both", STREAMS, settings.seconds + 60):
                before = running.cpu_seconds()
                trips = roundtrips.run(running, peers, "tcp", settings.seconds, "--timeout", PATIENCE)
                if running.cpu_seconds() - before < LEAST * settings.seconds:
                    raise programs.Failed("the streams did not run")
                return {"ping.loaded.p50": trips["p50"], "ping.loaded.p99": trips["p99"]}
        except programs.Failed as failure:
            # iperf3's server may not be done with the client before.
            print(f"round trips beside streams, attempt {attempt + 1}: {failure}", file=sys.stderr, flush=True)
            last = failure
    raise last
