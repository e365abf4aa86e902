"""Runs tunflow-load on the loopback against itself and against servers that misbehave. Usage: load_test.py PROGRAM"""
import json
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

from peers import PROGRAM, SECONDS, datagram_server, end, run, served, started, stream_server


class Connections(unittest.TestCase):
    def test_every_ending_is_seen_by_the_server(self):
        seen = []

        def handle(connection):
            connection.sendall(connection.recv(16, socket.MSG_WAITALL))
            try:
                seen.append(connection.recv(1))
            except ConnectionResetError:
                seen.append("reset")

        for ending, expected in (("client-fin", b""), ("client-reset", "reset"), ("client-half", b"")):
            seen.clear()
            with stream_server(handle) as port:
                report = run("connections", "--count", 20, "--parallel", 3, "--end", ending, f"127.0.0.1:{port}")
            self.assertEqual([expected] * 20, seen, ending)
            self.assertEqual((20, 0), (report["count"], report["failed"]), ending)
            self.assertEqual((20, 20), (report["connect_us"]["count"], report["total_us"]["count"]), ending)

    def test_server_fin_waits_for_the_servers_end(self):
        with served("once", "echo") as (once, echo, process):
            report = run("connections", "--count", 500, "--parallel", 20, "--end", "server-fin", f"127.0.0.1:{once}")
            self.assertEqual((500, {}), (report["count"], report["failures"]))
            late = run("connections", "--count", 1, "--end", "server-fin", "--timeout", 200, f"127.0.0.1:{echo}", code=1)
            self.assertEqual({"timeout": 1}, late["failures"])
            self.assertEqual(501, end(process)["accepted"])

    def test_many_bytes_both_ways(self):
        with served("echo", "exchange", options=("--request", 40960, "--answer", 1)) as (echo, exchange, process):
            self.assertEqual({}, run("connections", "--count", 20, "--parallel", 4, "--bytes", 1_000_000, f"127.0.0.1:{echo}")["failures"])
            report = run("connections", "--count", 20, "--bytes", 40960, "--answer", 1, f"127.0.0.1:{exchange}")
            self.assertEqual(20, report["count"])
            # Nagle's algorithm and a delayed acknowledgment would make this 40 ms.
            self.assertLess(report["total_us"]["p50"], 20_000)
            self.assertEqual(20 * 1_000_000 + 20 * 40960, end(process)["received"])

    def test_ipv6(self):
        with served("echo") as (port, _):
            self.assertEqual(100, run("connections", "--count", 100, f"[::1]:{port}")["count"])

    def test_targets_and_sources_rotate(self):
        pairs = []

        def handle(connection):
            pairs.append((connection.getpeername()[0], connection.getsockname()[0]))
            connection.sendall(connection.recv(16, socket.MSG_WAITALL))

        with stream_server(handle) as port:
            run("connections", "--count", 12, "--source", "127.0.1.1-2", f"127.0.0.254-127.0.1.1:{port}")
        self.assertEqual({(f"127.0.1.{source}", target) for source in (1, 2)
                          for target in ("127.0.0.254", "127.0.0.255", "127.0.1.0", "127.0.1.1")}, set(pairs))
        self.assertEqual([2, 2, 2, 2], sorted(pairs.count(pair) for pair in set(pairs))[-4:])

    def test_refused_connections_are_counted_by_errno(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            report = run("connections", "--count", 30, "--parallel", 7, f"127.0.0.1:{unused.getsockname()[1]}", code=1)
        self.assertEqual((0, 30, {"ECONNREFUSED": 30}), (report["count"], report["failed"], report["failures"]))

    def test_wrong_answers_are_failures(self):
        def wrong(connection):
            data = bytearray(connection.recv(16, socket.MSG_WAITALL))
            data[9] ^= 1
            connection.sendall(data)

        def short(connection):
            connection.sendall(connection.recv(16, socket.MSG_WAITALL)[:15])

        def long(connection):
            connection.sendall(connection.recv(16, socket.MSG_WAITALL) + b"x")

        def reset(connection):
            connection.recv(16, socket.MSG_WAITALL)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def dumb(connection):
            while connection.recv(16):
                pass

        for handle, name in ((wrong, "mismatch"), (short, "early_end"), (long, "extra"), (reset, "ECONNRESET"), (dumb, "timeout")):
            with stream_server(handle) as port:
                report = run("connections", "--count", 3, "--end", "server-fin", "--timeout", 300, f"127.0.0.1:{port}", code=1)
            self.assertEqual({name: 3}, report["failures"])

    def test_durations_are_those_of_the_server(self):
        number = 0

        def handle(connection):
            nonlocal number
            number += 1
            data = connection.recv(16, socket.MSG_WAITALL)
            time.sleep(0.1 if number % 5 == 0 else 0)
            connection.sendall(data)

        with stream_server(handle) as port:
            report = run("connections", "--count", 40, f"127.0.0.1:{port}")
        self.assertLess(report["total_us"]["p50"], 90_000)
        self.assertGreater(report["total_us"]["p90"], 99_000)
        self.assertGreaterEqual(report["total_us"]["max"], report["total_us"]["p99"])
        self.assertLess(report["connect_us"]["p50"], report["total_us"]["p90"])

    def test_signal_ends_the_run_with_a_report(self):
        with served("echo") as (port, _), started("connections", "--count", 10**9, f"127.0.0.1:{port}") as process:
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            report = json.loads(process.communicate(timeout=SECONDS)[0])
            self.assertEqual(128 + signal.SIGTERM, process.returncode)
            self.assertGreater(report["count"], 0)
            self.assertEqual(signal.SIGTERM, report["signal"])

    def test_time_limit(self):
        with served("echo") as (port, _):
            report = run("connections", "--count", 10**9, "--seconds", 1, f"127.0.0.1:{port}")
        self.assertGreaterEqual(report["seconds"], 1)
        self.assertEqual({}, report["failures"])


class RoundTrips(unittest.TestCase):
    def test_streams_and_datagrams(self):
        with served("echo", "udp") as (echo, udp, process):
            for address in ("127.0.0.1", "[::1]"):
                tcp = run("pingpong", "--count", 300, "--parallel", 3, "--bytes", 3000, f"{address}:{echo}")["results"]
                datagrams = run("pingpong", "--udp", "--count", 300, "--parallel", 3, f"{address}:{udp}")["results"]
                for results in (tcp, datagrams):
                    self.assertEqual((300, {}), (results["count"], results["failures"]))
            # One more of each channel, which is not counted.
            self.assertEqual(2 * 303, end(process)["datagrams"])

    def test_lost_datagrams_time_out(self):
        with datagram_server(lambda number, data: [] if number % 10 == 9 else [data]) as port:
            results = run("pingpong", "--udp", "--count", 29, "--timeout", 100, f"127.0.0.1:{port}", code=1)["results"]
        self.assertEqual((26, {"timeout": 3}), (results["count"], results["failures"]))

    def test_other_datagrams_are_no_answers(self):
        with datagram_server(lambda number, data: [data, data]) as port:
            results = run("pingpong", "--udp", "--count", 50, "--interval", 1000, f"127.0.0.1:{port}")["results"]
        self.assertEqual(50, results["count"])
        self.assertGreaterEqual(results["late"], 49)

    def test_connection_that_ends_is_a_failure(self):
        def handle(connection):
            for _ in range(5):
                connection.sendall(connection.recv(16, socket.MSG_WAITALL))

        with stream_server(handle) as port:
            report = run("pingpong", "--count", 100, f"127.0.0.1:{port}", code=1)
        self.assertEqual((4, 1, 1), (report["results"]["count"], report["broken"], report["results"]["failed"]))

    def test_interval(self):
        with served("echo") as (port, _):
            self.assertGreaterEqual(run("pingpong", "--count", 20, "--interval", 20_000, f"127.0.0.1:{port}")["seconds"], 0.38)


class Datagrams(unittest.TestCase):
    def test_what_is_lost_and_what_comes_twice_is_counted(self):
        def answers(number, data):
            return [] if number % 10 == 9 else [data, data] if number % 10 == 4 else [data]

        with datagram_server(answers) as port:
            report = run("udp", "--seconds", 1, "--rate", 300, f"127.0.0.1:{port}", code=1)
        # The first one is not counted.
        self.assertAlmostEqual(report["sent"] / 10, report["lost"], delta=1)
        self.assertAlmostEqual(report["sent"] / 10, report["copies"], delta=1)
        self.assertEqual(report["sent"], report["received"] + report["lost"])
        self.assertEqual({}, report["failures"])

    def test_rate_is_kept_or_what_is_missing_is_told(self):
        with served("udp") as (port, process):
            report = run("udp", "--seconds", 1, "--rate", 5000, "--flows", 3, f"127.0.0.1:{port}")
            self.assertAlmostEqual(5000 * report["seconds"], report["sent"] + report["skipped"], delta=250)
            self.assertEqual(0, report["lost"])
            self.assertEqual(report["sent"] + 3, end(process)["datagrams"])

    def test_window_bounds_what_is_unanswered(self):
        with datagram_server(lambda number, data: [data] if number == 0 else []) as port:
            report = run("udp", "--seconds", 1, "--window", 8, "--timeout", 1500, f"127.0.0.1:{port}", code=1)
        self.assertEqual((8, 8), (report["sent"], report["lost"]))

    def test_window_goes_on_after_all_was_lost(self):
        with datagram_server(lambda number, data: [] if 10 <= number < 20 else [data]) as port:
            report = run("udp", "--seconds", 1, "--window", 4, "--timeout", 50, f"127.0.0.1:{port}", code=1)
        self.assertEqual(10, report["lost"])
        self.assertGreater(report["received"], 100)

    def test_changed_datagrams_are_failures(self):
        with datagram_server(lambda number, data: [data[:-1] + bytes([data[-1] ^ 1])]) as port:
            report = run("udp", "--seconds", 1, "--rate", 50, "--timeout", 50, f"127.0.0.1:{port}", code=1)
        self.assertEqual((0, report["sent"]), (report["received"], report["failures"]["mismatch"]))


class Kept(unittest.TestCase):
    def test_connections_stay_until_stdin_ends(self):
        with served("echo") as (port, server), started("idle", "--count", 200, "--activity", 1, f"127.0.0.1-9:{port}") as process:
            opened = json.loads(process.stdout.readline())
            self.assertEqual((200, 0), (opened["open"], opened["failed"]))
            time.sleep(1.2)
            self.assertIsNone(process.poll())
            report = json.loads(process.communicate(timeout=SECONDS)[0])
            self.assertEqual(0, process.returncode)
            self.assertEqual(200, report["open"])
            self.assertGreaterEqual(report["exchanges"], 100)
            self.assertEqual(200, end(server)["accepted"])

    def test_connections_that_end_are_failures(self):
        with served("echo") as (port, server), started("idle", "--count", 50, f"127.0.0.1:{port}") as process:
            process.stdout.readline()
            server.terminate()
            server.wait(SECONDS)
            time.sleep(0.2)
            report = json.loads(process.communicate(timeout=SECONDS)[0])
            self.assertEqual((1, 0, 50), (process.returncode, report["open"], report["failed"]))

    def test_nothing_runs_while_they_are_idle(self):
        with served("echo") as (port, server), started("idle", "--count", 500, f"127.0.0.1:{port}") as process:
            process.stdout.readline()
            before = self.switches(process.pid) + self.switches(server.pid)
            time.sleep(0.5)
            self.assertLessEqual(self.switches(process.pid) + self.switches(server.pid) - before, 2)

    @staticmethod
    def switches(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))

    def test_stuck_flows_are_full_and_round_trips_go_on(self):
        with served("source", "silent", "echo") as (source, silent, echo, process):
            for direction, port in (("down", source), ("up", silent)):
                report = run("stuck", "--seconds", 1, "--flows", 2, "--direction", direction, f"127.0.0.1:{port}", f"127.0.0.1:{echo}")
                self.assertEqual((2, 1), (report["flows"]["open"], report["flows"]["full"]))
                self.assertGreater(report["flows"]["bytes"], 50_000)
                for phase in ("before", "beside"):
                    self.assertGreater(report[phase]["count"], 100)
                    self.assertEqual(0, report[phase]["failed"])
            end(process)

    def test_flows_that_are_read_are_not_stuck(self):
        with served("sink", "echo") as (sink, echo, _):
            report = run("stuck", "--seconds", 1, "--patience", 1, "--direction", "up", f"127.0.0.1:{sink}", f"127.0.0.1:{echo}", code=1)
        self.assertEqual(0, report["flows"]["full"])


