"""What the libraries export: a symbol of ours that a host could meet, or whose place a host's could take, is one of those named here."""
import os
import pathlib
import subprocess
import unittest

LIB = pathlib.Path(os.environ["MRUN_BUILD"]) / "lib"
HEADERS = pathlib.Path(os.environ["MRUN_SOURCE"]) / "core/include/mrun"


def symbols(library, which):
    run = subprocess.run(["nm", "-D", which, library], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in run.stdout.splitlines()}


class Exports(unittest.TestCase):
    def test_libmrun_exports_its_functions_in_their_version(self):
        declared = set()
        for line in (HEADERS / "mrun.h").read_text().split("MRUN_API ")[1:]:
            head = line.split("(")[0].split()
            if head and head[-1].lstrip("*").startswith("mrun_"):
                declared.add(head[-1].lstrip("*"))
        self.assertIn("mrun_open", declared)
        found = symbols(LIB / "libmrun.so", "--defined-only") - {"MRUN_1.0"}
        self.assertEqual({s.split("@@")[0] for s in found}, declared)
        self.assertEqual({s.partition("@@")[2] for s in found}, {"MRUN_1.0"})

    def test_a_plugin_exports_one_symbol(self):
        plugins = list((LIB / "mrun/plugins").glob("*.so"))
        self.assertGreaterEqual(len(plugins), 5)
        for plugin in plugins:
            self.assertEqual(symbols(plugin, "--defined-only"), {"mrun_plugin_init"}, plugin.name)

    def test_libmrun_asks_for_no_lua_and_no_logger(self):
        for symbol in symbols(LIB / "libmrun.so", "--undefined-only"):
            self.assertFalse(symbol.startswith(("lua", "_ZN6spdlog")), symbol)


if __name__ == "__main__":
    unittest.main()
