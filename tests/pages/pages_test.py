"""Every code block of every page runs.

A block names its language; a comment before it, <!-- example: {…} -->, says what it is given where the defaults do not fit:

  lua    a file of a bundle where it returns a function, else statements inside one, with every module at hand. "stage" (preprocess),
         "kind" (text), "input" (a text, or what fixtures.py calls so), "params", "toml" (more lines of bundle.toml), "files" (of the
         bundle, by path: texts, or fixtures), "before" (statements ahead of the block), "module" (its text is std/NAME.lua, and
         "before" uses it), "plugin" (of tests/plugins), "fails" (words of the error that it is there to show)
  toml   a bundle.toml; "files" are those it names
  sh     runs in a folder that has the page's blocks with a "file" under that name, `bundles`, `core`, and the build in .build/release
  c cpp  "file": the name under which the page's sh blocks compile it
  json   is JSON, a document a line
  text   no code
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from fixtures import FIXTURES

SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
BUILD = pathlib.Path(os.environ["MRUN_BUILD"])
MRUN = os.environ["MRUN"]
MODULES = ["audio", "bundle", "decode", "image", "json", "log", "text", "torch"]
BLOCK = re.compile(r"(?:<!-- example: (\{.*?\}) -->\n+)?^```(\w*)\n(.*?)^```$", re.M | re.S)


def pages():
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z", "*.md"], capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (SOURCE / name).is_file()]


def blocks(page):
    for example, language, text in BLOCK.findall((SOURCE / page).read_text()):
        yield language, text, json.loads(example or "{}")


def content(name):
    return FIXTURES[name]() if name in FIXTURES else name.encode()


class Pages(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def mrun(self, *args):
        return subprocess.run([MRUN, *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)

    def folder(self, files):
        folder = self.dir / "bundle"
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content(text))
        return folder

    def manifest(self, given):
        params = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.get("params", {}).items())
        return f'[input]\nkind = "{given.get("kind", "text")}"\n[params]\n{params}{given.get("toml", "")}'

    def scripts(self, text, given):
        """The files that make a block run."""
        before = given.get("before", "")
        if "module" in given:
            return {f"std/{given['module']}.lua": text, "preprocess.lua": f"return function(input, params)\n{before}\nend\n"}
        if re.search(r"^return ", text, re.M):
            return {given.get("stage", "preprocess") + ".lua": before + text}
        at_hand = "".join(f'local {m} = require "{m}"\n' for m in MODULES if not re.search(rf"local [\w, ]*\b{m}\b[\w, ]*=", before + text))
        return {"preprocess.lua": f"{at_hand}return function(input, params)\n{before}\ndo\n{text}\nend\nreturn true\nend\n"}

    def lua(self, text, given):
        files = {"bundle.toml": self.manifest(given), **given.get("files", {}), **self.scripts(text, given)}
        if "labels.txt" in text:
            files.setdefault("assets/labels.txt", "labels")
        if "tokenizer.json" in text:
            files.setdefault("assets/tokenizer.json", "tokenizer")
        folder = self.folder(files)
        name = given.get("input", "some words")
        if name in FIXTURES:
            (self.dir / "input").write_bytes(FIXTURES[name]())
            name = self.dir / "input"
        plugin = ["--plugin", BUILD / f"tests/plugins/{given['plugin']}.so"] if "plugin" in given else []
        result = self.mrun(folder, name, "--save", self.dir / "saved", *plugin)
        if "fails" in given:
            self.assertIn(given["fails"], result.stdout + result.stderr)
        else:
            self.assertEqual(result.returncode, 0, text + result.stdout[-2000:] + result.stderr[-2000:])

    def toml(self, text, given):
        result = self.mrun("inspect", self.folder({"bundle.toml": text, **given.get("files", {})}))
        self.assertEqual(result.returncode, 0, text + result.stderr)

    def json(self, text, given):
        for line in text.splitlines():
            json.loads(line)

    def shell(self, page, commands, sources):
        """The page's commands in their order, with its sources beside them."""
        place = self.dir / "place"
        shutil.copytree(SOURCE / "bundles", place / "bundles", ignore=shutil.ignore_patterns("*.mb"))
        (place / ".build").mkdir()
        (place / ".build/release").symlink_to(BUILD)
        (place / "core").symlink_to(SOURCE / "core")
        for name, text in sources.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text)
            self.assertIn(name.split("/")[0], commands, f"{page}: nothing uses {name}")
        environment = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=place, env=environment, capture_output=True, text=True, timeout=1000)
        self.assertEqual(result.returncode, 0, f"{page}\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
        return place

    def test_lua_toml_and_json(self):
        count = 0
        for page in pages():
            for language, text, given in blocks(page):
                if language in ["lua", "toml", "json"] and "file" not in given:
                    with self.subTest(page=page, block=text.splitlines()[0]):
                        getattr(self, language)(text, given)
                    count += 1
        self.assertGreater(count, 15)

    def test_shell_and_c(self):
        for page in pages():
            with self.subTest(page=page):
                commands, sources = "", {}
                for language, text, given in blocks(page):
                    self.assertIn(language, ["lua", "toml", "json", "sh", "c", "cpp", "text"], f"{page}: a block says its language")
                    if language == "sh":
                        commands += text
                    elif language in ["c", "cpp"] or "file" in given:
                        sources[given["file"]] = text
                if commands or sources:
                    self.setUp()
                    place = self.shell(page, commands, sources)
                    if page == "README.md":
                        self.assertEqual(len((place / "answers.jsonl").read_text().splitlines()), 100)

    def test_what_mrun_new_says_of_its_folder(self):
        self.assertEqual(subprocess.run([MRUN, "new", "mine", "--kind", "text"], cwd=self.dir, capture_output=True).returncode, 0)
        commands = "".join(re.findall(r"^    (mrun .*\n)", (self.dir / "mine/README.md").read_text(), re.M))
        self.assertEqual(commands.count("mrun"), 4)
        environment = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}
        result = subprocess.run(["bash", "-eu", "-c", commands], cwd=self.dir, env=environment, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)


class Manifest(unittest.TestCase):
    PAGE = (SOURCE / "core/bundle/MANIFEST.md").read_text()

    def test_every_key_is_on_the_page(self):
        source = (SOURCE / "core/bundle/manifest.cpp").read_text()
        keys = set(re.findall(r'(?:find|string|boolean|integer|number|choice|subtable)\("(\w+)"', source)) | set(re.findall(r'pair\{"(\w+)"', source))
        keys |= set(re.findall(r'parse_named\(section, "(\w+)"', source))
        self.assertLessEqual({"name", "kind", "fields", "optional", "file", "backend", "stateful", "max_size", "dims", "rtol", "params"}, keys)
        for key in keys:
            self.assertTrue(f"| `{key}` |" in self.PAGE or f"[{key}" in self.PAGE, f"{key} is not on the page")

    def test_the_defaults_are_those_of_an_empty_file(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "bundle.toml").write_text("")
            (pathlib.Path(folder) / "preprocess.lua").write_text("return function(x) return x end\n")
            out = subprocess.run([MRUN, "inspect", folder, "--json"], capture_output=True, text=True, check=True).stdout
        manifest = json.loads(out)["manifest"]
        for section, key in [("input", "kind"), ("batch", "mode"), ("batch", "max_size"), ("verify", "rtol"), ("verify", "atol")]:
            (said,) = re.findall(rf"\| `{key}` \| `([^`]*)` \|", self.PAGE[self.PAGE.index(f"## [{section}]"):])[:1]
            self.assertEqual(json.loads(said), manifest[section][key], key)


if __name__ == "__main__":
    unittest.main()
