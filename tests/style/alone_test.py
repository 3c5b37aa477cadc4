"""What a release compiles together stands alone too: each file includes what it needs, and calls no other's helpers."""
import json
import os
import pathlib
import re
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

import sources

TOGETHER = [sources.SOURCE / "core", sources.SOURCE / "plugins/torch"]  # mrun_compile_together
WRONG = '#include "bundle/diff.h"\nnamespace mrun { Value none() { return lock_value({}); } }\n'  # of bundle/lock.h
BUILD = pathlib.Path(os.environ["MRUN_BUILD"])


def together():
    """The sources that the build compiles together."""
    units = [pathlib.Path(c["file"]) for c in json.loads((BUILD / "compile_commands.json").read_text())]
    texts = [f.read_text() for f in units if f.name.startswith("unity_")]
    return {f for text in texts for f in map(pathlib.Path, re.findall(r'#include "(.*)"', text)) if BUILD not in f.parents}


def check(words, *more, text=None):
    run = subprocess.run([*words, "-fsyntax-only", *more], input=text, capture_output=True, text=True)
    return run.returncode, run.stderr


class EachSource(sources.Alone):
    def test_it_compiles_by_itself_without_a_warning(self):
        own = sorted(f for f in self.commands if any(t in f.parents for t in TOGETHER) and "bench" not in f.parts)
        self.assertGreater(len(own), 200)
        self.assertLessEqual(together(), set(own))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for file, (code, text) in zip(own, pool.map(lambda f: check(self.commands[f], f), own)):
                with self.subTest(file=str(file.relative_to(sources.SOURCE))):
                    self.assertEqual(code, 0, text[:4000])

    def test_what_includes_too_little_is_found(self):
        words = self.commands[sources.SOURCE / "core/bundle/diff.cpp"]
        code, text = check(words, "-x", "c++", "-", text=WRONG)
        self.assertNotEqual(code, 0)
        self.assertIn("'lock_value' was not declared", text.replace("‘", "'").replace("’", "'"))


if __name__ == "__main__":
    unittest.main()
