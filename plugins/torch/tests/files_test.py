"""Model files as Python's tools write them: what a model gives, from its folder and packed, is what Python's torch.jit.load of
the same file gives, to the bit; what cannot be loaded again says where it came from."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import warnings

import torch
from torch.utils.mobile_optimizer import optimize_for_mobile

ITEM = [[0.25, -1.5, 3.0], [2.0, 0.125, -0.75], [1.0, 1.0, -2.0]]


class Convolution(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 4, 2)
        self.norm = torch.nn.BatchNorm2d(4)
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.convolution(x.unsqueeze(0).unsqueeze(0))))
        return self.linear(x.mean((2, 3)))


class Strided(torch.nn.Module):
    """Weights that are views, of other dtypes, of no elements, and complex ones."""

    def __init__(self):
        super().__init__()
        whole = torch.randn(8, 6)
        self.weight = torch.nn.Parameter(whole[1:7:2, ::2].t())
        self.register_buffer("row", whole[2, :3])
        self.register_buffer("wide", torch.randn(1, 3).expand(3, 3))
        self.register_buffer("none", torch.zeros(0, 3))
        self.register_buffer("short", torch.randn(3).bfloat16())
        self.register_buffer("phase", torch.randn(3, dtype=torch.complex64).conj())

    def forward(self, x):
        y = x @ self.weight + self.row + self.wide + self.none.sum() + self.short
        return torch.view_as_real(y * self.phase)


class Quantizing(torch.nn.Module):
    def forward(self, x):
        return torch.quantize_per_tensor(x, 0.25, 10, torch.quint8)


def written():
    """name -> what writes the file."""
    torch.manual_seed(3)
    model, item = Convolution().eval(), torch.tensor(ITEM)
    script, trace = torch.jit.script(model), torch.jit.trace(model, item)
    last = torch.jit.script(Convolution().eval().to(memory_format=torch.channels_last))
    return {"script": script.save, "trace": trace.save, "freeze": torch.jit.freeze(script).save,
            "freeze of a trace": torch.jit.freeze(trace).save, "channels_last": last.save,
            "mobile": optimize_for_mobile(script).save, "for the lite interpreter": script._save_for_lite_interpreter,
            "strided": torch.jit.script(Strided().eval()).save}


class Files(unittest.TestCase):
    def folder(self, write):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "bundle")
        folder.mkdir()
        write(str(folder / "model.pt"))
        (folder / "bundle.toml").write_text('[bundle]\nname = "m"\nversion = "1.0.0"\ndescription = "d"\n[input]\nkind = "json"\n'
                                            '[batch]\nmode = "none"\n')
        (folder / "preprocess.lua").write_text('local torch = require "torch"\nreturn function(x) return torch.tensor(x) end\n')
        (folder / "postprocess.lua").write_text('return function(y) return y:reshape(-1):view("int32") end\n')  # its bits
        return folder

    def run_mrun(self, *arguments):
        return subprocess.run([os.environ["MRUN"], *arguments], capture_output=True, text=True)

    def test_answers_are_pythons_to_the_bit(self):
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        for name, write in written().items():
            with self.subTest(name):
                folder = self.folder(write)
                with torch.no_grad():
                    want = torch.jit.load(str(folder / "model.pt"))(torch.tensor(ITEM))
                want = want.contiguous().view(torch.int32).flatten().tolist()
                packed = folder.with_suffix(".mb")
                done = self.run_mrun("pack", folder, "-o", packed)
                self.assertEqual(done.returncode, 0, done.stderr)
                for bundle in (folder, packed):
                    done = self.run_mrun(bundle, json.dumps(ITEM))
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    self.assertEqual(json.loads(done.stdout), want)

    def test_a_quantized_tensor_is_taken_as_its_values(self):
        folder = self.folder(torch.jit.script(Quantizing().eval()).save)
        (folder / "postprocess.lua").unlink()
        (folder / "forward.lua").write_text(
            'local torch = require "torch"\n'
            "return function(model, x)\n"
            "  local q = model(x)\n"
            '  local copy = torch.tensor(q, {dtype = "float64"})\n'
            "  return {q:dequantize(), torch.dequantize(q), torch.tensor(q), copy, copy.dtype, torch.tensor(x):equal(x)}\n"
            "end\n")
        done = self.run_mrun(folder, json.dumps(ITEM))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        want = Quantizing()(torch.tensor(ITEM)).dequantize().tolist()
        self.assertEqual(json.loads(done.stdout), [want, want, want, want, "float64", True])

    def test_what_was_optimized_for_inference(self):
        """Its weights are in a layout that no file holds: Python refuses the file, too."""
        optimized = torch.jit.optimize_for_inference(torch.jit.script(Convolution().eval()))
        folder = self.folder(optimized.save)
        done = self.run_mrun(folder, json.dumps(ITEM))
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("what torch.jit.optimize_for_inference gives, which Python cannot load again either", done.stderr)
        with self.assertRaises(RuntimeError):
            torch.jit.load(str(folder / "model.pt"))


if __name__ == "__main__":
    unittest.main()
