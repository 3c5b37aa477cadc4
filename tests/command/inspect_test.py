"""inspect: everything about a model without loading anything; its screen, its texts, its JSON as documented."""
import hashlib
import json
import os
import pty
import re
import subprocess
import unittest

import numpy

from command import GOOD_BAD_UGLY, MRUN, SOURCE, Case, at_a_terminal, mrun

PAGE = (SOURCE / "tools/mrun/JSON.md").read_text()


def plain(text):
    return re.sub(r"\033\[[0-9;]*m", "", text)


def section(title):
    return PAGE[PAGE.index(f"## {title}\n"):].split("\n## ")[0]


def table(title):
    """key -> the rest of its row; a row may hold several keys."""
    keys = {}
    for line in section(title).splitlines():
        if line.startswith("| `"):
            names, rest = line.strip("| ").split(" | ", 1)
            for name in re.findall(r"`([^`]+)`", names):
                keys[name] = rest
    return keys


def names_in(text):
    return set(re.findall(r"`([a-z_0-9]+)`", text))


class Documented(Case):
    def setUp(self):
        super().setUp()
        self.path = self.dir / "x.mb"
        result = mrun("pack", GOOD_BAD_UGLY, "-o", self.path)
        self.assertEqual(result.returncode, 0, result.stderr)

    def inspected(self, *args):
        return json.loads(mrun("inspect", *args, "--json").stdout)

    def test_every_key_of_inspect_is_documented_and_there(self):
        for bundle in [self.path, GOOD_BAD_UGLY]:
            all_ = self.inspected(bundle, "--stats")
            keys = table("inspect")
            self.assertEqual(set(all_), set(keys))
            self.assertEqual(set(all_["manifest"]), names_in(keys["manifest"]))
            for rows in ["parameters", "entries", "tensors"]:
                for row in all_[rows]:
                    self.assertLessEqual(set(row), names_in(keys[rows]) | {"integer", "number"}, rows)
            self.assertEqual(set(all_["parameters"][0]), {"name", "type", "value"})
            self.assertEqual(set(all_["gives"]), names_in(keys["gives"]))
            for model in all_["manifest"]["models"]:
                for key in model:
                    self.assertIn(f"`{key}`", section("inspect"))
        all_ = self.inspected(self.path)
        self.assertEqual(set(all_["tensors"][0]), {"model", "name", "dtype", "shape", "bytes"})
        self.assertEqual(set(all_["needs"]), {"script", "operations", "backends", "packed_with"})
        self.assertEqual(set(all_["history"]), {"number", "parent", "message"})

    def test_every_key_of_verify_is_documented(self):
        keys = set(table("verify"))
        folder = self.bundle(postprocess="return function(x) return 1 end\n")
        mrun("record", folder, "one", "x")
        row = json.loads(mrun("verify", folder, "--json").stdout)["examples"][0]
        self.assertEqual(set(row), {"name", "equal", "seconds", "leaks"})
        (folder / "examples/one/expected.json").write_text("2")
        row = json.loads(mrun("verify", folder, "--json").stdout)["examples"][0]
        self.assertEqual(set(row), keys - {"differing", "of"})

    def test_every_key_of_meta_is_documented(self):
        meta = self.answer(self.path, "wisdom", "--meta")["meta"]
        self.assertEqual(set(meta), set(table("Answers")))
        self.assertLessEqual(set(meta["bundle"]) | set(meta["versions"]), names_in(section("Answers")))

    def test_the_parts_of_a_text_bundle(self):
        all_ = self.inspected(self.path)
        self.assertIn({"name": "labels", "type": "list", "value": ["good", "bad", "ugly"]}, all_["parameters"])
        (model,) = all_["manifest"]["models"]
        self.assertEqual(model["backend"], "torch")
        self.assertTrue(model["methods"][0].startswith("forward("), model["methods"])
        self.assertIn("decision", all_["gives"]["type"])
        self.assertEqual(all_["needs"]["backends"], {"main": "torch"})
        self.assertRegex(all_["needs"]["operations"]["aten"]["version"], r"^libtorch \d")
        self.assertGreater(all_["needs"]["operations"]["aten"]["count"], 50)
        self.assertIsNone(self.inspected(GOOD_BAD_UGLY)["manifest"]["models"][0]["methods"])
        text = mrun("inspect", GOOD_BAD_UGLY).stdout
        self.assertIn("methods: packing it lists them here\n    in one file: its tensors are seen only by loading model.pt\n", text)
        self.assertNotIn("in one file", mrun("inspect", self.path).stdout)

    def test_statistics_are_numpys(self):
        import safetensors_by_hand
        import zipfile
        data = zipfile.ZipFile(self.path).read("model/main.safetensors")
        tensors = safetensors_by_hand.float32(data)
        rows = {t["name"]: t for t in self.inspected(self.path, "--stats")["tensors"]}
        self.assertEqual(set(rows), set(tensors))
        for name, t in tensors.items():
            row = rows[name]
            self.assertEqual((row["min"], row["max"], row["nan"]), (float(t.min()), float(t.max()), 0))
            self.assertAlmostEqual(row["mean"], t.mean(dtype="float64"), 12)

    def test_parameters_of_every_type_and_depth(self):
        folder = self.bundle(toml='[params]\na = 1\nb = 1.0\nc = "x"\nd = true\ne = [1, 2]\n[params.deep.er]\nf = 2\n')
        rows = {p["name"]: p["type"] for p in self.inspected(folder)["parameters"]}
        self.assertEqual(rows, {"a": "integer", "b": "number", "c": "string", "d": "boolean", "e": "list", "deep.er.f": "integer"})

    def test_numbers_that_json_has_not(self):
        folder = self.bundle(toml='[params]\nlimit = inf\nlist = [nan, -inf, 1.5]\nk = 1\n[provenance]\nloss = nan\n',
                             postprocess="return function(x, params) return { params.limit > 1e308, params.k } end\n")
        all_ = self.inspected(folder)
        self.assertEqual(all_["params"], {"limit": "inf", "list": ["nan", "-inf", 1.5], "k": 1})
        self.assertIn({"name": "limit", "type": "number", "value": "inf"}, all_["parameters"])
        self.assertEqual(all_["manifest"]["provenance"], {"loss": "nan"})
        self.assertIn("limit  number     \"inf\"", mrun("inspect", folder).stdout)
        self.assertEqual(self.answer(folder, "x", "--param", "k=2"), [True, 2])
        self.assertEqual(self.answer(folder, "x", "--param", "limit=3"), [False, 1])

    def test_the_lock_of_every_revision(self):
        folder = self.bundle(preprocess="return function(x) return x end\n")
        self.assertEqual(mrun("pack", folder, "-o", self.path).returncode, 0)
        (folder / "preprocess.lua").write_text("return function(x) return 1 end\n")
        self.assertEqual(mrun("commit", self.path, folder, "-m", "one").returncode, 0)
        for revision in json.loads(mrun("log", self.path, "--json").stdout):
            lock = mrun("inspect", f"{self.path}@{revision['number']}", "bundle.lock").stdout
            self.assertEqual(hashlib.sha256(lock.encode()).hexdigest(), revision["digest"])
        self.refused(3, "inspect", folder, "bundle.lock", contains="no bundle.lock")

    def test_a_revision_whose_weights_are_gone(self):
        import torch
        folder = self.bundle("tensor", toml="[params]\nk = 1\n")
        for seed in [1, 2]:
            torch.manual_seed(seed)
            torch.jit.script(torch.nn.Linear(2, 2)).save(str(folder / "model.pt"))
            made = mrun("pack", folder, "-o", self.path) if seed == 1 else mrun("commit", self.path, folder, "-m", "other weights")
            self.assertEqual(made.returncode, 0, made.stderr)
        first, newest = self.inspected(f"{self.path}@1"), self.inspected(self.path)
        self.assertEqual(newest["manifest"]["models"][0]["gone"], [])
        self.assertEqual([t["name"] for t in newest["tensors"]], ["bias", "weight"])
        self.assertIn("model/main.safetensors", first["manifest"]["models"][0]["gone"])
        self.assertEqual(first["tensors"], self.inspected(f"{self.path}@1", "--stats")["tensors"])
        self.assertEqual((first["tensors"], first["params"], first["history"]["number"]), ([], {"k": 1}, 1))
        self.assertIn("gone: a later commit replaced the weights", mrun("inspect", f"{self.path}@1").stdout)
        self.assertNotIn("gone:", mrun("inspect", self.path).stdout)

    def test_provenance(self):
        folder = self.bundle(toml='[provenance]\nscript = "train.py"\ncommit = "0123abc"\nnote = "by hand"\n[provenance.data]\nname = "proverbs"\nrows = 915\n',
                             preprocess="return function(x) return x end\n")
        wanted = {"script": "train.py", "commit": "0123abc", "note": "by hand", "data": {"name": "proverbs", "rows": 915}}
        mrun("pack", folder, "-o", self.dir / "y.mb")
        for bundle in [folder, self.dir / "y.mb"]:
            self.assertEqual(self.inspected(bundle)["manifest"]["provenance"], wanted)
            text = mrun("inspect", bundle).stdout
            self.assertRegex(text, r"provenance\n +commit +0123abc\n +data.name +proverbs\n +data.rows +915\n")
        self.assertIsNone(self.inspected(self.bundle(preprocess="return function(x) return x end\n"))["manifest"]["provenance"])


