"""What libtorch has to say of a model's call is logged as what it says of an operator's: nothing of it goes past the log."""
import os
import pathlib
import subprocess
import tempfile
import unittest

import torch


class Warns(torch.nn.Module):
    """libtorch, 1.13 and 2.6 alike, warns of positions that are uint8, at each call."""

    def forward(self, x):
        return x + x[x.to(torch.uint8)].sum()


class ModelWarnings(unittest.TestCase):
    def test_they_are_logged(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            torch.jit.script(Warns().eval()).save(str(folder / "model.pt"))
            (folder / "bundle.toml").write_text('[bundle]\nname = "warns"\n[input]\nkind = "json"\n')
            (folder / "preprocess.lua").write_text('local torch = require "torch"\nreturn function(x) return torch.tensor(x) end\n')
            for level, lines in (("warn", 2), ("error", 0)):
                done = subprocess.run([os.environ["MRUN"], folder, "[0, 1]", "[1, 0]", "--batch-size", "1", "--log-level", level],
                                      capture_output=True, text=True, check=True)
                self.assertEqual(done.stdout, "[1,2]\n[2,1]\n")
                said = done.stderr.splitlines()
                self.assertEqual(len(said), lines, done.stderr)
                for line in said:
                    self.assertRegex(line, r"^mrun: warn: libtorch: indexing with dtype torch.uint8")


if __name__ == "__main__":
    unittest.main()
