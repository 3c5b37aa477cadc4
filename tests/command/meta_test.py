"""--meta and rerun: an answer with all that is needed to give it again, and what is refused when it is not the same."""
import hashlib
import json
import os
import unittest

import numpy

from command import GOOD_BAD_UGLY, Case, mrun

RANDOM = "return function(x, params) return { x = x, k = params.k, r = math.random(1000000) } end\n"


class Meta(Case):
    def packed(self, kind="text", name="x.mb", **more):
        toml = more.pop("toml", "[params]\nk = 1\n[params.deep]\nlabel = \"a\"\n")
        folder = self.bundle(kind, toml=toml, **({"postprocess": RANDOM} | more))
        self.assertEqual(mrun("pack", folder, "-o", self.dir / name).returncode, 0)
        return self.dir / name

    def kept(self, *args, **more):
        """A file with what --meta printed for these arguments."""
        result = mrun(*args, "--meta", **more)
        path = self.dir / "meta.json"
        path.write_text(result.stdout)
        return path, [json.loads(line) for line in result.stdout.splitlines()]

    def test_the_answer_is_in_an_envelope(self):
        path = self.packed()
        (whole,) = self.kept(path, "some text", "--seed", "7", "--param", "k=5", "--param", "deep.label=b")[1]
        self.assertEqual(set(whole), {"answer", "meta"})
        self.assertEqual(whole["answer"], self.answer(path, "some text", "--seed", "7", "--param", "k=5"))
        meta = whole["meta"]
        self.assertEqual(meta["input"], {"text": "some text", "sha256": hashlib.sha256(b"some text").hexdigest()})
        self.assertEqual((meta["seed"], meta["item"], meta["params"]), (7, 0, {"k": 5, "deep.label": "b"}))
        self.assertEqual(meta["bundle"], {"path": str(path), "name": "t", "version": "1.0.0", "revision": 1,
                                          "digest": json.loads(mrun("inspect", path, "--json").stdout)["digest"]})
        self.assertEqual(meta["versions"]["mrun"], mrun("--version").stdout.split()[1])

    def test_versions_name_the_plugins_and_libtorch(self):
        versions = self.answer(GOOD_BAD_UGLY, "wisdom", "--meta")["meta"]["versions"]
        self.assertLessEqual({"torch", "text"}, set(versions["plugins"]))
        self.assertRegex(versions["libraries"]["aten"], r"^libtorch \d+\.\d+")

    def test_versions_name_the_files_of_the_libraries_that_answers_depend_on(self):
        libraries = self.answer(GOOD_BAD_UGLY, "wisdom", "--meta")["meta"]["versions"]["libraries"]
        for name in ["libtorch_cpu.so", "libblas.so", "libsentencepiece.so", "libpcre2-8.so", "libluajit-5.1.so", "libsleef.so"]:
            (key,) = [k for k in libraries if k.startswith(name)]
            self.assertTrue(libraries[key].startswith(name), libraries)
        self.assertRegex(libraries["libm.so.6"], r"^glibc \d+\.\d+$")
        self.assertFalse([k for k in libraries if k.startswith(("libc.so", "libstdc++", "ld-linux"))])
        folder = self.bundle("image", preprocess='local image = require "image"\nreturn function(x) return (image.decode(x):shape()) end\n')
        import PIL.Image
        PIL.Image.new("RGB", (5, 4)).save(self.dir / "x.png")
        libraries = self.answer(folder, self.dir / "x.png", "--meta")["meta"]["versions"]["libraries"]
        self.assertTrue({"libjpeg", "libpng16", "libtiff", "libwebp", "libLerc", "libopencv_imgproc"} <= {k.split(".so")[0] for k in libraries}, libraries)
        folder = self.bundle(name="sound", preprocess='local audio = require "audio"\nreturn function(x) return x end\n')
        libraries = self.answer(folder, "x", "--meta")["meta"]["versions"]["libraries"]
        self.assertTrue({"libsndfile", "libFLAC", "libvorbis", "libopus", "libmpg123", "libsoxr"} <= {k.split(".so")[0] for k in libraries}, libraries)

    def test_every_answer_of_many_can_be_given_again(self):
        path = self.packed()
        lines = "one\ntwo\n\u00e9 \"quoted\"\n\nfive\n"
        kept, wholes = self.kept(path, "--lines", "-", "--seed", "3", "--workers", "2", stdin=lines)
        self.assertEqual([w["meta"]["item"] for w in wholes], [0, 1, 2, 3, 4])
        self.assertEqual(len({w["answer"]["r"] for w in wholes}), 5)
        for i, whole in enumerate(wholes):
            self.assertEqual(self.answer("rerun", kept, "--item", i), whole["answer"])
        self.refused(2, "rerun", kept, contains=["5 answers", "--item N"])
        self.refused(2, "rerun", kept, "--item", "9", contains="no answer of item 9")

    def test_json_files_and_records(self):
        path = self.packed("json")
        kept, (whole,) = self.kept(path, '{"a": [1, 2.5, "x", null]}')
        self.assertEqual(whole["meta"]["input"]["json"], {"a": [1, 2.5, "x", None]})
        self.assertEqual(self.answer("rerun", kept), whole["answer"])

        (self.dir / "x.bin").write_bytes(b"\0\1\2")
        path = self.packed("bytes", postprocess="return function(x) return x:size(0) end\n")
        kept, (whole,) = self.kept("x.mb", "x.bin", cwd=self.dir)
        self.assertEqual(whole["meta"]["input"], {"path": str(self.dir / "x.bin"), "sha256": hashlib.sha256(b"\0\1\2").hexdigest()})
        self.assertEqual(self.answer("rerun", kept, cwd="/"), 3)
        self.refused(2, "rerun", kept, "--input", "a", "--input", "b", contains=["--input b", "there is one input"])

        numpy.save(self.dir / "x.npy", numpy.ones((2, 3), "float32"))
        path = self.packed("record", toml='[input.fields]\nt = "tensor"\nq = "text"\nj = {kind = "json", optional = true}\n',
                           postprocess="return function(x) return { x.q, x.j, x.t:numel() } end\n")
        (self.dir / "q.txt").write_text("from a file\n")
        kept, (whole,) = self.kept(path, f"t={self.dir / 'x.npy'}", f"q=@{self.dir / 'q.txt'}", "j=[1]")
        self.assertEqual(set(whole["meta"]["input"]["fields"]), {"t", "q", "j"})
        self.assertEqual(self.answer("rerun", kept), ["from a file", [1], 6])
        (self.dir / "q.txt").rename(self.dir / "moved.txt")
        self.refused(1, "rerun", kept, contains=["q.txt", "--input q=FILE says where it is now"])
        self.refused(2, "rerun", kept, "--input", "q=none", contains="--input none: No such file")
        self.refused(2, "rerun", kept, "--input", "r=x", contains=["--input r", "no such field; there are: j, q, t"])
        self.refused(2, "rerun", kept, "--input", "q=x", "--input", "q=y", contains="given twice")
        self.assertEqual(self.answer("rerun", kept, "--input", f"q={self.dir / 'moved.txt'}"), ["from a file", [1], 6])
        self.refused(2, "rerun", kept, "--input", self.dir / "moved.txt", contains="FIELD=FILE")

    def test_standard_input(self):
        path = self.packed()
        kept, (whole,) = self.kept(path, "-", stdin="typed\n")
        self.assertEqual(self.answer("rerun", kept), whole["answer"])
        path = self.packed("bytes", postprocess="return function(x) return x:size(0) end\n")
        kept, (whole,) = self.kept(path, "-", stdin="abc")
        self.assertEqual(whole["meta"]["input"], {"stdin": True, "sha256": hashlib.sha256(b"abc").hexdigest()})
        self.refused(2, "rerun", kept, contains=["standard input", "--input FILE"])
        (self.dir / "abc").write_text("abc")
        self.assertEqual(self.answer("rerun", kept, "--input", self.dir / "abc"), 3)

    def test_the_largest_seed(self):
        kept, (whole,) = self.kept(self.packed(), "x", "--seed", 2 ** 64 - 1)
        self.assertEqual(self.answer("rerun", kept), whole["answer"])

    def test_a_pipe_and_what_a_person_saved(self):
        path = self.packed()
        kept, (whole,) = self.kept(path, "x")
        self.assertEqual(self.answer("rerun", "-", stdin=kept.read_text()), whole["answer"])
        self.assertEqual(self.answer("rerun", "-", stdin=json.dumps(whole, indent=4)), whole["answer"])
        self.assertEqual(self.answer("rerun", "-", stdin=json.dumps(whole["meta"])), whole["answer"])

    def test_a_failed_item_and_an_input_that_is_not_there(self):
        path = self.packed(preprocess='return function(x) if x == "bad" then error{code = "INPUT", message = "no"} end return x end\n')
        kept, wholes = self.kept(path, "--lines", "-", stdin="bad\ngood\n")
        self.assertEqual([set(w) for w in wholes], [{"error", "meta"}, {"answer", "meta"}])
        (again,) = self.answers("rerun", kept, "--item", "0", status=1)
        self.assertEqual(again["error"], wholes[0]["error"])
        path = self.packed("bytes")
        _, (whole,) = self.kept(path, self.dir / "none")
        self.assertEqual(whole["error"]["code"], "INPUT")
        self.assertIsNone(whole["meta"]["input"])
        self.refused(2, "rerun", "-", stdin=json.dumps(whole), contains="could not be read")

    def test_another_bundle_is_refused(self):
        path = self.packed()
        kept, (whole,) = self.kept(path, "x")
        path.rename(self.dir / "moved.mb")
        self.assertEqual(mrun("rerun", kept).returncode, 3)
        self.assertEqual(self.answer("rerun", kept, "--bundle", self.dir / "moved.mb"), whole["answer"])
        other = self.packed(toml="[params]\nk = 2\n[params.deep]\nlabel = \"a\"\n")
        self.refused(4, "rerun", kept, contains=[str(other), "is not the bundle that answered", whole["meta"]["bundle"]["digest"], "--bundle"])

    def test_the_revision_that_answered_is_found_after_a_commit(self):
        path = self.packed()
        kept, (whole,) = self.kept(path, "x")
        folder = self.bundle(toml="[params]\nk = 100\n[params.deep]\nlabel = \"a\"\n", postprocess=RANDOM)
        self.assertEqual(mrun("commit", path, folder, "-m", "more").returncode, 0)
        self.assertEqual(self.answer(path, "x")["k"], 100)
        self.assertEqual(self.answer("rerun", kept), whole["answer"])
        kept, (whole,) = self.kept(f"{path}@1", "x")
        self.assertEqual(whole["meta"]["bundle"]["revision"], 1)
        self.assertEqual(self.answer("rerun", kept), whole["answer"])

    def test_another_input_is_refused(self):
        (self.dir / "x.bin").write_bytes(b"abc")
        path = self.packed("bytes", postprocess="return function(x) return x:size(0) end\n")
        kept, _ = self.kept(path, self.dir / "x.bin")
        (self.dir / "x.bin").write_bytes(b"abd")
        self.refused(4, "rerun", kept, contains=["x.bin", "is not what the answer was made of"])
        kept, (whole,) = self.kept(self.packed(), "x")
        whole["meta"]["input"]["text"] = "y"
        kept.write_text(json.dumps(whole))
        self.refused(4, "rerun", kept, contains="the input's text")

    def test_another_answer_is_said_to_be_one(self):
        kept, (whole,) = self.kept(self.packed(), "x")
        whole["answer"]["k"] = 2
        kept.write_text(json.dumps(whole))
        result = mrun("rerun", kept)
        self.assertEqual(result.returncode, 4)
        self.assertEqual(json.loads(result.stdout)["k"], 1)
        self.assertIn("answer.k: expected 2, got 1; the versions are the same", result.stderr)
        whole["meta"]["versions"]["mrun"] = "0.0.1"
        kept.write_text(json.dumps(whole))
        self.assertIn('"mrun":"0.0.1"', mrun("rerun", kept).stderr)

    def test_a_folder_cannot_be_proved(self):
        kept, _ = self.kept(self.bundle(postprocess=RANDOM, toml="[params]\nk = 1\n"), "x")
        self.refused(2, "rerun", kept, contains=["folder", "no digest"])

    def test_what_is_no_meta(self):
        kept, (whole,) = self.kept(self.packed(), "x")
        for text in ["", "[]", "{}", '{"meta": 1}', "no", json.dumps({**whole["meta"], "seed": "x"}), json.dumps({**whole["meta"], "params": []}),
                     json.dumps({**whole["meta"], "input": {}}), json.dumps({**whole["meta"], "bundle": {}}), json.dumps({**whole["meta"], "input": None})]:
            result = mrun("rerun", "-", stdin=text)
            self.assertEqual(result.returncode, 2, text)
            self.assertIn("META", result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, text)
        self.assertEqual(mrun("rerun", self.dir / "none").returncode, 2)

    def test_answers_in_files_are_compared_where_they_are(self):
        path = self.packed("json", postprocess="""
local torch, image = require "torch", require "image"
return function(n) return { picture = image.encode(torch.full({4, 4, 3}, n % 7, {dtype = "uint8"}), "png"), all = { torch.arange(n), n } } end
""")
        kept, (whole,) = self.kept(path, "20000", "--save", self.dir / "out")
        self.assertEqual(mrun("rerun", kept).returncode, 1)  # too large to print
        again = self.answer("rerun", kept, "--save", self.dir / "again")
        self.assertEqual(again["picture"], {"$file": str(self.dir / "again/0-picture.png"), "type": "image/png"})
        self.assertEqual(numpy.load(again["all"][0]["$file"]).tolist(), list(range(20000)))
        self.assertEqual(self.answer("rerun", kept, "--save", self.dir / "out"), whole["answer"])  # over the files themselves
        file = whole["answer"]["all"][0]["$file"]
        numpy.save(file, numpy.arange(20000) + (numpy.arange(20000) == 7))
        result = mrun("rerun", kept, "--save", self.dir / "again")
        self.assertEqual(result.returncode, 4)
        self.assertIn(f"{file}[7]: expected 8, got 7", result.stderr)
        self.assertTrue(json.loads(result.stdout))
        os.remove(file)
        result = mrun("rerun", kept, "--save", self.dir / "again")
        self.assertEqual(result.returncode, 4)
        self.assertIn("0-all-1.npy: no such file", result.stderr)
        kept, (whole,) = self.kept(path, "5", "--save", self.dir / "small")
        self.assertEqual(self.answer("rerun", kept)["all"], [[0, 1, 2, 3, 4], 5])

    def test_a_damaged_meta_runs_nothing(self):
        kept, (whole,) = self.kept(self.packed(), "x")
        for place, key, value in [("meta", "device", 3), ("meta", "threads", 10 ** 12), ("meta", "threads", 100_000), ("meta", "threads", -1),
                                  ("bundle", "path", 3), ("bundle", "digest", 5)]:
            damaged = json.loads(json.dumps(whole))
            (damaged["meta"] if place == "meta" else damaged["meta"]["bundle"])[key] = value
            self.refused(2, "rerun", "-", stdin=json.dumps(damaged), contains=["META", f'"{key}"'])

    def test_a_meta_that_names_no_bundle(self):
        kept, (whole,) = self.kept(self.packed(), "x")
        whole["meta"]["bundle"] = {}
        self.refused(2, "rerun", "-", stdin=json.dumps(whole), contains='META: "bundle" has neither "path" nor "digest"')

    def test_pretty_and_saved_answers(self):
        path = self.packed("json", postprocess='local torch = require "torch"\nreturn function(n) return { t = torch.arange(n) } end\n')
        result = mrun(path, "20000", "--save", self.dir / "out", "--meta")
        whole = json.loads(result.stdout)
        self.assertEqual(set(whole["answer"]["t"]), {"$file"})
        self.assertTrue(os.path.exists(whole["answer"]["t"]["$file"]))


