"""iperf3 and tunflow-load: starting them, and reading what they report."""
import contextlib
import dataclasses
import json
import subprocess
import sys
import time

import topology

IPERF = 5201
ECHO, UDP, UPLOAD = 7001, 7002, 7003
UPLOAD_BYTES = 40960
ATTEMPTS = 5
DIRECTIONS = {"up": [], "down": ["-R"], "both": ["--bidir"]}


class Failed(RuntimeError):
    """A program that did not do what it was started for."""


@dataclasses.dataclass
class Peers:
    """The servers in the host's namespace, and the programs that talk to them."""
    host: str
    load_program: str

    @contextlib.contextmanager
    def serving(self):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with contextlib.ExitStack() as stack:
            stack.enter_context(topology.process(self.host, "iperf3", "-s", "-p", IPERF, **quiet))
            stack.enter_context(topology.process(self.host, self.load_program, "serve", f"echo:{ECHO}", f"udp:{UDP}", **quiet))
            stack.enter_context(topology.process(self.host, self.load_program, "serve", "--request", UPLOAD_BYTES, "--answer", 1,
                                                 f"exchange:{UPLOAD}", **quiet))
            for port in (IPERF, ECHO, UPLOAD):
                topology.wait_for(lambda port=port: topology.printed(*topology.inside(self.host, "ss", "-Hltn", f"sport = :{port}")), f"a server on port {port}")
            yield self

    def load(self, application, *arguments, seconds=60):
        """The report of a tunflow-load command. Failures that it counted are in it; if it could not run at all, that is an error."""
        result = subprocess.run(topology.inside(application, self.load_program, *arguments), capture_output=True, text=True, check=False,
                                timeout=seconds, stdin=subprocess.DEVNULL)
        if result.returncode not in (0, 1):
            raise Failed(f"tunflow-load {' '.join(map(str, arguments))}: exit code {result.returncode}: {result.stderr.strip()}")
        return json.loads(result.stdout)

    def idle(self, application, count):
        """Connections that are open until the end of the `with`; yields how many."""
        return idle(self.load_program, application, count)


@contextlib.contextmanager
def idle(program, application, count):
    target = f"{topology.SERVERS}:{ECHO}"
    with topology.process(application, program, "idle", "--count", count, target, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        opened = json.loads(process.stdout.readline())
        yield opened["open"]
        process.stdin.close()
        process.wait(30)


def iperf_command(direction, streams, seconds):
    return ["iperf3", "-c", topology.SERVER, "-p", IPERF, "-t", seconds, "-P", streams, "-J", *DIRECTIONS[direction]]


def parse_iperf(text):
    """(Gbit/s, GB) received; raises Failed with iperf3's own words."""
    answer = json.loads(text)
    if "error" in answer:
        raise Failed(answer["error"])
    received = answer["end"]["sum_received"]
    return received["bits_per_second"] / 1e9, received["bytes"] / 1e9


def iperf(application, direction, streams, seconds, cpu_seconds=lambda: 0.0):
    """(Gbit/s, CPU seconds per GB) of a run, the cost by a clock of the tunnel's."""
    for attempt in range(ATTEMPTS):
        before = cpu_seconds()
        result = subprocess.run(topology.inside(application, *iperf_command(direction, streams, seconds)), capture_output=True, text=True,
                                check=False, timeout=seconds + 60)
        cost = cpu_seconds() - before
        try:
            rate, amount = parse_iperf(result.stdout)
            if amount > 0:
                return rate, cost / amount
            failure = Failed("nothing was received")
        except (Failed, ValueError) as exception:
            # The server takes one client at a time and may not be done with the one before.
            failure = exception
        print(f"iperf3 {direction} x{streams}, attempt {attempt + 1}: {failure}", file=sys.stderr, flush=True)
        time.sleep(1)
    raise Failed(f"iperf3 {direction} x{streams}: no result in {ATTEMPTS} attempts: {failure}")


@contextlib.contextmanager
def bulk(application, direction, streams, seconds):
    """iperf3 beside something else."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with topology.process(application, *iperf_command(direction, streams, seconds), **quiet) as process:
        time.sleep(0.5)
        running(process, direction, streams)
        yield
        running(process, direction, streams)


def running(process, direction, streams):
    if process.poll() is not None:
        raise Failed(f"iperf3 {direction} x{streams} ended with {process.returncode}, too early")
