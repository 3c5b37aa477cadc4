"""Hosts in C99 and C++17, built against mrun.h and mrun.hpp, run bundles."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from PIL import Image

BUILD = pathlib.Path(os.environ["MRUN_BUILD"])
MRUN = os.environ["MRUN"]
SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
MODEL = SOURCE / "bundles/good-bad-ugly/bundle"
# What projects turn on beside -Wall -Wextra: a header that warns is no use to those who stop at warnings.
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Wconversion", "-Wsign-conversion", "-Wdouble-promotion",
            "-Wnull-dereference", "-Wcast-qual", "-Wcast-align", "-Wformat=2", "-Wredundant-decls", "-Wdeprecated", "-Wfloat-equal", "-Wfloat-conversion"]
WARNINGS_C = ["-Wstrict-prototypes", "-Wmissing-prototypes", "-Wc++-compat"]
WARNINGS_CPP = ["-Wold-style-cast", "-Wzero-as-null-pointer-constant", "-Wnon-virtual-dtor", "-Woverloaded-virtual", "-Wextra-semi"]
WARNINGS_GPP = ["-Wuseless-cast", "-Wlogical-op", "-Wduplicated-cond", "-Wduplicated-branches", "-Wsuggest-override"]
SANITIZED = os.environ["MRUN_PRESET"] in ("asan", "tsan")  # its malloc keeps what is freed, and does not fail


def run(program, *args):
    return subprocess.run([str(BUILD / "bin" / program), *map(str, args)], capture_output=True, text=True, timeout=600)


class Api(unittest.TestCase):
    def bundle(self, **scripts):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "bundle.toml").write_text('[bundle]\nname = "t"\n[input]\nkind = "text"\n')
        for name, text in scripts.items():
            (folder / f"{name}.lua").write_text(text)
        return folder

    def test_c99_host_gets_the_commands_answers(self):
        texts = ["the way of the wicked", "praise and joy"]
        wanted = [subprocess.run([MRUN, MODEL, t], capture_output=True, text=True, check=True).stdout.strip() for t in texts]
        got = run("api_host", MODEL, *texts)
        self.assertEqual(got.returncode, 0, got.stderr)
        lines = [json.loads(line) for line in got.stdout.splitlines()]
        wanted = [json.loads(line) for line in wanted]
        for answer, alone in zip(lines[:1] + sorted(lines[1:], key=str), wanted[:1] + sorted(wanted, key=str), strict=True):
            self.assertEqual(answer["decision"], alone["decision"])
            for got_score, score in zip(answer["prediction"], alone["prediction"], strict=True):
                self.assertAlmostEqual(got_score, score, delta=1e-5)  # joined sentences differ in the last bits

    def test_cpp_host_gets_the_same(self):
        got = run("api_host_cpp", MODEL, "praise and joy")
        self.assertEqual(got.returncode, 0, got.stderr)
        first, second = got.stdout.splitlines()
        self.assertEqual(first, second)
        self.assertEqual(json.loads(first)["decision"], "good")

    def test_a_host_is_told_why_a_bundle_does_not_open(self):
        got = run("api_host", "/nonexistent.mb", "x")
        self.assertEqual(got.returncode, 3)
        self.assertIn("/nonexistent.mb", got.stderr)

    def test_a_failing_item_is_a_result(self):
        folder = self.bundle(preprocess='return function(s) error("no " .. s) end\n')
        got = run("api_host", folder, "luck")
        self.assertIn("SCRIPT in preprocess", got.stderr)
        self.assertIn("no luck", got.stderr)

    def test_opening_and_closing_1000_times_does_not_grow(self):
        folder = self.bundle(preprocess='local t = {}\nfor i = 1, 1e4 do t[i] = {i} end\nreturn function(s) return #t .. s end\n')
        got = run("api_growth", folder, "x", 1000)
        self.assertEqual(got.returncode, 0, got.stderr)
        memory, files, threads = map(int, got.stdout.split())
        if not SANITIZED:
            self.assertLess(memory, 4096, "KiB of resident memory")
        self.assertLessEqual(files, 0)
        self.assertLessEqual(threads, 0)

    def test_opening_and_closing_a_model_does_not_grow(self):
        got = run("api_growth", MODEL, "joy", 60)
        self.assertEqual(got.returncode, 0, got.stderr)
        memory, files, threads = map(int, got.stdout.split())
        if not SANITIZED:
            self.assertLess(memory, 16384, "KiB of resident memory")
        self.assertLessEqual(files, 0)
        self.assertLessEqual(threads, 0)

    @unittest.skipIf(SANITIZED, "a sanitizer's malloc does not fail")
    def test_memory_that_ends_anywhere_in_a_host_s_thread_is_an_error(self):
        folder = self.bundle(preprocess='local names = require "lib.names"\nreturn function(s) return names[1] .. s end\n')
        (folder / "lib").mkdir()
        (folder / "lib/names.lua").write_text('return {"a"}\n')
        got = run("api_shortage", folder, "x", 2_000_000, 997)
        self.assertEqual(got.returncode, 0, got.stderr[-2000:])
        self.assertGreater(int(got.stdout), 100)

    @unittest.skipIf(SANITIZED, "a sanitizer's malloc does not fail")
    def test_memory_that_ends_while_a_library_works_is_no_fault_of_the_file(self):
        picture = Image.frombytes("RGB", (300, 200), bytes(i * i % 251 for i in range(180_000)))
        decode = ('local image, bundle, torch = require "image", require "bundle", require "torch"\n'
                  'return function() return torch.sum(image.decode(bundle.asset "a"):to "float32"):item() end\n')
        for save in {"format": "JPEG", "progressive": True}, {"format": "PNG"}, {"format": "WEBP", "lossless": True}, \
                    {"format": "TIFF", "compression": "tiff_lzw"}, {"format": "TIFF"}:
            folder = self.bundle(preprocess=decode)
            (folder / "assets").mkdir()
            (picture.convert("LAB") if len(save) == 1 and save["format"] == "TIFF" else picture).save(folder / "assets/a", **save)
            got = run("api_shortage", folder, "x", 3_000_000, 29_947, "ready")
            self.assertEqual((got.returncode, got.stderr[-2000:]), (0, ""), save)
        got = run("api_shortage", MODEL, "praise and joy", 4_000_000, 49_939, "ready")
        self.assertEqual((got.returncode, got.stderr[-2000:]), (0, ""))

    def compiled(self, compiler, language, *args, text=None):
        more = {"c": WARNINGS_C, "c++": WARNINGS_CPP + WARNINGS_GPP * (compiler == "g++")}[language]
        return subprocess.run([compiler, *WARNINGS, *more, "-fsyntax-only", "-I", SOURCE / "core/include", "-x", language, *args],
                              input=text, capture_output=True, text=True, timeout=600)

    def test_the_headers_compile_alone_in_every_language_without_a_warning(self):
        c, cpp = ["types.h", "mrun.h", "plugin.h"], ["mrun.hpp", "plugin.hpp", "plugin_kit.hpp", "plugin_backend.hpp", "file_kind.hpp", "message.hpp"]
        cases = [(compiler, std, "c", c) for compiler in ("gcc", "clang") for std in ("c99", "c11", "c17")]
        cases += [(compiler, std, "c++", c + cpp) for compiler in ("g++", "clang++") for std in ("c++17", "c++20", "c++2b")]
        for compiler, std, language, headers in cases:
            text = "".join(f"#include <mrun/{h}>\n" for h in headers) + "int main(void) { return 0; }\n"
            done = self.compiled(compiler, language, f"-std={std}", "-Werror", "-", text=text)
            self.assertEqual((done.returncode, done.stderr), (0, ""), (compiler, std))

    def test_the_headers_compile_after_others_with_macros_of_their_own(self):
        qt = "#define emit\n#define slots\n#define signals public\n#define forever for (;;)\n#define foreach(x, xs) for (x : xs)\n"
        x11 = "".join(f"#define {name} {n}\n" for n, name in enumerate(["None", "Success", "Always", "True", "False", "Complex", "Bool", "Status"]))
        standard = "".join(f"#include <{h}>\n" for h in ["cmath", "cstring", "deque", "functional", "future", "limits", "list", "map", "mutex",
                                                          "optional", "string", "variant", "vector"])
        headers = ["mrun.h", "mrun.hpp", "plugin.hpp", "plugin_kit.hpp", "plugin_backend.hpp", "file_kind.hpp", "message.hpp"]
        for macros in qt, x11:
            text = standard + macros + "".join(f"#include <mrun/{h}>\n" for h in headers) + "int main() { return 0; }\n"
            if macros == qt:
                text += "#ifndef emit\n#error the macro of Qt is gone\n#endif\n"
            done = self.compiled("g++", "c++", "-std=c++17", "-Werror", "-", text=text)
            self.assertEqual((done.returncode, done.stderr), (0, ""), macros)

    def test_the_headers_templates_give_no_warning_where_they_are_used(self):
        for compiler in "g++", "clang++":
            for plugin in "kit.cpp", "helped.cpp", "company.cpp":
                done = self.compiled(compiler, "c++", "-std=c++17", SOURCE / "tests/plugins" / plugin)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(re.findall(r"include/mrun/.*(?:warning|error):.*", done.stderr), [], (compiler, plugin))

    def test_every_function_of_the_header_is_called(self):
        header = (SOURCE / "core/include/mrun/mrun.h").read_text()
        wanted = set(re.findall(r"^MRUN_API [^(;]*?\b(mrun_\w+)\(", header, flags=re.M))
        self.assertGreater(len(wanted), 50)
        work = self.enterContext(tempfile.TemporaryDirectory())
        folder = self.bundle(postprocess="return function(s) emit(s) return s end\n")
        got = run("api_every", folder, work, BUILD / "tests/plugins/hello.so")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertEqual(wanted - set(got.stdout.split()), set())

    def test_what_is_opened_may_be_let_go_in_every_order(self):
        folder = self.bundle(preprocess='local bundle = require "bundle"\nreturn function(s) return {a = bundle.asset("a.bin")} end\n')
        (folder / "assets").mkdir()
        (folder / "assets/a.bin").write_bytes(bytes(range(256)) * (1 << 13))  # above 1 MiB: the mapping itself
        packed = folder.parent / (folder.name + ".mb")
        self.addCleanup(packed.unlink)
        subprocess.run([MRUN, "pack", folder, "-o", packed], check=True, capture_output=True)
        got = run("api_lifetime", packed)
        self.assertEqual((got.returncode, got.stdout.strip()), (0, "720"), got.stderr)

    def test_a_process_that_ends_while_its_engine_works_ends_cleanly(self):
        folder = self.bundle(preprocess='local leaving = require "leaving"\n'
                                        'return function(s) if s ~= "quick" then leaving.work() end return s end\n')
        for how in "main", "callback", "direct", "engine":
            got = run("api_ending", folder, BUILD / "tests/plugins/leaving.so", how)
            self.assertEqual((got.returncode, got.stdout, got.stderr), (0, "", ""), how)


if __name__ == "__main__":
    unittest.main()
