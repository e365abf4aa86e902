"""Runs tunflow-copy between two network namespaces, with kernel TCP and UDP on both ends. Usage: copy_test.py COPY LOAD"""
import contextlib
import errno
import itertools
import json
import os
import subprocess
import sys
import time
import unittest

COPY, LOAD = (os.path.abspath(path) for path in sys.argv[1:3]) if len(sys.argv) > 2 else ("", "")
SECONDS = 30
ADDRESSES = {"client": ("192.0.2.1/24", "2001:db8::1/64"), "server": ("192.0.2.2/24", "2001:db8::2/64")}
NUMBER = itertools.count(1)


def run(*command, code=0, **keywords):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=SECONDS, check=False, **keywords)
    if result.returncode != code:
        raise AssertionError(f"{command}: exit code {result.returncode}, not {code}: {result.stdout}{result.stderr}")
    return result


@contextlib.contextmanager
def namespace(name):
    name = f"tfcopy-{os.getpid()}-{next(NUMBER)}-{name}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        run("ip", "netns", "delete", name)


@contextlib.contextmanager
def started(where, *command):
    process = subprocess.Popen(["ip", "netns", "exec", where, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Copies(unittest.TestCase):
    @contextlib.contextmanager
    def path(self, *options):
        """The copy's process and the namespaces of its ends."""
        with (namespace("copy") as middle, namespace("client") as client, namespace("server") as server,
              started(middle, COPY, *options, "first", "second") as process):
            self.assertEqual("tunflow-copy: copying between first and second\n", process.stdout.readline())
            for interface, end, addresses in (("first", client, ADDRESSES["client"]), ("second", server, ADDRESSES["server"])):
                run("ip", "-n", middle, "link", "set", interface, "netns", end)
                for address in addresses:
                    run("ip", "-n", end, "address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
                run("ip", "-n", end, "link", "set", interface, "mtu", 1500, "up")
            yield process, client, server

    def end(self, process):
        process.terminate()
        output, errors = process.communicate(timeout=SECONDS)
        self.assertEqual((0, ""), (process.returncode, errors))
        return json.loads(output)

    def traffic(self, *options):
        """Bytes and datagrams there and back, which tunflow-load compares with what it sent."""
        with self.path(*options) as (process, client, server), started(server, LOAD, "serve", "echo:0", "udp:0") as serving:
            ports = json.loads(serving.stdout.readline())["ports"]
            for address in ("192.0.2.2", "[2001:db8::2]"):
                report = run("ip", "netns", "exec", client, LOAD, "connections", "--count", 4, "--bytes", 3_000_000, f"{address}:{ports['echo']}")
                self.assertEqual((4, {}), (json.loads(report.stdout)["count"], json.loads(report.stdout)["failures"]))
                report = run("ip", "netns", "exec", client, LOAD, "pingpong", "--udp", "--count", 300, "--bytes", 1400, f"{address}:{ports['udp']}")
                self.assertEqual((300, {}), (json.loads(report.stdout)["results"]["count"], json.loads(report.stdout)["results"]["failures"]))
            return self.end(process)

    def test_super_packets_pass_with_offload(self):
        report = self.traffic("--offload")
        for way in ("forth", "back"):
            self.assertGreater(report[way]["bytes"], 24_000_000)
            self.assertGreater(report[way]["large"], 100)
            # 24 MB would be 16,000 packets, and 600 datagrams came beside them.
            self.assertLess(report[way]["packets"], 12_000)

    def test_packets_pass_one_by_one_without_offload(self):
        report = self.traffic()
        for way in ("forth", "back"):
            self.assertGreater(report[way]["packets"], 16_000)
            self.assertEqual(0, report[way]["large"])

    def test_what_the_other_interface_refuses_is_dropped_and_the_copy_goes_on(self):
        with self.path() as (process, client, server):
            run("ip", "-n", server, "link", "set", "second", "down")
            self.send(client)
            run("ip", "-n", server, "link", "set", "second", "up")
            self.send(client)
            report = self.end(process)
        # The kernel sends some of its own, too.
        self.assertGreaterEqual(report["forth"]["dropped"], 5)
        self.assertEqual(errno.EIO, report["forth"]["errno"])
        self.assertGreaterEqual(report["forth"]["packets"], 5)

    def test_it_sleeps_while_nothing_comes(self):
        with self.path("--offload") as (process, client, _):
            self.send(client)
            # The kernel's own router solicitations and reports are few.
            before = self.switches(process.pid)
            time.sleep(1)
            self.assertLessEqual(self.switches(process.pid) - before, 5)

    def send(self, where):
        """Five datagrams, until the copy has read them."""
        before = self.read_packets(where)
        code = "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\nfor i in range(5): s.sendto(b'x', ('192.0.2.2', 9))"
        run("ip", "netns", "exec", where, sys.executable, "-c", code)
        end = time.monotonic() + SECONDS
        while self.read_packets(where) < before + 5:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        time.sleep(0.1)  # and written them, or not

    @staticmethod
    def read_packets(where):
        return json.loads(run("ip", "-n", where, "-j", "-s", "link", "show", "first").stdout)[0]["stats64"]["tx"]["packets"]

    @staticmethod
    def switches(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))

    def test_deleted_interface_ends_it(self):
        with self.path() as (process, client, _):
            run("ip", "-n", client, "link", "delete", "first")
            _, errors = process.communicate(timeout=SECONDS)
            self.assertEqual(4, process.returncode)
            self.assertIn("reading the first TUN", errors)


class Usage(unittest.TestCase):
    def test_wrong_command_lines(self):
        for arguments in ((), ("one",), ("one", "two", "three"), ("--fast", "one", "two")):
            self.assertIn("usage: tunflow-copy", run(COPY, *arguments, code=2).stderr)
        self.assertIn("usage: tunflow-copy", run(COPY, "--help").stdout)

    def test_names_that_are_refused(self):
        with namespace("names") as name:
            self.assertIn("File name too long", run("ip", "netns", "exec", name, COPY, "first", "a-name-of-16-bytes", code=3).stderr)
            self.assertIn("lo: ", run("ip", "netns", "exec", name, COPY, "lo", "second", code=3).stderr)


def unable():
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun"
    probe = subprocess.run(["ip", "netns", "add", f"tfcopy-{os.getpid()}-probe"], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "delete", f"tfcopy-{os.getpid()}-probe"], capture_output=True, check=False)
    return f"needs network namespaces: {probe.stderr.strip()}" if probe.returncode != 0 else None


if __name__ == "__main__":
    if reason := unable():
        print(reason)
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
