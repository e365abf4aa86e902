"""Network namespaces: the host's side, where servers and the tunnels' own sockets live, and an application's side behind each tunnel."""
import contextlib
import os
import subprocess
import time

SERVER = "203.0.113.1"
# All of them are the host's own. Clients that open many connections rotate, so that TIME_WAIT doesn't use their ports up.
SERVERS = "203.0.113.1-250"
_COUNT = iter(range(1, 1 << 30))


def run(*command):
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(result.stderr or result.stdout).strip()}")


@contextlib.contextmanager
def namespace(name):
    name = f"tfbench-{os.getpid()}-{next(_COUNT)}-{name}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


def inside(where, *command):
    """`ip netns exec` turns into the program, so its process id is the program's."""
    return ["ip", "netns", "exec", where, *map(str, command)]


@contextlib.contextmanager
def process(where, *command, group=None, **keywords):
    """Starts a program in a namespace, and counts its processor time in an accounting.Group if one is given."""
    started = subprocess.Popen([*(group.enter() if group else []), *inside(where, *command)], **keywords)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        for pipe in (started.stdin, started.stdout, started.stderr):
            if pipe:
                pipe.close()


@contextlib.contextmanager
def host():
    """The namespace where the tunnels' own sockets live."""
    with namespace("host") as name:
        run("ip", "-n", name, "address", "add", f"{SERVER}/24", "dev", "lo")
        yield name


def give_way_out(name):
    """An interface with a default route, which pasta wants to see; nothing takes it."""
    if printed("ip", "-n", name, "route", "show", "default"):
        return
    run("ip", "-n", name, "link", "add", "out0", "type", "veth", "peer", "name", "out1")
    run("ip", "-n", name, "address", "add", "198.51.100.2/24", "dev", "out0")
    for interface in ("out0", "out1"):
        run("ip", "-n", name, "link", "set", interface, "up")
    run("ip", "-n", name, "route", "add", "default", "via", "198.51.100.1")


def wait_for(condition, what, seconds=10):
    """Until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def printed(*command):
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
