"""Mistakes at the command line, in bundle.toml and with inputs: the error says what was wanted, and the next step."""
import os
import unittest

from command import Case, mrun
from mistakes_test import ECHO, MODULES, scripted, stage


class Commands(Case):
    def test_options(self):
        folder = self.bundle(preprocess=ECHO)
        for option, advice in [("--ouput", "did you mean '--output'?"), ("--batch_size=4", "did you mean '--batch-size'?"),
                               ("--batch=4", "did you mean '--batch-size'?"), ("--gpu", "it is --device cuda"), ("-v", "it is --log-level"),
                               ("-i", "an INPUT stands behind the BUNDLE"), ("--jobs=4", "it is --workers N"),
                               ("--k=3", "--param NAME=VALUE"), ("-x", "comes behind --")]:
            with self.subTest(option):
                self.refused(2, folder, option, "x", contains=[option.split("=")[0] + ": no such option", advice])
        self.refused(2, folder, "x", "--seed", "1", "--seed", "2", contains="--seed: is given more than once")
        self.refused(2, folder, "--lines", contains="--lines: wants F behind it")
        self.refused(2, folder, "x", "--meta=x", contains="--meta: takes no value")
        self.refused(2, "--versoin", contains="did you mean '--version'?")
        self.refused(2, folder, "--version", contains="--version: stands alone: mrun --version")
        self.refused(2, "sign", folder, "--kye", "x", contains="did you mean '--key'?")

    def test_values_of_options(self):
        folder = self.bundle(preprocess=ECHO, toml='[params]\nk = 3\nshare = 0.5\nflag = true\nnames = ["a"]\n[params.more]\nbeam = 1\n')
        for option, value, advice in [("--timeout", "-5", "above 0, or -1 for no limit, got -5"), ("--timeout", "0", "above 0"),
                                      ("--start-timeout", "inf", "above 0"), ("--timeout", "5s", "a number of seconds"),
                                      ("--param", "k=abc", 'want an integer (as in bundle.toml), got the text "abc"'),
                                      ("--param", "share=0,5", 'got the text "0,5"; it is written as 0.5'),
                                      ("--param", "flag=True", "it is written true or false"),
                                      ("--param", "names=a,b", 'it is written as JSON: [1, 2] or ["a", "b"]'),
                                      ("--param", "more=3", "want a map"), ("--param", "beam=3", "did you mean 'more.beam'?"),
                                      ("--param", "zzzzzz=1", "there are: flag, k, more, more.beam, names, share")]:
            with self.subTest(f"{option} {value}"):
                self.refused(2, folder, option, value, "x", contains=advice)
        self.refused(2, folder, "--param", "k=3", "--param", "k=4", "x", contains="--param k: is given twice")
        self.assertEqual(self.answer(folder, "x", "--timeout", "-1"), "x")

    def test_arguments(self):
        folder = self.bundle(preprocess=ECHO)
        self.refused(2, "pack", folder, "out.mb", contains=["out.mb: is one argument too many: pack takes DIR", "--output says where"])
        self.refused(2, "unpack", "a.mb", "b", contains="--directory says where")
        self.refused(3, "commit", folder, "a.mb", "-m", "x", contains=f"{folder}: is a folder; the .mb file comes first")
        self.refused(2, "inspect", folder, "a", "b", contains="b: is one argument too many: inspect takes BUNDLE and PATH")
        self.refused(2, "new", "x", contains="--kind text|image|audio|bytes|json|tensor|record is missing: what it takes")
        self.refused(2, "pack", contains="DIR is missing: the bundle's folder")
        self.refused(2, folder, "x", "-o=out.json", contains="-o=out.json: want -o FILE, or --output=FILE")
        self.refused(2, "inspect", folder, "--yaml", contains="--yaml: no such option; `mrun inspect --help`")
        self.refused(2, folder, "--seed", "", "x", contains="got nothing")
        self.refused(2, folder, "--memory", "512MB", "x", contains="as 512M, got 512MB")
        self.refused(2, folder, "--memory", "0x10M", "x", contains="got 0x10M")
        self.refused(2, folder, "x", "--plugin", self.dir / "none.so", contains=["--plugin: ", "no such plugin file"])
        os.mkfifo(self.dir / "pipe.so")
        self.refused(2, folder, "x", "--plugin", self.dir / "pipe.so", contains=["--plugin: ", "is no regular file; a plugin's is wanted"])
        self.refused(2, folder, "x", "--plugin", self.dir, contains="is a folder")
        self.refused(2, folder, "x", contains="MRUN_ISOLATION", env={**os.environ, "MRUN_ISOLATION": "docker"})
        self.refused(5, folder, "x", "-o", self.dir / "no/out", contains="/no is not there; a folder that is there is wanted")
        self.refused(2, "record", folder, "e", "some", "words", contains="want one INPUT, got 2; a text with blanks stands in quotes")
        self.refused(2, "plugins", "image", contains="`mrun ops NAME`")
        self.refused(2, "plugins", "--call", "text.lower@1", "hello", contains="ARG hello: JSON: line 1, column 1: invalid literal; a text wants double quotes")
        self.refused(2, "plugins", "--call", "image.decode@1", "@none.jpg", contains="none.jpg")
        self.refused(3, "plugins", "--call", "torch.add", "1", "2", contains="plugin torch has no such operation; there is aten.add")
        self.refused(2, "--version", "x", contains="--version stands alone")
        self.refused(2, "help", "pack", "unpack", contains="help is about one subcommand")
        self.assertEqual(mrun("--help", "pack").stdout, mrun("pack", "--help").stdout)
        self.refused(3, "inspect", folder, "none.lua", contains="no none.lua in this bundle; there are: bundle.toml, preprocess.lua")

    def test_a_parameter_without_its_option(self):
        result = mrun(self.bundle(preprocess=ECHO, toml="[params]\nk = 3\n"), "k=4")
        self.assertIn("k=4: is taken as a text; a parameter is --param k=4", result.stderr)

    def test_a_folder_that_may_not_be_read(self):
        here, command = self.public()
        folder = here / "closed"
        self.bundle(preprocess=ECHO).rename(folder)
        folder.chmod(0o700)
        result = self.as_another(command, folder, "x")
        self.assertEqual(result.returncode, 3 if os.getuid() == 0 else 0)
        self.assertIn("bundle.toml: cannot open: Permission denied" if os.getuid() == 0 else "", result.stderr)

    def test_what_is_no_bundle(self):
        (self.dir / "empty").mkdir()
        self.refused(3, self.dir / "empty", "x", contains=["no bundle.toml in this folder", "`mrun new NAME --kind KIND` makes one"])
        self.bundle(preprocess=ECHO)
        self.refused(3, self.dir, "x", contains=f"there is one in {self.dir}/bundle")
        for name, data, advice in [("model.pt", b"PK\3\4" + bytes(60), "a model by itself; `mrun new NAME"), ("preprocess.lua", ECHO.encode(), "a script"),
                                   ("net.onnx", b"\x08\x07" + bytes(60), "ONNX"), ("bundle.toml", b"[bundle]\n", "a bundle's manifest"),
                                   ("cut.mb", b"", "is empty"), ("web.mb", b"<!DOCTYPE html>", "a web page"), ("lfs.mb", b"version https://git-lfs", "git lfs pull"),
                                   ("zip.mb", b"PK\3\4" + bytes(60), "`mrun pack DIR`"), ("cat.jpg", b"\xff\xd8\xff" + bytes(60), "the bundle comes first"),
                                   ("cat.webp", b"RIFF\1\0\0\0WEBP" + bytes(60), "the bundle comes first"), ("notes.mb", b"BMW and MAC", "a text")]:
            with self.subTest(name):
                (self.dir / name).write_bytes(data)
                self.refused(3, self.dir / name, "x", contains=[name, advice])

    def test_operations_without_their_module(self):
        self.refused(3, "ops", "resize", contains="did you mean 'image.resize'")
        self.refused(3, "ops", "resiz", contains="did you mean 'image.resize'")
        self.refused(3, "ops", "torchvision.resize", contains="did you mean 'image.resize'")
        self.refused(3, "ops", "zzzzzzzzzz", contains="`mrun ops` lists them")

    def test_arguments_that_stand_elsewhere(self):
        bundle = self.bundle(preprocess="return function(x) return x end")
        for args, advice in [(("record", "one", bundle, "x"), f"one: no such folder; the bundle's comes first: mrun record {bundle} one INPUT"),
                             (("new", self.dir / "new", "image"), "image: is one argument too many: new takes NAME; what it takes is said by --kind text|image|"),
                             (("unpack", "a.mb", "-o", "D"), "-o: no such option; it is -C DIR")]:
            self.refused(2, *args, contains=advice)

    def test_rerun_of_nothing(self):
        self.refused(2, "rerun", self.dir / "none.json", contains=["META: ", "none.json", "`mrun --meta` printed"])

    def test_subcommands_and_order(self):
        folder = self.bundle(preprocess=ECHO)
        self.refused(3, "packk", folder, contains=["packk", "did you mean 'pack'?"])
        self.refused(3, "inspct", folder, contains="did you mean 'inspect'?")
        self.refused(3, "version", contains="did you mean '--version'?")
        self.refused(2, "help", "pakc", contains="pakc: no such subcommand")
        self.refused(3, "some words", folder, contains="the bundle comes first")
        self.refused(3, "helo", folder, contains=["did you mean 'help'?", "the bundle comes first"])
        self.refused(3, "words", contains="`mrun --help` lists the subcommands")
        self.refused(3, self.dir / "bundel", "x", contains="no such file; did you mean 'bundle'?")
        self.assertEqual(mrun("pack", folder, "-o", self.dir / "model.mb").returncode, 0)
        for name in "model", "Model.mb", "modle.mb":
            self.refused(3, "inspect", self.dir / name, contains=f"{name}: no such file; did you mean 'model.mb'?")
        for arguments in (["pack", "bundel"], ["pack", "bundle.mb"], ["commit", "model.mb", "bundel", "-m", "m"], ["commit", "bundle.mb", "bundle", "-m", "m"]):
            self.refused(3, *(self.dir / a if a.startswith(("b", "m")) and len(a) > 1 else a for a in arguments), contains="no such file; did you mean 'bundle'?")


