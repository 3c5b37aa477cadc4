"""How each source of the product is compiled by itself, whatever a release puts together."""
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])


def commands(folder):
    """file -> the words of its command without output and source; `folder` is configured for it, and has to stay."""
    subprocess.run(["cmake", "-G", "Ninja", "-S", SOURCE, "-B", folder, "-D", "MRUN_UNITY=OFF", "-D", "MRUN_TESTS=OFF", "-D", "MRUN_WERROR=ON"],
                   check=True, stdout=subprocess.DEVNULL)
    found = {}
    for c in json.loads((folder / "compile_commands.json").read_text()):
        file = pathlib.Path(c["file"])
        if SOURCE in file.parents and folder not in file.parents:
            words = shlex.split(c["command"])
            at = words.index("-o")
            found[file] = [w for w in words[:at] + words[at + 2:] if w not in {"-c", c["file"]}]
    return found


class Alone(unittest.TestCase):
    """Tests that look at sources one by one; `commands` is what commands() gives."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.commands = commands(pathlib.Path(folder.name).resolve())
