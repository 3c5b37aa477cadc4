"""Bad bundles, bad scripts: one line that says what, where and what was wanted; the documented code and exit status."""
import unittest

import torch

from command import Case, mrun

ECHO = "return function(x) return x end\n"


class Long(Case):
    def test_what_a_model_raises_is_cut_between_two_characters(self):
        model = torch.jit.ScriptModule()
        model.define(f"def forward(self, x):\n    if x.numel() > 0:\n        raise ValueError('a{'ä' * 300}')\n    return x\n")
        folder = self.bundle(kind="json", preprocess="local torch = require 'torch'\nreturn function(v) return torch.tensor(v) end\n")
        model.save(str(folder / "model.pt"))
        self.assertRegex(self.answers(folder, "[1]", status=1)[0]["error"]["message"], "a(ä{200,})[^ä\\\\]*$")


class Opening(Case):
    def test_no_such_file(self):
        self.refused(3, self.dir / "none.mb", "x", contains=["none.mb", "no such file"])

    def test_not_a_bundle(self):
        (self.dir / "x.mb").write_text("hello")
        self.refused(3, self.dir / "x.mb", "x", contains="x.mb")
        (self.dir / "empty.mb").write_bytes(b"")
        self.refused(3, self.dir / "empty.mb", "x", contains="empty.mb")

    def test_a_folder_without_manifest(self):
        (self.dir / "f").mkdir()
        self.refused(3, self.dir / "f", "x", contains="bundle.toml")

    def test_manifest_errors_name_line_and_near_miss(self):
        folder = self.bundle(preprocess=ECHO)
        (folder / "bundle.toml").write_text('[bundle]\nname = "t"\n\n[input]\nkind = "txet"\n')
        self.refused(3, folder, "x", contains=["bundle.toml", "5", "txet", "text"])
        (folder / "bundle.toml").write_text('[bundle]\nname = "t"\n[input]\nkind = "text"\n[verfy]\nrtol = 1\n')
        self.refused(3, folder, "x", contains=["bundle.toml", "5", "verfy", "verify"])
        (folder / "bundle.toml").write_text('[bundle\n')
        self.refused(3, folder, "x", contains=["bundle.toml", "1"])

    def test_a_model_file_that_is_missing(self):
        self.refused(3, self.bundle(toml='[models.main]\nfile = "none.pt"\n'), "x", contains="none.pt")

    def test_a_model_file_that_is_none(self):
        self.refused(3, self.bundle(files={"model.pt": b"not a model"}), "x", contains="model.pt")

    def test_a_model_file_that_no_plugin_opens(self):
        folder = self.bundle(toml='[models.main]\nfile = "model.jit"\n', files={"model.jit": b"x"})
        self.refused(3, folder, "x", contains=["model.jit", "backend", ".pt", "[models.main]"])
        folder = self.bundle(toml='[models.main]\nfile = "model.onnx"\n', files={"model.onnx": b"x"})
        self.refused(3, folder, "x", contains="no plugin opens model.onnx: it is an ONNX model; no backend of mrun's own opens it: in a bundle's folder lies TorchScript")

    def test_what_a_folder_leaves_out_is_said_at_every_run(self):
        files = {"lpr.pt": b"x", "lpr.ptl": b"x", "preproces.lua": "x", "util.lua": "x", "asset/a.txt": "x", ".git/x": "x"}
        folder = self.bundle(postprocess=ECHO, files=files)
        for args in [(folder, "x"), ("record", folder, "one", "x"), ("pack", folder, "-o", self.dir / "x.mb")]:
            result = mrun(*args)
            self.assertEqual(result.returncode, 0, result.stderr)
            for sentence in ["lpr.pt: not part of a bundle, left out; a model's file is model.pt, or", "[models.main] file = \"lpr.pt\"",
                             "lpr.ptl: not part of a bundle, left out; a model's file is model.pt, or",
                             "preproces.lua: not part of a bundle, left out; did you mean 'preprocess.lua'?", "util.lua: not part",
                             "lib/", "asset/: not part of a bundle, left out; did you mean 'assets/'?"]:
                self.assertIn(sentence, result.stderr)
            self.assertEqual(".git" in result.stderr, args[0] == "pack")
        (folder / "README.md").write_text("more")
        self.assertIn("did you mean 'preprocess.lua'?", mrun("commit", self.dir / "x.mb", folder, "-m", "m").stderr)
        self.assertEqual(mrun(folder, "x", "--log-level", "error").stderr, "")
        self.assertEqual(mrun(self.dir / "x.mb", "x").stderr, "")
        for i in range(20):
            (folder / f"note{i}").write_text("x")
        self.assertIn("mrun: 15 more files left out\n", mrun(folder, "x").stderr)

    def test_many_lines_that_cannot_be_meant_are_no_files(self):
        names = "".join(f"  local x{i} = name{i}\n" for i in range(12))
        result = mrun(self.bundle(preprocess=f"return function(x)\n{names}  return x\nend\n"), "x")
        self.assertEqual((result.returncode, result.stderr.count("nothing sets it")), (0, 10), result.stderr)
        self.assertTrue(result.stderr.endswith("mrun: 2 more notices like these\n"), result.stderr)

    def test_a_model_that_nothing_names_is_said(self):
        folder = self.bundle(postprocess=ECHO, files={"model/model.pt": b"x", "assets/net.pt": b"x", "models/b.pt": b"x", "labels.txt": "a\n", "net.onnx": b"x", "net.h5": b"x"})
        for args in [(folder, "x"), ("pack", folder, "-o", self.dir / "x.mb")]:
            said = mrun(*args).stderr
            for sentence in ['assets/net.pt: belongs to no model; bundle.toml would name one: [models.main] file = "assets/net.pt"',
                             "net.onnx: not part of a bundle, left out; it is an ONNX model; no backend of mrun's own opens it: in a bundle's folder lies TorchScript",
                             "net.h5: not part of a bundle, left out; it is a Keras model; ", 'model/model.pt: belongs to no model; bundle.toml would name one: [models.main] file = "model/model.pt"',
                             "models/: not part of a bundle, left out; a model is model.pt, or the file that bundle.toml names: [models.main]",
                             "labels.txt: not part of a bundle, left out; what scripts read belongs into assets/"]:
                self.assertIn(sentence, said)

    def test_what_a_script_cannot_mean_is_said_of_a_folder(self):
        folder = self.bundle(toml="[params]\nthreshold = 0.5\n", preprocess="return function(x, params)\n  if params.treshold then return 1 end\n"
                             "  return x\nend")
        for args in [(folder, "x"), ("pack", folder, "-o", self.dir / "x.mb")]:
            result = mrun(*args)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("preprocess.lua:2: params.treshold is nil: bundle.toml has no such parameter; did you mean 'threshold'?", result.stderr)
        self.assertEqual(mrun(self.dir / "x.mb", "x").stderr, "")

    def test_a_device_that_is_none(self):
        folder = self.bundle(preprocess=ECHO)
        for name in "gpu cuda: cuda:x cpu:1".split():
            with self.subTest(name):
                self.refused(2, folder, "--device", name, "x", contains=["device", name, "cuda:NUMBER"])
        result = mrun(folder, "--device", "cuda", "--isolation", "none", "x")
        self.assertEqual((result.returncode, result.stdout), (0, '"x"\n'))
        self.assertIn("--device cuda: the bundle has no model that would run there", result.stderr)

    def test_a_folder_has_no_revisions_and_a_file_is_no_folder(self):
        folder, packed = self.bundle(preprocess=ECHO), self.dir / "x.mb"
        self.assertEqual(mrun("pack", folder, "-o", packed).returncode, 0)
        for name, args in [("log", [folder]), ("inspect", [f"{folder}@1"]), ("unpack", [folder])]:
            self.refused(3, name, *args, contains=["is a folder", "a .mb file is wanted"])
        for name, args in [("record", [packed, "one", "x"]), ("pack", [packed])]:
            self.refused(3, name, *args, contains="want a bundle's folder")

    def test_a_worker_process_has_no_devices(self):
        folder = self.bundle(preprocess=ECHO)
        self.refused(2, folder, "--device", "cuda", "--isolation", "process", "x", contains=["device cuda", "isolation none"])
        packed = self.dir / "device.mb"
        self.assertEqual(mrun("pack", folder, "-o", packed).returncode, 0)
        self.refused(2, packed, "--device", "cuda:1", "--isolation", "process", "x", contains=["device cuda:1", "isolation none"])


