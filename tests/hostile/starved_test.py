"""Memory that ends at each allocation in turn, from the opening of a bundle to its answer, in a program that lives on: number 84 of
core/SECURITY.md. (A sanitizer has an allocator of its own, so it is not among the tests of those builds.)"""
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "command"))
import command  # noqa: E402

SCRIPT = """
local json, bundle = require "json", require "bundle"
local measure = require "lib.measure"
return function(text, params)
  local words = {}
  for word in text:gmatch "%a+" do words[#words + 1] = word:rep(params.times) .. measure(word) .. bundle.text "a.txt" end
  return json.decode(json.encode(words))
end
"""


class Case(command.Case):
    def test_84_memory_ends_at_each_allocation(self):
        folder = self.bundle(toml="[params]\ntimes = 3\n", preprocess=SCRIPT,
                             files={"lib/measure.lua": "return function(word) return tostring(#word) end\n", "assets/a.txt": "text"})
        file = self.dir / "b.mb"
        self.assertEqual(command.mrun("pack", folder, "-o", file).returncode, 0)
        for bundle, *how in (file,), (folder,), (file, "lasting", "3"), (folder, "lasting", "1"):
            with self.subTest(bundle=bundle.name, how=how):
                result = subprocess.run([command.BUILD / "bin/hostile_starved", bundle, *how], capture_output=True, text=True, timeout=600)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                allocations, tries, failed = map(int, re.fullmatch(r"(\d+) allocations, (\d+) tries, (\d+) failed\n", result.stdout).groups())
                self.assertGreater(allocations, 500)
                self.assertGreater(failed, tries / 2)

    def test_84_memory_ends_where_a_call_is_refused(self):
        folder = self.bundle(preprocess="return function(text) return #text end")
        result = subprocess.run([command.BUILD / "bin/hostile_starved", folder, "misused"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_84_memory_ends_while_worker_processes_are_asked(self):
        folder = self.bundle(preprocess="return function(text) local words = {} for w in text:gmatch '%a+' do words[#words + 1] = w end return words end",
                             postprocess="return function(words) for _, word in ipairs(words) do emit(word) end return words end")
        for first, most in (0, 16), (44, 74):  # of an item by itself; of those that are submitted behind it
            with self.subTest(first=first):
                result = subprocess.run([command.BUILD / "bin/hostile_starved", folder, "process", "1", str(first), str(most)],
                                        capture_output=True, text=True, timeout=300)
                self.assertEqual((result.returncode, result.stdout), (0, f"{most - first} tries\n"), result.stderr)

    def test_84_an_input_that_there_is_no_memory_to_send(self):
        folder = self.bundle(kind="json", preprocess="return function(x) return #x end")
        result = subprocess.run([command.BUILD / "bin/hostile_starved", folder, "large"], timeout=60)
        self.assertEqual(result.returncode, 0)


if __name__ == "__main__":
    unittest.main()