class Screen(Case):
    def many(self, tensors=300):
        """A bundle with more tensors than any screen has rows."""
        folder = self.bundle("text", files={"model.pt": self.model(tensors)}, postprocess="return function(x) return 1 end\n",
                             forward="return function(model, x) return x end\n")
        result = mrun("pack", folder, "-o", self.dir / "many.mb")
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.dir / "many.mb"

    def model(self, tensors):
        path = self.dir / "many.pt"
        subprocess.run(["/usr/bin/python3", "-c", f"""
import torch
class Many(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for i in range({tensors}):
            self.register_parameter(f"layer_{{i:03}}_weight", torch.nn.Parameter(torch.full((2, 3), float(i))))
    def forward(self, x):
        return x * sum(p.sum() for p in self.parameters())
torch.jit.trace(Many(), torch.zeros(1)).save({str(path)!r})
"""], check=True)
        return path.read_bytes()

    def test_many_tensors_keep_to_one_screen(self):
        path = self.many()
        for rows, columns in [(24, 80), (50, 120), (10, 40)]:
            status, text, _ = at_a_terminal("inspect", path, rows=rows, columns=columns)
            self.assertEqual(status, 0)
            lines = plain(text).splitlines()
            if rows > 10:
                self.assertLess(len(lines), rows, text)
                self.assertRegex(plain(text), r"tensors \(300, 7\.0 KiB\), the first of them\n")
            self.assertLessEqual(max(map(len, lines)), columns, text)
            self.assertRegex(plain(text), r"tensors \(300, ")
            self.assertTrue(lines[-1].startswith("all of it: mrun inspect "), lines[-1])
        for output in [at_a_terminal("inspect", path, "--all")[1], mrun("inspect", path).stdout]:
            self.assertEqual(len(re.findall(r"layer_\d{3}_weight", plain(output))), 300)
            self.assertNotRegex(plain(output), "the first of them|all of it")

    def test_one_screen_says_what_it_is(self):
        path = self.dir / "x.mb"
        mrun("pack", GOOD_BAD_UGLY, "-o", path)
        status, text, _ = at_a_terminal("inspect", path, rows=60)
        text = plain(text)
        self.assertEqual(status, 0)
        for words in ["takes      text", "gives      {", "needs      libtorch", "digest     ", "revision   1", "parameters (", "forward(", "embedding.weight",
                      "[1000, 64]", "float32", "250.0 KiB"]:
            self.assertIn(words.replace(", 64]", ",64]"), text)

    def test_a_strangers_texts_do_not_reach_the_terminal_raw(self):
        evil = "\\u001b]0;owned\\u0007\\u202e"
        folder = self.bundle(toml=f'[params]\np = "{evil}"\n[provenance]\nwho = "{evil}"\n',
                             preprocess='-- \x1b[2J\x07 \u202e\nreturn function(x) return "\x1b[31m" .. x end\n', files={"README.md": "\x1b[2Jx\x7f"})
        toml = folder / "bundle.toml"
        toml.write_text(toml.read_text().replace('name = "t"', f'name = "{evil}"\ndescription = "{evil}"'))
        for args in [("inspect", folder), ("inspect", folder, "preprocess.lua"), ("inspect", folder, "README.md")]:
            for env in [{}, {"NO_COLOR": "1"}]:
                text = plain(at_a_terminal(*args, env=env)[1])
                self.assertNotRegex(text, r"[\x00-\x08\x0b-\x1f\x7f\u202e]", args)
        self.assertEqual(mrun("inspect", folder, "README.md").stdout, "\x1b[2Jx\x7f")  # the file itself, where it is no terminal

    def test_what_says_nothing_about_one_file_is_refused_beside_it(self):
        folder = self.bundle(postprocess="return 1\n")
        for args in (["postprocess.lua", "--json"], ["postprocess.lua", "--stats"], ["postprocess.lua", "--isolation"], ["--isolation", "--stats"]):
            result = mrun("inspect", folder, *args)
            self.assertEqual((result.returncode, result.stdout), (2, ""), args)
            self.assertRegex(result.stderr, "^mrun: .*excludes", args)

    def test_a_strangers_log_and_diff_do_not_either(self):
        folder, path = self.bundle(postprocess="return 1\n"), self.dir / "x.mb"
        (folder / "postprocess.lua").write_text("return function(x) return x end\n")
        self.assertEqual(mrun("pack", folder, "-o", path, "-m", "a \033[31m\nb\u202e").returncode, 0)
        (folder / "README.md").write_text("\033]0;title\007 \u009b5m text\n")
        self.assertEqual(mrun("commit", path, folder, "-m", "c", "--author", "\033[1mA\nB").returncode, 0)
        for args in [["log", path, "--stat"], ["diff", f"{path}@1", path]]:
            _, screen, _ = at_a_terminal(*args)
            for control in ["\033]", "\007", "\u009b", "\u202e", "\033[31m\nb", "\033[1mA"]:
                self.assertNotIn(control, screen)
            self.assertIn("\\x1b", screen)
        log = mrun("log", path).stdout.splitlines()
        self.assertRegex(log[0], r"^revision 2  [0-9a-f]{12}  c$")
        self.assertEqual(log[1], "  by \\x1b[1mA\\nB")
        self.assertRegex(log[2], r"^revision 1  [0-9a-f]{12}  a \\x1b\[31m$")
        self.assertEqual(log[3], "  b\\u{202e}")
        self.assertIn("+\033]0;title", mrun("diff", f"{path}@1", path).stdout)  # a file gets the bytes as they are


