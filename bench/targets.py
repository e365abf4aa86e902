"""What is to be reached: each target's figure of a run, and its limit."""
import dataclasses

WAYS = ("up1", "up4", "down1", "down4")
NAMES = {"up1": "up, 1 stream", "up4": "up, 4 streams", "down1": "down, 1 stream", "down4": "down, 4 streams"}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """`figure` is None if it was not measured. `orientation`: an absolute figure beside a ratio that decides."""
    name: str
    figure: float | None
    limit: float
    unit: str
    at_least: bool = False
    orientation: bool = False

    @property
    def reached(self):
        if self.figure is None:
            return None
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


@dataclasses.dataclass(frozen=True)
class Either:
    """One of two is enough."""
    one: Verdict
    other: Verdict

    @property
    def reached(self):
        known = [verdict.reached for verdict in (self.one, self.other) if verdict.reached is not None]
        return any(known) if known else None


def all_of(results):
    return [*streams(results), *general(results), *plain(results), *short_flows(results), *datagrams(results), *rest(results)]


def streams(results):
    for way in WAYS:
        yield Verdict(f"TCP {NAMES[way]}: CPU", results.median("tunflow", f"{way}.cpu"), 0.60, "s/GB", orientation=True)
    for way in WAYS:
        yield Verdict(f"TCP {NAMES[way]}: CPU, to the copy", results.ratio("tunflow", f"{way}.cpu", "copy"), 1.7, "times")
    for way in WAYS:
        yield Verdict(f"TCP {NAMES[way]}: throughput, to the copy", results.ratio("tunflow", f"{way}.gbits", "copy"),
                      0.8 if way.endswith("1") else 0.6, "times", at_least=True)


def general(results):
    for way in ("up1", "down1"):
        yield Verdict(f"general path, {NAMES[way]}: CPU", results.median("general", f"{way}.cpu"), 1.0, "s/GB")
        yield Verdict(f"general path, {NAMES[way]}: throughput, to the copy", results.ratio("general", f"{way}.gbits", "copy"), 0.5, "times", at_least=True)


def plain(results):
    for way in WAYS:
        yield Verdict(f"without offload, {NAMES[way]}: CPU, to the copy without", results.ratio("plain", f"{way}.cpu", "copy-plain"), 0.75, "times")


def short_flows(results):
    longer = difference(results, "upload.p99", "tunflow", "plain")
    yield Verdict("40 KB up and 1 byte back, p99: longer with offload than without", None if longer is None else longer / 1000, 2, "ms")
    yield Verdict("connections one by one: p50", results.median("tunflow", "connect1.p50"), 180, "us")
    yield Verdict("connections, 64 at a time: CPU", results.median("tunflow", "connect64.cpu"), 90, "us each")
    yield Verdict("connections, 64 at a time: rate, to pasta", results.ratio("tunflow", "connect64.rate", "pasta"), 0.8, "times", at_least=True)
    for protocol, limit in (("tcp", 60), ("udp", 55)):
        name = f"ping-pong {protocol.upper()}: p50"
        yield Either(Verdict(name, results.median("tunflow", f"ping.{protocol}.p50"), limit, "us"),
                     Verdict(f"{name}, to slirp4netns", results.ratio("tunflow", f"ping.{protocol}.p50", "slirp4netns"), 1.3, "times"))
    loaded = results.median("tunflow", "ping.loaded.p99")
    yield Verdict("ping-pong TCP beside 4 streams each way: p99", None if loaded is None else loaded / 1000, 2, "ms")


def datagrams(results):
    yield Verdict("UDP echo, 64 bytes: CPU", results.median("tunflow", "udp.cpu"), 8, "us each")
    yield Verdict("UDP echo, 64 bytes: rate, to pasta", results.ratio("tunflow", "udp.kpps", "pasta"), 0.8, "times", at_least=True)
    yield Verdict("UDP echo, 50,000 a second offered: lost", results.median("tunflow", "udp.loss"), 0, "%")


def rest(results):
    connection = results.median("tunflow", "memory.connection")
    yield Verdict("memory of an idle connection, at 10,000", None if connection is None else connection / 1000, 6, "KB")
    yield Verdict("memory of a fresh process, after 30 s", results.median("tunflow", "memory.fresh"), 45, "MB")
    for name, what in (("up", "CPU per GB up"), ("down", "CPU per GB down"), ("ping", "ping-pong p50")):
        yield Verdict(f"{what}: change by 10,000 idle connections", results.median("tunflow", f"flat.{name}"), 10, "%")
    for name, what, limit in (("instructions", "instructions", 1.2), ("time", "time", 5)):
        yield Verdict(f"native stack, a packet among 50,000 flows: {what}, to 100 flows", results.median("native", f"flat.{name}"), limit, "times")
    yield Verdict("idle for 60 s: context switches", results.median("tunflow", "idle.switches"), 2, "a second")


def difference(results, name, one, other):
    first, second = results.median(one, name), results.median(other, name)
    return None if first is None or second is None else first - second


# Peers as measured before with other tools on a machine of the same kind: whoever can't find these figures again measures something else.
KNOWN = (("slirp4netns", "up1.gbits", "throughput up, Gbit/s", 0.86), ("slirp4netns", "up1.cpu", "CPU up, s/GB", 9.2),
         ("slirp4netns", "down1.gbits", "throughput down, Gbit/s", 3.1), ("slirp4netns", "down1.cpu", "CPU down, s/GB", 2.6),
         ("pasta", "connect64.rate", "connections a second, 64 at a time", 11_400), ("pasta", "connect64.cpu", "CPU us each", 80))
TOLERANCE = 0.25


def known_peers(results):
    """[(tunnel, what, figure or None, known, within the tolerance)]"""
    rows = []
    for tunnel, name, what, known in KNOWN:
        figure = results.median(tunnel, name)
        rows.append((tunnel, what, figure, known, figure is not None and abs(figure / known - 1) <= TOLERANCE))
    return rows


def checked(results):
    """Whether each peer has at least one figure that is known; None if none was measured."""
    verdicts = {}
    for tunnel, _, here, _, within in known_peers(results):
        if here is not None or tunnel not in verdicts:
            verdicts[tunnel] = None if here is None else bool(verdicts.get(tunnel)) or within
    return verdicts
