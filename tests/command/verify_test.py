"""Examples that prove a bundle: both orders, images by their pixels, the report for CI, --verify before answers."""
import base64
import io
import json
import os
import unittest
import xml.etree.ElementTree as ElementTree

import numpy
import PIL.Image
import torch

from command import GOOD_BAD_UGLY, Case, mrun

COUNTER = """
local n = 0
return function(x)
  n = n + 1
  return { text = x, n = n }
end
"""
# Draws a square into a picture and answers with the file.
PAINT = """
local image, torch = require "image", require "torch"
return function(x, params)
  local img = torch.zeros({8, 6, 3}, {dtype = "uint8"}) + x
  return { picture = image.encode(img:to("uint8"), "png"), n = 1 }
end
"""


def png(pixels, **options):
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "png", **options)
    return base64.b64encode(file.getvalue()).decode()


class Mean(torch.nn.Module):
    """Of the numbers that it is given, those that fill up counted too; and these numbers."""

    def forward(self, x):
        return x.mean(1), x


class Centred(torch.nn.Module):
    """Takes the batch for the item: each row changes the others."""

    def forward(self, x):
        return x - x.mean(0)


class MeanOfReal(torch.nn.Module):
    def forward(self, x, lengths):
        return x.sum(1) / lengths, x


class Filling(Case):
    """What [batch] pad fills up with must not show in an answer: examples of other lengths prove it."""

    def packed(self, model, unpad, texts):
        folder = self.bundle(toml=f"\n[batch]\npad = {{ x = {{ dims = [0] }} }}\n{unpad}", preprocess="""
local torch = require "torch"
return function(input) return torch.ones(#input) end
""")
        torch.jit.script(model.eval()).save(str(folder / "model.pt"))
        for text in texts:
            self.assertEqual(mrun("record", folder, text, text).returncode, 0)
        return folder

    def test_whole_floats_are_compared_within_the_tolerance_and_integers_are_not(self):
        script = """local torch = require "torch"
return function(v)
  return { floats = torch.tensor(v), large = 9.1e15, label = 3, ids = torch.tensor({7}, {dtype = "int64"}) }
end
"""
        folder = self.bundle(kind="json", toml="\n[verify]\nrtol = 0.5\n", preprocess=script)
        self.assertEqual(mrun("record", folder, "one", "[16777216]").returncode, 0)
        file = folder / "examples/one/expected.json"
        recorded = json.loads(file.read_text())
        for key, value, status in (("floats", [16777218], 0), ("large", 9100000000000002, 0), ("floats", [99999999], 4), ("label", 4, 4), ("ids", [8], 4)):
            file.write_text(json.dumps({**recorded, key: value}))
            self.assertEqual(mrun("verify", folder).returncode, status, (key, value))

    def test_it_shows_in_answers(self):
        unpad = 'unpad = { "2" = { like = "x" } }\n'
        for model, cut in (Mean(), unpad), (MeanOfReal(), ""):
            folder = self.packed(model, cut, ["a", "abcd"])
            self.refused(4, "pack", folder, "-o", self.dir / "x.mb",
                         contains=["example a differs where its model calls are joined", "beside example abcd", "lengths, a mask", "unpad"])
        folder = self.packed(MeanOfReal(), unpad, ["a", "abcd"])
        self.assertEqual(mrun("pack", folder, "-o", self.dir / "x.mb").returncode, 0)

    def test_rows_that_change_each_other_are_told_of(self):
        folder = self.bundle(preprocess='local torch = require "torch"\nreturn function(x) return torch.tensor({#x, 1}) end\n')
        torch.jit.script(Centred().eval()).save(str(folder / "model.pt"))
        for text in ["a", "bbb"]:
            self.assertEqual(mrun("record", folder, text, text).returncode, 0)
        for command in ["verify", "pack"]:
            result = mrun(command, folder)
            self.assertEqual(result.returncode, 4)
            for words in ["postprocess", "beside example bbb", "a row of the model's batch", "max_size = 1"]:
                self.assertIn(words, result.stdout + result.stderr)
            self.assertNotIn("--replace", result.stderr)  # the same answer would be kept
        with open(folder / "bundle.toml", "a") as toml:
            toml.write("\n[batch]\nmax_size = 1\n")
        self.assertEqual(mrun("verify", folder).returncode, 0)

    def test_scripts_that_keep_something_are_told_of_where_no_calls_are_joined(self):
        folder = self.bundle(preprocess='local torch = require "torch"\nreturn function(x) return torch.tensor({{#x}}, {dtype = "float32"}) end\n')
        (folder / "forward.lua").write_text("local seen\nreturn function(model, x)\n  seen = x\n  local y = model(x)\n  return seen:sum():item() + y:sum():item()\nend\n")
        (folder / "postprocess.lua").unlink(missing_ok=True)
        torch.jit.script(Centred().eval()).save(str(folder / "model.pt"))
        with open(folder / "bundle.toml", "a") as toml:
            toml.write('\n[batch]\nmode = "none"\n')
        for text in ["a", "bbb"]:
            self.assertEqual(mrun("record", folder, text, text).returncode, 0)
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 4)
        self.assertIn("the script keeps something of one item for the next", result.stdout + result.stderr)

    def test_examples_of_one_length_do_not_show_it(self):
        self.assertEqual(mrun("pack", self.packed(Mean(), "", ["a", "b"]), "-o", self.dir / "x.mb").returncode, 0)


