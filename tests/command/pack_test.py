"""Making bundles: new, pack, unpack, record, verify, inspect; the same bytes, the same answers whatever changed outside."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import unittest
import zipfile

from command import GOOD_BAD_UGLY, MRUN, Case, mrun

SENTENCE = "The fear of the LORD is the beginning of wisdom."


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Packing(Case):
    def packed(self, folder, name="x.mb", **more):
        result = mrun("pack", folder, "-o", self.dir / name, **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.dir / name

    def test_the_answer_is_the_same_from_folder_and_file_after_renaming_everything(self):
        wanted = self.answer(GOOD_BAD_UGLY, SENTENCE)
        path = self.packed(GOOD_BAD_UGLY)
        self.assertEqual(self.answer(path, SENTENCE), wanted)
        moved = self.dir / "elsewhere" / "renamed.bin"
        moved.parent.mkdir()
        shutil.move(path, moved)
        env = {**os.environ, "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "HOME": "/nonexistent"}
        self.assertEqual(self.answer(moved, SENTENCE, cwd="/", env=env), wanted)

    def test_another_user_gets_the_same_answer(self):
        path = self.packed(GOOD_BAD_UGLY)
        folder, command = self.public()
        shutil.copy(path, folder / "x.mb")
        result = self.as_another(command, folder / "x.mb", SENTENCE)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout), self.answer(path, SENTENCE))

    def test_the_same_folder_gives_the_same_bytes(self):
        first = digest(self.packed(GOOD_BAD_UGLY, "a.mb"))
        copy = self.dir / "copy"
        shutil.copytree(GOOD_BAD_UGLY, copy)
        for path in copy.rglob("*"):
            os.utime(path, (1, 1))
            path.chmod(0o700)
        old = os.umask(0o077)
        try:
            env = {**os.environ, "LC_ALL": "C", "TZ": "America/Lima"}
            self.assertEqual(digest(self.packed(copy, "b.mb", env=env)), first)
        finally:
            os.umask(old)

    def test_pack_of_unpack_is_the_same_file(self):
        path = self.packed(GOOD_BAD_UGLY)
        self.assertEqual(mrun("unpack", path, "-C", self.dir / "u").returncode, 0)
        self.assertTrue((self.dir / "u/std/torch.lua").exists())
        self.assertFalse((self.dir / "u/bundle.lock").exists())
        self.assertEqual(digest(self.packed(self.dir / "u", "again.mb")), digest(path))

    @unittest.skipUnless(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "no namespaces here")
    def test_a_mount_point_to_unpack_into(self):
        path, there = self.packed(GOOD_BAD_UGLY), self.dir / "there"
        there.mkdir()
        mounted = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none "$0" && "$@"', there]
        result = subprocess.run([*mounted, MRUN, "unpack", path, "-C", there], capture_output=True, text=True)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(f"there: is a mount point, whose place no folder can take; want a new folder in it, as {there}/NAME", result.stderr)
        result = subprocess.run([*mounted, MRUN, "unpack", path, "-C", there / "new"], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_an_empty_folder_to_unpack_into(self):
        path = self.packed(self.bundle(preprocess="return function(x) return x end\n"))
        private, link = self.dir / "private", self.dir / "link"
        private.mkdir(mode=0o700)
        link.symlink_to("private")
        self.assertEqual(mrun("unpack", path, "-C", link).returncode, 0)
        self.assertTrue((private / "bundle.toml").exists() and link.is_symlink())
        self.assertEqual(private.stat().st_mode & 0o777, 0o700)
        here = self.dir / "here"
        here.mkdir()
        self.refused(2, "unpack", path, "-C", ".", cwd=here, contains=[".: is the folder that you are in", str(here / "NAME")])
        self.refused(5, "unpack", path, "-C", self.dir / ("u" * 256), contains="File name too long")
        self.assertEqual([p.name for p in self.dir.iterdir() if p.name.startswith(".")], [])

    def test_the_folder_is_named_after_the_file_without_mb(self):
        path = self.packed(self.bundle(preprocess="return function(x) return x end\n"))
        for file, folder in (("resnet.v2.mb", "resnet.v2"), ("one.mb@1", "one")):
            shutil.copy(path, self.dir / file.partition("@")[0])
            self.assertEqual(mrun("unpack", file, cwd=self.dir).returncode, 0)
            self.assertTrue((self.dir / folder / "bundle.toml").exists())
        shutil.copy(path, self.dir / "resnet.v3")
        self.refused(2, "unpack", "resnet.v3", cwd=self.dir, contains="say with -C which folder")

    def test_other_tools_read_it(self):
        path = self.packed(GOOD_BAD_UGLY)
        self.assertEqual(subprocess.run(["unzip", "-tqq", path]).returncode, 0)
        self.assertEqual(subprocess.run(["zip", "-T", path], capture_output=True).returncode, 0)
        listed = subprocess.run(["bsdtar", "-tf", path], capture_output=True, text=True, check=True).stdout.splitlines()
        archive = zipfile.ZipFile(path)
        self.assertIsNone(archive.testzip())
        self.assertEqual(sorted(listed), sorted(archive.namelist()))
        self.assertEqual(archive.read("preprocess.lua"), (GOOD_BAD_UGLY / "preprocess.lua").read_bytes())

    def test_files_that_are_no_part_are_named(self):
        folder = self.bundle(preprocess="return function(x) return x end\n", files={"preproccess.lua": "x", "notes/a.txt": "x"})
        result = mrun("pack", folder, "-o", self.dir / "x.mb")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("preproccess.lua", result.stderr)
        self.assertIn("notes", result.stderr)
        self.assertIn("0 examples: nothing shows that the answers are right", result.stdout)

    def test_a_model_of_its_own_batch_needs_nothing_that_another_has(self):
        script = self.dir / "make.py"  # TorchScript reads its source
        script.write_text("""import sys, torch
