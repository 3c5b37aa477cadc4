"""Revisions: commit, log, diff, @REV."""
import hashlib
import json
import os
import shutil
import subprocess
import unittest
import zipfile

import torch

from command import GOOD_BAD_UGLY, MRUN, Case, mrun


class Revisions(Case):
    def setUp(self):
        super().setUp()
        self.folder = self.bundle(toml='[params]\ntop_k = 5\n', preprocess="return function(x) return x end\n")
        self.path = self.dir / "x.mb"
        self.assertEqual(mrun("pack", self.folder, "-o", self.path, "-m", "first").returncode, 0)

    def commit(self, message, *more):
        result = mrun("commit", self.path, self.folder, "-m", message, *more)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_every_revision_still_runs(self):
        for i in range(2, 5):
            (self.folder / "preprocess.lua").write_text(f"return function(x) return x .. {i} end\n")
            self.commit(f"number {i}")
        self.assertEqual(self.answer(self.path, "a"), "a4")
        self.assertEqual([self.answer(f"{self.path}@{i}", "a") for i in (1, 2, 3, 4)], ["a", "a2", "a3", "a4"])
        log = json.loads(mrun("log", self.path, "--json").stdout)
        self.assertEqual([(r["number"], r["message"]) for r in log], [(4, "number 4"), (3, "number 3"), (2, "number 2"), (1, "first")])
        self.assertEqual([r["parent"] for r in log][:-1], [r["digest"] for r in log][1:])
        self.assertEqual(self.answer(f"{self.path}@{log[2]['digest'][:12]}", "a"), "a2")
        self.assertIn("preprocess.lua", mrun("log", self.path, "--stat").stdout)
        self.refused(3, f"{self.path}@9", "a", contains="9")

    def test_a_revision_where_none_fits(self):
        self.refused(2, f"{self.path}@", "a", contains=["@", "model.mb@2"])
        before = self.path.read_bytes()
        (self.folder / "README.md").write_text("x")
        self.refused(2, "commit", f"{self.path}@1", self.folder, "-m", "m", contains=["newest", str(self.path)])
        self.refused(2, "commit", self.path, self.folder, "-m", "", contains="--message")
        self.assertEqual(self.path.read_bytes(), before)
        self.refused(3, "log", "x" * 5000 + "@1", contains="too long")

    def test_author_and_time_only_when_given(self):
        (self.folder / "README.md").write_text("x")
        self.commit("a", "--author", "Ada", "--time", "2026-01-31T12:00:00Z")
        newest, first = json.loads(mrun("log", self.path, "--json").stdout)
        self.assertEqual((newest["author"], newest["time"]), ("Ada", "2026-01-31T12:00:00Z"))
        self.assertFalse(first.get("author") or first.get("time"))

    def test_words_in_brackets_stay_as_they_are(self):
        (self.folder / "README.md").write_text("x")
        self.commit("[fix]", "--author", "[bot]")
        newest = json.loads(mrun("log", self.path, "--json").stdout)[0]
        self.assertEqual((newest["message"], newest["author"]), ("[fix]", "[bot]"))
        folder = self.dir / "[1]"
        self.folder.rename(folder)
        self.assertEqual([self.answer("[1]", text, cwd=self.dir) for text in ["[1,2]", "[]", "[a"]], ["[1,2]", "[]", "[a"])
        self.assertEqual(mrun("diff", "[1]", self.path, cwd=self.dir).returncode, 0)
        self.assertEqual(mrun("pack", "[1]", "-o", "[2]", cwd=self.dir).returncode, 0)
        self.assertTrue((self.dir / "[2]").exists())

    def test_nothing_changed_is_said(self):
        before = self.path.read_bytes()
        self.refused(2, "commit", self.path, self.folder, "-m", "again")
        self.assertEqual(self.path.read_bytes(), before)

    def test_a_time_that_there_is_not(self):
        (self.folder / "preprocess.lua").write_text("return function(x) return x end -- changed\n")
        for time in "2026-02-30T00:00:00Z", "today":
            self.refused(2, "commit", self.path, self.folder, "-m", "x", "--time", time, contains=[time, "YYYY-MM-DD"])

    def test_a_broken_folder_leaves_the_file_as_it_was(self):
        before = self.path.read_bytes()
        (self.folder / "preprocess.lua").write_text("return function(\n")
        self.refused(3, "commit", self.path, self.folder, "-m", "broken", contains="preprocess.lua")
        self.assertEqual(self.path.read_bytes(), before)
        self.assertEqual([p.name for p in self.dir.iterdir() if "tmp" in p.name or "pack" in p.name], [])

    def test_diff(self):
        (self.folder / "preprocess.lua").write_text('return function(x) return x .. "!" end\n')
        toml = (self.folder / "bundle.toml").read_text()
        (self.folder / "bundle.toml").write_text(toml.replace("top_k = 5", "top_k = 6"))
        self.commit("louder")
        result = mrun("diff", f"{self.path}@1", self.path)
        self.assertEqual(result.returncode, 1)
        for text in ["top_k", "5 -> 6", '-return function(x) return x end', '+return function(x) return x .. "!" end']:
            self.assertIn(text, result.stdout)
        report = json.loads(mrun("diff", f"{self.path}@1", self.path, "--json").stdout)
        self.assertEqual(report["params"], [{"key": "top_k", "before": 5, "after": 6}])
        same = mrun("diff", self.path, self.path)
        self.assertEqual((same.returncode, same.stdout), (0, ""))

    def test_weights_are_compared_by_value(self):
        import torch
        folders = []
        for scale in (1.0, 1.5):
            model = torch.nn.Linear(2, 2)
            torch.nn.init.constant_(model.weight, scale)
            torch.nn.init.zeros_(model.bias)
            folder = self.bundle("tensor", name=f"m{scale}")
            torch.jit.script(model).save(str(folder / "model.pt"))
            self.assertEqual(mrun("pack", folder, "-o", self.dir / f"{scale}.mb").returncode, 0)
            folders.append(self.dir / f"{scale}.mb")
        (tensor,) = json.loads(mrun("diff", *folders, "--json").stdout)["tensors"]
        self.assertEqual((tensor["name"], tensor["max_abs"], tensor["mean_abs"]), ("weight", 0.5, 0.5))

    def test_how_tensors_differ_is_said_for_people(self):
        import torch
        folders = []
        for name, values in [("a", [1.0, 2.0]), ("b", [1.0, float("nan")]), ("c", [1.5, float("nan")])]:
            model = torch.nn.Linear(2, 1, bias=False)
            model.weight = torch.nn.Parameter(torch.tensor([values]))
            folder = self.bundle("tensor", name=name)
            torch.jit.script(model).save(str(folder / "model.pt"))
            self.assertEqual(mrun("pack", folder).returncode, 0)
            folders.append(folder)
        a, b, c = [f"{f}.mb" for f in folders]
        self.assertIn("weight", mrun("diff", a, b).stdout)
        self.assertIn(" differs: 1 NaN or infinite on one side\n", mrun("diff", a, b).stdout)
        self.assertIn(" differs by at most 0.5, mean 0.25, relative norm 0.224; 1 NaN or infinite on one side\n", mrun("diff", a, c).stdout)
        whole = mrun("diff", folders[0], folders[1])
        self.assertEqual(whole.returncode, 1)
        self.assertIn("note: model.pt is compared as one file; in packed bundles tensors are compared\n", whole.stdout)

    def test_weights_are_stored_once(self):
        path, folder = self.dir / "g.mb", self.dir / "g"
        self.assertEqual(mrun("pack", GOOD_BAD_UGLY, "-o", path).returncode, 0)
        mrun("unpack", path, "-C", folder)
        before = path.stat().st_size
        (folder / "README.md").write_text("a line\n")
        self.assertEqual(mrun("commit", path, folder, "-m", "readme").returncode, 0)
        self.assertLess(path.stat().st_size - before, 100_000)

    def test_a_large_asset_under_another_name_is_kept_once(self):
        assets = self.folder / "assets"
        assets.mkdir()
        (assets / "a.bin").write_bytes(os.urandom(3 << 20))
        self.commit("an asset")
        before = self.path.stat().st_size
        (assets / "a.bin").rename(assets / "b.bin")
        self.commit("renamed")
        shutil.copy(assets / "b.bin", assets / "c.bin")
        (assets / "b.bin").write_bytes(os.urandom(3 << 20))
        self.commit("another of the same size, and the first under a third name")
        # The one, and the other.
        self.assertLess(self.path.stat().st_size - before, 4 << 20)
        for revision, name in [(2, "a"), (3, "b"), (4, "b"), (4, "c")]:
            read = mrun("inspect", f"{self.path}@{revision}", "--json").stdout
            self.assertIn(f"assets/{name}.bin", read)
        self.assertEqual(mrun("verify", self.path, "--hashes").returncode, 0)
        mrun("unpack", self.path, "-C", self.dir / "out")
        for name in "bc":
            self.assertEqual((self.dir / "out" / "assets" / f"{name}.bin").read_bytes(), (assets / f"{name}.bin").read_bytes())

    def test_a_file_that_becomes_smaller_is_said_to(self):
        for n in [1000, 10]:
            torch.jit.script(torch.nn.Linear(n, 10).eval()).save(str(self.folder / "model.pt"))
            before = self.path.stat().st_size
            result = mrun("commit", self.path, self.folder, "-m", f"of {n}")
        self.assertIn(f"({before - self.path.stat().st_size} bytes less)", result.stdout)

    def test_a_model_is_split_again_when_its_file_changes(self):
        import torch

        def save(scale):
            model = torch.nn.Linear(2, 2, bias=False)
            torch.nn.init.constant_(model.weight, scale)
            torch.jit.script(model).save(str(folder / "model.pt"))

        def weights():
            data = zipfile.ZipFile(path).read("model/main.safetensors")
            size = int.from_bytes(data[:8], "little")
            return json.loads(data[8:8 + size])["__metadata__"]["mrun.source"], data[8 + size:]

        def commit(text):
            (folder / "README.md").write_text(text)
            result = mrun("commit", path, folder, "-m", text)
            self.assertEqual(result.returncode, 0, result.stderr)

        folder, path = self.bundle("tensor", name="model"), self.dir / "model.mb"
        save(1.0)
        self.assertEqual(mrun("pack", folder, "-o", path).returncode, 0)
        source, ones = weights()
        self.assertEqual([mrun("diff", a, b).returncode for a, b in ((folder, path), (path, folder))], [0, 0])
        self.assertEqual(source, hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest())
        # Weights that say they are of this file, and are not: a commit that split it again would not keep them.
        mrun("unpack", path, "-C", self.dir / "u")
        pair = self.dir / "u/model/main.safetensors"
        pair.write_bytes(pair.read_bytes().replace(ones, bytes(len(ones))))
        self.assertEqual(mrun("pack", self.dir / "u", "-o", path).returncode, 0)
        commit("the same file")
        self.assertEqual(weights(), (source, bytes(len(ones))))
        save(2.0)
        self.assertEqual(mrun("diff", folder, path).returncode, 1)
        commit("another file")
        self.assertEqual(weights()[0], hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest())
        save(1.0)
        commit("the first again")
        self.assertEqual(weights(), (source, ones))

    def test_a_model_that_stays_whole(self):
        import torch

        folder, path = self.bundle("tensor", toml='[models.main]\nfile = "model.pth"\n', name="whole"), self.dir / "whole.mb"
        for i, scale in enumerate([1.0, 1.0, 2.0]):
            model = torch.nn.Linear(2, 2, bias=False)
            torch.nn.init.constant_(model.weight, scale)
            torch.jit.freeze(torch.jit.script(model.eval())).save(str(folder / "model.pth"))
            (folder / "README.md").write_text(f"{i}")
            made = mrun("commit", path, folder, "-m", "more") if i else mrun("pack", folder, "-o", path)
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertEqual(zipfile.ZipFile(path).read("model/main.pth"), (folder / "model.pth").read_bytes())
            self.assertEqual(mrun("verify", path).returncode, 0)

    def test_two_writers_at_once(self):
        folders = []
        for i in range(6):
            copy = self.dir / f"c{i}"
            shutil.copytree(self.folder, copy)
            (copy / "README.md").write_text(f"writer {i}")
            folders.append(copy)
        writers = [subprocess.Popen([MRUN, "commit", self.path, f, "-m", f.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for f in folders]
        for w in writers:
            _, errors = w.communicate(timeout=120)
            self.assertEqual(w.returncode, 0, errors)
        log = json.loads(mrun("log", self.path, "--json").stdout)
        self.assertEqual([r["number"] for r in log], [7, 6, 5, 4, 3, 2, 1])
        self.assertEqual({r["message"] for r in log[:6]}, {f.name for f in folders})
        self.assertEqual(mrun("verify", self.path).returncode, 0)


if __name__ == "__main__":
    unittest.main()