class Parameters(Case):
    def test_declared_ones_only_with_their_types_and_near_misses(self):
        folder = self.bundle(toml='[params]\ntop_k = 5\nscale = 1.5\nname = "a"\n[params.decode]\nbeam = 4\nwords = ["x"]\n',
                             postprocess="return function(x, params) return params end\n")
        for given, key, value in [("top_k=7", "top_k", 7), ("scale=2", "scale", 2), ("name=3", "name", "3"), ("name=x y", "name", "x y")]:
            self.assertEqual(self.answer(folder, "x", "--param", given)[key], value)
        self.assertEqual(self.answer(folder, "x", "--param", "decode.beam=9")["decode"], {"beam": 9, "words": ["x"]})
        self.assertEqual(self.answer(folder, "x", "--param", 'decode.words=["y", "z"]')["decode"]["words"], ["y", "z"])
        self.assertEqual(self.answer(folder, "x", "--param", 'decode={"beam": 9}')["decode"], {"beam": 9, "words": ["x"]})
        for given, words in [('decode={"beam": "x"}', ["decode.beam", "integer", "the text \"x\""]), ('decode={"bean": 1}', ["decode.bean", "decode.beam"])]:
            self.refused(2, folder, "x", "--param", given, contains=words)
        for given, words in [("topk=7", ["topk", "did you mean 'top_k'"]), ("decode.bean=1", ["decode.bean", "decode.beam"]), ("beam=1", ["beam", "decode.beam"]),
                             ("top_k=x", ["top_k", "integer", "the text \"x\""]), ("top_k=1.5", ["top_k", "integer", "1.5"]), ("scale=true", ["scale", "number", "true"]),
                             ("decode=1", ["decode", "map"]), ("top_k.x=1", ["top_k.x"]), ("top_k", ["NAME=VALUE"]), ("=1", ["NAME=VALUE"])]:
            self.refused(2, folder, "x", "--param", given, contains=words)


if __name__ == "__main__":
    unittest.main()
