import os
import tempfile
import unittest

import paths  # noqa: F401
from results import Results


class ResultsTest(unittest.TestCase):
    def test_median_of_odd_and_even_counts(self):
        results = Results({})
        for value in (3, 100, 1):
            results.add("a", {"x": value})
        self.assertEqual(3, results.median("a", "x"))
        results.add("a", {"x": 5})
        self.assertEqual(4, results.median("a", "x"))

    def test_what_was_not_measured_is_none(self):
        results = Results({})
        results.add("a", {"x": 1})
        self.assertIsNone(results.median("a", "y"))
        self.assertIsNone(results.median("b", "x"))
        self.assertIsNone(results.ratio("a", "x", "b"))

    def test_ratio_is_between_medians(self):
        results = Results({})
        for ours, theirs in ((1, 10), (2, 4), (30, 5)):
            results.add("ours", {"x": ours})
            results.add("theirs", {"x": theirs})
        self.assertEqual(2 / 5, results.ratio("ours", "x", "theirs"))
        results.add("zero", {"x": 0})
        self.assertIsNone(results.ratio("ours", "x", "zero"))

    def test_saved_and_loaded_they_are_the_same(self):
        results = Results({"cores": 2})
        results.add("a", {"x": 1.5})
        results.fail("b", "streams", ValueError("no"))
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "deeper", "results.json")
            results.save(path)
            loaded = Results.load(path)
            self.assertEqual(["results.json"], os.listdir(os.path.dirname(path)))
        self.assertEqual((results.about, results.figures, results.failures), (loaded.about, loaded.figures, loaded.failures))
        self.assertEqual("no", loaded.failures[0]["reason"])


if __name__ == "__main__":
    unittest.main()
