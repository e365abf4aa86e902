import contextlib
import io
import os
import tempfile
import types
import unittest
from unittest import mock

import paths  # noqa: F401
import bench
import measure
import samples
import tunnels
from results import Results


def options(*arguments):
    return bench.parse(["--results", "r", "--document", "d", "--tools", "t", *arguments, "--", "tunflow"])


class Plan(unittest.TestCase):
    def test_every_tunnel_has_a_plan_of_known_kinds(self):
        self.assertEqual(list(tunnels.TITLES), list(measure.PLAN))
        for busy, quiet in measure.PLAN.values():
            self.assertLessEqual(set(busy), set(measure.BUSY))
            self.assertLessEqual(set(quiet), set(measure.QUIET))

    def test_processes_at_rest_are_measured_in_the_first_rounds_only(self):
        chosen = options("--rounds", "3", "--long-rounds", "1")
        self.assertEqual([2, 1, 1], [len(bench.chosen(chosen, "tunflow", number)) for number in (1, 2, 3)])
        self.assertEqual(1, len(bench.chosen(chosen, "copy", 1)))

    def test_kinds_can_be_chosen(self):
        chosen = options("--kinds", "streams,idle")
        self.assertEqual([["streams"], ["idle"]], bench.chosen(chosen, "tunflow", 1))
        self.assertEqual([["streams"]], bench.chosen(chosen, "pasta", 1))
        self.assertEqual([], bench.chosen(options("--kinds", "idle"), "pasta", 1))

    def test_a_part_leaves_the_document_and_the_results_of_a_whole_run(self):
        with tempfile.TemporaryDirectory() as directory:
            paths_of = ["--results", f"{directory}/results.json", "--document", f"{directory}/performance.md", "--tools", "t"]
            with contextlib.redirect_stdout(io.StringIO()):
                part = bench.parse([*paths_of, "--kinds", "streams", "--", "tunflow"])
                bench.write(samples.reached(), part)
                self.assertEqual([], os.listdir(directory))
                self.assertEqual(f"{directory}/part.json", part.results)
                bench.write(samples.reached(), bench.parse([*paths_of, "--", "tunflow"]))
            self.assertEqual(["performance.md", "performance.svg"], sorted(os.listdir(directory)))

    def test_unknown_names_are_refused(self):
        for arguments in (("--tunnels", "nobody"), ("--kinds", "speed"), ("--rounds", "many")):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                options(*arguments)

    def test_one_kind_that_fails_is_told_and_the_next_is_measured(self):
        @contextlib.contextmanager
        def start(key):
            yield key

        def fails(*_):
            raise RuntimeError("no")

        results = Results({})
        kinds = {"a": types.SimpleNamespace(measure=fails), "b": types.SimpleNamespace(measure=lambda *_: {"x": 1})}
        with mock.patch.object(measure, "BUSY", kinds), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            bench.run_session(types.SimpleNamespace(start=start), None, results, "pasta", ["a", "b"], None, "round 1")
        self.assertEqual(([1], [{"tunnel": "pasta", "kind": "a", "reason": "no"}]), (results.values("pasta", "x"), results.failures))


if __name__ == "__main__":
    unittest.main()
