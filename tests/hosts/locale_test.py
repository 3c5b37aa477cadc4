"""A host that has called setlocale: numbers, names and answers are what they are in every other."""
import ctypes
import json
import locale
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["MRUN_BUILD"])
NUMBERS = "[1.5,-0.00225,12345.678901234567,1e+300,0.1,-7,5e-324]"
# A comma; two bytes; one byte a character, letters above 127 among them.
LOCALES = [("de_DE", "UTF-8"), ("ps_AF", "UTF-8"), ("tr_TR", "ISO-8859-9")]


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char_p), ("detail", ctypes.c_char_p)]


class Host:
    """What mrun.h offers, for as much as is called here; prints what it is given back."""

    def __init__(self):
        self.library = ctypes.CDLL(str(BUILD / "lib/libmrun.so"))

    def call(self, name, *arguments):
        error = Error()
        code = getattr(self.library, name)(*arguments, ctypes.byref(error))
        assert code == 0, (name, error.message)

    def value(self, text):
        value = (ctypes.c_uint64 * 4)()
        self.call("mrun_from_json", text.encode(), ctypes.c_size_t(len(text.encode())), value)
        return value

    def text(self, value):
        text = ctypes.c_char_p()
        self.call("mrun_to_json", value, 0, ctypes.byref(text))
        return text.value.decode()

    def params(self, folder):
        bundle, text = ctypes.c_void_p(), ctypes.c_char_p()
        self.call("mrun_open", str(folder).encode(), None, ctypes.byref(bundle))
        self.call("mrun_inspect", bundle, b"params", ctypes.byref(text))
        return json.loads(text.value)


def as_host(name, folder):
    locale.setlocale(locale.LC_ALL, name)
    host = Host()
    print(host.text(host.value(NUMBERS)))
    print(json.dumps(host.params(folder)))


class Locales(unittest.TestCase):
    def test_numbers(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "bundle.toml").write_text('[bundle]\nname = "b"\nversion = "1.0.0"\n[input]\nkind = "json"\n'
                                            "[params]\nrate = 2.5e-3\n")
        for language, charset in LOCALES:
            name = f"{language}.{charset}"
            subprocess.run(["localedef", "-i", language, "-f", charset, folder / name], check=True, capture_output=True)
            env = dict(os.environ, LOCPATH=str(folder))
            run = subprocess.run([sys.executable, __file__, name, folder], capture_output=True, text=True, env=env)
            with self.subTest(locale=name):
                self.assertEqual(run.stdout.splitlines(), [NUMBERS, '{"rate": 0.0025}'], run.stderr)


if __name__ == "__main__":
    as_host(*sys.argv[1:]) if len(sys.argv) == 3 else unittest.main()
