import os
import tempfile
import types
import unittest
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from unittest import mock

import paths  # noqa: F401
import short
from results import Results

COPY = {"up1.gbits": 15, "down1.gbits": 15, "up1.cpu": 0.4, "down1.cpu": 0.4, "connect64.rate": 20_000, "connect64.cpu": 50, "ping.tcp.p50": 60}
GOOD = COPY | {"up1.cpu": 0.6, "connect64.cpu": 90}
BAD = GOOD | {"down1.gbits": 3}


class ShortTest(unittest.TestCase):
    def test_each_limit_can_be_broken(self):
        for what, name, limit, at_least in short.LIMITS:
            results = Results({})
            results.add("copy", COPY)
            results.add("tunflow", COPY | {name: COPY[name] * limit * (0.99 if at_least else 1.01)})
            self.assertEqual([what], [row[0] for row in short.judge(results) if not row[4]])

    def run_with(self, *rounds):
        """The exit code, the statuses and how many rounds were made."""
        given = iter(rounds)

        class Starter:
            @contextmanager
            def start(self, key):
                yield key

        @contextmanager
        def prepared(options):
            yield None, Starter()

        def figures(running, peers):
            if running == "copy":
                return COPY
            figures = next(given)
            if isinstance(figures, Exception):
                raise figures
            return figures

        with tempfile.TemporaryDirectory() as directory, mock.patch.object(short, "figures", figures), mock.patch.object(short, "unable", lambda: None):
            path = os.path.join(directory, "report.xml")
            code = short.run(types.SimpleNamespace(short=path), prepared)
            cases = ET.parse(path).getroot().findall("testcase")
        return code, {case.get("name"): case.get("status") for case in cases}, len(rounds) - len(list(given))

    def test_good_run_takes_one_round(self):
        code, statuses, rounds = self.run_with(GOOD, GOOD)
        self.assertEqual((0, {"run"}, 1), (code, set(statuses.values()), rounds))
        self.assertEqual(len(short.LIMITS), len(statuses))

    def test_what_is_bad_once_is_measured_again(self):
        code, statuses, rounds = self.run_with(BAD, GOOD, GOOD)
        self.assertEqual((0, {"run"}, 2), (code, set(statuses.values()), rounds))

    def test_what_is_always_bad_fails_and_names_itself(self):
        code, statuses, rounds = self.run_with(BAD, BAD, BAD)
        self.assertEqual((1, 3), (code, rounds))
        self.assertEqual(["throughput down"], [name for name, status in statuses.items() if status == "fail"])

    def test_different_misses_in_different_rounds_are_no_regression(self):
        code, _, rounds = self.run_with(BAD, GOOD | {"up1.cpu": 9})
        self.assertEqual((0, 2), (code, rounds))

    def test_a_round_that_fails_is_made_again(self):
        self.assertEqual((0, 2), self.run_with(RuntimeError("no"), GOOD, GOOD)[::2])

    def test_what_never_works_fails(self):
        code, statuses, rounds = self.run_with(RuntimeError("a"), RuntimeError("b"), RuntimeError("c"))
        self.assertEqual((1, {"fail"}, len(short.LIMITS), 3), (code, set(statuses.values()), len(statuses), rounds))

    def test_where_nothing_can_be_measured_all_are_skipped_with_the_reason(self):
        with tempfile.TemporaryDirectory() as directory, mock.patch.object(short, "unable", lambda: "no TUN: gone"):
            path = os.path.join(directory, "report.xml")
            self.assertEqual(0, short.run(types.SimpleNamespace(short=path), None))
            cases = ET.parse(path).getroot().findall("testcase")
        self.assertEqual({("notrun", "no TUN: gone")}, {(case.get("status"), case.findtext("system-out")) for case in cases})


if __name__ == "__main__":
    unittest.main()
