"""A plugin built with the headers of each release of the ABI is loaded, does all it did, and passes the checks, for ever."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
RELEASES = sorted(p.parent.name for p in HERE.glob("*/mrun"))
SCRIPT = """
local kept, torch = require "kept", require "torch"
local n = kept.number(7)  -- stands for a tensor, and has its methods
assert(kept.get(n) == 7 and kept.first(n) == 7)
return function(input)
  local list, map, text = kept.mix(3, {b = 1.5, x = torch.ones(1)})
  assert(list[1] == 5 and list[2] == 1.5 and list[3][0] == 1.5 and list[3][1] == 1 and map.key == true and text == "text")
  local ok, why = pcall(kept.refuses)
  assert(not ok and tostring(why):find("never 7"), why)
  assert(kept.uses(1000) == 1 and kept.first(torch.tensor({4}, {dtype = "int64"})) == 4)
  assert(kept.apply(function(x) return x + 1 end, 2) == 3 and kept.get(kept.finds(9)) == 9)
  assert(kept.waits(function(x) return x * 2 end, 2) == 4)
  assert(kept.shout("a") == "a")
  return torch.tensor(input)
end
"""


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600, **more)


class Plugins(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def ok(self, *command, **more):
        done = run(*command, **more)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def build(self, release):
        self.ok("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-I", HERE / release, HERE / "kept.c", "-o", self.dir / "kept.so")
        (self.dir / "kept.json").write_text('{"provides": ["keptns."], "suffixes": [".kept"]}')
        return self.dir / "kept.so"

    def test_each_release_of_the_abi_has_its_headers_here(self):
        header = (SOURCE / "core/include/mrun/plugin.h").read_text()
        major, minor = (int(re.search(rf"#define MRUN_ABI_{part} (\d+)u", header)[1]) for part in ("MAJOR", "MINOR"))
        self.assertEqual(RELEASES, [f"{major}.{m}" for m in range(minor + 1)])
        for release in RELEASES:
            kept = (HERE / release / "mrun/plugin.h").read_text()
            self.assertIn(f"#define MRUN_ABI_MINOR {release.split('.')[1]}u", kept)

    def test_a_plugin_of_each_release_does_all_it_did(self):
        for release in RELEASES:
            plugin = self.build(release)
            folder = self.dir / release
            folder.mkdir()
            (folder / "bundle.toml").write_text('[input]\nkind = "json"\n[models.main]\nfile = "model.kept"\n')
            (folder / "preprocess.lua").write_text(SCRIPT)
            (folder / "model.kept").write_text("kept 2")
            packed = self.dir / f"{release}.mb"
            self.ok(os.environ["MRUN"], "pack", folder, "-o", packed, "--plugin", plugin)
            for bundle in (folder, packed):
                lines = self.ok(os.environ["MRUN"], bundle, "--jsonl", "-", "--plugin", plugin, input="[1, 2]\n[3, 4]\n[5]\n")
                self.assertEqual([json.loads(line) for line in lines.splitlines()], [[3, 4], [5, 6], [7]], (release, bundle))
            listed = self.ok("unzip", "-l", packed)
            self.assertIn("model/main.graph.kept", listed)
            self.assertIn("safetensors", listed)
            found = json.loads(self.ok(os.environ["MRUN"], "plugins", "--check", plugin, "--models", folder, "--json"))
            self.assertEqual((found["problems"], found["operations"], found["models"]), ([], 9, 1), release)


if __name__ == "__main__":
    unittest.main()