class Manifest(Case):
    def test_what_a_model_is(self):
        model = 'file = "model.pt"\n'
        for toml, advice in [(model + "fast = true\n", "the torch backend has freeze, memory_format"),
                             (model + 'backend = "onnx"\n', ["bundle.toml:7", 'no plugin brings the backend "onnx"', "there are: torch (.pt, .pth)"]),
                             ('file = "modle.pt"\n', ["bundle.toml:7", "modle.pt is not in the bundle; did you mean 'model.pt'?"])]:
            with self.subTest(toml):
                folder = self.bundle(preprocess=ECHO, toml="[models.main]\n" + toml, files={"model.pt": scripted()})
                self.refused(3, folder, "x", contains=advice)

    def test_a_model_whose_file_has_another_key(self):
        folder = self.bundle(preprocess=ECHO, toml='[models.main]\npath = "net.pt"\n', files={"net.pt": scripted()})
        self.refused(3, folder, "x", contains=["bundle.toml:7", '[models.main]: model.pt is not in the bundle; file = "…" names another'])

    def test_a_model_by_nearly_its_name(self):
        result = mrun(self.bundle(preprocess=ECHO, files={"Model.pt": b"x"}), "x")
        self.assertIn("Model.pt: not part of a bundle, left out; did you mean 'model.pt'?", result.stderr)


    def test_models_that_nothing_calls(self):
        two = self.bundle(preprocess=ECHO, toml='[models.a]\nfile = "a.pt"\n[models.b]\nfile = "b.pt"\n', files={"a.pt": scripted(), "b.pt": scripted()})
        for args in (two, "x"), ("pack", two, "-o", self.dir / "x.mb"):
            self.refused(3, *args, contains="the bundle has 2 models: it needs a forward.lua that calls them")
        self.assertFalse((self.dir / "x.mb").exists())


