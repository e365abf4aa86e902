import unittest

import paths  # noqa: F401
import samples
import targets


def verdict(results, name):
    found = [row for row in targets.all_of(results) if (row.one if isinstance(row, targets.Either) else row).name == name]
    assert len(found) == 1, name
    return found[0]


class TargetsTest(unittest.TestCase):
    def test_all_are_reached_by_a_good_run(self):
        rows = targets.all_of(samples.reached())
        self.assertEqual([], [row for row in rows if row.reached is not True])
        self.assertGreater(len(rows), 30)

    def test_names_are_unique(self):
        names = [(row.one if isinstance(row, targets.Either) else row).name for row in targets.all_of(samples.reached())]
        self.assertEqual(len(names), len(set(names)))

    def test_each_can_be_missed(self):
        cases = (
            ("tunflow", "up1.cpu", 0.61, "TCP up, 1 stream: CPU"), ("tunflow", "down4.cpu", 0.67, "TCP down, 4 streams: CPU, to the copy"),
            ("tunflow", "up1.gbits", 11.9, "TCP up, 1 stream: throughput, to the copy"), ("tunflow", "down4.gbits", 8.9, "TCP down, 4 streams: throughput, to the copy"),
            ("general", "down1.cpu", 1.01, "general path, down, 1 stream: CPU"), ("general", "up1.gbits", 7.4, "general path, up, 1 stream: throughput, to the copy"),
            ("plain", "up4.cpu", 2.9, "without offload, up, 4 streams: CPU, to the copy without"),
            ("tunflow", "upload.p99", 3600, "40 KB up and 1 byte back, p99: longer with offload than without"),
            ("tunflow", "connect1.p50", 181, "connections one by one: p50"), ("tunflow", "connect64.cpu", 91, "connections, 64 at a time: CPU"),
            ("tunflow", "connect64.rate", 8700, "connections, 64 at a time: rate, to pasta"), ("tunflow", "ping.loaded.p99", 2001, "ping-pong TCP beside 4 streams each way: p99"),
            ("tunflow", "udp.cpu", 8.1, "UDP echo, 64 bytes: CPU"), ("tunflow", "udp.kpps", 67, "UDP echo, 64 bytes: rate, to pasta"),
            ("tunflow", "udp.loss", 0.001, "UDP echo, 50,000 a second offered: lost"), ("tunflow", "memory.connection", 6001, "memory of an idle connection, at 10,000"),
            ("tunflow", "memory.fresh", 45.1, "memory of a fresh process, after 30 s"), ("tunflow", "flat.ping", 11, "ping-pong p50: change by 10,000 idle connections"),
            ("native", "flat.time", 5.1, "native stack, a packet among 50,000 flows: time, to 100 flows"),
            ("tunflow", "idle.switches", 2.1, "idle for 60 s: context switches"))
        for tunnel, name, value, target in cases:
            with self.subTest(target):
                self.assertIs(False, verdict(samples.set_values(samples.reached(), tunnel, name, value), target).reached)

    def test_limits_themselves_are_reached(self):
        results = samples.set_values(samples.reached(), "tunflow", "up1.cpu", 0.60)
        self.assertTrue(verdict(results, "TCP up, 1 stream: CPU").reached)
        results = samples.set_values(samples.set_values(results, "tunflow", "up1.gbits", 12), "copy", "up1.gbits", 15)
        self.assertTrue(verdict(results, "TCP up, 1 stream: throughput, to the copy").reached)

    def test_ping_is_reached_by_either_limit(self):
        results = samples.set_values(samples.reached(), "tunflow", "ping.tcp.p50", 77)
        self.assertTrue(verdict(results, "ping-pong TCP: p50").reached)
        self.assertFalse(verdict(samples.set_values(results, "tunflow", "ping.tcp.p50", 79), "ping-pong TCP: p50").reached)
        self.assertTrue(verdict(samples.set_values(results, "tunflow", "ping.tcp.p50", 59), "ping-pong TCP: p50").reached)

    def test_what_was_not_measured_is_neither(self):
        results = samples.reached()
        del results.figures["pasta"], results.figures["slirp4netns"]
        self.assertIsNone(verdict(results, "UDP echo, 64 bytes: rate, to pasta").reached)
        self.assertTrue(verdict(results, "ping-pong TCP: p50").reached)

    def test_peers_are_known_within_a_quarter(self):
        results = samples.reached()
        self.assertEqual({"slirp4netns": True, "pasta": True}, targets.checked(results))
        samples.set_values(results, "pasta", "connect64.rate", 8500)
        samples.set_values(results, "pasta", "connect64.cpu", 101)
        self.assertEqual({"slirp4netns": True, "pasta": False}, targets.checked(results))
        samples.set_values(results, "pasta", "connect64.rate", 8550)
        self.assertTrue(targets.checked(results)["pasta"])
        del results.figures["slirp4netns"]
        self.assertIsNone(targets.checked(results)["slirp4netns"])


if __name__ == "__main__":
    unittest.main()
