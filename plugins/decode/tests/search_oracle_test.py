"""Beam search, greedy and sampling against tests/reference.py, on the same TorchScript step, through the command."""
import json
import math
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

WIDTH = 6


class Recurrent(torch.nn.Module):
    """A recurrent step whose weights are arguments: one model file serves many random models."""

    def forward(self, x):
        return x

    @torch.jit.export
    def step(self, tokens, h, b, e, o, w):
        x = e[torch.arange(tokens.shape[0]), tokens]
        h = torch.tanh(x + torch.bmm(h.unsqueeze(1), w).squeeze(1))
        return torch.bmm(h.unsqueeze(1), o).squeeze(1) + b, h


FORWARD = """
local decode, torch = require "decode", require "torch"
return function(model, x)
  local options = {}
  for key, value in pairs(x.options) do options[key] = value end
  options.const = {}
  for key, value in pairs(x.weights) do options.const[key] = torch.tensor(value) end
  options.state = { h = torch.zeros({ %d }) }
  local step = model:method "step"
  if x.through == "Lua" then
    step = function(tokens, all) return model:step(tokens, all) end
  end
  return decode[x.search](step, options)
end
""" % WIDTH


def random_model(rng, vocabulary, eos):
    """Weights, a third of them such that eos comes early."""
    g = numpy.random.default_rng(rng.randrange(1 << 30))
    scale = rng.choice([0.5, 1.5, 3])
    weights = {"e": g.normal(size=(vocabulary, WIDTH)), "o": g.normal(size=(WIDTH, vocabulary)) * scale,
               "w": g.normal(size=(WIDTH, WIDTH)), "b": g.normal(size=vocabulary) * 0.3}
    for token in eos:
        weights["b"][token] += rng.choice([-2, 0, 1.5, 4]) * (1 + math.log(vocabulary) / 3)
    return {k: v.astype("float32") for k, v in weights.items()}


