"""UDP echo of 64 bytes: as fast as it comes back, and at a rate that shouldn't lose any."""
import programs
import topology

OFFERED = 50_000


def measure(running, peers, settings):
    target = f"{topology.SERVER}:{programs.UDP}"
    peers.load(running.application, "udp", "--seconds", settings.warm_up, target)
    before = running.cpu_seconds()
    report = peers.load(running.application, "udp", "--seconds", settings.seconds, target)
    cost = running.cpu_seconds() - before
    if report["received"] == 0:
        raise programs.Failed("no datagram came back")
    offered = peers.load(running.application, "udp", "--seconds", settings.seconds, "--rate", OFFERED, target)
    return {"udp.kpps": report["received_pps"] / 1e3, "udp.cpu": cost * 1e6 / report["received"],
            "udp.loss": 100 * offered["lost"] / max(1, offered["sent"]), "udp.offered": offered["sent_pps"] / 1e3}
