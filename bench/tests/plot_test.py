import unittest
import xml.etree.ElementTree as ET

import paths  # noqa: F401
import plot
import samples

SVG = "{http://www.w3.org/2000/svg}"


class PlotTest(unittest.TestCase):
    def setUp(self):
        self.root = ET.fromstring(plot.render(samples.reached()))
        self.rects = [rect for rect in self.root.iter(f"{SVG}rect") if float(rect.get("y")) >= plot.TOP]

    def test_every_tunnel_has_four_bars_in_each_panel(self):
        self.assertEqual(7 * 4 * 2, len(self.rects))
        texts = [text.text for text in self.root.iter(f"{SVG}text")]
        for title in ("tunflow up", "pasta", "copy without offload", "CPU seconds per GB"):
            self.assertEqual(1, texts.count(title))

    def test_bars_are_as_long_as_their_medians(self):
        first, general = (float(rect.get("width")) for rect in (self.rects[0], self.rects[4]))
        self.assertAlmostEqual(14 / 9, first / general, delta=0.01)

    def test_nothing_leaves_the_picture(self):
        _, _, width, height = map(float, self.root.get("viewBox").split())
        for rect in self.root.iter(f"{SVG}rect"):
            self.assertLessEqual(float(rect.get("x")) + float(rect.get("width")), width)
            self.assertLessEqual(float(rect.get("y")) + float(rect.get("height")), height)
        for text in self.root.iter(f"{SVG}text"):
            self.assertLess(float(text.get("x")), width - (30 if text.get("class") == "value" else 0))
            self.assertLess(float(text.get("y")), height)

    def test_there_are_colours_for_dark_pages(self):
        self.assertIn("prefers-color-scheme: dark", plot.render(samples.reached()))

    def test_no_figures_make_an_empty_picture(self):
        ET.fromstring(plot.render(type(samples.reached())({})))

    def test_scales_are_round_and_hold_the_most(self):
        for most in (0.37, 1, 3.9, 9.2, 14.7, 22, 100):
            end, step = plot.nice_scale(most)
            self.assertGreaterEqual(end, most)
            self.assertLess(end, most * 1.7)
            self.assertIn(round(end / step), range(2, 9))


if __name__ == "__main__":
    unittest.main()