def random_options(rng, vocabulary):
    def some(most):
        return [rng.randrange(vocabulary) for _ in range(rng.randint(1, most))]

    o = {"beam": rng.choice([1, 1, 2, 3, 4, 4, 5, 8, 16]), "max_new": rng.choice([1, 2, 5, 9, 14, 20, 20, 64])}
    o["n_best"] = rng.randint(1, o["beam"])
    o["eos"] = sorted(rng.sample(range(vocabulary), rng.choice([0, 1, 1, 1, 1, 2])))
    o["length_penalty"] = rng.choice([0.0, 0.6, 1.0, 1.0, 2.0, -0.5])
    o["scoring"] = rng.choice(["huggingface", "huggingface", "ctranslate2", "fairseq"])
    o["early_stopping"] = rng.choice([False, False, True, "never"])
    if rng.random() < 0.3:
        o["patience"] = rng.choice([0.5, 0.7, 2.0, 3.0])
    if rng.random() < 0.3:
        o["min_new"] = rng.randint(0, o["max_new"] - (o["scoring"] == "fairseq"))
    if rng.random() < 0.3:
        o["no_repeat_ngram"] = rng.randint(1, 3)
    if rng.random() < 0.3:
        o["repetition_penalty"] = rng.choice([0.8, 1.3])
    if rng.random() < 0.2:
        o["suppress"] = some(3)
    if rng.random() < 0.2:
        o["bad_words"] = [some(3) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.2:
        o["forced"] = (some(3) + o["eos"][:rng.randint(0, 1)] + some(2))[:rng.randint(1, min(4, o["max_new"]))]
    return o


def stopping_options(rng, vocabulary):
    """Where hypotheses end at many lengths and no other rule holds: when is the search over, and which are kept?"""
    o = {"beam": rng.choice([1, 2, 2, 3, 4, 6]), "max_new": rng.choice([6, 12, 20]), "eos": [rng.randrange(vocabulary)]}
    o["n_best"] = rng.randint(1, o["beam"])
    o["length_penalty"] = rng.choice([0.0, 0.0, 0.6, 1.0, 2.0])
    o["scoring"] = rng.choice(["huggingface", "ctranslate2", "ctranslate2", "fairseq"])
    o["early_stopping"] = rng.choice([False, True, "never"])
    o["patience"] = rng.choice([0.5, 1.0, 1.5, 3.0])
    return o


def case(seed):
    rng = random.Random(seed)
    vocabulary = rng.choice([5, 7, 12, 30, 30, 100, 100, 300]) if seed % 50 else 1000
    options = stopping_options(rng, vocabulary) if seed % 2 else random_options(rng, vocabulary)
    prompt = [rng.randrange(vocabulary) for _ in range(rng.choice([1, 1, 2, 4]))]
    weights = random_model(rng, vocabulary, options["eos"])
    asked = {**options, "prefix": prompt}
    search = rng.choice(["beam_search", "greedy", "sample"]) if options["beam"] == 1 else "beam_search"
    if search != "beam_search":  # a beam of one, by its own names
        options["scoring"] = "huggingface"
        asked = {k: v for k, v in asked.items() if k not in ("beam", "n_best", "scoring", "early_stopping", "patience")}
        asked.update({"top_k": 1} if search == "sample" else {})
    given = {"search": search, "through": "Lua" if seed % 3 else "C++", "options": asked,
             "weights": {k: v.astype("float64").tolist() for k, v in weights.items()}}
    return given, prompt, weights, options


def expected(model, prompt, weights, options):
    def step(tokens, rows):
        n = len(tokens)
        const = [torch.from_numpy(weights[k]).expand(n, *weights[k].shape) for k in ("b", "e", "o", "w")]
        scores, h = model.step(torch.tensor(tokens), torch.stack(rows), *const)
        return scores.numpy(), list(h)

    with torch.inference_mode():
        return reference.beam_search(step, [torch.zeros(WIDTH)], prompt, **options)


class Search(Case):
    def setUp(self):
        super().setUp()
        self.model = torch.jit.script(Recurrent())
        self.folder = self.bundle("json", toml='[batch]\nmode = "concat"\n', forward=FORWARD)
        self.model.save(str(self.folder / "model.pt"))

    def run_cases(self, cases, **more):
        path = self.dir / "cases.jsonl"
        path.write_text("".join(json.dumps(c) + "\n" for c in cases))
        return self.answers(self.folder, "--jsonl", path, "--isolation", "none", **more)

    def same(self, answer, wanted, eos, where):
        got = [(h["score"], tuple(h["tokens"])) for h in answer]
        want = [(score, tokens[:-1] if tokens[-1] in eos else tokens) for score, tokens, _ in wanted]
        self.assertEqual([t for _, t in got], [t for _, t in want], where)
        numpy.testing.assert_allclose([s for s, _ in got], [s for s, _ in want], atol=1e-4, err_msg=str(where))

    def test_random_models_and_settings(self):
        seeds = range(1, 1 + int(os.environ.get("DECODE_CASES", "500")))
        cases = [case(seed) for seed in seeds]
        answers = self.run_cases([c[0] for c in cases], status=None)
        dead, close = 0, 0
        for seed, (given, prompt, weights, options), answer in zip(seeds, cases, answers):
            wanted, gap = expected(self.model, prompt, weights, options)
            if not wanted:  # the rules forbid everything
                self.assertIn("no token may follow", answer["error"]["message"], (seed, options))
                dead += 1
            elif gap < 2e-6:  # which of two is better is a matter of rounding
                close += 1
            else:
                self.assertNotIn("error", answer, (seed, options))
                self.same(answer, wanted, options["eos"], (seed, options))
        self.assertLess(dead + close, len(cases) / 4)

    def answers(self, *args, status=0, **more):
        if status is not None:
            return super().answers(*args, status=status, **more)
        from command import mrun
        return [json.loads(line) for line in mrun(*args, **more).stdout.splitlines()]


if __name__ == "__main__":
    unittest.main()