class Orders(Case):
    def test_state_that_leaks_between_items_is_named(self):
        folder = self.bundle(postprocess=COUNTER)
        self.assertEqual(mrun("record", folder, "only", "x").returncode, 0)
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 4, result.stdout)
        self.assertIn("leaks   only: what it gives depends on what ran before it", result.stdout)
        self.assertIn("in run 2 first in postprocess at answer.n: expected 1, got 2", result.stdout)
        self.assertIn("1 example: 0 ok, 1 leaks", result.stdout)
        self.assertIn("example only", result.stderr)
        (row,) = json.loads(mrun("verify", folder, "--json").stdout)["examples"]
        self.assertEqual((row["equal"], row["leaks"], row["run"]), (False, True, 2))
        self.refused(4, "pack", folder, "-o", self.dir / "x.mb", contains=["example only", "leaks between items"])
        self.assertFalse((self.dir / "x.mb").exists())

    def test_a_leak_that_shows_in_one_order_only(self):
        # What the item before left shows in the answer of "b" alone, and only after "a" or "c".
        folder = self.bundle(postprocess="""
local last = ""
return function(x)
  local seen = last
  last = x
  return x == "b" and { x, seen == "c" } or { x }
end
""")
        for name in "abc":
            self.assertEqual(mrun("record", folder, name, name).returncode, 0)
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 4)
        self.assertIn("ok      a\n", result.stdout)
        self.assertIn("leaks   b: ", result.stdout)
        self.assertIn("ok      c\n", result.stdout)
        self.assertIn("3 examples: 2 ok, 1 leaks", result.stdout)

    def test_a_difference_that_is_the_same_in_both_orders_is_no_leak(self):
        folder = self.bundle(postprocess="return function(x) return #x end\n")
        mrun("record", folder, "one", "four")
        (folder / "postprocess.lua").write_text("return function(x) return #x + 1 end\n")
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 4)
        self.assertIn("differs one: first in postprocess at answer: expected 4, got 5 (off by 1, relative 0.25)\n", result.stdout)
        self.assertIn("1 example: 0 ok, 1 differs", result.stdout)

    def test_differences_that_json_has_no_number_for(self):
        folder = self.bundle("tensor", preprocess="return function(x) return x, 1 end\n", postprocess="return function(x) return 1 end\n")
        numpy.save(self.dir / "x.npy", numpy.array([1, 2, 3], "float32"))
        mrun("record", folder, "one", self.dir / "x.npy")
        numpy.save(folder / "examples/one/input.npy", numpy.array([1, numpy.inf, numpy.nan], "float32"))
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertIn("2 of 3 elements differ, by at most inf", result.stdout)
        self.assertEqual(json.loads(mrun("verify", folder, "--json").stdout)["examples"][0]["max_abs"], "inf")

    def test_an_infinity_is_close_to_nothing_but_itself(self):
        folder = self.bundle("tensor", preprocess="return function(x) return x end\n", postprocess="return function(x) return 1 end\n")
        inf = numpy.inf
        numpy.save(self.dir / "x.npy", numpy.array([1, inf, -inf, numpy.nan], "float32"))
        mrun("record", folder, "one", self.dir / "x.npy")
        self.assertEqual(mrun("verify", folder).returncode, 0)
        for changed, place in [([1, 5, -inf, numpy.nan], 1), ([1, inf, inf, numpy.nan], 2), ([inf, inf, -inf, numpy.nan], 0), ([1, inf, -inf, inf], 3)]:
            numpy.save(folder / "examples/one/input.npy", numpy.array(changed, "float32"))
            result = mrun("verify", folder)
            self.assertEqual(result.returncode, 4, changed)
            self.assertIn(f"preprocess[{place}]: expected", result.stdout)
            self.assertIn("1 of 4 elements differ, by at most inf, relative inf", result.stdout)

    def test_an_example_without_its_answer(self):
        folder = self.bundle(preprocess="return function(x) return #x end\n")
        for name in ["one", "two"]:
            mrun("record", folder, name, name)
        (folder / "examples/one/expected.json").unlink()
        row = json.loads(mrun("verify", folder, "--json").stdout)["examples"][0]
        self.assertEqual((row["equal"], row["stage"], row["message"]), (False, "postprocess", "MISSING: example one: there is no file expected.json in it; `mrun record FOLDER one INPUT --replace` writes it"))
        (folder / "examples/one/expected.json").write_text('{"a":')
        row = json.loads(mrun("verify", folder, "--json").stdout)["examples"][0]
        self.assertEqual((row["equal"], row["stage"]), (False, "postprocess"))
        self.assertIn("expected.json", row["message"])

    def test_keys_that_look_like_paths(self):
        folder = self.bundle(preprocess='return function(x) return { ["a.b"] = 1, a = { b = 2 } } end\n', postprocess="return function(x) return 1 end\n")
        self.assertEqual(mrun("record", folder, "one", "x").returncode, 0)
        self.assertEqual(mrun("verify", folder).returncode, 0)

    def test_tensors_between_the_stages_that_came_or_went(self):
        def preprocess(names):
            fields = ", ".join(f"{name} = torch.ones({{2}})" for name in names)
            return f'local torch = require "torch"\nreturn function(x) return {{ {fields} }} end\n'

        folder = self.bundle(preprocess=preprocess("ab"), postprocess="return function(x) return 1 end\n")
        self.assertEqual(mrun("record", folder, "one", "x").returncode, 0)
        self.assertEqual(mrun("verify", folder).returncode, 0)
        for names, place, message in [("a", "preprocess.b", "recorded, but missing now"), ("abc", "preprocess.c", "there now, but not recorded")]:
            (folder / "preprocess.lua").write_text(preprocess(names))
            (row,) = json.loads(mrun("verify", folder, "--json").stdout)["examples"]
            self.assertEqual((row["stage"], row["place"], row["message"]), ("preprocess", place, message))

    def test_a_stage_that_fails_is_told_by_its_error(self):
        folder = self.bundle(preprocess='local torch = require "torch"\nreturn function(x) return { n = torch.ones({2}) } end\n', postprocess="return function(x) return 1 end\n")
        self.assertEqual(mrun("record", folder, "one", "x").returncode, 0)
        (folder / "preprocess.lua").write_text('local torch = require "torch"\nreturn function(x) return { n = torch.ones(x.size) } end\n')
        (row,) = json.loads(mrun("verify", folder, "--json").stdout)["examples"]
        self.assertEqual((row["stage"], row["place"]), ("preprocess", ""))
        self.assertIn("ARGUMENT: preprocess.lua:2: ", row["message"])
        result = mrun("pack", folder)
        self.assertIn("ARGUMENT: preprocess.lua:2: ", result.stderr)
        self.assertNotIn("--replace", result.stderr)  # there is no answer to keep

    def test_no_examples_prove_nothing(self):
        result = mrun("verify", self.bundle(preprocess="return function(x) return x end\n"))
        self.assertEqual(result.returncode, 0)
        self.assertIn("0 examples: nothing shows that the answers are right", result.stdout)


    def test_what_says_how_examples_run_is_refused_where_none_runs(self):
        folder = self.bundle(preprocess="return function(x) return x end\n")
        for option in [("--seed", "3"), ("--param", "a=1"), ("--isolation=none",), ("--workers", "2"), ("--exact",)]:
            name = option[0].partition("=")[0]
            self.refused(2, "verify", folder, "--hashes", *option, contains=f"--hashes: runs nothing, so there is no use for {name}")
        self.assertEqual(mrun("verify", folder, "--hashes", env={**os.environ, "MRUN_ISOLATION": "none"}).stdout, "hashes  none\n")


