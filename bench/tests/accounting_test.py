import os
import subprocess
import sys
import time
import unittest

import paths  # noqa: F401
import accounting

BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"


class Parsing(unittest.TestCase):
    def test_stat_of_a_process_with_brackets_in_its_name(self):
        ticks = os.sysconf("SC_CLK_TCK")
        text = f"42 (a) b (c) S 7 1 1 0 -1 4194304 100 0 0 0 {3 * ticks} {2 * ticks} {5 * ticks} {1 * ticks} 20 0 1 0 100 0 0"
        self.assertEqual((7, 11.0), accounting.parse_stat(text))

    def test_status_has_memory_in_bytes_and_counts_as_they_are(self):
        numbers = accounting.parse_status("Name:\tx\nVmRSS:\t  2048 kB\nvoluntary_ctxt_switches:\t17\nCpus_allowed:\tff\n")
        self.assertEqual((2 << 20, 17), (numbers["VmRSS"], numbers["voluntary_ctxt_switches"]))
        self.assertNotIn("Name", numbers)

    def test_usage_of_a_cgroup(self):
        self.assertEqual(1.5, accounting.parse_usage("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n"))

    def test_hierarchy_and_own_group(self):
        self.assertEqual("/u", accounting.unified_hierarchy("cgroup /c cgroup rw 0 0\ncgroup2 /u cgroup2 rw 0 0\n"))
        self.assertIsNone(accounting.unified_hierarchy("cgroup /c cgroup rw 0 0\n"))
        self.assertEqual("/a/b", accounting.own_group("4:memory:/x\n0::/a/b\n"))

    def test_descendants_of_descendants_belong_and_others_do_not(self):
        everybody = {1: (0, 9.0), 10: (1, 1.0), 11: (10, 2.0), 12: (11, 4.0), 13: (1, 8.0), 14: (99, 8.0)}
        self.assertEqual({10: 1.0, 11: 2.0, 12: 4.0}, accounting.descendants(10, everybody))


class Counting(unittest.TestCase):
    """Of a shell whose child burns a known time and is waited for: the case where the process alone has nothing."""

    def check(self, group):
        script = f'"{sys.executable}" -c "$1" & wait; echo done; read line'
        with subprocess.Popen([*group.enter(), "sh", "-c", script, "sh", BURN.format(0.5)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            group.root = process.pid
            process.stdout.readline()
            self.between(group.cpu_seconds())
            self.assertIn(process.pid, group.processes())
            self.assertGreater(accounting.resident_bytes(group.processes()), 100_000)

    def between(self, seconds):
        """What was burnt, and the interpreter's start; in steps of 10 ms."""
        self.assertGreaterEqual(seconds, 0.47)
        self.assertLess(seconds, 1.2)

    def test_tree_counts_children_that_ended(self):
        self.check(accounting.Tree())

    def test_tree_counts_children_that_live(self):
        tree = accounting.Tree()
        script = f'"{sys.executable}" -c "$1"; true'
        with subprocess.Popen(["sh", "-c", script, "sh", BURN.format(0.5) + "\nprint(flush=True)\nimport sys\nsys.stdin.read()"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            tree.root = process.pid
            process.stdout.readline()
            self.assertEqual(2, len(tree.processes()))
            self.between(tree.cpu_seconds())

    def test_group_counts_children_that_ended(self):
        with accounting.group() as group:
            if not isinstance(group, accounting.Group):
                self.skipTest("cgroup v2 can't be written here")
            self.check(group)

    def test_switches_of_a_sleeper_are_counted_by_thread(self):
        with subprocess.Popen([sys.executable, "-c", "import time\nprint(flush=True)\nwhile True: time.sleep(0.01)"], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            before = accounting.switches([process.pid])
            time.sleep(0.5)
            after = accounting.switches([process.pid])
            process.kill()
        self.assertEqual([process.pid], [thread for _, thread, _ in after])
        self.assertGreater(sum(after.values()) - sum(before.values()), 5)


if __name__ == "__main__":
    unittest.main()
