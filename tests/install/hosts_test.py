"""The host examples, built out of tree against the install, and run."""
import json
import re
import unittest

from installed import BUNDLES, SOURCE, Installed

TEXT, DIGITS = BUNDLES / "good-bad-ugly/bundle", BUNDLES / "digits/bundle"


class Hosts(Installed):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lines = ["the way of the wicked", "praise and joy", "Wisdom is better than rubies."] * 5

    def setUp(self):
        if not hasattr(Hosts, "hosts"):
            Hosts.hosts = self.root / "hosts"
            self.ok("cmake", "-G", "Ninja", "-S", SOURCE / "core/api/examples", "-B", Hosts.hosts, "-D", f"CMAKE_PREFIX_PATH={self.prefix}",
                    "-D", "CMAKE_CXX_FLAGS=-Wall -Wextra", "-D", "CMAKE_C_FLAGS=-Wall -Wextra -Werror")
            self.ok("cmake", "--build", Hosts.hosts)

    def answers(self):
        return self.ok("mrun", TEXT, "--lines", "-", input="\n".join(self.lines))

    def test_ask(self):
        got = self.ok(self.hosts / "ask", TEXT, *self.lines[:3]).splitlines()
        for answer, wanted in zip(map(json.loads, got), map(json.loads, self.answers().splitlines()[:3]), strict=True):
            self.assertEqual(answer["decision"], wanted["decision"])
            for score, other in zip(answer["prediction"], wanted["prediction"], strict=True):
                self.assertAlmostEqual(score, other, delta=1e-5)  # joined sentences differ in the last bits

    def test_queue(self):
        got = self.ok(self.hosts / "queue", TEXT, input="\n".join(self.lines))
        decisions = [re.search(r'"decision":"(\w+)"', text).group(1) for text in got.splitlines()]
        wanted = [re.search(r'"decision":"(\w+)"', text).group(1) for text in self.answers().splitlines()]
        self.assertEqual(decisions, wanted)

    def test_serve(self):
        users, answered, late, left, failed = map(int, re.findall(r"\d+", self.ok(self.hosts / "serve", TEXT, 50)))
        self.assertEqual((users, answered + late + left, failed), (50, 50, 0))
        self.assertGreaterEqual(answered, 30)  # the others may have been answered before they left, or been in time
        self.assertGreaterEqual(late, 1)

    def test_camera(self):
        got = self.ok(self.hosts / "camera", DIGITS, 5).splitlines()
        self.assertEqual(len(got), 5)
        for line in got:
            self.assertRegex(line, r'"digit":7')

    def test_tensors(self):
        folder = self.root / "same"
        folder.mkdir(exist_ok=True)
        (folder / "bundle.toml").write_text('[input]\nkind = "tensor"\n')
        (folder / "preprocess.lua").write_text('local torch = require "torch"\nreturn function(x) assert(torch.sum(x):item() == 66) return x end\n')
        self.assertEqual(self.ok(self.hosts / "tensors", folder), "sum 66 of 66, the same memory\n")


if __name__ == "__main__":
    unittest.main()
