"""The kinds of measurement, one a module. Each has `measure(running, peers, settings)`, which returns figures by name."""
import dataclasses

from measure import connections, datagrams, flat, fresh, idle, loaded, memory, roundtrips, streams, uploads


@dataclasses.dataclass(frozen=True)
class Settings:
    """How long, and how many."""
    seconds: int = 3            # of a stream, and of datagrams
    warm_up: int = 1
    short_seconds: int = 2      # of connections and round trips
    uploads: int = 2_000
    fresh_seconds: int = 30     # after which a fresh process's memory counts
    idle_seconds: int = 60
    idle_connections: int = 10_000
    peers_idle_connections: int = 1_000  # theirs only for comparison: slirp4netns would take gigabytes


# Under load, in this order, on one process of the tunnel.
BUSY = {"streams": streams, "connections": connections, "roundtrips": roundtrips, "loaded": loaded, "datagrams": datagrams,
        "uploads": uploads}
# On a process that nothing has used before, in this order.
QUIET = {"fresh": fresh, "idle": idle, "memory": memory, "flat": flat}

_ALL_BUSY = ("streams", "connections", "roundtrips", "loaded", "datagrams")
PLAN = {
    "tunflow": ((*_ALL_BUSY, "uploads"), ("fresh", "idle", "memory", "flat")),
    "general": (_ALL_BUSY, ()),
    "plain": ((*_ALL_BUSY, "uploads"), ()),
    "slirp4netns": (_ALL_BUSY, ("fresh", "memory")),
    "pasta": (_ALL_BUSY, ("fresh", "memory")),
    "copy": ((*_ALL_BUSY, "uploads"), ()),
    "copy-plain": (("streams",), ()),
}
