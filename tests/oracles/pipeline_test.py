"""The example bundles and a table of small models: the pipeline in Python gives the same ids, the same bits before the model and the
same outputs, from the folder and from the packed file."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy
import PIL.Image
import sentencepiece
import sklearn.datasets
import torch
import torchvision

MRUN = os.environ["MRUN"]
SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
PHOTOS = pathlib.Path(sklearn.datasets.__file__).parent / "images"
DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def mrun(*args, **more):
    result = subprocess.run([MRUN, *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, **more)
    if result.returncode != 0:
        raise AssertionError(f"mrun {' '.join(map(str, args))}: {result.returncode}\n{result.stdout[-1000:]}{result.stderr[-1000:]}")
    return result.stdout


def tensors(path):
    data = path.read_bytes()
    (n,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    out = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        out[name] = numpy.frombuffer(data[8 + n + begin:8 + n + end], DTYPES[t["dtype"]]).reshape(t["shape"])
    return out


class Pipeline(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def stages(self, folder, given):
        """x and the output as the bundle's folder has them: recorded as an example of a copy."""
        mrun("record", folder, "stages", given, "--replace")
        return tensors(folder / "examples/stages/stages.safetensors")

    def both(self, folder, given):
        """The answer from the folder, which must be that of the packed file."""
        answer = json.loads(mrun(folder, given))
        mrun("pack", folder, "-o", self.dir / "packed.mb")
        self.assertEqual(json.loads(mrun(self.dir / "packed.mb", given, cwd="/")), answer)
        return answer

    def test_good_bad_ugly(self):
        folder = self.dir / "gbu"
        shutil.copytree(SOURCE / "bundles/good-bad-ugly/bundle", folder)
        tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "assets/tokenizer.model"))
        model = torch.jit.load(str(folder / "model.pt"))
        lines = (SOURCE / "bundles/good-bad-ugly/text.txt").read_text().splitlines()[::97] + ["x", "ünïcode 你好", "Ａ ﬁ ①", "a" * 3000]
        (self.dir / "lines").write_text("\n".join(lines) + "\n")
        answers = [json.loads(a) for a in mrun(folder, "--lines", self.dir / "lines").splitlines()]
        self.assertEqual(len(answers), len(lines))
        for line, answer in zip(lines, answers):
            with torch.inference_mode():
                ids = torch.tensor([tokenizer.encode(line)])
                p = torch.softmax(model(ids, torch.tensor([ids.size(1)]))[0], -1)
            self.assertEqual(answer["decision"], ["good", "bad", "ugly"][int(p.argmax())])
            numpy.testing.assert_allclose(answer["prediction"], p.numpy(), rtol=0, atol=1e-6)
        for line in lines[:3] + lines[-3:]:
            got = self.stages(folder, line)
            self.assertEqual(got["preprocess"].tolist(), tokenizer.encode(line))
            self.assertEqual(got["preprocess"].dtype, numpy.int64)
        self.both(folder, lines[0])

    def test_resnet18(self):
        folder = self.dir / "resnet18"
        subprocess.run([sys.executable, SOURCE / "bundles/resnet18/export.py", "--out", folder], check=True, capture_output=True)
        model = torch.jit.load(str(folder / "model.pt")).eval()
        t = torchvision.transforms
        transform = t.Compose([t.Resize(256), t.CenterCrop(224), t.ToTensor(),
                               t.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
        labels = (folder / "assets/labels.txt").read_text().splitlines()
        made = self.dir / "made.png"
        PIL.Image.fromarray(numpy.random.default_rng(1).integers(0, 256, (301, 257, 3), "uint8")).save(made)
        for photo in [PHOTOS / "china.jpg", PHOTOS / "flower.jpg", made]:
            x = transform(PIL.Image.open(photo).convert("RGB"))
            got = self.stages(folder, photo)
            self.assertEqual(got["preprocess"].tobytes(), x.numpy().tobytes(), photo)
            with torch.inference_mode():
                p, ids = torch.softmax(model(x[None])[0], -1).topk(5)
            answer = self.both(folder, photo)
            self.assertEqual([a["label"] for a in answer], [labels[i] for i in ids])
            numpy.testing.assert_allclose([a["score"] for a in answer], p.numpy(), rtol=0, atol=1e-5)


class Two(torch.nn.Module):
    def forward(self, a, b):
        return a @ b.t(), (a - b).abs().sum(-1)


class QuantizedResult(torch.nn.Module):
    """Of each row its quantized numbers, and how many rows it came with."""

    def forward(self, x):
        q = torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)
        return {"q": q}, [q], torch.full([x.size(0)], x.size(0))


class Dictionary(torch.nn.Module):
    def forward(self, x):
        return {"mean": x.mean(-1), "max": x.max(-1).values}


class Methods(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = torch.nn.Linear(4, 3), torch.nn.Linear(3, 4)

    def forward(self, x):
        return self.decode(self.encode(x))

    @torch.jit.export
    def encode(self, x):
        return torch.tanh(self.encoder(x))

    @torch.jit.export
    def decode(self, z):
        return self.decoder(z)


def sequence(layer):
    class Sequence(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x)[0]

    return Sequence()


SEQUENTIAL = torch.nn.Sequential
MODELS = {
    "linear": (lambda: torch.nn.Linear(4, 2), (3, 4)),
    "mlp": (lambda: SEQUENTIAL(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.LayerNorm(8), torch.nn.Linear(8, 2)), (4,)),
    "convolution": (lambda: SEQUENTIAL(torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
                                       torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), (3, 17, 19)),
    "lstm": (lambda: sequence(torch.nn.LSTM(4, 5, num_layers=2, batch_first=True)), (7, 4)),
    "bidirectional gru": (lambda: sequence(torch.nn.GRU(4, 5, bidirectional=True, batch_first=True)), (6, 4)),
    "transformer": (lambda: torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
    "depthwise": (lambda: torch.nn.Conv1d(4, 4, 3, groups=4), (4, 9)),
}


class SmallModels(Pipeline):
    def bundle(self, model, forward=None):
        folder = self.dir / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "bundle.toml").write_text('[bundle]\nname = "t"\n[input]\nkind = "tensor"\n')
        if forward:
            (folder / "forward.lua").write_text(forward)
        model.save(str(folder / "model.pt"))
        return folder

    def x(self, *shape):
        torch.manual_seed(3)
        x = torch.randn(*shape)
        numpy.save(self.dir / "x.npy", x.numpy())
        return x, self.dir / "x.npy"

    def test_table(self):
        for name, (make, shape) in MODELS.items():
            for how in ["script", "trace"]:
                with self.subTest(f"{name}, {how}"):
                    torch.manual_seed(1)
                    model = make().eval()
                    x, path = self.x(*shape)
                    with torch.no_grad():
                        wanted = model(x[None])[0].numpy()
                        exported = torch.jit.script(model) if how == "script" else torch.jit.trace(model, x[None], check_trace=False)
                    folder = self.bundle(exported)
                    numpy.testing.assert_allclose(numpy.array(self.both(folder, path), "float32"), wanted, rtol=1e-5, atol=1e-6)

    def test_several_arguments_and_results(self):
        folder = self.bundle(torch.jit.script(Two()), "return function(model, x)\n  local p, d = model(x, x * 2)\n  return { p, d }\nend\n")
        (folder / "bundle.toml").write_text('[bundle]\nname = "t"\n[input]\nkind = "tensor"\n[batch]\nmode = "none"\n')
        x, path = self.x(2, 3)
        p, d = Two()(x, x * 2)
        answer = self.both(folder, path)
        numpy.testing.assert_allclose(answer[0], p.numpy(), rtol=1e-6)
        numpy.testing.assert_allclose(answer[1], d.numpy(), rtol=1e-6)

    def test_a_dictionary_is_a_table(self):
        x, path = self.x(5)
        answer = self.both(self.bundle(torch.jit.script(Dictionary())), path)
        numpy.testing.assert_allclose([answer["max"], answer["mean"]], [x.max(), x.mean()], rtol=1e-6)

    def test_quantized_results_are_each_item_s_own_rows(self):
        for batch, shape, own in (("", [3], 1), ('[batch]\nmode = "concat"\n', [4, 3], 4), ('[batch]\nmode = "none"\n', [1, 3], 1)):
            with self.subTest(batch):
                folder = self.bundle(torch.jit.script(QuantizedResult()), "return function(model, x)\n  local table, list, rows = model(x)\n"
                                     "  return { table.q, list[1], rows }\nend\n")
                with open(folder / "bundle.toml", "a") as toml:
                    toml.write(batch)
                inputs = [torch.randn(shape) for _ in range(3)]
                for i, x in enumerate(inputs):
                    numpy.save(self.dir / f"{i}.npy", x.numpy())
                (self.dir / "paths").write_text("".join(f"{self.dir}/{i}.npy\n" for i in range(3)))
                answers = [json.loads(line) for line in mrun(folder, "--paths", self.dir / "paths").splitlines()]
                counts = []
                for x, (q, listed, rows) in zip(inputs, answers, strict=True):
                    wanted = torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).dequantize().tolist()
                    numpy.testing.assert_allclose(q, wanted, rtol=1e-6)
                    numpy.testing.assert_allclose(listed, wanted, rtol=1e-6)
                    counts.append(numpy.max(rows))
                self.assertEqual(max(counts) > own, "none" not in batch, counts)

    def test_methods(self):
        torch.manual_seed(2)
        model = Methods().eval()
        folder = self.bundle(torch.jit.script(model), "return function(model, x)\n  local z = model:encode(x)\n  return { z, model:decode(z), model(x) }\nend\n")
        x, path = self.x(4)
        z, y, again = self.both(folder, path)
        with torch.no_grad():
            numpy.testing.assert_allclose(z, model.encode(x).numpy(), rtol=1e-5, atol=1e-6)
            numpy.testing.assert_allclose(y, model(x).numpy(), rtol=1e-5, atol=1e-6)
        self.assertEqual(y, again)


if __name__ == "__main__":
    unittest.main()
