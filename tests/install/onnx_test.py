"""The example of a backend over ONNX Runtime, built out of tree where the distribution has it; where not, that it says so."""
import json
import subprocess
import sys
import unittest

import numpy
import onnx_models
import torch

from installed import SOURCE, Installed, run

RUNTIME = subprocess.run(["pkg-config", "--exists", "libonnxruntime"]).returncode == 0
MANIFEST = '[input]\nkind = "tensor"\n[models.main]\nfile = "model.onnx"\n'
TWO = 'return function(model, x) local y, z = model(x); return {y = y, z = z} end'


class Onnx(Installed):
    def project(self):
        return run("cmake", "-G", "Ninja", "-S", SOURCE / "core/plugin/examples", "-B", self.root / "examples", "-D",
                   f"CMAKE_PREFIX_PATH={self.prefix}", env=self.env)

    def test_a_distribution_without_it_says_so(self):
        said = "onnx.cpp is not built: there is no ONNX Runtime" in self.project().stderr
        self.assertEqual(said, not RUNTIME)
        if said:
            print("No ONNX Runtime here: the example of a backend over it is neither built nor tried.", file=sys.stderr)


class OnnxRuntime(Onnx):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plugin = cls.root / "examples/onnx.so"
        done = cls.project(cls)
        assert done.returncode == 0, done.stdout + done.stderr
        done = run("cmake", "--build", cls.root / "examples", "--target", "onnx")
        assert done.returncode == 0, done.stdout

    def bundle(self, model, manifest=MANIFEST, **files):
        """A folder with this model; files: by name, with __ for a slash and _ for a dot."""
        folder = self.root / f"bundle{len(list(self.root.glob('bundle*')))}"
        for name, content in {"model_onnx": model, "bundle_toml": manifest, **files}.items():
            path = folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def arrays(self, *arrays):
        paths = []
        for array in arrays:
            paths.append(self.root / f"input{len(list(self.root.glob('input*')))}.npy")
            numpy.save(paths[-1], array)
        return paths

    def ran(self, bundle, *arguments, **more):
        return run("mrun", bundle, *arguments, "--plugin", self.plugin, env=self.env, **more)

    def answers(self, bundle, *arguments, **more):
        done = self.ran(bundle, *arguments, **more)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        return [json.loads(line) for line in done.stdout.splitlines()]

    def fails(self, said, bundle, *arguments, **more):
        done = self.ran(bundle, *arguments, **more)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(said, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def conforms(self, bundle, example=None):
        if example is not None:
            self.ok("mrun", "record", bundle, "first", example, "--plugin", self.plugin)
        done = run("mrun", "plugins", "--check", self.plugin, "--models", bundle, "--json", env=self.env)
        report = json.loads(done.stdout)
        self.assertEqual((report["problems"], report["models"], report["answered"]), ([], 1, 1))

    def test_every_dtype_and_shape(self):
        for dtype in onnx_models.TYPES:
            whole = numpy.arange(6).astype(dtype).reshape(2, 3)
            arrays = [whole, whole[0, 1], whole[:0], whole[:, :0], numpy.asfortranarray(whole)]
            wanted = [(~a if dtype == "bool" else a + a).tolist() for a in arrays]
            for alone in [(), ("--batch-size", 1)]:
                got = self.answers(self.bundle(onnx_models.doubled(dtype)), *self.arrays(*arrays), *alone)
                self.assertEqual(got, wanted, dtype)

    def test_a_model_of_pytorchs_exporter_gives_what_pytorch_gives(self):
        torch.manual_seed(1)
        module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
                                     torch.nn.Flatten(), torch.nn.Linear(128, 5), torch.nn.Softmax(1))
        folder = self.bundle(onnx_models.exported(module, torch.zeros(2, 3, 8, 8)), MANIFEST + "[batch]\nmax_size = 4\n")
        images = torch.randn(11, 3, 8, 8)
        paths = self.arrays(*images.numpy())
        with torch.no_grad():
            wanted = module(images).numpy()
        packed = self.root / "convolution.mb"
        self.conforms(folder, paths[0])
        self.ok("mrun", "pack", folder, "-o", packed, "--plugin", self.plugin)
        self.ok("mrun", "verify", packed, "--plugin", self.plugin)
        self.conforms(packed)
        for more in [(), ("--isolation", "none"), ("--batch-size", 1), ("--workers", 2, "--threads", 1), ("--threads", 3), ("--exact",)]:
            numpy.testing.assert_allclose(self.answers(packed, *paths, *more), wanted, rtol=1e-4, atol=1e-6, err_msg=str(more))

    def test_several_inputs_and_outputs(self):
        folder = self.bundle(onnx_models.pair(), MANIFEST.replace("tensor", "json"), forward_lua=TWO, preprocess_lua="""
local torch = require "torch"
return function(x) return {input_1 = torch.tensor(x.a), t_1 = torch.tensor(x.b, {dtype = x.dtype or "int64"})} end
""")
        items = [{"a": [i, 2.5, -1], "b": [i + 2]} for i in range(9)]
        wanted = [{"y": [x * item["b"][0] for x in item["a"]], "z": [2 * item["b"][0]]} for item in items]
        self.assertEqual(self.answers(folder, "--jsonl", "-", input="\n".join(map(json.dumps, items))), wanted)
        self.conforms(folder, json.dumps(items[0]))
        self.fails("t_1: want int64 [any, 1], got float32 [1, 1]", folder, json.dumps({**items[0], "dtype": "float32"}))
        self.fails("input_1: want float32 [any, 3], got float32 [1, 2]", folder, json.dumps({"a": [1, 2], "b": [1]}))
        self.fails("input_1: want float32 [any, 3], got float32 [1, 1, 3]", folder, json.dumps({"a": [[1, 2, 3]], "b": [1]}))
        for call, said in [("model(x.input_1)", "t_1"), ("model(x.input_1, x.t_1, x.t_1)", "2"), ("model{input_1 = x.input_1, b = x.t_1}", "b"),
                           ("model(x.input_1, 'b')", "Tensor")]:
            (folder / "forward.lua").write_text(f"return function(model, x) return ({call}) end")
            self.fails(said, folder, json.dumps(items[0]))

    def test_a_model_of_one_row_and_one_row_at_a_time(self):
        weight, bias = numpy.float32([[1, 2], [3, 4]]), numpy.float32([10, 20])
        paths = self.arrays(*numpy.eye(2, dtype="float32"))
        wanted = (numpy.eye(2) @ weight + bias).tolist()
        one = onnx_models.linear(weight, bias, 1)
        self.assertEqual(self.answers(self.bundle(one, MANIFEST + "[batch]\nmax_size = 1\n"), *paths), wanted)
        alone = self.bundle(one, MANIFEST + '[batch]\nmode = "none"\n')
        self.assertEqual(self.answers(alone, *self.arrays(numpy.float32([[1, 0]]))), [wanted[:1]])
        self.fails("x: want float32 [1, 2], got float32 [2, 2] (a model that takes one row at a time wants max_size = 1 in [batch])", alone,
                   *self.arrays(numpy.eye(2, dtype="float32")))
        rows = self.bundle(onnx_models.linear(weight, bias), MANIFEST + '[batch]\nmode = "concat"\n')
        self.assertEqual(self.answers(rows, *self.arrays(numpy.eye(2, dtype="float32"), numpy.zeros((0, 2), "float32"))), [wanted, []])

    def test_weights_beside_the_model_and_no_others(self):
        weight, bias = numpy.float32([[1, 2], [3, 4]]), numpy.float32([10, 20])
        paths = self.arrays(numpy.float32([1, 1]))
        beside = self.bundle(onnx_models.linear(weight, bias, external="net.onnx.data"), model__main__net_onnx_data=weight.tobytes())
        self.conforms(beside, *paths)
        packed = self.root / "beside.mb"
        self.ok("mrun", "pack", beside, "-o", packed, "--plugin", self.plugin)
        for bundle in (beside, packed):
            self.assertEqual(self.answers(bundle, *paths), [[14, 26]])
        self.conforms(packed)
        short = self.bundle(onnx_models.linear(weight, bias, external="net.onnx.data"), model__main__net_onnx_data=weight.tobytes()[:-1])
        self.fails("ONNX Runtime cannot open this model", short, *paths)
        (self.root / "host.bin").write_bytes(weight.tobytes())
        for place in ["host.bin", "../host.bin", str(self.root / "host.bin")]:
            for files in [{}, {"model__main__other_bin": b"other"}]:
                self.fails("ONNX Runtime cannot open this model", self.bundle(onnx_models.linear(weight, bias, external=place), **files), *paths,
                           "--isolation", "none", cwd=self.root)

    def test_what_is_no_model_of_tensors(self):
        paths = self.arrays(numpy.float32([1, 1]))
        self.fails("input x: tensors of its type", self.bundle(onnx_models.of_strings()), *paths)
        whole = onnx_models.doubled("float32")
        for content in [b"no model", whole[:-9], b"\0" * 100]:
            self.fails("ONNX Runtime cannot open this model", self.bundle(content), *paths)
        unknown = onnx_models.model([onnx_models.node("Nothing", ["x"], ["y"])], [onnx_models.port("x", 1)], [onnx_models.port("y", 1)])
        self.fails("Nothing", self.bundle(unknown), *paths)
        self.fails("optimization: want none, basic, extended or all, got best", self.bundle(whole, MANIFEST + 'optimization = "best"\n'), *paths)
        self.assertEqual(self.answers(self.bundle(whole, MANIFEST + 'optimization = "none"\n'), *paths), [[2, 2]])

    def test_no_more_threads_than_the_engine_has(self):
        folder, path = self.bundle(onnx_models.doubled("float32")), self.arrays(numpy.float32([1]))[0]
        counts = []
        for threads in (1, 3):
            trace = self.root / "trace"
            self.ok("strace", "-f", "-o", trace, "-e", "trace=clone,clone3", "mrun", folder, path, "--isolation", "none", "--workers", 1,
                    "--threads", threads, "--plugin", self.plugin)
            counts.append(trace.read_text().count("CLONE_THREAD"))
        self.assertEqual(counts[1] - counts[0], 2)


if not RUNTIME:
    del OnnxRuntime

if __name__ == "__main__":
    unittest.main()