class Usage(unittest.TestCase):
    def test_wrong_command_lines(self):
        for arguments, said in (
                ((), "no command"), (("connect",), "no command"), (("connections",), "usage: "),
                (("connections", "a", "b"), "usage: "), (("connections", "--parallel"), "needs a value"),
                (("connections", "--count", "0", "127.0.0.1:1"), "not a number from 1"),
                (("connections", "--count", "1x", "127.0.0.1:1"), "not a number from 1"),
                (("connections", "--end", "fin", "127.0.0.1:1"), "none of its choices"),
                (("connections", "--speed", "1", "127.0.0.1:1"), "has no option '--speed'"),
                (("connections", "127.0.0.1"), "is not ADDRESS:PORT"), (("connections", "127.0.0.1:0"), "is not ADDRESS:PORT"),
                (("connections", "::1:80"), "is not ADDRESS:PORT"), (("connections", "[::1:80"), "is not ADDRESS:PORT"),
                (("connections", "localhost:80"), "not an IPv4 or IPv6 address"),
                (("connections", "127.0.0.9-3:80"), "has no address"), (("connections", "127.0.0.1-256:80"), "does not end a range"),
                (("connections", "127.0.0.1-::2:80"), "is not ADDRESS:PORT"), (("connections", "[::1-10000]:80"), "does not end a range"),
                (("connections", "--source", "::1", "127.0.0.1:80"), "different families"),
                (("pingpong", "--udp", "--bytes", "7", "127.0.0.1:80"), "needs 8"),
                (("udp", "--bytes", "15", "127.0.0.1:80"), "not a number from 16"),
                (("serve", "echo"), "is not SERVICE:PORT"), (("serve", "ping:1"), "is no service"),
                (("serve", "--bind", "nowhere", "echo:0"), "not an IPv4 or IPv6 address")):
            self.assertIn(said, run(*arguments, code=2), arguments)

    def test_help(self):
        for arguments in ((), ("serve",), ("connections",), ("pingpong",), ("udp",), ("idle",), ("stuck",)):
            result = subprocess.run([PROGRAM, *arguments, "--help"], capture_output=True, text=True, timeout=SECONDS, check=False)
            self.assertEqual((0, ""), (result.returncode, result.stderr))
            self.assertIn("usage: tunflow-load", result.stdout)

    def test_what_the_system_refuses(self):
        with served("echo") as (port, _):
            self.assertIn("Address already in use", run("serve", f"echo:{port}", code=3))
        self.assertIn("Cannot assign requested address", run("serve", "--bind", "192.0.2.1", "echo:0", code=3))

    def test_more_connections_than_descriptors(self):
        limited = ["sh", "-c", 'ulimit -n 100; exec "$0" "$@"', PROGRAM, "idle", "--count", "100", "127.0.0.1:1"]
        result = subprocess.run(limited, capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(3, result.returncode)
        self.assertIn("more than the 100 descriptors", result.stderr)


class Serving(unittest.TestCase):
    def test_datagrams_are_answered_from_the_address_they_came_to(self):
        with served("udp") as (port, _):
            for family, address in ((socket.AF_INET, "127.0.0.9"), (socket.AF_INET6, "::1")):
                with socket.socket(family, socket.SOCK_DGRAM) as client:
                    client.settimeout(SECONDS)
                    client.sendto(b"hello", (address, port))
                    data, peer = client.recvfrom(100)
                    self.assertEqual((b"hello", (address, port)), (data, peer[:2]))

    def test_answer_waits_for_the_whole_request(self):
        with served("exchange", options=("--request", 4, "--answer", 6)) as (port, _), socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(0.2)
            client.sendall(b"\x05\x06\x07")
            with self.assertRaises(TimeoutError):
                client.recv(1)
            client.settimeout(SECONDS)
            client.sendall(b"\x08\xff\x00\x01\x02")
            self.assertEqual(bytes([5, 6, 7, 8, 9, 10, 255, 0, 1, 2, 3, 4]), client.recv(12, socket.MSG_WAITALL))

    def test_it_ends_with_stdin_if_told(self):
        with started("serve", "--until-stdin-ends", "echo:0") as process:
            process.stdout.readline()
            self.assertEqual("serve", json.loads(process.communicate(timeout=SECONDS)[0])["command"])
            self.assertEqual(0, process.returncode)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