class Inputs(Case):
    def test_json(self):
        folder = self.bundle("json", preprocess=ECHO)
        for text, advice in [("{'a': 1}", "a key wants double quotes"), ("{a: 1}", "in a shell all of it stands in single quotes"),
                             ("[True]", "it is written true"), ("[1,]", "no comma stands behind the last value"), ("1 2", "one value is wanted; several are a list: [1, 2]"), ("01", "a number is written as 12")]:
            with self.subTest(text):
                self.item_error("INPUT", "input", folder, text, contains=advice)
        (self.dir / "x.jsonl").write_text("[1]\n\n{'a': 1}\n")
        _, empty, other = self.answers(folder, "--jsonl", self.dir / "x.jsonl", status=1)
        self.assertIn("x.jsonl:2: column 1: unexpected end of input; it is empty", empty["error"]["message"])
        self.assertIn("x.jsonl:3: column 2: invalid literal; a key wants double quotes", other["error"]["message"])
        (self.dir / "x.json").write_text("[1]")
        self.item_error("INPUT", "input", folder, self.dir / "x.json", contains=f"@{self.dir}/x.json reads it")

    def test_a_text_that_is_a_files_name(self):
        folder = self.bundle(preprocess=ECHO)
        (self.dir / "x.txt").write_text("words")
        result = mrun(folder, self.dir / "x.txt")
        self.assertEqual((result.returncode, result.stdout), (0, f'"{self.dir}/x.txt"\n'))
        self.assertIn(f"x.txt: is taken as the text itself; what the file of that name holds is @{self.dir}/x.txt", result.stderr)
        self.assertEqual(mrun(folder, f"@{self.dir}/x.txt").stderr, "")

    def test_files_of_other_kinds(self):
        stages = {"image": MODULES + stage("return image.decode(x)"), "audio": "local audio = require 'audio'\n" + stage("return audio.decode(x)")}
        for kind, preprocess in stages.items():
            folder = self.bundle(kind, preprocess=preprocess)
            for data, advice in [(b"", "empty"), (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
                                 (b"<!DOCTYPE html><html>", "a web page"), (b'{"a": 1}', "JSON text"), (b"%PDF-1.7\n", "a PDF document"),
                                 (b"MThd\0\0\0\6" + bytes(50), "a MIDI file"), (b"v/1\1" + bytes(60), "an OpenEXR picture"),
                                 (b"\x93NUMPY\1\0" + bytes(60), 'kind = "tensor"')]:
                with self.subTest(f"{kind}: {advice}"):
                    (self.dir / "x.bin").write_bytes(data)
                    self.item_error("INPUT", "preprocess", folder, self.dir / "x.bin", contains=advice)
        folder = self.bundle("tensor", preprocess=ECHO)
        self.item_error("INPUT", "input", folder, "https://example.org/x.npy", contains="nothing is fetched")
        self.item_error("INPUT", "input", folder, "none.npy", contains="no such file; the path of a file is wanted (tensor)")
        (self.dir / "photo.jpeg").write_bytes(b"")
        for name in "photo.jpg", "foto.jpeg", "photo":
            self.item_error("INPUT", "input", folder, self.dir / name, contains="no such file; the path of a file is wanted (tensor); did you mean 'photo.jpeg'?")
        (self.dir / "loop.npy").symlink_to("loop.npy")
        self.item_error("INPUT", "input", folder, self.dir / "loop.npy", contains="Too many levels of symbolic links")
        (self.dir / "there.npy").write_bytes(b"")
        self.item_error("INPUT", "input", folder, f"@{self.dir}/there.npy", contains="a path is given without @")
        for name, data, advice in [("x.npy", b"", "it is empty"), ("x.npy", b"<html>", "a web page"), ("x.safetensors", b"version https://git-lfs.github.com", "git lfs pull"),
                                   ("x.pt", b"x", "safetensors.torch.save_file"), ("x.csv", b"1,2", "numpy.save")]:
            with self.subTest(name + advice):
                (self.dir / name).write_bytes(data)
                self.item_error("INPUT", "input", folder, self.dir / name, contains=[name, advice])

    def test_records(self):
        folder = self.bundle("record", preprocess=ECHO, toml='[input.fields]\nphoto = "image"\nquestion = {kind = "text", optional = true}\n')
        self.refused(2, folder, "x", contains="one JSON object: photo=PATH question=TEXT")
        self.refused(2, folder, contains="record: photo=PATH question=TEXT")
        self.item_error("USAGE", "input", folder, "fotografie=x", contains='"fotografie" is no field of the record; there are: photo (image), question (text, optional)')
        self.item_error("USAGE", "input", folder, "phto=x", contains="did you mean 'photo'?")
        (self.dir / "many.jsonl").write_text('{"photo": "cat.png"}\n')
        self.item_error("INPUT", "input", folder, "--jsonl", self.dir / "many.jsonl", contains=['field "photo"', "a text cannot stand for it", "--paths"])
        folder = self.bundle("record", preprocess=ECHO, toml='[input.fields]\ntimes = "json"\n')
        self.item_error("INPUT", "input", folder, "times=abc", contains='field "times": JSON: line 1, column 1: invalid literal; a text wants double quotes: "abc"')


if __name__ == "__main__":
    unittest.main()