class Images(Case):
    def recorded(self):
        folder = self.bundle("json", postprocess=PAINT)
        self.assertEqual(mrun("record", folder, "grey", "100").returncode, 0)
        return folder, folder / "examples/grey/expected.json"

    def replace(self, path, picture, media_type="image/png"):
        answer = json.loads(path.read_text())
        answer["picture"] = {"$bytes": picture, "type": media_type}
        path.write_text(json.dumps(answer))

    def test_other_bytes_with_the_same_pixels_are_equal(self):
        folder, expected = self.recorded()
        grey = numpy.full((8, 6, 3), 100, "uint8")
        other = png(grey, compress_level=0)
        self.assertNotEqual(other, json.loads(expected.read_text())["picture"]["$bytes"])
        self.replace(expected, other)
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_a_pixel_that_differs_is_named(self):
        folder, expected = self.recorded()
        pixels = numpy.full((8, 6, 3), 100, "uint8")
        pixels[5, 2, 1] = 103
        self.replace(expected, png(pixels))
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 4)
        self.assertIn("answer.picture[5, 2, 1]: expected 103, got 100 (row, column, channel of the decoded image)", result.stdout)
        self.assertIn("(1 of 192 elements differ, by at most 3", result.stdout)
        toml = folder / "bundle.toml"  # a tolerance of two levels is not enough, one of three is
        text = toml.read_text()
        toml.write_text(text + "\n[verify]\nrtol = 0\natol = 0.008\n")
        self.assertEqual(mrun("verify", folder).returncode, 4)
        toml.write_text(text + "\n[verify]\nrtol = 0\natol = 0.012\n")
        self.assertEqual(mrun("verify", folder).returncode, 0)

    def test_another_size_another_type_and_what_is_no_image(self):
        folder, expected = self.recorded()
        self.replace(expected, png(numpy.full((8, 7, 3), 100, "uint8")))
        self.assertIn("expected 7 x 8 pixels, got 6 x 8", mrun("verify", folder).stdout)
        self.replace(expected, png(numpy.full((8, 6, 3), 100, "uint8")), "image/jpeg")
        self.assertIn("expected image/jpeg, got image/png", mrun("verify", folder).stdout)
        self.replace(expected, base64.b64encode(b"no image").decode())
        self.assertIn("cannot be decoded", mrun("verify", folder).stdout)
        self.replace(expected, "no base64")
        self.assertEqual(mrun("verify", folder).returncode, 4)

    def test_images_between_the_stages_too(self):
        folder = self.bundle("json", preprocess=PAINT.replace("{ picture = ", "").replace(", n = 1 }", ""),
                             postprocess="return function(file) return 1 end\n")
        self.assertEqual(mrun("record", folder, "grey", "100").returncode, 0)
        # The same picture from another encoder, as an older mrun might have recorded it.
        import safetensors_by_hand
        file = base64.b64decode(png(numpy.full((8, 6, 3), 100, "uint8"), compress_level=0))
        stages = folder / "examples/grey/stages.safetensors"
        stages.write_bytes(safetensors_by_hand.of_bytes({name: file for name in ["forward", "preprocess"]}))
        result = mrun("verify", folder)
        self.assertEqual(result.returncode, 0, result.stdout)
        file = base64.b64decode(png(numpy.full((8, 6, 3), 101, "uint8")))
        stages.write_bytes(safetensors_by_hand.of_bytes({name: file for name in ["forward", "preprocess"]}))
        self.assertIn("first in preprocess at preprocess[0, 0, 0]: expected 101, got 100", mrun("verify", folder).stdout)


