"""pipelines_test.py NAME: a bundle that needs the whole engine gives what its pipeline.py computes item by item in Python, alone, fifty
mixed items at once, packed, and in a worker process.

NAME/pipeline.py has models() → {file: module}, inputs(folder, count), answer(modules, input), and may have assets(folder), which fills the
bundle's, and near(got, wanted, same) where answers that differ can both be right.
"""
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
NAME = sys.argv.pop(1)
sys.path[:0] = [str(HERE / NAME), str(HERE), str(HERE.parent / "command")]
import pipeline  # noqa: E402
import torch  # noqa: E402
from command import Case, mrun  # noqa: E402

COUNT, RTOL, ATOL = 50, 1e-4, 1e-5  # [verify]'s own


def make(folder):
    """The bundle's folder, whole; its models."""
    shutil.copytree(HERE / NAME / "bundle", folder)
    if hasattr(pipeline, "assets"):
        pipeline.assets(folder / "assets")
    torch.manual_seed(1)
    models = {file: model.eval() for file, model in pipeline.models().items()}
    for file, model in models.items():
        torch.jit.script(model).save(str(folder / file))
    return models


def arguments(given):
    return [f"{name}={value}" for name, value in given.items()] if isinstance(given, dict) else [given]


class Pipeline(Case):
    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.folder = cls.place / "bundle"
        models = make(cls.folder)
        (cls.place / "inputs").mkdir()
        cls.given = pipeline.inputs(cls.place / "inputs", COUNT)
        with torch.inference_mode():
            cls.wanted = [pipeline.answer(models, given) for given in cls.given]

    def same(self, got, wanted, where=""):
        """Equal, numbers with a fraction within the tolerance."""
        if isinstance(wanted, dict):
            self.assertEqual(sorted(got), sorted(wanted), where)
            for key in wanted:
                self.same(got[key], wanted[key], f"{where}.{key}")
        elif isinstance(wanted, list):
            self.assertEqual(len(got), len(wanted), where)
            for i, (a, b) in enumerate(zip(got, wanted)):
                self.same(a, b, f"{where}[{i}]")
        elif isinstance(wanted, float):
            self.assertLessEqual(abs(got - wanted), ATOL + RTOL * abs(wanted), where)
        else:
            self.assertEqual(got, wanted, where)

    def compare(self, answers):
        self.assertEqual(len(answers), COUNT)
        for i, (got, wanted) in enumerate(zip(answers, self.wanted)):
            if hasattr(pipeline, "near"):
                pipeline.near(got, wanted, self.same)
            else:
                self.same(got, wanted, f"item {i}")

    def listed(self, inputs):
        """A list of inputs as the command takes it."""
        path = self.dir / "list"
        kind = "--lines" if isinstance(inputs[0], str) else "--paths"
        path.write_text("".join((json.dumps(i) if isinstance(i, dict) else str(i)) + "\n" for i in inputs))
        return [kind, path]

    def packed(self):
        """The packed bundle: packing has run its example alone and joined."""
        file = self.place / "packed.mb"
        for command in [["record", self.folder, "first", *arguments(self.given[0])], ["pack", self.folder, "-o", file]]:
            if not file.exists():
                result = mrun(*command)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return file

    def test_alone(self):
        few = range(0, COUNT, COUNT // 3)
        for bundle, isolation in ((self.folder, "none"), (self.packed(), "process")):
            answers = list(self.wanted)
            for i in few:
                answers[i] = self.answer(bundle, *arguments(self.given[i]), "--isolation", isolation)
            self.compare(answers)

    def most_joined(self, trace):
        events = json.loads(trace.read_text())["traceEvents"]
        return max(e["args"].get("calls", 0) for e in events)

    def test_at_once(self):
        trace, bits = self.dir / "trace.json", set()
        for bundle, isolation, workers in ((self.folder, "none", 1), (self.packed(), "none", 2), (self.packed(), "process", 2)):
            answers = self.answers(bundle, *self.listed(self.given), "--isolation", isolation, "--workers", workers, "--trace", trace)
            self.compare(answers)
            self.assertGreater(self.most_joined(trace), 1)
            bits.add(json.dumps(answers))
        self.assertEqual(len(bits), 1)

    def test_bad_inputs_cost_only_themselves(self):
        bad = self.dir / "bad"
        bad.write_text("no such file\n")
        wrong = {"first": str(bad), "second": str(bad)} if isinstance(self.given[0], dict) else "" if isinstance(self.given[0], str) else bad
        mixed = [*self.given[:20], wrong, *self.given[20:], wrong]
        answers = self.answers(self.folder, *self.listed(mixed), status=1)
        for at in (51, 20):
            self.assertEqual(answers.pop(at)["error"]["code"], "INPUT")
        self.compare(answers)


if __name__ == "__main__":
    unittest.main()