class Texts(Case):
    def coloured(self, path, text, env=None):
        folder = self.bundle(files={path: text})
        return at_a_terminal("inspect", folder, path, env=env)[1]

    def test_lua(self):
        text = 'local a = "x -- \\" y" -- note\nreturn 0x1F, 1e-5, [==[ long\n]==], \'q\'\n--[[ block\nend ]]\n'
        out = self.coloured("preprocess.lua", text)
        self.assertEqual(plain(out), text)
        for piece in ["\033[35mlocal\033[0m", '\033[32m"x -- \\" y"\033[0m', "\033[90m-- note\033[0m", "\033[36m0x1F\033[0m", "\033[36m1e-5\033[0m",
                      "\033[32m[==[ long\033[0m\n\033[32m]==]\033[0m", "\033[90m--[[ block\033[0m\n\033[90mend ]]\033[0m", "\033[32m'q'\033[0m"]:
            self.assertIn(piece, out)
        self.assertNotIn("\033[35mend", out)

    def test_toml(self):
        out = at_a_terminal("inspect", self.bundle(toml='[params]\nkey-a = "v" # note\nb = true\nc = 1.5\n'), "bundle.toml")[1]
        for piece in ["\033[35m[params]\033[0m", "\033[34mkey-a\033[0m", '\033[32m"v"\033[0m', "\033[90m# note\033[0m", "\033[35mtrue\033[0m", "\033[36m1.5\033[0m"]:
            self.assertIn(piece, out)

    def test_json(self):
        out = self.coloured("assets/x.json", '{"key": ["v\\"", null, -1.5]}\n')
        for piece in ['\033[34m"key"\033[0m', '\033[32m"v\\""\033[0m', "\033[35mnull\033[0m", "\033[36m1.5\033[0m"]:
            self.assertIn(piece, out)

    def test_no_colours_where_they_are_not_wanted(self):
        text = "return function(x) return x end\n"
        self.assertEqual(self.coloured("preprocess.lua", text, env={"NO_COLOR": "1"}), text)
        self.assertEqual(self.coloured("preprocess.lua", text, env={"TERM": "dumb"}), text)
        self.assertEqual(mrun("inspect", self.bundle(preprocess=text), "preprocess.lua").stdout, text)
        self.assertIn("\033[", self.coloured("preprocess.lua", text, env={"NO_COLOR": ""}))

    def test_what_is_cut_short_or_damaged_only_looks_odd(self):
        for path, text in [("preprocess.lua", 'x = "never closed'), ("preprocess.lua", "--[==[ never"), ("preprocess.lua", "[[ never"),
                           ("assets/x.json", '{"a'), ("assets/x.json", "\\\\\"\\"), ("assets/x.toml", '"""x'), ("assets/x.toml", "[x"),
                           ("assets/x.lua", "é[=\u00a0--é"), ("assets/x.lua", "\u00e9\u00a0")]:
            self.assertEqual(plain(self.coloured(path, text)), text)

    def test_bytes_that_are_no_characters(self):
        for path in ["assets/x.lua", "assets/x.txt"]:
            folder = self.bundle(files={path: b"a\xc2\x1b[2J \xc2\x85 \xe2\x80\xae \xe2 \xc2"})
            parent, child = pty.openpty()
            subprocess.run([MRUN, "inspect", folder, path], stdout=child, env={**os.environ, "NO_COLOR": "1"}, check=True)
            os.close(child)
            self.assertEqual(os.read(parent, 1000), b"a\xc2\\x1b[2J \\u{85} \\u{202e} \xe2 \xc2")
            os.close(parent)

    def test_what_is_no_text_is_not_thrown_at_the_terminal(self):
        folder = self.bundle(files={"assets/x.bin": b"\0\1\2" * 100})
        status, text, error = at_a_terminal("inspect", folder, "assets/x.bin")
        self.assertEqual((status, text), (2, ""))
        self.assertIn("is not a text (300 bytes)", error)


if __name__ == "__main__":
    unittest.main()