class Reports(Case):
    def suite(self, path):
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, "testsuites")
        (suite,) = root
        cases = list(suite)
        self.assertTrue(all(c.tag == "testcase" for c in cases))
        for element in [root, suite]:
            self.assertEqual(int(element.get("tests")), len(cases))
            self.assertEqual(int(element.get("failures")), sum(c.find("failure") is not None for c in cases))
            self.assertEqual(int(element.get("errors")), sum(c.find("error") is not None for c in cases))
            float(element.get("time"))
        self.assertEqual(int(suite.get("skipped")), sum(c.find("skipped") is not None for c in cases))
        for c in cases:
            self.assertTrue(c.get("classname"))
            float(c.get("time"))
        return suite, {c.get("name"): c for c in cases}

    def test_junit(self):
        folder = self.bundle(preprocess="return function(x) return #x end\n", postprocess="return function(n) return { n = n } end\n")
        for name in ["one", "two"]:
            mrun("record", folder, name, name * 2)
        report = self.dir / "report.xml"
        result = mrun("verify", folder, "--junit", report)
        self.assertEqual(result.returncode, 0, result.stderr)
        suite, cases = self.suite(report)
        self.assertEqual(suite.get("name"), str(folder))
        self.assertEqual(list(cases), ["hashes", "examples/one", "examples/two"])
        self.assertEqual(cases["hashes"].find("skipped").get("message"), "a folder has no hashes")
        self.assertEqual(mrun("pack", folder, "-o", self.dir / "x.mb").returncode, 0)
        mrun("verify", self.dir / "x.mb", "--junit", report)
        self.assertEqual(self.suite(report)[0].get("skipped"), "0")

        (folder / "examples/two/expected.json").write_text('{"n": 7}')
        result = mrun("verify", folder, "--junit", report)
        self.assertEqual(result.returncode, 4)
        _, cases = self.suite(report)
        self.assertIsNone(cases["examples/one"].find("failure"))
        failure = cases["examples/two"].find("failure")
        self.assertEqual(failure.get("type"), "postprocess")
        self.assertEqual(failure.get("message"), "first in postprocess at answer.n: expected 7, got 6 (off by 1, relative 0.143)")
        self.assertEqual(failure.text, failure.get("message"))

    def test_junit_of_texts_that_xml_must_not_see(self):
        folder = self.bundle(name='a "<&>\u00e9', postprocess='return function(x) return { ["<k&\\"\\1\\27[31m>"] = x } end\n')
        mrun("record", folder, "one", "x")
        (folder / "examples/one/expected.json").write_text('{"\\u0001\\uffff]]>": "\\u001b"}')
        report = self.dir / "report.xml"
        self.assertEqual(mrun("verify", folder, "--junit", report).returncode, 4)
        suite, cases = self.suite(report)
        self.assertEqual(suite.get("name"), str(folder))
        self.assertIn("]]>", cases["examples/one"].find("failure").text)
        valid = "\u20ac\U0001f600".encode()
        for name in [valid, b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82"]:  # a path may hold any bytes
            path = os.path.join(os.fsencode(self.dir), name)
            os.symlink(folder, path)
            self.assertEqual(mrun("verify", os.fsdecode(path), "--junit", report).returncode, 4)
            self.assertEqual("\ufffd" in self.suite(report)[0].get("name"), name != valid, name)

    def test_junit_of_damage_of_scripts_that_fail_and_of_bundles_that_do_not_run(self):
        report = self.dir / "report.xml"
        folder = self.bundle(preprocess='return function(x) if x == "bad" then error "no" end return x end\n')
        mrun("record", folder, "one", "x")
        (folder / "examples/one/input.txt").write_text("bad")
        mrun("verify", folder, "--junit", report)
        self.assertIn("SCRIPT: ", self.suite(report)[1]["examples/one"].find("failure").text)

        path = self.dir / "x.mb"
        self.assertEqual(mrun("pack", GOOD_BAD_UGLY, "-o", path).returncode, 0)
        data = bytearray(path.read_bytes())
        data[data.index(b'"embedding.weight"') + 4000] ^= 1
        path.write_bytes(data)
        self.assertEqual(mrun("verify", path, "--junit", report).returncode, 4)
        _, cases = self.suite(report)
        self.assertIn("model/main.safetensors", cases["hashes"].find("failure").text)

        folder = self.bundle(preprocess="return 1\n")
        self.assertEqual(mrun("verify", folder, "--junit", report).returncode, 3)
        (case,) = self.suite(report)[1].values()
        self.assertIn("preprocess.lua", case.find("error").text)
        self.refused(5, "verify", GOOD_BAD_UGLY, "--hashes", "--junit", self.dir / "no/report.xml", contains="no/report.xml")

    def test_colours_are_for_terminals(self):
        for env in [{}, {"NO_COLOR": "1"}]:
            self.assertNotIn("\033", mrun("verify", GOOD_BAD_UGLY, env={**os.environ, **env}).stdout)


class BeforeAnswers(Case):
    def test_verify_comes_before_the_answer(self):
        folder = self.bundle(preprocess="return function(x) return x:upper() end\n")
        mrun("record", folder, "one", "a")
        path = self.dir / "x.mb"
        mrun("pack", folder, "-o", path)
        self.assertEqual(self.answer(path, "b", "--verify"), "B")
        (folder / "examples/one/expected.json").write_text('"Z"')
        self.refused(4, folder, "b", "--verify", contains=["example one", "postprocess", '"Z"'])
        data = path.read_bytes()
        path.write_bytes(data.replace(b"x:upper()", b"x:lower()"))
        self.refused(4, path, "b", "--verify", contains="preprocess.lua")

    def test_weights_are_hashed_too(self):
        path = self.dir / "x.mb"
        mrun("pack", GOOD_BAD_UGLY, "-o", path)
        data = bytearray(path.read_bytes())
        data[data.index(b'"embedding.weight"') + 4000] ^= 1
        path.write_bytes(data)
        self.answer(path, "wisdom")
        self.refused(4, path, "wisdom", "--verify", contains="model/main.safetensors")

    def test_the_examples_run_as_they_were_recorded_whatever_the_run_overrides(self):
        folder = self.bundle("json", toml="[params]\nfactor = 2\n",
                             postprocess="return function(x, params) return { x * params.factor, math.random() } end\n")
        mrun("record", folder, "one", "3")
        self.assertEqual(self.answer(folder, "3", "--verify", "--param", "factor=5", "--seed", "9")[0], 15)


if __name__ == "__main__":
    unittest.main()
