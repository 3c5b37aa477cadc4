"""JSON.md and the command, key by key: every key that is printed is documented with its type, every documented one is printed."""
import json
import re
import unittest

import torch

from command import Case, mrun
from inspect_test import section

KINDS = {dict: "object", list: "list", str: "text", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def documented(title):
    """key -> the types that it may have."""
    keys = {}
    for line in section(title).splitlines():
        if line.startswith("| `"):
            names, types = line.strip("| ").split(" | ")[:2]
            for name in re.findall(r"`([^`]+)`", names):
                keys[name] = set(types.rstrip("| ").split(" or "))
    return keys


def printed(value, keys, path=""):
    """(key, type) of everything in a document, down to where the page says any."""
    if keys.get(path) == {"any"}:
        return {(path, "any")}
    row = isinstance(value, dict) and (path == "" or path.endswith("[]"))  # its keys speak for it
    found = set() if row or path == "" else {(path, KINDS[type(value)])}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= printed(inner, keys, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            found |= printed(inner, keys, path + "[]")
    return found


class Documents(Case):
    def document(self, *args, status=0):
        result = mrun(*args, "--json")
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 1)
        return json.loads(result.stdout)

    def check(self, title, *documents, never=()):
        """`never`: documented (key, type) that these documents need not have."""
        keys = documented(title)
        found = set().union(*(printed(d, keys) for d in documents))
        for key, kind in found:
            self.assertIn(key, keys, f"{title}: {key} is not documented")
            self.assertTrue(kind in keys[key] or (kind == "integer" and "number" in keys[key]), f"{title}: {key} is a {kind}, want {keys[key]}")
        for key, kinds in keys.items():
            for kind in kinds - {"number"}:
                if (key, kind) not in never:
                    self.assertIn((key, kind), found, f"{title}: nothing shows {key} as {kind}")
            if "number" in kinds:
                self.assertTrue({(key, "number"), (key, "integer")} & found, f"{title}: nothing shows {key}")

    def bundle_with_model(self, name, values, **more):
        folder = self.bundle("tensor", name=name, **more)
        model = torch.nn.Linear(2, 1, bias=False)
        model.weight = torch.nn.Parameter(torch.tensor([values]))
        torch.jit.script(model).save(str(folder / "model.pt"))
        return folder

    def test_pack_and_log(self):
        folder = self.bundle_with_model("m", [1.0, 2.0])
        (folder / "stray.txt").write_text("x")
        path = self.dir / "m.mb"
        self.check("pack", self.document("pack", folder, "-m", "first"))
        (folder / "stray.txt").unlink()
        folder = self.bundle_with_model("m", [1.0, 3.0], files={"README.md": "x"})
        self.assertEqual(mrun("commit", path, folder, "-m", "b", "--author", "A", "--time", "2026-01-31T12:00:00Z").returncode, 0)
        (folder / "README.md").unlink()
        self.assertEqual(mrun("commit", path, folder, "-m", "c").returncode, 0)
        log = self.document("log", path)
        self.check("log", log)
        self.assertEqual([set(r) >= {"author", "time"} for r in log], [False, True, False])
        self.assertEqual(self.document("log", f"{path}@2"), log[1:])

    def test_diff(self):
        a = self.bundle_with_model("a", [0.0, 0.0], toml="[params]\nk = 1\ngone = [1, {x = 2}]\n",
                                   files={"README.md": "x\n", "assets/a.txt": "a", "examples/one/input.npy": "", "assets/bad.safetensors": "x"})
        b = self.bundle_with_model("b", [1.0, float("nan")], toml="[params]\nk = 2\nnew = {y = 1}\n",
                                   postprocess='local image = require "image"\nreturn function(x) return 1 end\n',
                                   files={"LICENSE": "x\n", "assets/a.txt": "b", "assets/bad.safetensors": "y"})
        (a / "examples/one/input.npy").unlink()
        (a / "examples/one").rmdir()
        for folder in [a, b]:
            self.assertEqual(mrun("pack", folder).returncode, 0)
        torch.jit.script(torch.nn.Linear(2, 1)).save(str(self.dir / "b/model.pt"))
        self.assertEqual(mrun("pack", b, "-o", self.dir / "c.mb").returncode, 0)
        packed = [f"{self.dir}/{name}.mb" for name in "abc"]
        self.check("diff", self.document("diff", packed[0], packed[1], status=1), self.document("diff", packed[1], packed[0], status=1),
                   self.document("diff", packed[0], packed[2], status=1), self.document("diff", packed[2], packed[0], status=1),
                   self.document("diff", a, b, status=1), self.document("diff", a, a))

    def test_scan(self):
        folder = self.bundle(preprocess="return function(x) return x end\n")
        self.check("scan", self.document("scan", folder, status=1))

    def test_ops_plugins_and_bench(self):
        self.check("ops", self.document("ops"), self.document("ops", "aten.softmax"), self.document("ops", "image.resize"))
        self.check("plugins", self.document("plugins"), never={("[].error", "text")})
        bench = self.document("bench", self.bundle(preprocess="return function(x) return x end\n"), "a", "--seconds", "0.05")
        long = self.document("bench", self.dir / "bundle", "a", "--seconds", "0.4", "--workers", 1)
        self.assertGreaterEqual(long["seconds"], 0.4)  # without a model there is one setting, which has all the time
        keys = documented("bench")
        for stage in bench["stages"]:
            self.assertEqual(set(bench["stages"][stage]), {"p50", "p95", "p99"})
            if stage != "preprocess":
                bench["stages"][stage] = {}
        self.assertEqual(set(bench["stages"]), {k.split(".")[1] for k in keys if k.startswith("stages.") and k.count(".") == 1})
        self.check("bench", bench)


if __name__ == "__main__":
    unittest.main()
