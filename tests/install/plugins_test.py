"""Plugins built out of tree against the install: the examples."""
import json
import math
import pathlib
import struct
import tempfile
import unittest

from installed import SOURCE, Installed, run


class Plugins(Installed):
    def folder(self, **files):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, content in files.items():
            path = folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def test_examples(self):
        built = self.build(SOURCE / "core/plugin/examples")
        text = self.folder(bundle_toml='[input]\nkind = "text"\n', preprocess_lua="""
local tally, deflate = require "tally", require "deflate"
return function(text)
  assert(#text == deflate.unpack(deflate.pack(text)):size(0))
  return tally.count(text, "o")
end
""")
        self.assertEqual(self.ok("mrun", text, "to be or not to be", "--plugin", built / "tally.so", "--plugin", built / "deflate.so"), "4\n")
        orbit = self.folder(bundle_toml='[input]\nkind = "json"\n', preprocess_lua='return function(e) return require("orbit").kepler({0, 1, 2}, e) end\n')
        for mean, anomaly in enumerate(json.loads(self.ok("mrun", orbit, "0.5", "--plugin", built / "orbit.so"))):
            self.assertAlmostEqual(anomaly - 0.5 * math.sin(anomaly), mean, delta=1e-12)
        wrong = run("mrun", orbit, "1.5", "--plugin", built / "orbit.so", env=self.env)
        self.assertIn("eccentricity: want 0 to less than 1", wrong.stdout)
        self.backend(built / "affine.so")

    def backend(self, plugin):
        """A model of the plugin's own format, packed, answered alone and joined, and damaged ones."""
        matrix, vector = [[1, 2, 3], [0.5, -1, 0]], [10, 20]
        weights = struct.pack("<8f", *matrix[0], *matrix[1], *vector)
        parts = {"bundle_toml": '[input]\nkind = "json"\n[models.main]\nfile = "model.affine"\n', "model_affine": "affine 2 3\n",
                 "preprocess_lua": 'local torch = require "torch"\nreturn function(x) return torch.tensor(x) end\n'}
        folder = self.folder(**parts, **{"model__main__weights_f32": weights})
        inputs = [[1, 1, 1], [1, 2, 3], [0, 0, -1]]
        wanted = [[sum(m * x for m, x in zip(row, v)) + b for row, b in zip(matrix, vector)] for v in inputs]
        packed = folder.parent / (folder.name + ".mb")
        self.addCleanup(packed.unlink)
        self.ok("mrun", "pack", folder, "-o", packed, "--plugin", plugin)
        for more in [(), ("--exact",), ("--batch-size", 1), ("--workers", 3)]:
            got = self.ok("mrun", packed, "--jsonl", "-", "--plugin", plugin, *more, input="\n".join(map(json.dumps, inputs)))
            self.assertEqual([json.loads(line) for line in got.splitlines()], wanted, more)
        wrong = run("mrun", packed, "[1, 2]", "--plugin", plugin, env=self.env)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("float32 [3]", wrong.stdout)
        for name, content, said in [("model_affine", "affine 0 3", "affine ROWS COLUMNS"), ("model__main__weights_f32", weights[:-4], "32 bytes")]:
            damaged = self.folder(**{**parts, "model__main__weights_f32": weights, name: content})
            done = run("mrun", damaged, "[1, 1, 1]", "--plugin", plugin, env=self.env)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stdout + done.stderr)
        without = run("mrun", packed, "[1, 1, 1]", env=self.env)
        self.assertNotEqual(without.returncode, 0)
        self.assertIn(".affine", without.stderr)


if __name__ == "__main__":
    unittest.main()