class Encoder(torch.nn.Module):
    def forward(self, ids, lengths):
        return ids.sum(1) / lengths, ids * 2
class Decoder(torch.nn.Module):
    def forward(self, h):
        return h * 10
for name, model in ("encoder", Encoder()), ("decoder", Decoder()):
    torch.jit.script(model.eval()).save(f"{sys.argv[1]}/{name}.pt")
""")
        subprocess.run(["/usr/bin/python3", script, self.dir], check=True, capture_output=True)
        sections = '[models.enc]\nfile = "encoder.pt"\n{}[models.dec]\nfile = "decoder.pt"\nbatch = {{ mode = "concat" }}\n'
        sections += '[batch]\npad = {{ ids = {{ dims = [0] }} }}\nunpad = {{ "2" = {{ like = "ids" }} }}\n'
        for own in "", "batch = { max_size = 2 }\n":  # also where none is left that has [batch] alone
            folder = self.bundle(kind="json", toml=sections.format(own), preprocess='local torch = require "torch"\nreturn function(x) return torch.tensor(x) end\n',
                                 forward="return function(model, ids)\n  local mean, twice = model.enc(ids)\n  return { mean, model.dec(twice:reshape(-1, 1)):flatten() }\nend\n",
                                 files={name: (self.dir / name).read_bytes() for name in ("encoder.pt", "decoder.pt")})
            items = self.dir / "items"
            items.write_text("[1, 2, 3]\n[4]\n[5, 6]\n")
            self.assertEqual(self.answers(folder, "--jsonl", items), [[2, [20, 40, 60]], [4, [80]], [5.5, [100, 120]]])
            self.assertEqual(mrun("pack", folder, "-o", self.dir / "x.mb").returncode, 0)
        for call, code, advice in [("model:enc(ids)", "ARGUMENT", "call it as model.enc(…), with a point"), ("model.enc(ids)", "SCRIPT", "returned 2 values, want at most 1; a list of them is one")]:
            (folder / "forward.lua").write_text(f"return function(model, ids)\n  return {call}\nend\n")
            self.item_error(code, "forward", folder, "[1, 2]", contains=["forward.lua:2: ", advice])

    def test_what_a_run_of_the_folder_refuses_is_not_packed(self):
        model = (GOOD_BAD_UGLY / "model.pt").read_bytes()
        for toml, file, said in [("[batch.encode]\nmode = \"none\"\n", model, "bundle.toml:7: [batch.encode]: no model that this is for has a method encode"),
                                 ("[batch]\npad = {idz = {dims = [0]}}\n", model, "bundle.toml:8: [batch] pad.idz: no model that this is for has an argument idz; "),
                                 ("[models.main.batch]\nunpad = {\"1\" = {like = \"x\"}}\n", model, "bundle.toml:8: [models.main.batch] unpad.1: like: no model that this is for has"),
                                 ("[batch]\npad = {ids = {dims = [0]}}\nunpad = {\"2\" = {like = \"ids\"}}\n", model,
                                  "bundle.toml:9: [batch] unpad.2: no method with the argument ids gives tensors as a result 2"),
                                 ("[batch.forward]\npad = {ids = {dims = [0]}}\nunpad = {logits = {like = \"ids\"}}\n", model,
                                  "bundle.toml:9: [batch.forward] unpad.logits: no method"),
                                 ("[batch]\nunpad = {\"1\" = {like = \"ids\"}}\n", model, "bundle.toml:8: [batch] unpad.1: like: the argument ids is not padded"),
                                 ("[batch]\nmode = \"concat\"\npad = {ids = {dims = [1, 0]}}\n", model,
                                  "bundle.toml:9: [batch] pad.ids: dims: in mode \"concat\" dimension 0 has the rows of forward's calls"),
                                 ("[batch]\npad = {ids = {dims = [0]}}\n[batch.forward]\nmode = \"concat\"\n", model,
                                  "bundle.toml:8: [batch] pad.ids: dims: in mode \"concat\""),
                                 ("", b"x", "model.pt: this is no TorchScript file"),
                                 ("[models.main]\nbackend = \"tf\"\n", model, "bundle.toml:7: [models.main] backend: no plugin brings the backend \"tf\""),
                                 ("[models.main]\nfrezee = true\n", model, "bundle.toml:8: [models.main]: model.pt: there is no model option frezee"),
                                 ("\n[models.main]\nfreeze = 1\n", model, "bundle.toml:9: [models.main]: model.pt: model option freeze: want true")]:
            with self.subTest(toml):
                folder = self.bundle(toml=toml, files={"model.pt": file})
                said = f"{folder}/{said}" if said.startswith("bundle.toml") else said
                self.refused(3, folder, "x", contains=said)
                self.refused(3, "pack", folder, "-o", self.dir / "x.mb", contains=said)
                self.assertFalse((self.dir / "x.mb").exists())

    def test_an_asset_that_is_not_what_it_is_read_as_refuses_the_bundle(self):
        folder = self.bundle(preprocess='local bundle, text = require "bundle", require "text"\nlocal t = text.sentencepiece(bundle.asset "t.json")\n'
                             "return function(x) return x end\n", files={"assets/t.json": "{}"})
        for args in [(folder, "x"), ("pack", folder), ("bench", folder, "x")]:
            self.refused(3, *args, contains="preprocess.lua:2: text.sentencepiece: not a sentencepiece model")

    def test_what_a_script_misses_may_be_left_out(self):
        folder = self.bundle(preprocess='local labels = require("bundle").lines "labels.txt"\nreturn function(x) return labels end\n',
                             files={"labels.txt": "a\n"})
        result = mrun("pack", folder, "-o", self.dir / "x.mb")
        self.assertEqual(result.returncode, 3)
        left_out, missing = result.stderr.splitlines()
        self.assertIn("labels.txt: not part of a bundle, left out", left_out)
        self.assertIn("no assets/labels.txt in this bundle", missing)

    def test_labels_that_begin_with_a_byte_order_mark(self):
        folder = self.bundle(preprocess='local labels = require("bundle").lines "labels.txt"\nreturn function(x) return #labels[1] end\n',
                             files={"assets/labels.txt": "\ufeffcat\ndog\n", "assets/plain.txt": "cat\n", "assets/short.txt": ""})
        for args in (folder, "x"), ("pack", folder, "-o", self.dir / "x.mb"):
            result = mrun(*args)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stderr.splitlines(), ["mrun: assets/labels.txt: begins with a byte order mark, which becomes a part of its first line: "
                                                          "save it as UTF-8 without one"])

    def test_files_of_examples_that_stand_elsewhere(self):
        echo = "return function(x) return x end\n"
        files = {"examples/input.txt": "x", "examples/expected.json": '"x"'}
        result = mrun("pack", self.bundle(preprocess=echo, files=files), "-o", self.dir / "x.mb")
        self.assertEqual(result.returncode, 0, result.stderr)
        for name in files:
            self.assertIn(f"{name}: belongs to no example; one is a folder of its own, examples/NAME/", result.stderr)
        for kind, toml, names, said in [("text", "", ["input.txt", "input.json"], "input.json and examples/a/input.txt are one input too many"),
                                        ("record", '[input.fields]\nq = "text"\n', ["input.txt"], "input.txt: want input.FIELD.EXT")]:
            folder = self.bundle(kind, toml, preprocess=echo, files={f"examples/a/{n}": "x" for n in [*names, "expected.json"]})
            self.refused(4, "pack", folder, contains=said)

    def test_names_and_counts_are_fit_for_people(self):
        folder = self.bundle(preprocess="return function(x) return x end\n", files={"a\x1b[2Jb": "x"})
        self.assertEqual(mrun("record", folder, "one", "x").returncode, 0)
        result = mrun("pack", folder, "-o", self.dir / "x.mb")
        self.assertNotIn("\x1b", result.stdout + result.stderr)
        self.assertIn("1 example agrees", result.stdout)
        self.assertNotIn("\x1b", mrun(folder, "x").stderr)

    def test_a_folder_given_by_a_dot_is_packed_beside_itself(self):
        folder = self.bundle(name="named", preprocess="return function(x) return x end\n", files={"assets/a.txt": "a"})
        for given, cwd in [(".", folder), ("./", folder), ("..", folder / "assets"), ("named/.", self.dir), ("./named/", self.dir)]:
            self.assertEqual(mrun("pack", given, cwd=cwd).returncode, 0)
            (self.dir / "named.mb").unlink()
        self.assertEqual(sorted(p.name for p in folder.rglob("*")), ["a.txt", "assets", "bundle.toml", "preprocess.lua"])

    def test_dry_run_writes_nothing(self):
        self.assertEqual(mrun("pack", GOOD_BAD_UGLY, "-o", self.dir / "x.mb", "--dry-run").returncode, 0)
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_the_pinned_text_runs_not_the_installed_one(self):
        path = self.packed(self.bundle(preprocess='local json = require "json"\nreturn function(x) return json.encode({x}) end\n'))
        mrun("unpack", path, "-C", self.dir / "u")
        module = self.dir / "u/std/json.lua"
        module.write_text(module.read_text() + "\n-- pinned\n")
        repacked = self.packed(self.dir / "u", "y.mb")
        self.assertIn("-- pinned", mrun("inspect", repacked, "std/json.lua").stdout)
        renewed = mrun("pack", self.dir / "u", "-o", self.dir / "z.mb", "--update-std")
        self.assertEqual(renewed.returncode, 0, renewed.stderr)
        self.assertNotIn("-- pinned", mrun("inspect", self.dir / "z.mb", "std/json.lua").stdout)

    def test_module_torch_must_be_asked_for_where_it_would_not_be_packed(self):
        script = "return function(x) return {(x + 1):sum():item(), x:mean():item()} end\n"
        import numpy
        numpy.save(self.dir / "x.npy", numpy.float32([1, 2]))
        folder = self.bundle("tensor", preprocess=script)
        self.item_error("SCRIPT", "preprocess", folder, self.dir / "x.npy", contains=['must require "torch"', "preprocess.lua:1"])
        folder = self.bundle("tensor", preprocess='require "torch"\n' + script)
        self.assertEqual(self.answer(folder, self.dir / "x.npy"), [5, 1.5])
        self.assertEqual(self.answer(self.packed(folder), self.dir / "x.npy"), [5, 1.5])

    def test_a_packed_file_is_refused_when_a_byte_changes(self):
        path = self.packed(self.bundle(preprocess="return function(x) return x end\n"))
        data = bytearray(path.read_bytes())
        for at in range(0, len(data), max(1, len(data) // 60)):
            changed = bytearray(data)
            changed[at] ^= 0x41
            (self.dir / "t.mb").write_bytes(changed)
            result = mrun(self.dir / "t.mb", "x")
            self.assertIn(result.returncode, (3, 4), (at, result.stdout))
            self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_truncated_and_longer_files_are_refused(self):
        path = self.packed(self.bundle(preprocess="return function(x) return x end\n"))
        data = path.read_bytes()
        for cut in [data[:n] for n in range(0, len(data), max(1, len(data) // 40))] + [data + b"\0", b"\0" + data]:
            (self.dir / "t.mb").write_bytes(cut)
            self.assertEqual(mrun(self.dir / "t.mb", "x").returncode, 3)

    def test_errors(self):
        self.refused(3, "pack", self.dir / "none", contains="none")
        self.refused(5, "pack", GOOD_BAD_UGLY, "-o", self.dir, contains="folder")
        self.refused(5, "pack", self.bundle(preprocess="return function(x) return x end\n"), "-o", self.dir / "no/x.mb", contains="no/")
        path = self.packed(GOOD_BAD_UGLY)
        for args in [("unpack", path, "-C", ""), ("pack", GOOD_BAD_UGLY, "-o", ""), (path, "x", "--save", ""), (path, "x", "-o", "")]:
            self.refused(2, *args, contains="the path is empty")
        result = mrun("unpack", path, "-C", GOOD_BAD_UGLY)
        self.assertEqual(result.returncode, 5)
        self.assertIn("bundle", result.stderr)

    def test_a_model_in_training_mode_is_refused_unless_that_is_meant(self):
        import torch
        folder = self.bundle("tensor", postprocess="return function(y) return y end\n")
        layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))
        for model in torch.jit.script(layers), torch.jit.trace(layers, torch.zeros(1, 2), check_trace=False):
            model.save(str(folder / "model.pt"))
            self.refused(3, "pack", folder, "-o", self.dir / "x.mb", contains=["training mode", "eval()", "training = true"])
            self.assertIn("was saved in training mode: call eval() before saving", mrun(folder, "x").stderr)
        manifest = (folder / "bundle.toml").read_text()
        (folder / "bundle.toml").write_text(manifest + "\n[models.main]\ntraining = true\n")
        self.packed(folder)
        (folder / "bundle.toml").write_text(manifest)
        torch.jit.script(layers.eval()).save(str(folder / "model.pt"))
        self.packed(folder)
        torch.jit.script(torch.nn.Sequential(torch.nn.BatchNorm1d(2))).save(str(folder / "model.pt"))
        self.refused(3, "pack", folder, "-o", self.dir / "x.mb", contains=["training mode", "call eval()"])


class Examples(Case):
    UPPER = "return function(x) return x:upper() end\n"

    def test_record_verify_and_the_first_stage_that_differs(self):
        folder = self.bundle(preprocess="return function(x) return #x end\n", postprocess="return function(n) return { n = n } end\n")
        self.assertEqual(mrun("record", folder, "one", "four").returncode, 0)
        self.assertEqual(json.loads((folder / "examples/one/expected.json").read_text()), {"n": 4})
        self.assertEqual((folder / "examples/one/input.txt").read_text(), "four")
        self.assertEqual(mrun("verify", folder).returncode, 0)
        (folder / "postprocess.lua").write_text("return function(n) return { n = n + 1 } end\n")
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 4)
        self.assertIn("first in postprocess at answer.n: expected 4, got 5", result.stdout)
        (folder / "preprocess.lua").write_text("return function(x) return #x + 1 end\n")
        report = json.loads(mrun("verify", folder, "--json").stdout)
        self.assertEqual(report["examples"][0]["stage"], "preprocess")
        self.assertEqual(report["examples"][0]["max_abs"], 1)
        self.refused(4, "pack", folder, "-o", self.dir / "x.mb", contains=["one", "preprocess"])
        self.assertFalse((self.dir / "x.mb").exists())

    def test_an_example_is_not_replaced_unasked(self):
        folder = self.bundle(preprocess=self.UPPER)
        self.assertEqual(mrun("record", folder, "a", "x").returncode, 0)
        self.refused(2, "record", folder, "a", "y", contains="--replace")
        self.assertEqual(mrun("record", folder, "a", "y", "--replace").returncode, 0)
        for more in (), ("--replace",):  # a bundle cannot hold both
            self.refused(2, "record", folder, "A", "y", *more, contains="examples/A: differs from the example a in case only")
        self.assertEqual((folder / "examples/a/expected.json").read_text(), '"Y"\n')
        self.refused(2, "record", folder, "../a", "y", contains="name")

    def test_a_failing_item_is_not_recorded(self):
        folder = self.bundle(preprocess='return function(x) error "no" end\n')
        result = mrun("record", folder, "a", "x")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no", result.stderr)
        self.assertFalse((folder / "examples").exists())

    def test_examples_travel_with_the_packed_file(self):
        folder = self.bundle(preprocess=self.UPPER)
        mrun("record", folder, "a", "x")
        self.assertEqual(mrun("pack", folder, "-o", self.dir / "x.mb").returncode, 0)
        result = mrun("verify", self.dir / "x.mb")
        self.assertEqual((result.returncode, result.stdout), (0, "hashes  ok\nok      a\n1 example: 1 ok\n"))
        self.assertEqual(self.answer(self.dir / "x.mb", "y", "--verify"), "Y")

    def test_the_examples_of_the_example_bundle(self):
        result = mrun("verify", GOOD_BAD_UGLY)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertGreaterEqual(result.stdout.count("ok      "), 3)


    def test_a_target_that_the_next_pack_would_take_in(self):
        folder = self.bundle(preprocess=self.UPPER, files={"assets/a.txt": "a"})
        self.refused(2, "pack", folder, "-o", folder / "assets/out.mb", contains="outside the folder")
        self.refused(2, "pack", "bundle/.", "-o", "bundle/assets/../assets/out.mb", cwd=self.dir, contains="outside the folder")
        self.assertEqual([p.name for p in (folder / "assets").iterdir()], ["a.txt"])
        self.assertEqual(mrun("pack", folder, "-o", folder / "out.mb").returncode, 0)
        for name in "bundle.toml", "preprocess.lua", "assets/a.txt":
            content = (folder / name).read_bytes()
            self.refused(2, "pack", folder, "-o", folder / name, contains="is a file of the bundle")
            self.assertEqual((folder / name).read_bytes(), content)

    def test_a_target_under_any_name_that_the_bundle_would_take_in(self):
        folder = self.bundle(preprocess="return function(x) return x end\n", files={"lib/a.lua": "return {}\n"})
        for name in ("LICENSE", "lib/x.lua", "model.pt"):
            self.refused(2, "pack", folder, "-o", folder / name, contains="lies in what is packed")
        (self.dir / "link.mb").symlink_to(folder / "preprocess.lua")
        self.refused(2, "pack", folder, "-o", self.dir / "link.mb", contains="is a file of the bundle")
        self.assertEqual(mrun("pack", folder, "-o", self.dir / "x.mb").returncode, 0)
        (folder / "assets").mkdir()
        shutil.copy(self.dir / "x.mb", folder / "assets/x.mb")
        self.refused(2, "commit", folder / "assets/x.mb", folder, "-m", "x", contains="lies in what is packed")
        self.assertEqual((folder / "assets/x.mb").read_bytes(), (self.dir / "x.mb").read_bytes())

    def test_a_message_that_is_no_text(self):
        self.refused(2, "pack", self.bundle(preprocess=self.UPPER), "-o", self.dir / "x.mb", "-m", "\udcff", contains="not UTF-8")
        self.assertFalse((self.dir / "x.mb").exists())

    def test_a_working_folder_that_is_gone(self):
        self.assertEqual(mrun("pack", self.bundle(preprocess=self.UPPER), "-o", self.dir / "x.mb").returncode, 0)
        script = f"mkdir gone && cd gone && rmdir ../gone && exec {MRUN} unpack {self.dir}/x.mb -C out"
        result = subprocess.run(["sh", "-c", script], cwd=self.dir, capture_output=True, text=True, timeout=300)
        self.assertEqual((result.returncode, result.stderr), (5, "mrun: out: cannot find the folder it is in: No such file or directory\n"))


class Inspecting(Case):
    def test_everything_as_json(self):
        path = self.dir / "x.mb"
        mrun("pack", GOOD_BAD_UGLY, "-o", path)
        all_ = json.loads(mrun("inspect", path, "--json").stdout)
        self.assertEqual(all_["manifest"]["name"], "good-bad-ugly")
        self.assertEqual(all_["params"]["labels"], ["good", "bad", "ugly"])
        shapes = {t["name"]: t["shape"] for t in all_["tensors"]}
        self.assertEqual(shapes["embedding.weight"], [1000, 64])
        self.assertIn("aten.softmax", all_["operations"])
        self.assertEqual(mrun("inspect", path, "postprocess.lua").stdout, (GOOD_BAD_UGLY / "postprocess.lua").read_text())
        text = mrun("inspect", path).stdout
        for word in ["good-bad-ugly", "labels", "embedding.weight", "preprocess.lua", all_["digest"]]:
            self.assertIn(word, text)

    def test_nothing_is_loaded(self):
        path = self.dir / "x.mb"
        mrun("pack", GOOD_BAD_UGLY, "-o", path)
        trace = subprocess.run(["strace", "-f", "-e", "trace=openat,open,mmap", MRUN, "inspect", path], capture_output=True, text=True)
        self.assertEqual(trace.returncode, 0, trace.stderr[-500:])
        self.assertIn("libmrun", trace.stderr)
        for name in ["libtorch", "libopencv", "plugins/"]:
            self.assertNotIn(name, trace.stderr)

    def test_missing_file_inside(self):
        self.refused(3, "inspect", GOOD_BAD_UGLY, "preproces.lua", contains=["preproces.lua", "preprocess.lua"])


class New(Case):
    def test_every_kind_runs_as_it_is(self):
        import wave
        import numpy
        import PIL.Image
        inputs = {"text": "some words", "json": '{"a": 1}'}
        PIL.Image.new("RGB", (5, 4), (1, 2, 3)).save(self.dir / "x.png")
        (self.dir / "x.bin").write_bytes(b"abc")
        numpy.save(self.dir / "x.npy", numpy.ones((2, 2), "float32"))
        with wave.open(str(self.dir / "x.wav"), "wb") as w:
            w.setparams((1, 2, 8000, 0, "NONE", "none"))
            w.writeframes(b"\0\0" * 800)
        for kind, file in {"image": "x.png", "bytes": "x.bin", "tensor": "x.npy", "audio": "x.wav"}.items():
            inputs[kind] = self.dir / file
        for kind, given in inputs.items():
            with self.subTest(kind):
                self.assertEqual(mrun("new", f"b-{kind}", "--kind", kind, cwd=self.dir).returncode, 0)
                self.answer(self.dir / f"b-{kind}", given)
                self.assertEqual(mrun("pack", self.dir / f"b-{kind}").returncode, 0)
                self.answer(self.dir / f"b-{kind}.mb", given)
        self.assertEqual(mrun("new", self.dir / "b-record", "--kind", "record").returncode, 0)
        self.refused(2, "new", self.dir / "b-text", "--kind", "text", contains="b-text")

    def test_no_plugin_is_made_that_would_not_load_or_build(self):
        for name, why in (("bit", "a module"), ("core", "a module"), ("table", "a module"), ("torch", "a module"), ("end", "Lua"), ("repeat", "Lua"), ("test", "CMake"), ("install", "CMake")):
            self.refused(2, "new-plugin", self.dir / name, contains=[f"'{name}' is ", why])
            self.assertFalse((self.dir / name).exists())


if __name__ == "__main__":
    unittest.main()
