"""The tree's style: clang-format, luacheck, shellcheck, the layout of folders, and words that have no place."""
import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
CPP = {".h", ".hpp", ".cpp", ".c"}
# What of the standard library other headers bring with one compiler and not with the next.
HEADERS = {
    "algorithm": "find|find_if|any_of|all_of|none_of|sort|stable_sort|partial_sort|nth_element|copy|copy_n|copy_if|fill|fill_n|transform|reverse|"
                 "max_element|min_element|equal|lower_bound|upper_bound|clamp|count|count_if|replace|remove_if|unique|rotate|max|min|for_each",
    "numeric": "accumulate|iota|inner_product|partial_sum|gcd",
    "cstring": "memcpy|memset|memmove|memcmp|strlen|strcmp|strerror",
    "cmath": "isnan|isfinite|isinf|floor|ceil|sqrt|exp|log|pow|fabs|lround|ldexp|frexp|trunc|round|hypot|fmod",
    "cstdlib": "getenv|malloc|free|calloc|realloc|abort",
}


def tracked():
    out = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], stdout=subprocess.PIPE, check=True).stdout
    return [SOURCE / name for name in out.decode().split("\0") if name and (SOURCE / name).is_file()]


def run(*command, **more):
    result = subprocess.run([str(c) for c in command], cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    return result.returncode, result.stdout


class Style(unittest.TestCase):
    @unittest.skipUnless(" version 14." in run("clang-format", "--version")[1], "each version of clang-format has a layout of its own; ours is 14's")
    def test_clang_format_changes_nothing(self):
        files = [f for f in tracked() if f.suffix in CPP]
        code, text = run("clang-format", "--dry-run", "-Werror", *files)
        self.assertEqual(code, 0, text[:4000])

    def test_luacheck_finds_nothing(self):
        parts = [SOURCE / "plugins/torch" / f"torch{part}.lua" for part in ("", "_functional", "_namespaces")]  # one module, joined
        files = [f for f in tracked() if f.suffix == ".lua" and "hostile" not in f.parts and f not in parts]
        check = ["luacheck", "--quiet", "--no-color", "--config", SOURCE / ".luacheckrc"]
        code, text = run(*check, *files)
        self.assertEqual(code, 0, text[:4000])
        joined = "".join(f.read_text() for f in parts)
        code, text = run(*check, "--filename", "plugins/torch/torch.lua", "-", input=joined)
        self.assertEqual(code, 0, text[:4000])

    def test_shellcheck_finds_nothing(self):
        scripts = [f for f in tracked() if f.suffix != ".md" and f.read_bytes().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))]
        self.assertTrue(scripts)
        code, text = run("shellcheck", *scripts)
        self.assertEqual(code, 0, text[:4000])

    def test_top_level_is_the_layout(self):
        wanted = {"CMakeLists.txt", "core", "plugins", "lua", "bundles", "tests", "tools", "README.md", "LICENSE", "CHANGES.md"}
        top = {f.relative_to(SOURCE).parts[0] for f in tracked()}
        self.assertEqual({t for t in top if not t.startswith(".")}, wanted)

    def test_includes_name_their_folder(self):
        for f in tracked():
            if f.suffix in CPP and f.relative_to(SOURCE).parts[0] == "core":
                self.assertNotRegex(f.read_text(), r'#include "\.\./', f)

    def test_who_uses_the_standard_library_includes_it(self):
        for f in tracked():
            if f.suffix not in CPP or {"tests", "data"} <= set(f.relative_to(SOURCE).parts):
                continue
            own = f.with_suffix(".h")
            text = f.read_text() + (own.read_text() if own.is_file() else "")
            code = re.sub(r"//[^\n]*", "", f.read_text())
            for header, names in HEADERS.items():
                if f"#include <{header}>" not in text:
                    self.assertNotRegex(code, rf"\bstd::(ranges::)?({names})\b", f"{f}: #include <{header}>")

    def test_only_the_torch_plugin_includes_libtorch(self):
        for f in tracked():
            parts = f.relative_to(SOURCE).parts
            if f.suffix in CPP and parts[:2] != ("plugins", "torch") and not {"bench", "examples"} & set(parts):
                self.assertNotRegex(f.read_text(errors="replace"), r"#include <(torch|ATen|c10)/", f)

    def test_messages_that_hosts_see_name_more_than_the_commands_options(self):
        option, literals = re.compile(r"(?<![\w-])--[a-z]"), re.compile(r'(?:"(?:[^"\\\n]|\\.)*"\s*)+')
        makers = {"author", "bundle"}  # mrun_new, mrun_record and the like: their options are called as the command's
        files = [f for f in tracked() if f.suffix == ".cpp" and f.relative_to(SOURCE).parts[0] == "core" and f.parent.name not in makers]
        self.assertTrue(files)
        for f in files:
            for text in literals.findall(re.sub(r"^ *//.*", "", f.read_text(), flags=re.M)):
                said = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', text))
                self.assertTrue(not option.search(said) or re.search(r"mrun_|host", said), f"{f}: {said}")

    def test_no_unfinished_work(self):
        mark = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
        for f in tracked():
            if f.suffix in CPP | {".lua", ".py", ".md"}:
                self.assertIsNone(mark.search(f.read_text(errors="replace")), f)


if __name__ == "__main__":
    unittest.main()
