"""Searches with attention, coverage, nested state and sources of several lengths: against tests/reference.py, and joined with items of
other settings against alone."""
import json
import os
import random
import sys
import unittest

import numpy
import torch

sys.path.insert(0, __file__.rsplit("/plugins/", 1)[0] + "/tests/command")
sys.path.insert(0, os.path.dirname(__file__))
import reference  # noqa: E402
from command import Case  # noqa: E402

VOCABULARY, WIDTH, EOS = 24, 6, 3


class Attending(torch.nn.Module):
    """Two layers, a running mean of the second, attention to the sources. No matrix products, so that a row's bits are its own."""

    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        g = torch.Generator().manual_seed(7)
        for name, shape in {"e": (vocabulary, width), "o": (vocabulary, width), "b": (vocabulary,), "w": (2, width)}.items():
            self.register_buffer(name, torch.randn(shape, generator=g) * 1.5)

    def forward(self, x):
        return x

    @torch.jit.export
    def step(self, tokens, layers: list[torch.Tensor], memo: dict[str, torch.Tensor], sources, padding):
        first = torch.tanh(self.e[tokens] + layers[0] * self.w[0])
        second = torch.tanh(first + layers[1] * self.w[1] + memo["sum"] / (1 + memo["count"])[:, None])
        attention = torch.softmax((second[:, None] * sources).sum(-1) * 2 + padding, -1)
        seen = second + (attention[:, :, None] * sources).sum(1)
        scores = (seen[:, None] * self.o).sum(-1) + self.b
        return scores, [first, second], {"sum": memo["sum"] + second, "count": memo["count"] + 1}, attention


class Failing(torch.nn.Module):
    """Fails, gives NaN, or loses a row of the state, in a call where a row's `how` says so."""

    def forward(self, x):
        return x

    @torch.jit.export
    def step(self, tokens, h, how):
        if bool((how == 1).any()):
            raise ValueError("this row is wrong")
        scores = torch.where((how == 2)[:, None], torch.full([5], float("nan")), torch.arange(5.0) + h[:, :1])
        return scores, (h + 1)[1:] if bool((how == 3).any()) else h + 1


FAILING = """
local decode, torch = require "decode", require "torch"
return function(model, how)
  local options = { state = { h = torch.zeros({ 2 }) }, const = { how = torch.tensor(how) }, bos = 0, max_new = 3, beam = 2 }
  return decode.beam_search(model:method "step", options)[1].tokens
end
"""

TOML = """
[batch.step]
max_size = %d
pad = { sources = { dims = [0] }, padding = { dims = [0], value = -1e9 } }
unpad = { "4" = { like = "sources" } }
"""

FORWARD = """
local decode, torch = require "decode", require "torch"
return function(model, x)
  local options = { attention = true }
  for key, value in pairs(x.options) do options[key] = value end
  local function zeros() return torch.zeros({ 6 }) end
  options.state = { layers = { zeros(), zeros() }, memo = { sum = zeros(), count = torch.tensor(0) } }
  options.const = { sources = torch.tensor(x.sources), padding = torch.zeros({ #x.sources }) }
  local answer = {}
  for i, h in ipairs(decode[x.search](model:method "step", options)) do
    answer[i] = { tokens = h.tokens, score = h.score, attention = h.attention:tolist(), ended = h.ended }
  end
  return answer
end
"""


def beam_options(rng):
    o = {"beam": rng.choice([1, 2, 3, 4, 6, 9]), "length_penalty": rng.choice([0.0, 0.7, 1.0])}
    o["n_best"] = rng.randint(1, o["beam"])
    o["coverage_penalty"] = rng.choice([0.0, 0.2, 1.0])
    o["scoring"] = rng.choice(["huggingface", "huggingface", "ctranslate2", "fairseq"])
    o["early_stopping"] = rng.choice([False, True, "never"])
    return o


def case(rng, search):
    options = {"prefix": [rng.randrange(VOCABULARY) for _ in range(rng.choice([1, 1, 3]))], "eos": EOS, "max_new": rng.choice([1, 4, 9, 15])}
    if search == "beam_search":
        options.update(beam_options(rng))
    elif search == "sample":
        options.update({"n_best": rng.randint(1, 5), "temperature": rng.choice([0.5, 1.0]), "top_k": rng.choice([0, 5])})
    if rng.random() < 0.3:
        options["no_repeat_ngram"] = 2
    if rng.random() < 0.3:
        options["min_new"] = rng.randint(0, options["max_new"] - 1)
    sources = [[rng.gauss(0, 1) for _ in range(WIDTH)] for _ in range(rng.choice([1, 3, 3, 5, 8]))]
    return {"search": search, "options": options, "sources": sources}