class Scripts(Case):
    def test_syntax_error(self):
        self.refused(3, self.bundle(preprocess="return function(x)\n  return x +\nend\n"), "x", contains=["preprocess.lua:3"])

    def test_top_level_error(self):
        self.refused(3, self.bundle(preprocess='local t = nil\nreturn t.x\n'), "x", contains=["preprocess.lua:2"])

    def test_a_file_that_returns_no_function(self):
        self.refused(3, self.bundle(preprocess="return 3\n"), "x", contains=["preprocess.lua", "function"])
        self.refused(3, self.bundle(postprocess="local x = 1\n"), "x", contains=["postprocess.lua", "function"])

    def test_an_error_names_script_line_and_stage(self):
        folder = self.bundle(preprocess=ECHO, postprocess="return function(x)\n  local y = nil\n  return y.z\nend\n")
        self.item_error("SCRIPT", "postprocess", folder, "x", contains=["postprocess.lua:3", "y"])

    def test_the_items_fault_is_INPUT(self):
        folder = self.bundle(preprocess='return function(x) error{code = "INPUT", message = "too short"} end\n')
        self.item_error("INPUT", "preprocess", folder, "x", contains="too short")

    def test_too_many_results(self):
        self.item_error("SCRIPT", "preprocess", self.bundle(preprocess="return function(x) return 1, 2, 3 end\n"), "x", contains="3")
        self.item_error("SCRIPT", "postprocess", self.bundle(postprocess="return function(x) return 1, 2 end\n"), "x", contains="2")

    def test_returning_nothing_is_said(self):
        self.assertIsNone(self.answer(self.bundle(postprocess="return function(x) return nil end\n"), "x"))

    def test_values_that_no_json_can_hold(self):
        for expression, word in [("0/0", "nan"), ("1/0", "inf"), ('"\\255"', "utf-8"), ("function() end", "function"),
                                 ("{1, 2, a = 3}", "a")]:
            with self.subTest(expression):
                result = mrun(self.bundle(postprocess=f"return function() return {expression} end\n"), "x")
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn(word, result.stdout.lower())

    def test_cycles_and_depth(self):
        cycle = "return function()\n  local t = {}\n  t.t = t\n  return t\nend\n"
        self.item_error("SCRIPT", "postprocess", self.bundle(postprocess=cycle), "x")
        deep = "return function()\n  local t = {}\n  for i = 1, 1e6 do t = {t} end\n  return t\nend\n"
        self.item_error("SCRIPT", "postprocess", self.bundle(postprocess=deep), "x")

    def test_modules_that_do_not_exist(self):
        self.refused(3, self.bundle(preprocess='require "jsn"\n' + ECHO), "x", contains=["jsn", "json"])
        self.refused(3, self.bundle(preprocess='require "lib.names"\n' + ECHO), "x", contains="lib.names")
        self.refused(3, self.bundle(preprocess='require "../x"\n' + ECHO), "x", contains="../x")

    def test_the_sandbox_has_no_doors(self):
        for name in "io os debug package ffi jit load loadstring loadfile dofile getfenv setfenv newproxy collectgarbage _G".split():
            with self.subTest(name):
                result = mrun(self.bundle(preprocess=f"local v = {name}\nreturn function() return v == nil end\n"), "x")
                self.assertTrue(result.returncode == 3 or result.stdout == "true\n", result.stdout + result.stderr)

    def test_bytecode_is_refused(self):
        self.refused(3, self.bundle(files={"preprocess.lua": b"\x1bLJ\x02"}), "x", contains="preprocess.lua")

    def test_a_native_operation_names_itself_and_its_argument(self):
        folder = self.bundle(preprocess='local image = require "image"\nreturn function(x) return image.resize(x, 3) end\n')
        self.item_error("ARGUMENT", "preprocess", folder, "x", contains=["resize", "string"])


    def test_labels_one_short_are_seen_at_once(self):
        folder = self.bundle(preprocess='local decode, torch = require "decode", require "torch"\n'
                             'return function() return decode.topk(torch.tensor({3, 2, 1}), 1, {"a", "b"}) end\n')
        self.item_error("SCRIPT", "preprocess", folder, "x", contains=["2 for 3 scores", "preprocess.lua:2"])


class Answers(Case):
    def test_one_failing_item_costs_only_itself(self):
        folder = self.bundle(preprocess='return function(x)\n  if x == "bad" then error "bad" end\n  return x\nend\n')
        a, b, c = self.answers(folder, "a", "bad", "c", status=1)
        self.assertEqual((a, b["error"]["code"], c), ("a", "SCRIPT", "c"))

    def test_fail_fast_ends_with_the_item_that_failed(self):
        folder = self.bundle(preprocess='return function(x)\n  if x == "bad" then error "bad" end\n  return x\nend\n')
        lines = "a\nb\nbad\n" + "x\n" * 20000
        for workers in 1, 2, 4:
            with self.subTest(workers):
                a, b, bad = self.answers(folder, "--lines", "-", "--fail-fast", "--workers", workers, status=1, stdin=lines)
                self.assertEqual((a, b, bad["error"]["code"]), ("a", "b", "SCRIPT"))
        none = self.dir / "none"
        self.assertEqual(len(self.answers(folder, f"@{none}", "a", "--fail-fast", status=1)), 1)


if __name__ == "__main__":
    unittest.main()
