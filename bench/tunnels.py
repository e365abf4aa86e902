"""The tunnels that are compared. Each has an application's namespace on one side and the host's on the other."""
import contextlib
import dataclasses
import select
import shutil
import subprocess

import accounting
import topology

MTU = 1500
CLIENT = "192.0.2.2"
# Who shows what. The keys name the figures in the results.
TITLES = {
    "tunflow": "tunflow up",
    "general": "tunflow, general path",
    "plain": "tunflow without offload",
    "slirp4netns": "slirp4netns",
    "pasta": "pasta",
    "copy": "copy with offload",
    "copy-plain": "copy without offload",
}


@dataclasses.dataclass
class Running:
    """A tunnel that runs: the application's namespace, and what counts its cost."""
    key: str
    application: str
    group: object

    def cpu_seconds(self):
        return self.group.cpu_seconds()

    def processes(self):
        return self.group.processes()


class Tunnels:
    """Starts them. `commands` are tunflow's and the variants' command lines, `copy` is the program; None for what there is not."""

    def __init__(self, host, tunflow, variants=None, copy=None, environment=None):
        self._host = host
        self._tunflow = tunflow
        self._variants = variants
        self._copy = copy
        self._environment = environment

    def missing(self, key):
        """Why a tunnel can't be measured here, or None."""
        if key in ("general", "plain"):
            return None if self._variants else "bench/Variants is not built"
        if key in ("copy", "copy-plain"):
            return None if self._copy else "tunflow-copy is not built"
        if key in ("slirp4netns", "pasta"):
            return None if shutil.which(key) else f"{key} is not installed"
        return None

    @contextlib.contextmanager
    def start(self, key):
        starts = {
            "tunflow": lambda *where: self._serve(*where, self._tunflow, "up"),
            "general": lambda *where: self._serve(*where, self._variants, "--general"),
            "plain": lambda *where: self._serve(*where, self._variants, "--no-offload"),
            "slirp4netns": self._slirp4netns,
            "pasta": self._pasta,
            "copy": lambda *where: self._copies(*where, "--offload"),
            "copy-plain": self._copies,
        }
        with topology.namespace(key) as application, accounting.group() as group, starts[key](application, group) as process:
            if isinstance(group, accounting.Tree):
                group.root = process.pid
            yield Running(key, application, group)

    def _attach(self, application, interface):
        topology.run("ip", "-n", self._host, "link", "set", interface, "netns", application)
        topology.run("ip", "-n", application, "address", "add", f"{CLIENT}/24", "dev", interface)
        topology.run("ip", "-n", application, "link", "set", interface, "mtu", str(MTU), "up")
        topology.run("ip", "-n", application, "route", "add", "default", "dev", interface)

    @contextlib.contextmanager
    def _serve(self, application, group, command, *options):
        with topology.process(self._host, *command, *options, "--tun", "tfbench0", "--mtu", MTU, group=group, stdout=subprocess.PIPE,
                              env=self._environment) as process:
            expect(process, b"tunflow: serving")
            self._attach(application, "tfbench0")
            yield process

    @contextlib.contextmanager
    def _copies(self, application, group, *options):
        with topology.process(self._host, self._copy, *options, "tfbench0", "tfbench1", group=group, stdout=subprocess.PIPE) as process:
            expect(process, b"tunflow-copy: copying")
            self._attach(application, "tfbench0")
            topology.run("ip", "-n", self._host, "link", "set", "tfbench1", "mtu", str(MTU), "up")
            topology.run("ip", "-n", self._host, "route", "add", f"{CLIENT}/32", "dev", "tfbench1")
            yield process

    @contextlib.contextmanager
    def _slirp4netns(self, application, group):
        command = ["slirp4netns", "--configure", f"--mtu={MTU}", "--netns-type=path", f"/run/netns/{application}", "tap0"]
        with topology.process(self._host, *command, group=group, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            routed(application)
            yield process

    @contextlib.contextmanager
    def _pasta(self, application, group):
        topology.give_way_out(self._host)
        # No ports are forwarded, and as root: nobody could not enter a namespace that root has made.
        command = ["pasta", "--foreground", "--config-net", "--netns-only", "--netns", f"/run/netns/{application}", "--runas", 0,
                   "--mtu", MTU, "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none"]
        with topology.process(self._host, *command, group=group, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            routed(application)
            yield process


def expect(process, beginning, seconds=30):
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if ready else b"nothing"
    if not line.startswith(beginning):
        raise RuntimeError(f"{' '.join(process.args)}: it said {line!r}, not {beginning!r}")


def routed(application):
    topology.wait_for(lambda: topology.printed("ip", "-n", application, "route", "show", "default"), f"a default route in {application}")
