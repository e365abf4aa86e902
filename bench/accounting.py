"""What a tunnel costs: processor time, memory and wakes of all of its processes, children included."""
import contextlib
import os
import time

_TICKS = os.sysconf("SC_CLK_TCK")
_COUNT = iter(range(1, 1 << 30))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def unified_hierarchy(mounts):
    """Where cgroup v2 is mounted, by the text of /proc/mounts; None if it is not."""
    return next((fields[1] for fields in map(str.split, mounts.splitlines()) if fields[2] == "cgroup2"), None)


def own_group(membership):
    """This process's group in the unified hierarchy, by the text of /proc/self/cgroup."""
    return next((line.partition("::")[2] for line in membership.splitlines() if line.startswith("0::")), "/")


def parse_usage(text):
    """Seconds, from cpu.stat."""
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("usage_usec")) / 1e6


def parse_stat(text):
    """(parent, seconds of the process and of its children that ended and were waited for), from /proc/PID/stat (proc(5), fields 4 and 14 to 17)."""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICKS


def parse_status(text):
    """The numbers of /proc/PID/status, by name; memory in bytes."""
    numbers = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            numbers[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return numbers


class Group:
    """A cgroup of the tunnel's own: exact, and whoever it starts is in it."""

    name = "cgroup"

    def __init__(self, parent):
        self._path = os.path.join(parent, f"tfbench-{os.getpid()}-{next(_COUNT)}")
        os.mkdir(self._path)

    def enter(self):
        """The beginning of a command line, for what becomes a member before it begins."""
        return ["sh", "-c", 'echo 0 >"$0" && exec "$@"', os.path.join(self._path, "cgroup.procs")]

    def cpu_seconds(self):
        return parse_usage(read(os.path.join(self._path, "cpu.stat")))

    def processes(self):
        return [int(line) for line in read(os.path.join(self._path, "cgroup.procs")).split()]

    def close(self):
        # A process that just ended is still a member for a moment.
        for _ in range(100):
            try:
                os.rmdir(self._path)
                return
            except OSError:
                time.sleep(0.02)
        os.rmdir(self._path)


class Tree:
    """The same from /proc, where cgroups can't be written: in steps of the kernel's ticks, and without descendants whose parent ended first."""

    name = "process tree"

    def __init__(self):
        self.root = None

    @staticmethod
    def enter():
        return []

    def _members(self):
        everybody = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    everybody[int(entry)] = parse_stat(read(f"/proc/{entry}/stat"))
        return descendants(self.root, everybody)

    def cpu_seconds(self):
        return sum(self._members().values())

    def processes(self):
        return list(self._members())

    def close(self):
        pass


def descendants(root, everybody):
    """{pid: seconds} of a process and those that descend from it; everybody is {pid: (parent, seconds)}."""
    members = {}
    for pid in everybody:
        chain = pid
        while chain != root and chain in everybody:
            chain = everybody[chain][0]
        if chain == root:
            members[pid] = everybody[pid][1]
    return members


def resident_bytes(pids):
    return sum(parse_status(read(f"/proc/{pid}/status")).get("VmRSS", 0) for pid in pids)


def switches(pids):
    """{(pid, thread id, name): context switches, of its own accord and not}"""
    counts = {}
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                status = read(f"/proc/{pid}/task/{thread}/status")
                numbers = parse_status(status)
                counts[pid, int(thread), status.splitlines()[0].split(maxsplit=1)[1]] = (
                    numbers["voluntary_ctxt_switches"] + numbers["nonvoluntary_ctxt_switches"])
    return counts


@contextlib.contextmanager
def group():
    """A Group below this process's own, where it gets no other share of the processors than it would have; else a Tree."""
    mount = unified_hierarchy(read("/proc/mounts"))
    made = None
    if mount:
        with contextlib.suppress(OSError):
            made = Group(os.path.join(mount, own_group(read("/proc/self/cgroup")).lstrip("/")))
    made = made or Tree()
    try:
        yield made
    finally:
        made.close()
