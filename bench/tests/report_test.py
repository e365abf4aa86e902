import os
import tempfile
import unittest

import paths  # noqa: F401
import report
import samples
from tunnels import TITLES


class ReportTest(unittest.TestCase):
    def render(self, results=None):
        return report.render(results or samples.reached(), "/nowhere/performance.md")

    def rows(self, text, heading):
        lines = text.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
        table = []
        for line in lines[start + 2:]:
            if not line.startswith("|"):
                break
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        return {row[0]: row[1:] for row in table}

    def test_every_measured_tunnel_has_its_row_and_figures(self):
        rows = self.rows(self.render(), "CPU seconds per GB")
        self.assertEqual(list(TITLES.values()), list(rows))
        self.assertEqual("0.55 (0.52 to 0.58)", rows["tunflow up"][0])

    def test_tunnels_without_a_figure_have_no_row(self):
        self.assertNotIn("tunflow, general path", self.rows(self.render(), "UDP echo"))
        results = samples.reached()
        del results.figures["pasta"]
        self.assertNotIn("pasta", self.rows(self.render(results), "Gbit/s"))

    def test_targets_are_counted(self):
        text = self.render(samples.set_values(samples.reached(), "tunflow", "udp.cpu", 9))
        rows = self.rows(text, "target")
        self.assertEqual(["9.00 us each", "at most 8 us each", "**missed**"], rows["UDP echo, 64 bytes: CPU"])
        self.assertEqual("reached, for orientation", rows["TCP up, 1 stream: CPU"][2])
        self.assertIn(f"{len(rows) - 4 - 1} reached, 1 missed, 0 not measured", text)

    def test_machine_and_load_are_named(self):
        self.assertIn("2 cores of Test 9000, Linux 6.1; iperf 3.12, passt 1", self.render())
        self.assertNotIn("busy machine", self.render())
        busy = samples.reached()
        busy.about["load"] = 3.2
        self.assertIn("3.2 (a busy machine", self.render(busy))

    def test_a_peer_that_is_not_as_known_is_told(self):
        self.assertNotIn("not comparable", self.render())
        results = samples.set_values(samples.set_values(samples.reached(), "pasta", "connect64.rate", 1000), "pasta", "connect64.cpu", 500)
        self.assertIn("**No figure of pasta is within 25 %", self.render(results))

    def test_what_failed_is_told(self):
        results = samples.reached()
        results.fail("pasta", "streams", "no route")
        self.assertIn("- pasta, streams: no route", self.render(results))
        self.assertNotIn("Not measured", self.render())

    def test_what_people_wrote_is_linked_and_stays(self):
        with tempfile.TemporaryDirectory() as directory:
            document = os.path.join(directory, "performance.md")
            os.mkdir(os.path.join(directory, "performance"))
            path = os.path.join(directory, "performance", "profile.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write("# Where a byte spends its time\n\nIn the kernel.\n")
            text = report.render(samples.reached(), document)
            self.assertIn("- [Where a byte spends its time](performance/profile.md)", text)
            with open(path, encoding="utf-8") as file:
                self.assertIn("In the kernel.", file.read())

    def test_tables_are_whole_and_no_line_ends_in_blanks(self):
        for line in self.render().splitlines():
            if line.startswith("|"):
                self.assertTrue(line.endswith("|"))
            self.assertEqual(line.rstrip(), line)

    def test_numbers_have_three_digits(self):
        self.assertEqual(["0.05", "5.00", "50.1", "501", "11,400", "-2.00"], [report.number(value) for value in (0.05, 5, 50.1, 501.2, 11_400, -2)])


if __name__ == "__main__":
    unittest.main()
