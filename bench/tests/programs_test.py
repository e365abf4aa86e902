import json
import os
import stat
import tempfile
import unittest
from unittest import mock

import paths  # noqa: F401
import native
import programs
import topology
from measure import connections, flat, roundtrips


def iperf_answer(rate, amount):
    return json.dumps({"end": {"sum_received": {"bits_per_second": rate, "bytes": amount}, "sum_sent": {"bits_per_second": 1, "bytes": 1}}})


class Iperf(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.program = os.path.join(self.directory, "iperf3")
        # No namespace and no sleep: the program is a script, and runs here.
        self.enterContext(mock.patch.object(topology, "inside", lambda where, *command: [self.program, *map(str, command[1:])]))
        self.enterContext(mock.patch.object(programs.time, "sleep", lambda seconds: None))

    def script(self, text):
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncd {self.directory}\n{text}\n")
        os.chmod(self.program, stat.S_IRWXU)

    def test_what_was_received_counts(self):
        self.assertEqual((2.0, 0.5), programs.parse_iperf(iperf_answer(2e9, 5e8)))

    def test_cost_is_the_difference_of_the_clock_for_each_gb(self):
        clock = iter((10.0, 11.5))
        self.script(f"echo '{iperf_answer(8e9, 3e9)}'")
        self.assertEqual((8.0, 0.5), programs.iperf("ns", "up", 1, 3, lambda: next(clock)))

    def test_busy_server_is_asked_again_and_the_failed_attempt_costs_nothing(self):
        clock = iter((10.0, 13.0, 20.0, 21.0))
        self.script("test -e tried && { " + f"echo '{iperf_answer(8e9, 1e9)}'" + "; exit; }; touch tried; echo '{\"error\": \"busy\"}'")
        self.assertEqual((8.0, 1.0), programs.iperf("ns", "down", 1, 3, lambda: next(clock)))

    def test_it_gives_up_with_the_last_reason(self):
        self.script("echo '{\"error\": \"no route\"}'")
        with self.assertRaisesRegex(programs.Failed, "no route"):
            programs.iperf("ns", "up", 4, 1)
        self.script("exit 1")
        with self.assertRaises(programs.Failed):
            programs.iperf("ns", "up", 4, 1)

    def test_nothing_received_is_no_result(self):
        self.script(f"echo '{iperf_answer(0, 0)}'")
        with self.assertRaisesRegex(programs.Failed, "nothing was received"):
            programs.iperf("ns", "up", 1, 1)

    def test_directions_are_iperfs_options(self):
        self.assertIn("-R", programs.iperf_command("down", 1, 1))
        self.assertNotIn("-R", programs.iperf_command("up", 1, 1))
        self.assertIn("--bidir", programs.iperf_command("both", 4, 1))

    def test_load_that_could_not_run_is_an_error_and_failures_are_a_report(self):
        self.script('[ "$1" = bad ] && { echo no >&2; exit 3; }; echo \'{"failed": 1}\'; exit 1')
        peers = programs.Peers("host", "tunflow-load")
        self.assertEqual({"failed": 1}, peers.load("ns", "good"))
        with self.assertRaisesRegex(programs.Failed, "exit code 3: no"):
            peers.load("ns", "bad")


class Running:
    key, application = "tunflow", "ns"

    def __init__(self, *clock):
        self._clock = iter(clock)

    def cpu_seconds(self):
        return next(self._clock)


class Measures(unittest.TestCase):
    def peers(self, **report):
        peers = mock.Mock()
        peers.load.return_value = report
        return peers

    def test_processor_time_of_a_connection(self):
        report = {"count": 2000, "failed": 0, "rate": 1000.0, "total_us": {"p50": 90.0}}
        self.assertEqual((1000.0, 90.0, 125.0), connections.run(Running(1.0, 1.25), self.peers(**report), 64, 2))

    def test_few_failed_connections_are_noise_and_more_are_a_failure(self):
        report = {"count": 1000, "failed": 10, "rate": 1.0, "failures": {"timeout": 10}, "total_us": {"p50": 1.0}}
        connections.run(Running(0, 1), self.peers(**report), 1, 1)
        with self.assertRaisesRegex(programs.Failed, "timeout"):
            connections.run(Running(0, 1), self.peers(**report | {"failed": 11}), 1, 1)

    def test_broken_round_trips_are_a_failure(self):
        with self.assertRaises(programs.Failed):
            roundtrips.run(Running(), self.peers(broken=1, results={"count": 5, "failures": {}}), "tcp", 1)

    def test_the_worst_of_the_native_librarys_scenarios_counts(self):
        text = "| a | 100 | packet | 7 | 9 |\n\n50000 flows:\nok     TCP in: instructions x1.05, time x2.1\nFAILED UDP: instructions x1.31, time x1.9\n"
        self.assertEqual({"flat.instructions": 1.31, "flat.time": 2.1}, native.parse(text))
        self.assertEqual({"flat.time": 2.1}, native.parse("ok     TCP in: time x2.1\n"))
        with self.assertRaises(programs.Failed):
            native.parse("nothing")

    def test_change_is_between_medians(self):
        self.assertAlmostEqual(10, flat.change([0.9, 1.1, 0.9, 1.1], [9.0, 1.1, 1.0]))


if __name__ == "__main__":
    unittest.main()
