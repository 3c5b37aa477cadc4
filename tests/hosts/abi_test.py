"""The binary interface of the public C headers only grows: what abi.txt has of structs, functions and constants is there, as it was.

A change that makes this fail breaks programs and plugins that were built before. What is new is added with: abi_test.py --write
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
INCLUDE = SOURCE / "core/include"
STORED = pathlib.Path(__file__).with_name("abi.txt")
PROGRAM = "#include <string.h>\n#include <mrun/mrun.h>\n#include <mrun/plugin.h>\n"


def clang(include, *flags):
    return subprocess.run(["clang", "-fsyntax-only", "-x", "c", "-std=c99", "-I", include, *flags, "-"], input=PROGRAM,
                          capture_output=True, text=True, check=True).stdout


def structs(include):
    """"mrun_item.json 20 int32_t" a member; "sizeof mrun_value 40" for those that can never grow, having no member size."""
    for block in clang(include, "-Xclang", "-fdump-record-layouts-complete").split("*** Dumping AST Record Layout")[1:]:
        lines = [line for line in block.splitlines() if "|" in line]
        name = re.search(r"struct (mrun_\w+)$", lines[0])
        if not name:
            continue
        outer = re.compile(r"^ *(\d+) \|   (\S.*?) ?\b(\w+)$")
        members = [m for m in map(outer.match, lines[1:]) if m]
        for offset, kind, member in (m.groups() for m in members):
            yield f"{name[1]}.{member} {offset} {re.sub(r' at .*?:[0-9:]+', '', kind)}"
        if members and members[0][3] != "size":
            yield f"sizeof {name[1]} " + re.search(r"sizeof=(\d+)", block)[1]


def functions(include):
    text = clang(include, "-Xclang", "-ast-dump", "-fno-color-diagnostics")
    for name, kind in re.findall(r"FunctionDecl .*? (mrun_\w+) '(.*)'(?: extern)?$", text, re.M):
        yield f"{name} {kind}"
    for name, kind in re.findall(r"TypedefDecl .*? (mrun_\w+) '(.*?)'", text):
        if "(" in kind:
            yield f"typedef {name} {kind}"


def constants(include):
    names = sorted(set(re.findall(r"\bMRUN_[A-Z_]+(?= = )", "".join(h.read_text() for h in (include / "mrun").glob("*.h")))))
    names += ["MRUN_ABI_MAJOR", "MRUN_VERSION_MAJOR"]
    with tempfile.TemporaryDirectory() as folder:
        lines = "".join(f'printf("{n} %d\\n", (int){n});' for n in names)
        subprocess.run(["cc", "-x", "c", "-I", include, "-", "-o", f"{folder}/p"], text=True, check=True,
                       input=f"#include <stdio.h>\n{PROGRAM}int main(void) {{ {lines} return 0; }}")
        yield from subprocess.run([f"{folder}/p"], capture_output=True, text=True, check=True).stdout.splitlines()


def interface(include=INCLUDE):
    return sorted({*structs(include), *functions(include), *constants(include)})


class Abi(unittest.TestCase):
    def test_nothing_that_was_there_has_changed(self):
        gone = sorted(set(STORED.read_text().splitlines()) - set(interface()))
        self.assertEqual(gone, [])

    def test_a_change_is_seen(self):
        changed = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (changed / "mrun").mkdir()
        for header in (INCLUDE / "mrun").glob("*.h"):
            text = header.read_text().replace("  int32_t isolation;\n", "  int64_t isolation;\n")
            text = text.replace("int mrun_end(mrun_engine *);", "int mrun_end(mrun_engine *, int);").replace("MRUN_LIST = 6", "MRUN_LIST = 16")
            (changed / "mrun" / header.name).write_text(text)
        gone = set(STORED.read_text().splitlines()) - set(interface(changed))
        for what in ["mrun_options.isolation", "mrun_options.workers", "mrun_end", "MRUN_LIST"]:
            self.assertTrue(any(line.split()[0] == what for line in gone), (what, gone))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        STORED.write_text("\n".join(interface()) + "\n")
    else:
        unittest.main()
