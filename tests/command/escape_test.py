"""Whatever a bundle, a file's name or an argument holds: no command prints a character that moves the cursor, hides or reorders text."""
import json
import pathlib
import re
import shutil
import sys
import unittest

from command import SOURCE, Case, mrun

sys.path.insert(0, str(SOURCE / "tests/format"))
import mbzip

ESCAPE = "\x1b[31m\x9b2J\u202e\u2066\r\x07\x7f"
TOML = json.dumps(ESCAPE)  # as TOML wants it, too
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2060-\u206f\ufeff]")


class Escapes(Case):
    def printed(self, *args, status=None):
        result = mrun(*args, cwd=self.dir)
        text = result.stdout + result.stderr
        self.assertIsNone(FORBIDDEN.search(text), (args, text))
        self.assertTrue(text, args)
        if status is not None:
            self.assertEqual(result.returncode, status, text)
        return text

    def folder(self, name, script="return function(x) return x end\n"):
        folder = self.bundle(name=name, preprocess=script)
        (folder / "bundle.toml").write_text(
            f'[bundle]\nname = {TOML}\nversion = {TOML}\ndescription = {TOML}\n[input]\nkind = "text"\n[params]\n{TOML} = {TOML}\nplain = {TOML}\n'
            f'[provenance]\n{TOML} = {TOML}\n')
        return folder

    def test_names_and_texts_of_a_bundle(self):
        folder = self.folder("b")
        (folder / f"left{ESCAPE}out.txt").write_text("x")
        self.printed("pack", folder, "-o", "b.mb", "-m", ESCAPE, status=0)
        self.assertIn("\\x1b[31m", self.printed("inspect", "b.mb", status=0))
        self.printed("inspect", folder, status=0)
        (folder / "preprocess.lua").write_text("return function(x) return x .. x end\n")
        (folder / "bundle.toml").write_text((folder / "bundle.toml").read_text() + 'more = "x"\n')
        self.printed("commit", "b.mb", folder, "-m", ESCAPE + "\n" + ESCAPE, "--author", ESCAPE, status=0)
        self.assertIn("\\x1b[31m", self.printed("log", "b.mb", "--stat", status=0))
        self.printed("diff", "b.mb@1", "b.mb", status=1)
        self.printed("verify", "b.mb", status=0)
        self.printed("scan", "b.mb", status=1)
        self.printed("b.mb", "x", "--param", f"{ESCAPE}=1")

    def test_errors_of_scripts(self):
        for script in (f'error("{ESCAPE}")\n', f'return function(x) error({{code = "INPUT", message = "{ESCAPE}"}}) end\n',
                       f'local a = "{ESCAPE}" .. nil\n', f'require "x{ESCAPE}"\n', f'x = {ESCAPE}\n', f'return {{["{ESCAPE}"] = 1}}\n',
                       f'return function(x) return {{["{ESCAPE}"] = "{ESCAPE}"}} end\n'):
            self.printed(self.folder("e", script), "x")
            self.printed("pack", self.dir / "e", "-o", "e.mb")

    def test_what_a_lock_says(self):
        """Operations and versions come from whoever wrote the file."""
        data = mbzip.write({"bundle.toml": (self.folder("l") / "bundle.toml").read_bytes(), "preprocess.lua": b"return function(x) return x end\n"},
                           operations=[f"image.{ESCAPE}@1"], packed_with={"image": ESCAPE, ESCAPE: ESCAPE},
                           models={"main": {"backend": ESCAPE, "methods": [ESCAPE]}},
                           revision={"number": 1, "parent": None, "message": ESCAPE, "author": ESCAPE})
        (self.dir / "l.mb").write_bytes(data)
        for args in (("inspect", "l.mb"), ("log", "l.mb", "--stat"), ("scan", "l.mb"), ("verify", "l.mb"), ("l.mb", "x")):
            self.printed(*args)

    def test_names_of_files_and_arguments(self):
        evil = f"evil{ESCAPE}"
        key = self.dir / evil
        self.printed("keygen", key, status=0)
        shutil.copytree(self.folder("n"), self.dir / f"{evil}.d")
        self.printed("pack", f"{evil}.d", "-o", f"{evil}.mb", status=0)
        self.printed("sign", f"{evil}.mb", "--key", key, status=0)
        self.printed("verify", f"{evil}.mb", "--key", f"{key}.pub", status=0)
        self.printed("unpack", f"{evil}.mb", "-C", f"{evil}.out", status=0)
        self.printed("new", f"{evil}.new", "--kind", "text", status=0)
        self.printed("record", f"{evil}.d", "one", "x", status=0)
        for args in ((evil,), (f"{evil}.mb@{ESCAPE}", "x"), ("inspect", evil), ("inspect", "n", ESCAPE), ("log", evil), ("diff", evil, evil), ("verify", evil),
                     ("pack", evil), ("unpack", evil), ("commit", evil, evil, "-m", "x"), ("record", evil, evil, evil), ("scan", evil), ("sign", "n", "--key", evil + "2"),
                     ("ops", evil), ("plugins", "--plugin", evil), ("rerun", evil), ("bench", evil, "x"), ("new", evil, "--kind", ESCAPE), ("keygen", "k", "--algorithm", ESCAPE),
                     ("inspect", "n", f"--{ESCAPE}"), ("n", "x", f"--{ESCAPE}=1"), ("n", "x", "--log-level", ESCAPE), ("n", "x", "--isolation", ESCAPE), ("n", "x", "--memory", ESCAPE),
                     ("n", "x", "--trust", ESCAPE), ("n", "--lines", evil + "3"), ("n", "x", "--seed", ESCAPE), ("n", "x", "--shard", ESCAPE), ("n", "x", "-o", f"{ESCAPE}/x")):
            self.printed(*args)


if __name__ == "__main__":
    unittest.main()
