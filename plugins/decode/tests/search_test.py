"""Searches over a table of scores given as a Lua function, through the command: sampling, constraints, streaming, stop texts, bad input."""
import json
import math
import random
import re
import sys
import time
import unittest

import numpy
import torch

sys.path.insert(0, __file__.rsplit("/plugins/", 1)[0] + "/tests/command")
from command import Case, mrun  # noqa: E402

# The scores of a token's row follow it.
TABLE = """
local decode, torch, bundle = require "decode", require "torch", require "bundle"
return function(model, x)
  local values = {}
  for i, row in ipairs(x.scores) do
    values[i] = {}
    for k, v in ipairs(row) do values[i][k] = tonumber(v) end  -- "nan" too
  end
  local scores = torch.tensor(values)
  local options = {}
  for key, value in pairs(x.options) do options[key] = value end
  local function step(tokens) return scores:index_select(0, tokens) end
  %s
  return decode[x.search](step, options)
end
"""


def probabilities(scores, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
    p = numpy.exp((numpy.asarray(scores) - max(scores)) / temperature)
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    kept = order[:top_k] if top_k else order
    if top_p < 1:
        total, got, few = sum(p[i] for i in kept), 0.0, []
        for i in kept:
            if few and got >= top_p * total:
                break
            few.append(i)
            got += p[i]
        kept = few
    most = max(p[i] for i in kept)
    kept = [i for i in kept if p[i] >= min_p * most]
    q = numpy.zeros(len(p))
    for i in kept:
        q[i] = p[i]
    return q / q.sum()


class Searches(Case):
    def table(self, body=""):
        folder = self.bundle("json", forward=TABLE % body)
        torch.jit.script(torch.nn.Identity()).save(str(folder / "model.pt"))
        return folder

    def run_cases(self, folder, cases, *more):
        path = self.dir / "cases.jsonl"
        path.write_text("".join(json.dumps(c) + "\n" for c in cases))
        return [json.loads(line) for line in mrun(folder, "--jsonl", path, "--isolation", "none", *more).stdout.splitlines()]

    def test_frequencies(self):
        scores = [[1.0, 0.5, 0.0, -1.0, 2.0, 0.25, -3.0, 1.5]] * 8
        folder = self.table()
        for how in ({}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.7}, {"min_p": 0.2},
                    {"temperature": 1.7, "top_k": 6, "top_p": 0.8, "min_p": 0.1}):
            case = {"search": "sample", "scores": scores, "options": {"bos": 0, "max_new": 1, "n_best": 1000, **how}}
            counts = numpy.zeros(8)
            for answer in self.run_cases(folder, [case] * 100):
                for h in answer:
                    counts[h["tokens"][0]] += 1
            self.assertEqual(counts.sum(), 100_000)
            p = probabilities(scores[0], **how)
            self.assertTrue((counts[p == 0] == 0).all(), how)
            deviation = numpy.sqrt(100_000 * p * (1 - p))
            self.assertTrue((abs(counts - 100_000 * p) <= 5 * deviation).all(), (how, counts, p))

    def test_draws_are_those_of_the_item(self):
        rng = random.Random(3)
        scores = [[rng.gauss(0, 1) for _ in range(9)] for _ in range(9)]
        cases = [{"search": "sample", "scores": scores, "options": {"bos": i % 9, "eos": 8, "max_new": 12, "n_best": 3}}
                 for i in range(20)]
        folder = self.table()
        one = self.run_cases(folder, cases, "--workers", "1", "--seed", "5")
        self.assertEqual(self.run_cases(folder, cases, "--workers", "3", "--seed", "5"), one)
        self.assertNotEqual(self.run_cases(folder, cases, "--workers", "1", "--seed", "6"), one)

    def test_ties_go_to_the_earlier(self):
        case = {"search": "beam_search", "scores": [[0.0] * 4] * 4,
                "options": {"bos": 0, "max_new": 2, "beam": 3, "n_best": 3}}
        (answer,) = self.run_cases(self.table(), [case])
        self.assertEqual([h["tokens"] for h in answer], [[0, 0], [0, 1], [0, 2]])
        for h in answer:
            self.assertAlmostEqual(h["score"], -math.log(4), places=6)

    def test_greedy_is_a_beam_of_one(self):
        rng = random.Random(4)
        cases = []
        for _ in range(30):
            scores = [[rng.gauss(0, 1) for _ in range(6)] for _ in range(6)]
            options = {"bos": rng.randrange(6), "eos": 5, "max_new": rng.randint(1, 20), "no_repeat_ngram": rng.choice([0, 2])}
            cases += [{"search": "greedy", "scores": scores, "options": options},
                      {"search": "beam_search", "scores": scores, "options": {**options, "beam": 1}}]
        answers = self.run_cases(self.table(), cases)
        for greedy, beam in zip(answers[::2], answers[1::2]):
            self.assertEqual(greedy, beam)
            self.assertEqual(len(greedy), 1)

    def test_log_probabilities_and_alternatives(self):
        rng = random.Random(5)
        scores = [[rng.gauss(0, 1) for _ in range(6)] for _ in range(6)]
        case = {"search": "beam_search", "scores": scores,
                "options": {"bos": 1, "eos": 5, "max_new": 6, "return_scores": True, "alternatives": 3}}
        ((best,),) = self.run_cases(self.table(), [case])
        p = torch.log_softmax(torch.tensor(scores), -1)
        at, total = 1, 0.0
        for token, got, others in zip(best["tokens"] + [5] * best["ended"], best["log_probs"], best["alternatives"]):
            total += float(p[at][token])
            self.assertAlmostEqual(got, float(p[at][token]), places=5)
            values, ids = p[at].topk(3)
            self.assertEqual([a["token"] for a in others], ids.tolist())
            numpy.testing.assert_allclose([a["log_prob"] for a in others], values, atol=1e-5)
            at = token
        self.assertAlmostEqual(best["score"], total / len(best["log_probs"]), places=5)

    def test_many_small_scores_beside_a_great_one_count(self):
        body = """
  step = function()
    local s = torch.zeros({ 1, x.count }):fill_(-17)
    s:select(1, 0):fill_(0)
    return s
  end
"""
        for count in (1000, 32_000, 262_144):
            case = {"search": "greedy", "scores": [[0.0]], "count": count, "options": {"bos": 0, "max_new": 1}}
            ((best,),) = self.run_cases(self.table(body), [case])
            self.assertAlmostEqual(best["score"], -math.log1p((count - 1) * math.exp(-17)), delta=1e-6)

    def test_what_comes_out_fits(self):
        rng = random.Random(6)
        pieces = ["", "a", "b", "ab", "0", "1", "-", "c ", "ba", "é"]
        cases = []
        for pattern in ["[ab]+-[01]{2}", "(ab|ba)*é", "a{3,5}b?", "c (a|b|c )*0", "[^a]{4}"]:
            for search, scoring in [("beam_search", s) for s in ("huggingface", "ctranslate2", "fairseq")] + [("sample", None), ("greedy", None)]:
                scores = [[rng.gauss(0, 3) for _ in pieces] for _ in pieces]
                options = {"bos": 0, "eos": 0, "max_new": rng.randint(5, 9), "constrain": {"regex": pattern}, "tokenizer": pieces}
                if scoring:
                    options.update({"scoring": scoring, "prefix": [1]})
                if search != "greedy":
                    options["n_best"] = 3
                cases.append({"search": search, "scores": scores, "options": options})
        for case, answer in zip(cases, self.run_cases(self.table(), cases)):
            self.assertNotIn("error", answer, case["options"])
            for h in answer:
                text = "".join(pieces[t] for t in h["tokens"])
                self.assertTrue(re.fullmatch(case["options"]["constrain"]["regex"], text), (case["options"], text))

    def test_choices_of_tokens(self):
        choices = [[1, 2, 3], [1, 2], [4]]
        case = {"search": "beam_search", "scores": [[0.1 * i for i in range(6)]] * 6,
                "options": {"bos": 0, "eos": 0, "beam": 6, "n_best": 3, "max_new": 5, "constrain": {"choices": choices}}}
        (answer,) = self.run_cases(self.table(), [case])
        self.assertEqual(sorted(h["tokens"] for h in answer), sorted(choices))

    def test_a_complete_text_has_ended_at_max_new(self):
        pieces, scores = ["", "a", "b", "c"], [[0.0, 3.0, 2.0, 1.0]] * 4
        choices = {"bos": 0, "max_new": 1, "constrain": {"choices": ["a", "b", "ba"]}, "tokenizer": pieces}
        cases = [{"search": search, "scores": scores, "options": {**choices, "eos": eos} if eos else choices}
                 for search in ("greedy", "sample", "beam_search") for eos in ([], [0])]
        open_text = {"search": "greedy", "scores": scores, "options": {**choices, "constrain": {"regex": "a+"}}}
        *answers, cut = self.run_cases(self.table(), [*cases, open_text])
        for case, answer in zip(cases, answers):
            for h in answer:  # "b" could have become "ba"; without eos in time nothing has ended
                self.assertEqual(h["ended"], h["tokens"] == [1] and "eos" not in case["options"], (case["search"], h))
        self.assertEqual([(h["tokens"], h["ended"]) for h in cut], [([1], False)])

    def test_a_complete_text_ends_without_eos(self):
        rng = random.Random(8)
        scores = [[rng.gauss(0, 1) for _ in range(6)] for _ in range(6)]
        choices, pieces = [[1, 2, 3], [4], [5, 2]], ["", "a", "b", "c", "d", "e"]
        constraint = {"bos": 0, "max_new": 5, "n_best": 3, "constrain": {"choices": choices}}
        by_text = {"bos": 0, "max_new": 5, "constrain": {"regex": "abc|d{2,3}"}, "tokenizer": pieces}
        beams, draws, best = self.run_cases(self.table(), [
            {"search": "beam_search", "scores": scores, "options": {**constraint, "beam": 3}},
            {"search": "sample", "scores": scores, "options": {**constraint, "n_best": 50}},
            {"search": "greedy", "scores": scores, "options": by_text}])
        p = torch.log_softmax(torch.tensor(scores), -1)

        def score(tokens):
            return sum(float(p[a][b]) for a, b in zip([0] + tokens, tokens)) / len(tokens)

        self.assertEqual([h["tokens"] for h in beams], sorted(choices, key=score, reverse=True))
        for h in beams + draws:
            self.assertIn(h["tokens"], choices)
            self.assertAlmostEqual(h["score"], score(h["tokens"]), places=5)
            self.assertTrue(h["ended"])
        self.assertEqual({tuple(h["tokens"]) for h in draws}, set(map(tuple, choices)))
        self.assertIn(best[0]["tokens"], [[1, 2, 3], [4, 4, 4]])

    def test_a_draw_in_a_dead_end_costs_only_itself(self):
        scores = [[-9.0, 1.0, 1.0, -9.0]] * 4
        options = {"bos": 0, "max_new": 2, "n_best": 20, "bad_words": [[1, t] for t in range(4)]}
        some, none = self.run_cases(self.table(), [
            {"search": "sample", "scores": scores, "options": options},
            {"search": "sample", "scores": scores, "options": {**options, "suppress": [0, 2, 3]}}])
        self.assertIn(len(some), range(1, 20))
        self.assertEqual({h["tokens"][0] for h in some}, {2})
        self.assertIn("no token may follow", none["error"]["message"])

    def test_ctranslate2_remembers_that_the_best_ended(self):
        p = [[0.001, 0.3, 0.099, 0.6], [0.001, 0.899, 0.001, 0.099], [0.25, 0.25, 0.25, 0.25], [1, 1, 1, 1]]
        case = {"search": "beam_search", "scores": numpy.log(p).tolist(),
                "options": {"bos": 0, "eos": 3, "beam": 2, "n_best": 2, "max_new": 5, "length_penalty": 0, "scoring": "ctranslate2"}}
        stopped = {**case, "options": {**case["options"], "eos": [], "stop": ["d"], "tokenizer": ["a", "b", "c", "d"]}}
        # The best ends first, the second one step later, behind one that goes on.
        by_eos, by_text = self.run_cases(self.table(), [case, stopped])
        self.assertEqual([h["tokens"] for h in by_eos], [[], [1]])
        self.assertEqual([h["tokens"] for h in by_text], [[3], [1, 3]])

    def test_ctranslate2_right_after_a_prefix(self):
        p = [[1e-9, 1e-9, 1e-9, 1], [0.2, 0.05, 0.4, 0.35], [0.2, 0.1, 0.1, 0.6], [1, 1, 1, 1]]
        options = {"eos": 3, "beam": 2, "n_best": 2, "max_new": 2, "length_penalty": 0, "scoring": "ctranslate2"}
        cases = [{"search": "beam_search", "scores": numpy.log(p).tolist(), "options": {**options, **more}}
                 for more in ({"bos": 1}, {"bos": 0, "prefix": [1]}, {"bos": 0, "forced": [1], "max_new": 3})]
        bare, *prefixed = self.run_cases(self.table(), cases)
        self.assertEqual([(h["tokens"], round(math.exp(h["score"]), 4)) for h in bare], [([], 0.35), ([2], 0.24)])
        # Only the best may end at once, and what would have followed in the other's place (0, then eos: 0.2) is lost.
        for answer, before in zip(prefixed, ([], [1])):
            self.assertEqual([(h["tokens"], round(math.exp(h["score"]), 4)) for h in answer], [(before + [2], 0.24), (before + [2, 0], 0.08)])

    def test_a_beam_of_one_ends_with_its_first_hypothesis(self):
        p = [[1e-9, 0.4, 0.6], [1e-9, 1e-9, 1], [1, 1, 1]]
        options = {"bos": 0, "eos": 2, "beam": 1, "patience": 3, "early_stopping": "never", "length_penalty": 2}
        cases = [{"search": "beam_search", "scores": numpy.log(p).tolist(), "options": {**options, "scoring": s}}
                 for s in ("huggingface", "ctranslate2", "fairseq")]
        answers = self.run_cases(self.table(), cases)
        self.assertEqual([[h["tokens"] for h in a] for a in answers], [[[]]] * 3)
        # CTranslate2 divides by the length without eos: such a text is worse than any other.
        for (h,), score in zip(answers, (math.log(0.6), -3.4028234663852886e38, math.log(0.6))):
            self.assertAlmostEqual(h["score"], score, places=4)

    def test_what_ends_does_not_keep_the_search_open(self):
        low = 1e-9
        p = [[low, 0.5, 0.2, 0.3, low], [0.1, 0.1, 0.1, 0.7, low], [0.2, 0.2, 0.2, low, 0.4], [1] * 5, [0.01, 0.01, 0.01, 0.97, low]]
        options = {"bos": 0, "eos": 3, "beam": 2, "n_best": 2, "max_new": 5}
        cases = [{"search": "beam_search", "scores": numpy.log(p).tolist(), "options": {**options, "early_stopping": e}} for e in (False, "never")]
        (first, second), (_, later) = self.run_cases(self.table(), cases)
        self.assertEqual((first["tokens"], second["tokens"]), ([1], []))  # what goes on has 0.08, log(0.08) / 2 < log(0.3)
        self.assertEqual(later["tokens"], [2, 4])  # which may grow to log(0.08) / 5

    def test_fairseq_leaves_room_for_eos(self):
        case = {"search": "beam_search", "scores": [[-5.0, 2.0, 0.0]] * 3,
                "options": {"bos": 0, "eos": 0, "beam": 1, "max_new": 3, "scoring": "fairseq", "constrain": {"choices": [[1, 1, 1], [2]]}}}
        fits, none = self.run_cases(self.table(), [case, {**case, "options": {**case["options"], "max_new": 1}}])
        self.assertEqual([(h["tokens"], h["ended"]) for h in fits], [([2], True)])
        self.assertIn("what fits needs at least 1 token and eos, max_new is 1", none["error"]["message"])

    def test_sources_without_attention(self):
        body = """
  local plain = step
  step = function(tokens) return plain(tokens), torch.tensor({ { 0, 0.5 } }):expand(tokens:size(0), 2) end
"""
        options = {"bos": 0, "max_new": 1, "attention": True, "coverage_penalty": 1.0, "length_penalty": 0}
        cases = [{"search": "beam_search", "scores": [[0.0, 0.0]] * 2, "options": {**options, "scoring": s}} for s in ("huggingface", "ctranslate2")]
        (one, *_), (other, *_) = self.run_cases(self.table(body), cases)
        self.assertAlmostEqual(one["score"], 2 * math.log(0.5) + math.log(1e-20), places=4)
        self.assertAlmostEqual(other["score"], 2 * math.log(0.5), places=4)

    def test_stop_texts(self):
        pieces = ["", "x", "y", "\n", "ab", "c"]
        scores = [[-9.0] * 6 for _ in range(6)]
        for a, b in [(0, 1), (1, 4), (4, 5), (5, 2), (2, 3), (3, 1)]:
            scores[a][b] = 1.0
        cases = [{"search": "greedy", "scores": scores, "options": {"bos": 0, "max_new": 12, "stop": stop, "tokenizer": pieces}}
                 for stop in ("bc", ["\n"], ["zz", "y\nx"])]
        answers = [a[0] for a in self.run_cases(self.table(), cases)]
        self.assertEqual([a["tokens"] for a in answers], [[1, 4, 5], [1, 4, 5, 2, 3], [1, 4, 5, 2, 3, 1]])
        self.assertEqual([a["stop"] for a in answers], ["bc", "\n", "y\nx"])

    def test_on_step_and_on_token(self):
        body = """
  local told = {}
  options.on_step = function(log_probs, at)
    assert(at.t == at.tokens:size(1) and log_probs:size(0) == at.tokens:size(0))
    log_probs:select(1, x.never):fill_(-math.huge)
  end
  options.on_token = function(token) told[#told + 1] = token end
  local hypotheses = decode[x.search](step, options)
  do return { best = hypotheses[1].tokens, told = told } end
"""
        rng = random.Random(7)
        scores = [[rng.gauss(0, 1) for _ in range(6)] for _ in range(6)]
        cases = [{"search": search, "scores": scores, "never": 2, "options": {"bos": 0, "eos": 5, "max_new": 9, "min_new": 4}}
                 for search in ("greedy", "beam_search", "sample")]
        for case, answer in zip(cases, self.run_cases(self.table(body), cases)):
            self.assertNotIn("error", answer, case)
            self.assertEqual(answer["told"], answer["best"])
            self.assertNotIn(2, answer["best"])
            self.assertGreaterEqual(len(answer["best"]), 4)

    def test_bad_input_is_the_items_error(self):
        good = {"bos": 0, "eos": 5, "max_new": 5}
        ok = [[0.1 * i for i in range(6)]] * 6
        cases = [
            ({"beam": 0}, ok, "ARGUMENT", "beam: want 1 to 1024, got 0"),
            ({"beam": 1e9}, ok, "ARGUMENT", "beam: want 1 to 1024"),
            ({"n_best": 5, "beam": 2}, ok, "ARGUMENT", "n_best: want at most beam (2), got 5"),
            ({"eos": 6}, ok, "ARGUMENT", "eos: token 6 is outside the vocabulary of 6"),
            ({"eos": [-1]}, ok, "ARGUMENT", "eos: token -1 is outside the vocabulary of 6"),
            ({"eos": "x"}, ok, "ARGUMENT", "eos: want a list of integers, or a tensor of them, got a string"),
            ({"eos": [1, "x"]}, ok, "ARGUMENT", "eos: want a list of integers, or a tensor of them, got a list with a string in it"),
            ({"beams": 2}, ok, "ARGUMENT", "beams"),
            ({"xyz": 2}, ok, "ARGUMENT", "there are: step, state, const, bos,"),
            ({"pieces": 2}, ok, "SCRIPT", "decode.beam_search: pieces is no option: tokenizer is what they are made of"),
            ({"_parameters": 2}, ok, "SCRIPT", "decode.beam_search: _parameters is no option"),
            ({"tokenizer": 2}, ok, "SCRIPT", 'decode.beam_search: tokenizer: want one of module text, as text.tokenizer_json(bundle.asset "NAME"), or a list of each '
             "token's text, as bundle.lines \"NAME\", got a number"),
            ({"constrain": {"regex": "a"}, "tokenizer": "x"}, ok, "SCRIPT", "tokenizer: want one of module text"),
            ({"constrain": {"regex": "a", "tokenizer": {"a": 1}}}, ok, "SCRIPT", "decode.constraint: tokenizer: want a list of each token's text, got a map"),
            ({"constrain": {"regex": "a", "tokenizer": ["a", 2]}}, ok, "SCRIPT", "decode.constraint: tokenizer: item 2: want a text, got a number"),
            ({"stop": "a", "tokenizer": ["a", ["b"]]}, ok, "SCRIPT", "decode.beam_search: tokenizer: item 2: want a text, got a table"),
            ({"constrain": {"choices": []}}, ok, "ARGUMENT", "choices: want at least one, got an empty list"),
            ({"bad_words": 1}, ok, "ARGUMENT", "bad_words: want a list of lists of tokens, got a number"),
            ({"bad_words": [[1], "x"]}, ok, "ARGUMENT", "bad_words[2]: want a list of integers, or a tensor of them, got a string"),
            ({"length_penalty": 1e308}, ok, "ARGUMENT", "length_penalty: want -50 to 50, got 1e+308"),
            ({"patience": 1e300}, ok, "ARGUMENT", "patience: want a number above 0, at most 1000, got 1e+300"),
            ({"const": [1]}, ok, "ARGUMENT", "const: want a table of values by the step's argument names, got a list"),
            ({"max_new": 0}, ok, "ARGUMENT", "max_new: want 1"),
            ({"scoring": "fairseq", "min_new": 5}, ok, "ARGUMENT", "min_new: want 0 to 4, got 5"),
            ({"early_stopping": "maybe"}, ok, "ARGUMENT", "early_stopping: want true, false or \"never\", got \"maybe\""),
            ({"early_stopping": 1}, ok, "ARGUMENT", "early_stopping: want true, false or \"never\", got a number"),
            ({"scoring": "x"}, ok, "ARGUMENT", "scoring: want huggingface, ctranslate2 or fairseq"),
            ({"stop": ["a"]}, ok, "ARGUMENT", "stop: needs tokenizer"),
            ({"suppress": [0, 1, 2, 3, 4, 5]}, ok, "SCRIPT", "no token may follow"),
            ({"constrain": {"regex": "z"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "no pieces of the tokenizer"),
            ({"constrain": {"regex": "(a|b)*a(a|b){20}"}, "tokenizer": ["", "a", "b"]}, ok, "ARGUMENT", "explodes"),
            ({"constrain": {"regex": "((((a{1000}){1000}){1000}){1000})"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "explodes"),
            ({"constrain": {"regex": "(a"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "a ( without its )"),
            ({"constrain": {"regex": "a(?=b)"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT",
             'regex "a(?=b)": at byte 3: groups are ( ) and (?: ) here, without looking ahead or behind'),
            ({"constrain": {"regex": "(?i)a"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "without flags: write [Aa] for a letter of either case"),
            ({"constrain": {"regex": "(?si:a)"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "write [Aa] for a letter of either case"),
            ({"constrain": {"regex": "(?s)."}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "write [\\s\\S] for any character"),
            ({"constrain": {"regex": "(?m)a"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "without flags: write the pattern as it is meant without them"),
            ({"constrain": {"regex": "(?P<x>a)"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "without names: leave the name out"),
            ({"constrain": {"regex": "(?>a)"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "groups are ( ) and (?: ) here, without what (? begins otherwise"),
            ({"constrain": {"regex": "a\\b"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "all of the text is matched, from its beginning to its end"),
            ({"constrain": {"regex": "\\p{L}"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "\\p is not known here: write the characters in brackets"),
            ({"constrain": {"regex": "(a)\\1"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "what a group matched cannot be asked for again"),
            ({"constrain": {"regex": "\\h"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "\\h is not known here; \\d \\w \\s"),
            ({"constrain": {"regex": "a{9}"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "at least 9 tokens, max_new is 5"),
            ({"constrain": {"regex": "((((){9999}){9999}){9999}){9999}"}, "tokenizer": ["", "a"]}, ok, "ARGUMENT", "explodes"),
            ({"constrain": {"choices": [[1, 9], [2]]}}, ok, "ARGUMENT", "constrain: choices: token 9 is outside the vocabulary of 6"),
            ({"constrain": {"regex": "b"}, "tokenizer": ["", "a", "", "b", "", "", "c", ""]}, ok, "ARGUMENT", "tokenizer: its token 6 has a text, the step"),
            ({"stop": "b", "tokenizer": ["", "a", "", "b", "", "", "c", ""]}, ok, "ARGUMENT", "the step gives scores of 6 tokens"),
            ({"constrain": {"choices": [[1]]}, "forced": [2]}, ok, "ARGUMENT", "forced: token 2 does not fit constrain"),
            ({"bos": 7, "repetition_penalty": 2.0, "how": "anything"}, ok, "ARGUMENT", "bos, prefix: token 7 is outside the vocabulary of 6"),
            ({"beam": 1, "repetition_penalty": 1e-300}, [[9.0] * 6] * 6, "ARGUMENT", "repetition_penalty: it makes the score of token 0 infinite"),
            ({"eos": 1}, [[0.0, "nan"]] * 2, "MODEL", "NaN in row 0"),
            ({"eos": 1}, [["-inf", "-inf"]] * 2, "MODEL", "-inf for every token"),
            ({"eos": 1}, [["inf", 0]] * 2, "MODEL", "an infinity"),
            ({"how": "vector"}, ok, "MODEL", "want a tensor [1, vocabulary], got [6]"),
            ({"how": "rows"}, ok, "MODEL", "want a tensor [1, vocabulary], got [2, 6]"),
            ({"how": "nothing"}, ok, "MODEL", "the step returned 0 values"),
            ({"how": "throws"}, ok, "SCRIPT", "the step throws"),
            ({"how": "shrinks"}, ok, "MODEL", "the step returned 1 value; want the scores, the new state (h)"),
            ({"how": "short"}, ok, "MODEL", "state.h: the step was given 1 row and returned [0, 3]"),
            ({"how": "narrows"}, ok, "MODEL", "the step gave scores of 6 tokens, now of 5"),
            ({"how": "on_step throws"}, ok, "SCRIPT", "on_step throws"),
            ({"how": "on_step nan"}, ok, "ARGUMENT", "on_step: it left NaN"),
            ({"how": "on_step nothing"}, ok, "SCRIPT", "no token may follow"),
            ({"how": "on_step nothing later"}, ok, "SCRIPT", "no token may follow"),
            ({"how": "loses a row"}, ok, "MODEL", "state.h: the step was given 4 rows and returned [3, 3]"),
            ({"how": "loses its rows"}, ok, "MODEL", "state.h: the step was given 4 rows and returned []"),
            ({"how": "integers"}, ok, "ARGUMENT", "scores: want a tensor of floats, got an int64 tensor [1, 6]"),
            ({"how": "text"}, ok, "MODEL", "the step's scores: want a tensor [1, vocabulary], got a string"),
            ({"how": "attention nil", "attention": True}, ok, "MODEL", "the step's attention: want a tensor [1, sources], got nil"),
            ({"how": "attention nan", "attention": True}, ok, "MODEL", "the step's attention has NaN in row 0"),
            ({"how": "attention inf", "attention": True}, ok, "MODEL", "the step's attention has an infinity in row 0"),
        ]
        body = """
  local how, calls = options.how, 0
  options.how = nil
  if how == "shrinks" or how == "short" or (how or ""):find("^loses") then options.state = { h = torch.zeros({ 3 }) } end
  if how == "on_step throws" then options.on_step = function() error("on_step throws") end end
  if how == "on_step nan" then options.on_step = function(p) p:fill_(0 / 0) end end
  if how == "on_step nothing" then options.on_step = function(p) p:fill_(-math.huge) end end
  if how == "on_step nothing later" then
    options.on_step = function(p, at) if at.t == 2 then p:fill_(-math.huge) else p:select(1, 5):fill_(-math.huge) end end
  end
  local plain = step
  step = function(tokens, all)
    calls = calls + 1
    if how == "anything" then return scores:narrow(0, 0, 1) end
    local given = plain(tokens)
    if how == "vector" then return given[0] end
    if how == "rows" then return torch.cat({ given, given }) end
    if how == "nothing" then return end
    if how == "throws" then error("the step throws") end
    if how == "short" then return given, { h = torch.zeros({ 0, 3 }) } end
    if how == "loses a row" then return given, { h = calls > 1 and all.h:narrow(0, 0, 3) or all.h } end
    if how == "loses its rows" then return given, { h = calls > 1 and torch.tensor(1) or all.h } end
    if how == "narrows" and calls > 1 then return given:narrow(1, 0, 5) end
    if how == "integers" then return given:to("int64") end
    if how == "text" then return "x" end
    if how == "attention nil" then return given, nil end
    if how == "attention nan" then return given, torch.zeros({ tokens:size(0), 2 }):fill_(0 / 0) end
    if how == "attention inf" then return given, torch.zeros({ tokens:size(0), 2 }):fill_(math.huge) end
    return given
  end
"""
        given = [{"search": "beam_search", "scores": s, "options": {**good, **o}} for o, s, _, _ in cases]
        wide = {"constrain": {"regex": "b+"}, "stop": "bb", "tokenizer": ["", "a", "b", "", "", "", "", ""]}  # more control tokens than scores
        given += [{"search": "beam_search", "scores": ok, "options": o} for o in (good, {**good, **wide})]
        answers = self.run_cases(self.table(body), given)
        self.assertEqual(len(answers), len(given))
        self.assertNotIn("error", answers[-2])
        self.assertEqual(answers[-1][0]["tokens"], [2])
        for (options, _, code, text), answer in zip(cases, answers):
            self.assertIn("error", answer, options)
            self.assertEqual(answer["error"]["code"], code, (options, answer))
            self.assertIn(text, answer["error"]["message"], options)

    def test_wrong_arguments_are_named(self):
        calls = [
            ("decode.greedy(torch.rand(3), { bos = 0 })", "decode.greedy: step: want Callable"),
            ("decode.greedy(function() end, 5)", "decode.greedy: options: want a table, got a number"),
            ("decode.topk('x', 5, {})", "decode.topk: scores: want Tensor, got a string"),
            ("decode.topk(nil, 5, {})", "decode.topk: scores: is missing"),
            ("decode.topk(torch.rand(3), 2, 5)", "decode.topk: labels: want a list of texts, got a number"),
            ("decode.topk(torch.rand(3), 2, 'abc')", "decode.topk: labels: want a list of texts, got a string"),
            ("decode.topk(torch.rand(3):to('float16'), 2)", "scores: want float32, float64 or int64, got a float16 tensor [3]"),
            ("decode.nms(torch.rand(3, 4):to('int64'), torch.rand(3), 0.5)", "boxes: want float32 or float64, got an int64 tensor [3, 4]"),
            ("decode.nms(torch.rand(3, 4), torch.rand(3), 0 / 0)", "decode.nms: iou: want a number, got NaN"),
            ("decode.nms(torch.rand(3, 4), torch.rand(3), 45)", "decode.nms: iou: want a share, at most 1, got 45"),
            ("decode.nms(torch.rand(1, 4), torch.rand(1), 0.5, { classes = torch.rand(1):to('bfloat16') })", "classes: want integers, got a bfloat16"),
            ("decode.constraint()", "decode.constraint: want a table, {regex = … or choices = …, tokenizer = …}, got nil"),
            ("decode.constraint('a')", "got a string"),
            ("decode.constraint({ regex = 'a', tokenizer = torch.rand(3) })", "text, as bundle.lines \"NAME\", got a tensor"),
            ("decode.constraint({ regex = 'a', tokenizer = require('text').regex('a') })", "text, as bundle.lines \"NAME\", got a text.Regex"),
            ("decode.word_times({ 'a', 'b' }, torch.rand(1), torch.rand(2))", "first: want a place for each piece, [2], got [1]"),
            ("decode.word_times({ 'a' }, torch.rand(1), { 1 })", "decode.word_times: last: want a tensor, got a table"),
            ("decode.word_times({ 'a' })", "decode.word_times: first: want a tensor, got nil"),
            ("decode.word_times({ 'a', 2 }, torch.rand(2), torch.rand(2))", "decode.word_times: pieces[2]: want a text, got a number"),
            ("decode.word_times(nil)", "decode.word_times: pieces: want a list of texts, got nil"),
            ("decode.word_times({}, torch.rand(0), torch.rand(0), 5)", "decode.word_times: mark: want a text, got a number"),
            ("decode.sample(function() end, { bos = 0, temperature = 0 })", "temperature: want a number above 0 (without chance: decode.greedy), got 0"),
        ]
        body = ", ".join(f"function() return {call} end" for call, _ in calls)
        folder = self.bundle("json", preprocess=f"""
local decode, torch = require "decode", require "torch"
local calls = {{ {body} }}
return function(i) return calls[i]() end
""")
        for (call, text), answer in zip(calls, self.run_cases(folder, list(range(1, len(calls) + 1)))):
            self.assertIn(text, answer["error"]["message"], call)

    def test_loops_end(self):
        for body in ("options.on_step = function() while true do end end", "step = function() while true do end end",
                     "options.on_token = function() while true do end end"):
            case = {"search": "greedy", "scores": [[0.0, 1.0]] * 2, "options": {"bos": 0, "max_new": 2}}
            (answer,) = self.run_cases(self.table(body), [case], "--timeout", "1")
            self.assertEqual(answer["error"]["code"], "TIMEOUT", body)

    def test_drawing_is_ended_within_a_step(self):
        body = """
  local wide = torch.rand(1, 200000)
  step = function(tokens) return wide:expand({ tokens:size(0), 200000 }) end
"""
        case = {"search": "sample", "scores": [[0.0]], "options": {"bos": 0, "max_new": 3, "n_best": 500, "top_p": 0.999}}
        folder, begin = self.table(body), time.monotonic()
        (answer,) = self.run_cases(folder, [case], "--timeout", "1", "--memory", "8G")
        self.assertEqual(answer["error"]["code"], "TIMEOUT")
        self.assertLess(time.monotonic() - begin, 20)  # the 500 draws of a step alone take longer

    def test_what_hypotheses_hold_is_charged(self):
        body = """
  local attention = torch.rand(1, 20000)
  local plain = step
  step = function(tokens)
    if not options.attention then return plain(tokens) end
    return plain(tokens), attention:expand({ tokens:size(0), 20000 })
  end
"""
        scores = [[0.1 * i for i in range(200)]] * 200
        cases = [{"search": "beam_search", "scores": scores, "options": {"bos": 0, "max_new": 40, "beam": 400, **more}}
                 for more in ({"attention": True}, {"alternatives": 1000}, {})]
        attention, alternatives, plain = self.run_cases(self.table(body), cases, "--memory", "100M")
        self.assertEqual(attention["error"]["code"], "QUOTA")
        self.assertEqual(alternatives["error"]["code"], "QUOTA")
        self.assertEqual(len(plain[0]["tokens"]), 40)

    def test_scores_of_past_steps_are_charged_no_more(self):
        body = """
  local wide = torch.rand(1, 100000):to(x.dtype)
  step = function() return wide end
"""
        cases = [{"search": "greedy", "scores": [[0.0]], "dtype": dtype, "options": {"bos": 0, "max_new": 300}}
                 for dtype in ("float16", "bfloat16", "float64")]
        for case, answer in zip(cases, self.run_cases(self.table(body), cases, "--memory", "50M")):
            self.assertNotIn("error", answer, case["dtype"])

    def test_what_needs_too_much_memory_is_refused(self):
        body = "step = function(tokens) return torch.zeros({ tokens:size(0), 100000 }) end"
        case = {"search": "beam_search", "scores": [[0.0]], "options": {"bos": 0, "max_new": 1048576, "beam": 1024}}
        (answer,) = self.run_cases(self.table(body), [case], "--memory", "1G")
        self.assertEqual(answer["error"]["code"], "QUOTA")


if __name__ == "__main__":
    unittest.main()