class Joined(Case):
    def setUp(self):
        super().setUp()
        self.model = torch.jit.script(Attending(VOCABULARY, WIDTH))

    def folder(self, most):
        folder = self.bundle("json", toml=TOML % most, name=f"most-{most}", forward=FORWARD)
        self.model.save(str(folder / "model.pt"))
        return folder

    def run_cases(self, folder, cases, *more):
        path = self.dir / "cases.jsonl"
        path.write_text("".join(json.dumps(c) + "\n" for c in cases))
        return self.answers(folder, "--jsonl", path, "--isolation", "none", *more)

    def expected(self, given):
        sources = torch.tensor(given["sources"])

        def step(tokens, rows):
            first, second, total, count = [torch.stack(part) for part in zip(*rows)]
            n = len(tokens)
            scores, layers, memo, attention = self.model.step(
                torch.tensor(tokens), [first, second], {"sum": total, "count": count}, sources.expand(n, *sources.shape), torch.zeros(n, len(sources)))
            return scores.numpy(), list(zip(*layers, memo["sum"], memo["count"])), attention.numpy()

        options = {k: v for k, v in given["options"].items() if k not in ("prefix", "eos")}
        empty = torch.zeros(WIDTH)
        with torch.inference_mode():
            return reference.beam_search(step, [(empty, empty, empty, torch.tensor(0.0))], given["options"]["prefix"], eos=[EOS], **options)

    def same(self, answer, wanted, where):
        self.assertEqual([h["tokens"] for h in answer], [list(t[:-1] if t[-1] == EOS else t) for _, t, _ in wanted], where)
        for h, (score, _, attention) in zip(answer, wanted):
            self.assertAlmostEqual(h["score"], score, delta=1e-4, msg=where)
            numpy.testing.assert_allclose(h["attention"], attention, atol=1e-5, err_msg=str(where))

    def test_attention_coverage_and_nested_state(self):
        rng = random.Random(11)
        cases = [case(rng, "beam_search") for _ in range(150)]
        compared = 0
        for given, answer in zip(cases, self.run_cases(self.folder(64), cases)):
            wanted, gap = self.expected(given)
            if gap >= 2e-6:
                self.same(answer, wanted, given["options"])
                compared += 1
        self.assertGreater(compared, 120)

    def most_joined(self, trace):
        """How many searches a call of the step brought together at most."""
        events = json.loads(trace.read_text())["traceEvents"]
        return max(e["args"].get("calls", 0) for e in events if e["name"].startswith("main:step"))

    def test_joined_with_other_settings_as_alone(self):
        rng = random.Random(12)
        cases = [case(rng, rng.choice(["beam_search", "sample", "greedy"])) for _ in range(120)]
        traces = {most: self.dir / f"trace-{most}.json" for most in (1, 64)}
        alone, joined = [self.run_cases(self.folder(most), cases, "--trace", traces[most]) for most in traces]
        self.assertEqual(self.most_joined(traces[1]), 1)
        self.assertGreater(self.most_joined(traces[64]), 16)
        for given, a, b in zip(cases, alone, joined):
            self.assertEqual([h["tokens"] for h in a], [h["tokens"] for h in b], given["options"])
            numpy.testing.assert_allclose([h["score"] for h in a], [h["score"] for h in b], atol=1e-5)

    def test_exact_gives_the_same_bits(self):
        rng = random.Random(13)
        cases = [case(rng, rng.choice(["beam_search", "sample", "greedy"])) for _ in range(16)]
        folder = self.folder(64)
        joined = self.run_cases(folder, cases, "--exact")
        for few in (cases[:1], cases[1:4], cases[::5]):
            again = self.run_cases(folder, few, "--exact")
            for given, answer in zip(few, again):
                if given["search"] != "sample":  # an item's draws go by its number
                    self.assertEqual(answer, joined[cases.index(given)], given["options"])

    def test_what_fails_in_a_joined_call_is_one_items(self):
        folder = self.bundle("json", forward=FAILING)
        torch.jit.script(Failing()).save(str(folder / "model.pt"))
        path = self.dir / "cases.jsonl"
        path.write_text("".join(f"{how}\n" for how in (0, 1, 0, 2, 0, 0, 3)))
        answers = self.answers(folder, "--jsonl", path, "--isolation", "none", status=1)
        self.assertEqual([answers[i] for i in (0, 2, 4, 5)], [[4, 4, 4]] * 4)
        for i, text in {1: "this row is wrong", 3: "the step's scores have NaN in row 0", 6: "dimension 0"}.items():
            self.assertEqual(answers[i]["error"]["code"], "MODEL")
            self.assertIn(text, answers[i]["error"]["message"])


if __name__ == "__main__":
    unittest.main()
