"""Mistakes of people who come from Python: what is silently wrong is said, and an error leads to the repair."""
import io
import pathlib
import subprocess
import tempfile
import unittest
import zipfile

from command import Case, mrun

ECHO = "return function(x) return x end\n"
MODULES = ('local torch, image, text, json, bundle = require "torch", require "image", require "text", require "json", '
           'require "bundle"\n')


def stage(body):
    return "return function(x, params)\n  " + body + "\nend\n"


class SilentlyWrong(Case):
    def told(self, *sentences, status=0, **more):
        result = mrun(self.bundle(**more), "x")
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        for sentence in sentences:
            self.assertIn(sentence, result.stderr)

    def test_names_that_nothing_sets(self):
        for body, sentence in [("return None", "preprocess.lua:2: None is nil: nothing sets it; nil is Lua's word for it"),
                               ("return {sorted = True}", "True is nil: nothing sets it; true is written small"),
                               ("local label = x return lable", "lable is nil: nothing sets it; did you mean 'label'"),
                               ("return “x”", "a text wants plain quotes"),
                               ("return x .. None", "None is nil")]:
            with self.subTest(body):
                self.told(sentence, status=1 if ".." in body else 0, preprocess=stage(body))

    def test_a_function_without_an_answer(self):
        self.told("preprocess.lua:1: the function returns nothing, so x is null", preprocess='return function(x) x = x .. "!" end\n')
        self.told("postprocess.lua:1: the function returns nothing, so the answer is null",
                  postprocess="return function(x)\n  local f = function() return 1 end\nend\n")

    def test_parameters_that_there_are_not(self):
        self.told("preprocess.lua:2: params.topk is nil: bundle.toml has no such parameter", preprocess=stage('return params["topk"]'))

    def test_what_is_right_is_not_doubted(self):
        script = ("local json = require 'json'\nlocal a, b = 1\nlocal function help(c, ...) return c, ... end\nlimit = 3\n"
                  "return function(x, params)\n  for i, v in ipairs {1} do b = i end\n  local t = {key = a, [1] = b, other = limit}\n"
                  "  if params.some then t = nil end\n  goto done\n  ::done::\n  local k = params.k or 3\n"
                  "  return help(t and json.encode(x .. k) or 'None', 1) -- None\nend\n")
        result = mrun(self.bundle(preprocess=script, files={"lib/a.lua": "if jit then return 1 end return {}"}), "x")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)

    def test_a_list_has_no_item_0(self):
        for expression in 'bundle.lines("l.txt")[0]', "params.labels[0]":
            with self.subTest(expression):
                folder = self.bundle(preprocess=MODULES + stage("return " + expression), files={"assets/l.txt": "a\nb\n"},
                                     toml='[params]\nlabels = ["a"]\n')
                self.item_error("SCRIPT", "preprocess", folder, "x", contains=["preprocess.lua:3", "a list counts from 1", "position + 1"])


class Syntax(Case):
    def test_the_line_is_shown_and_how_lua_writes_it(self):
        for body, advice in [("x += 1 return x", "write n = n + 1"), ('if x != "a" then return 1 end', "not equal is ~="),
                             ("return x[1:3]", "t:at({1, 3})"), ("return [1, 2]", "a list is written {1, 2}"),
                             ('return {"a": 1}', "a table is written {name = value}"), ("return x(1, dim=0)", "{dim = 0}"),
                             ("return x ? 1 : 2", "c and a or b"), ("// note", "a comment begins with --"),
                             ("return x ** 2", "a ^ b"), ("return x[0, 1]", "t:at(0, 1)"), ("const y = x", "local x = …"),
                             ("if x return 1 end", "an if wants then"), ("local n = x:len return n", "called with parentheses"), ("return x[:, 1]", "t:at({}, {1, 3})"),
                             ("import torch", 'local torch = require "torch"'), ("return x:repeat(2)", "t:tile(2)")]:
            with self.subTest(body):
                self.refused(3, self.bundle(preprocess=stage(body)), "x", contains=["preprocess.lua:", f"in `{body}", advice])

    def test_blocks(self):
        self.refused(3, self.bundle(preprocess=stage("if x then\n    return 1\n  else if x then\n    return 2\n  end")), "x",
                     contains="elseif is one word")
        self.refused(3, self.bundle(preprocess="return function(x) {\n  return x\n}\n"), "x", contains="no braces")


