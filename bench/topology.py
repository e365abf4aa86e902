"""The host's side and an application's side in network namespaces of their own, joined by the tunnel under test."""
import contextlib
import os
import subprocess
import time

SERVER = "203.0.113.1"
PORT = 5201


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def namespace(name):
    name = f"tfbench-{os.getpid()}-{name}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


@contextlib.contextmanager
def process(where, *command, **keywords):
    """Starts a program in a namespace; `ip netns exec` turns into it, so its id is the program's."""
    started = subprocess.Popen(["ip", "netns", "exec", where, *command], **keywords)
    try:
        yield started
    finally:
        started.terminate()
        started.wait(10)


@contextlib.contextmanager
def host():
    """The namespace where the tunnels' own sockets live, with an iperf3 server."""
    with namespace("host") as name:
        run("ip", "-n", name, "address", "add", f"{SERVER}/32", "dev", "lo")
        with process(name, "iperf3", "-s", "-B", SERVER, "-p", str(PORT), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            wait_for(["ip", "netns", "exec", name, "ss", "-Hltn", f"sport = :{PORT}"])
            yield name


@contextlib.contextmanager
def tunflow(command, host_name, mtu):
    """An application's namespace behind `tunflow up`; yields its name and the process."""
    with namespace("tunflow") as name:
        with process(host_name, *command, "up", "--tun", "tfbench0", "--mtu", str(mtu), stdout=subprocess.PIPE) as served:
            if not served.stdout.readline().startswith(b"tunflow: serving"):
                raise RuntimeError("tunflow did not start")
            run("ip", "-n", host_name, "link", "set", "tfbench0", "netns", name)
            run("ip", "-n", name, "address", "add", "192.0.2.2/24", "dev", "tfbench0")
            run("ip", "-n", name, "link", "set", "tfbench0", "mtu", str(mtu), "up")
            run("ip", "-n", name, "route", "add", "default", "dev", "tfbench0")
            yield name, served


@contextlib.contextmanager
def slirp4netns(host_name, mtu):
    """The same behind slirp4netns."""
    with namespace("slirp") as name:
        command = ["slirp4netns", "--configure", f"--mtu={mtu}", "--netns-type=path", f"/run/netns/{name}", "tap0"]
        with process(host_name, *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as served:
            wait_for(["ip", "-n", name, "route", "show", "default"])
            yield name, served


def wait_for(command):
    """Until the command prints something."""
    for _ in range(200):
        if subprocess.run(command, check=False, capture_output=True).stdout:
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing came of {' '.join(command)}")
