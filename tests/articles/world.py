"""A folder in which a case plays: files, Python programs that pickle or dill, and mrun. What happened is put into words here,
from what the programs did; no outcome is known beforehand."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

MRUN = os.environ["MRUN"]


class Failed(Exception):
    """A program ended with an error. `reason`: the exception's class in Python, one line of text from mrun."""

    def __init__(self, reason, said):
        super().__init__(said)
        self.reason = reason


class World:
    def __init__(self, folder, pickler):
        """pickler: "pickle", "dill" or "bundle"."""
        self.folder, self.pickler, self.log, self.output = pathlib.Path(folder), pickler, [], ""

    def write(self, path, text):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, path, before, after):
        text = (self.folder / path).read_text()
        assert text.count(before) == 1, f"{path} has {before!r} {text.count(before)} times"
        self.write(path, text.replace(before, after))

    def move(self, before, after):
        shutil.move(self.folder / before, self.folder / after)

    def python(self, program, *args, where="."):
        """A program's standard output. It runs in a process of its own, with no trace of earlier ones."""
        cwd = self.folder / where
        cwd.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ".", "OMP_NUM_THREADS": "1"}
        text = program.replace("PICKLER", self.pickler)
        (cwd / "program.py").write_text(text)
        done = subprocess.run([sys.executable, "program.py", *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=600)
        self.log.append(f"{self.pickler}: {(done.stdout + done.stderr).strip()[-300:]}")
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1]
            raise Failed(re.match(r"[\w.]+", last)[0].rsplit(".", 1)[-1], last)
        return done.stdout.strip() + (" (with a warning)" if "warn" in done.stderr.lower() else "")

    def mrun(self, *args, where="."):
        done = subprocess.run([MRUN, *map(str, args)], cwd=self.folder / where, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=600)
        self.log.append(f"mrun {' '.join(map(str, args))}: {(done.stdout + done.stderr).strip()[-300:]}")
        self.output = done.stdout
        if done.returncode != 0:
            line = (done.stderr or done.stdout).strip().splitlines()[-1]
            if done.returncode == 1 and done.stdout.startswith('{"error"'):
                line = json.loads(done.stdout)["error"]["message"]
            raise Failed(line.removeprefix("mrun: "), line)
        return done.stdout.strip()

    # A model that answers one number, saved and asked in the three ways.

    def save(self, model, folder="."):
        """model: Python that defines or imports a class and makes `model`."""
        self.python(f"{model}\nimport PICKLER\nPICKLER.dump(model, open('model.bin', 'wb'))\n", where=folder)

    def ask(self, folder=".", more="", given="[1.0, 2.0, 3.0]"):
        """given: Python that makes the input. An answer that is a tensor is its only number."""
        return self.python(f"import PICKLER\nmodel = PICKLER.load(open('model.bin', 'rb'))\n{more}\n"
                           f"answer = model({given})\nprint(getattr(answer, 'item', lambda: answer)())\n", where=folder)

    def bundle(self, name="b", params="", **scripts):
        """A folder: scripts by stage or, with "lib_", module; the input is a list of numbers."""
        self.write(f"{name}/bundle.toml", f'[bundle]\nname = "{name}"\n[input]\nkind = "json"\n[batch]\nmode = "none"\n[params]\n{params}')
        for stage, text in scripts.items():
            self.write(f"{name}/{stage.replace('lib_', 'lib/')}.lua", text)

    def export(self, model, name="b"):
        """The Python model as TorchScript, into the bundle's folder."""
        self.python(f"{model}\nimport torch\ntorch.jit.script(model).save('{name}/model.pt')\n")

    def pack(self, name="b"):
        self.mrun("pack", name, "-o", f"{name}.mb")

    def answer(self, path="b.mb", *more, where="."):
        return self.mrun(path, "[1, 2, 3]", *more, where=where)


GIVEN = "__import__('torch').tensor([1.0, 2.0, 3.0])"  # for PyTorch's modules
TENSOR = 'local torch = require "torch"\nreturn function(x) return torch.tensor(x) end\n'  # preprocess.lua of many cases


def outcome(save, change, ask):
    """What became of the answer: save, look at the answer, change the world, look again."""
    try:
        save()
    except Failed as e:
        return f"cannot be saved: {e.reason}"
    try:
        before = number(ask())
        change()
        after = number(ask())
    except Failed as e:
        return f"cannot be loaded: {e.reason}"
    return f"the same answer ({after})" if before == after else f"**another answer, and no word**: {before} became {after}"


def number(text):
    """"3.0" and "3" are the same answer."""
    return re.sub(r"\.0\b", "", text)