class Errors(Case):
    def test_methods_of_texts_and_lists(self):
        for body, advice in [("return x:strip()", "x is a string; s:match("), ('return x:split(" ")', "text.regex"),
                             ("return string.split(x)", "text.regex"), ("return math.round(1.5)", "math.floor(x + 0.5)"),
                             ("return len(x)", "#x"), ("return math.max({1})", "to 'math.max'"), ("return json.dumps(x)", "json.encode"),
                             ("for i in range(3) do end return 1", "for i = 0, n - 1 do")]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess="local json = require 'json'\n" + stage(body)), "x",
                                contains=["preprocess.lua:3", advice])

    def test_a_module_that_was_not_required(self):
        self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage("return json.encode(x)")), "x",
                        contains=["global 'json'", 'local json = require "json" loads it'])

    def test_tensors(self):
        make = MODULES + "return function(x, params)\n  local t = torch.rand(2, 3)\n  "
        for body, code, advice in [("return t.shape[0]", "SCRIPT", "t:size(0)"), ("return t.size(0)", "ARGUMENT", "with a colon: t:size("),
                                   ("return t.sigmoid()", "ARGUMENT", "t:sigmoid("), ("return t.mean()", "ARGUMENT", "t:mean("),
                                   ("return t:numpy()", "SCRIPT", "t:tolist()"), ("return t[0][1][0]", "SCRIPT", "no batch dimension"),
                                   ('return "a" .. t', "SCRIPT", "t:item()"), ("return math.floor(t)", "SCRIPT", "t:item()"),
                                   ("for v in t do end", "SCRIPT", "for i = 0, t:size(0) - 1"),
                                   ("for i, v in ipairs(t) do end", "ARGUMENT", "for i = 0, t:size(0) - 1"),
                                   ("return torch.nn.functional.softmax(t, 0)", "SCRIPT", "torch.F"),
                                   ("return torch.load(x)", "SCRIPT", "bundle.tensors"),
                                   ("return image.resize(t, 5, 5)", "ARGUMENT", "by name, in a table at the end: {filter = …"),
                                   ("return image.normalize(t, params.mean, 1)", "ARGUMENT", "params has no mean"),
                                   ("return image.ToTensor(t)", "SCRIPT", "image.to_float")]:
            with self.subTest(body):
                self.item_error(code, "preprocess", self.bundle(preprocess=make + body + "\nend\n"), "x", contains=advice)

    def test_what_the_model_was_called_with(self):
        models = self.enterContext(tempfile.TemporaryDirectory())
        code = ("import sys, torch\nclass M(torch.nn.Module):\n    def forward(self, x, mask):\n        return x + mask\n"
                "torch.jit.trace(M(), (torch.rand(1), torch.rand(1))).save(sys.argv[1])\n")
        subprocess.run(["/usr/bin/python3", "-c", code, models + "/m.pt"], check=True, capture_output=True)
        model = pathlib.Path(models, "m.pt").read_bytes()
        for body, advice in [("return {1, 2, 3}", "torch.tensor(list)"), ("return nil", "preprocess returned nothing"),
                             ("return torch.rand(3), torch.rand(3)", "{a, b}")]:
            with self.subTest(body):
                folder = self.bundle(preprocess=MODULES + stage(body), files={"model.pt": model})
                self.item_error("ARGUMENT", "forward", folder, "x", contains=advice)

    def test_files_that_are_no_models(self):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as z:
            z.writestr("serialized_exported_program.json", "{}")
        header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        for data, what in [(b"", "empty"), (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 4\n", "git lfs pull"),
                           (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>", "a web page"), (b"\x1f\x8b\x08" + bytes(60), "gzip"),
                           (b"\x08\x07\x12\x07pytorch" + bytes(60), "ONNX"), (len(header).to_bytes(8, "little") + header + bytes(4), "safetensors"),
                           (b"\x89HDF\r\n\x1a\n" + bytes(60), "HDF5"), (archive.getvalue(), "torch.export")]:
            with self.subTest(what):
                self.refused(3, self.bundle(files={"model.pt": data}), "x",
                             contains=["model.pt: this is no TorchScript file: it is ", what, "torch.jit.script(model.eval())"])


class Commands(Case):
    def test_options(self):
        folder = self.bundle(preprocess=ECHO)
        for option, advice in [("--ouput", "did you mean '--output'?"), ("--batch_size=4", "did you mean '--batch-size'?"),
                               ("--k=3", "--param NAME=VALUE"), ("-x", "comes behind --")]:
            with self.subTest(option):
                self.refused(2, folder, option, "x", contains=[option.split("=")[0] + ": no such option", advice])
        self.refused(2, folder, "x", "--seed", "1", "--seed", "2", contains="--seed: is given more than once")
        self.refused(2, folder, "--lines", contains="--lines: wants F behind it")
        self.refused(2, folder, "x", "--meta=x", contains="--meta: takes no value")
        self.refused(2, "--versoin", contains="did you mean '--version'?")
        self.refused(2, "sign", folder, "--kye", "x", contains="did you mean '--key'?")

    def test_subcommands_and_order(self):
        folder = self.bundle(preprocess=ECHO)
        self.refused(3, "packk", folder, contains=["packk", "did you mean 'pack'?"])
        self.refused(3, "inspct", folder, contains="did you mean 'inspect'?")
        self.refused(3, "version", contains="did you mean '--version'?")
        self.refused(2, "help", "pakc", contains="pakc: no such subcommand")
        self.refused(3, "some words", folder, contains="the bundle comes first")


if __name__ == "__main__":
    unittest.main()
