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

import in_python

BUILD = pathlib.Path(os.environ["MRUN_BUILD"])
NUMBERS = "[1.5,-0.00225,12345.678901234567,1e+300,0.1,-7,5e-324]"
REFUSED = """
local image, decode, torch = require "image", require "decode", require "torch"
return function()
  local _, size = pcall(image.pad, torch.zeros({ 2, 2, 3 }, { dtype = "uint8" }), { 1, 1, 1, 1 }, { value = { 300.5 } })
  local _, penalty = pcall(decode.beam_search, function() end, { state = {}, bos = 1, eos = 2, length_penalty = 50.5 })
  return { tostring(size):match "value is [^;]*", tostring(penalty):match "got .*" }
end
"""
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


    def refusal(self, plugin, operation):
        """What an operation of a test's plugin, which takes nothing, says when it fails."""
        error, results = Error(), (ctypes.c_uint64 * 4)()
        self.call("mrun_load_plugin", str(BUILD / f"tests/plugins/{plugin}.so").encode())
        self.library.mrun_call_operation(operation.encode(), self.value("[]"), results, ctypes.byref(error))
        return error.message.decode()


def as_host(name, folder):
    locale.setlocale(locale.LC_ALL, name)
    host = Host()
    print(host.text(host.value(NUMBERS)))
    print(json.dumps(host.params(folder)))
    print(host.refusal("faulty", "faulty.half@1"))
    host.library.mrun_text.restype = in_python.Value
    in_python.answer(host.library, f"{folder}/refused", in_python.Options(ctypes.sizeof(in_python.Options), in_python.ISOLATION["none"], 1), [""])


class Locales(unittest.TestCase):
    def test_numbers(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "bundle.toml").write_text('[bundle]\nname = "b"\nversion = "1.0.0"\n[input]\nkind = "json"\n'
                                            "[params]\nrate = 2.5e-3\n")
        (folder / "refused").mkdir()
        (folder / "refused/bundle.toml").write_text('[bundle]\nname = "r"\nversion = "1.0.0"\n[input]\nkind = "text"\n')
        (folder / "refused/preprocess.lua").write_text(REFUSED)
        for language, charset in LOCALES:
            name = f"{language}.{charset}"
            subprocess.run(["localedef", "-i", language, "-f", charset, folder / name], check=True, capture_output=True)
            env = dict(os.environ, LOCPATH=str(folder))
            run = subprocess.run([sys.executable, __file__, name, folder], capture_output=True, text=True, env=env)
            with self.subTest(locale=name):
                self.assertEqual(run.stdout.splitlines(), [NUMBERS, '{"rate": 0.0025}', "faulty.half: want 1, got 0.50", '["value is 300.5","got 50.5"]'], run.stderr)


if __name__ == "__main__":
    as_host(*sys.argv[1:]) if len(sys.argv) == 3 else unittest.main()
