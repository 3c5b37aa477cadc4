"""CTC, Viterbi, time warping and edit distance against NumPy, by definition or by trying everything; through the command."""
import itertools
import json
import math
import random
import sys
import unittest

import numpy

sys.path.insert(0, __file__.rsplit("/plugins/", 1)[0] + "/tests/command")
from command import Case, mrun  # noqa: E402

CALL = """
local decode, torch = require "decode", require "torch"
local function numbers(values)  -- "-inf" and "nan" too: JSON has none
  if type(values) == "string" then return tonumber(values) end
  if type(values) ~= "table" then return values end
  local out = {}
  for i, value in ipairs(values) do out[i] = numbers(value) end
  return out
end
local function tensor(values) return torch.tensor(numbers(values), { dtype = "float64" }) end
return function(x)
  local options = {}
  for key, value in pairs(x.options or {}) do options[key] = type(value) == "string" and numbers(value) or value end
  if options.ngrams and options.ngrams.b == "nan" then options.ngrams = { b = 0 / 0 } end
  local function with(f, ...)  -- an empty table is no options
    local args = { ... }
    if next(options) ~= nil then args[#args + 1] = options end
    return f(unpack(args))
  end
  if x.call == "viterbi" then
    if options.start then options.start = tensor(options.start) end
    if options.stop then options.stop = tensor(options.stop) end
    local path, score = with(decode.viterbi, tensor(x.scores), tensor(x.transitions))
    return { path = path, score = score }
  elseif x.call == "dtw" then
    local rows, columns = decode.dtw(tensor(x.scores))
    local first, last = decode.attention_times(-tensor(x.scores))
    return { rows = rows, columns = columns, first = first, last = last }
  elseif x.call == "edit_distance" then
    local distance, edits = decode.edit_distance(x.a, x.b)
    edits.distance = distance
    return edits
  elseif x.call == "ctc_align" then
    return with(decode.ctc_align, tensor(x.scores), x.tokens)
  end
  local scores = tensor(x.scores)
  return with(decode[x.call], scores:masked_fill(scores:lt(-1e30), -math.huge))  -- JSON has no infinity
end
"""


def log_softmax(scores):
    scores = numpy.asarray(scores)
    return scores - numpy.log(numpy.exp(scores).sum(-1, keepdims=True))


def collapsed(path, blank):
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def spans(path, blank):
    """First and last frame of each token of a path."""
    at, out = 0, []
    for label, group in itertools.groupby(path):
        n = len(list(group))
        if label != blank:
            out.append((at, at + n - 1))
        at += n
    return out


def every_path(p):
    """Each path of labels with its log-probability."""
    frames, labels = p.shape
    for path in itertools.product(range(labels), repeat=frames):
        yield path, sum(p[t, label] for t, label in enumerate(path))


def transcripts(p, blank):
    totals = {}
    for path, score in every_path(p):
        key = collapsed(path, blank)
        totals[key] = totals.get(key, 0.0) + math.exp(score)
    return {key: math.log(value) for key, value in totals.items() if value > 0}


def word_score(words, o):
    total = 0.0
    for i, word in enumerate(words):
        backed = 0.0
        for n in range(min(i, 2), -1, -1):
            context = words[i - n:i]
            key = " ".join([*context, word])
            if key in o["ngrams"]:
                backed += o["ngrams"][key]
                break
            backed += o["backoffs"].get(" ".join(context), 0.0) if n else o["unknown"]
        total += o["lm_weight"] * backed + o["word_bonus"]
    return total


class Sequences(Case):
    def ask(self, cases):
        folder = self.bundle("json", preprocess=CALL)
        path = self.dir / "cases.jsonl"
        path.write_text("".join(json.dumps(c) + "\n" for c in cases))
        answers = [json.loads(line) for line in mrun(folder, "--jsonl", path, "--isolation", "none").stdout.splitlines()]
        self.assertEqual(len(answers), len(cases))
        return answers

    def scores(self, rng, frames, labels):
        return [[rng.gauss(0, 2) for _ in range(labels)] for _ in range(frames)]

    def test_ctc_greedy(self):
        rng = random.Random(1)
        cases = []
        for _ in range(60):
            labels = rng.randint(2, 6)
            cases.append({"call": "ctc_greedy", "scores": self.scores(rng, rng.randint(1, 12), labels),
                          "options": {"blank": rng.randrange(labels)}})
        for case, got in zip(cases, self.ask(cases)):
            p, blank = log_softmax(case["scores"]), case["options"]["blank"]
            path = p.argmax(-1).tolist()
            self.assertEqual(tuple(got["tokens"]), collapsed(path, blank))
            self.assertEqual(list(zip(got["first"], got["last"])), spans(path, blank))
            self.assertAlmostEqual(got["score"], p.max(-1).sum(), places=4)

    def test_ctc_beam_with_room_for_all_is_the_sum_over_all_paths(self):
        rng = random.Random(2)
        cases = []
        for _ in range(40):
            labels = rng.randint(2, 3)
            cases.append({"call": "ctc_beam", "scores": self.scores(rng, rng.randint(1, 6), labels),
                          "options": {"blank": rng.randrange(labels), "beam": 1000, "n_best": 5}})
        for case, got in zip(cases, self.ask(cases)):
            all_of = transcripts(log_softmax(case["scores"]), case["options"]["blank"])
            best = sorted(all_of.items(), key=lambda kv: -kv[1])[:5]
            self.assertEqual([tuple(h["tokens"]) for h in got], [k for k, _ in best], case)
            numpy.testing.assert_allclose([h["score"] for h in got], [v for _, v in best], atol=1e-4)

    def test_ctc_beam_leaves_out_what_is_impossible(self):
        rng = random.Random(9)
        cases = []
        for _ in range(40):
            scores = self.scores(rng, rng.randint(1, 5), 3)
            for frame in scores:
                for label in rng.sample(range(3), rng.randint(0, 2)):
                    frame[label] = -1e31
            cases.append({"call": "ctc_beam", "scores": scores, "options": {"beam": 500, "n_best": 500}})
        for case, answer in zip(cases, self.ask(cases)):
            want = transcripts(log_softmax(case["scores"]), 0)
            self.assertEqual({tuple(h["tokens"]) for h in answer}, set(want))
            for h in answer:
                self.assertAlmostEqual(h["score"], want[tuple(h["tokens"])], places=5)

    def test_ctc_beam_with_words_and_ngrams(self):
        rng = random.Random(3)
        cases = []
        for i in range(80):
            # Separators that are labels, or parts of labels as sentencepiece has them.
            labels = rng.choice([["", "▁a", "b", "a"], ["", "▁b", "▁", "a"], ["", "b▁a", "▁▁", "a▁"]]) if i % 2 else ["", "a", "b", " "]
            words = rng.choice([[], ["a", "ab"], ["ba", "b", "aa"]])
            ngrams = {w: rng.gauss(-1, 1) for w in ["a", "ab", "b", "a a", "b a", "ab b a"] if rng.random() < 0.7}
            options = {"labels": labels, "separator": "▁" if i % 2 else " ", "words": words, "ngrams": ngrams, "backoffs": {"a": -0.3, "ab b": -0.7},
                       "lm_weight": rng.choice([0.5, 1.0]), "word_bonus": rng.choice([0.0, 0.7]), "unknown": -3.0, "beam": 2000,
                       "n_best": 3}
            cases.append({"call": "ctc_beam", "scores": self.scores(rng, rng.randint(2, 6), 4), "options": options})
        for case, got in zip(cases, self.ask(cases)):
            o = case["options"]
            ranked = []
            for tokens, score in transcripts(log_softmax(case["scores"]), 0).items():
                text = "".join(o["labels"][t] for t in tokens).replace("▁", " ")
                words = [w for w in text.split(" ") if w]
                leading = text.startswith(" ") and not any(len(label) > 1 and label[0] == "▁" != label[1] for label in o["labels"])
                if o["words"] and (any(w not in o["words"] for w in words) or leading or "  " in text):
                    continue
                if o["ngrams"]:
                    score += word_score(words, o)
                else:
                    score += o["word_bonus"] * len(words)
                ranked.append((score, tokens))
            ranked.sort(key=lambda r: -r[0])
            self.assertEqual([tuple(h["tokens"]) for h in got], [t for _, t in ranked[:3]], case)
            numpy.testing.assert_allclose([h["score"] for h in got], [s for s, _ in ranked[:3]], atol=1e-4)

    def test_ctc_beam_backs_off_from_histories_longer_than_any_ngram(self):
        scores = [[0, 50, 0, 0], [0, 0, 0, 50], [0, 0, 50, 0], [0, 0, 0, 50], [0, 50, 0, 0]]  # "a b a"
        options = {"labels": ["", "a", "b", " "], "ngrams": {"a": -1.0, "b": -2.0}, "backoffs": {"a": -0.25, "a b": -4.0}, "lm_weight": 1.0}
        ((best, *_),) = self.ask([{"call": "ctc_beam", "scores": scores, "options": options}])
        self.assertEqual(best["tokens"], [1, 3, 2, 3, 1])
        self.assertAlmostEqual(best["score"], -1.0 + (-0.25 - 2.0) + (-4.0 - 1.0), places=4)

    def test_ctc_align_is_the_best_of_all_paths(self):
        rng = random.Random(4)
        cases, wanted = [], []
        for _ in range(40):
            labels = rng.randint(2, 3)
            scores, blank = self.scores(rng, rng.randint(2, 6), labels), rng.randrange(labels)
            best = {}
            for path, score in every_path(log_softmax(scores)):
                key = collapsed(path, blank)
                best[key] = max(best.get(key, (-math.inf,)), (score, path))
            tokens = rng.choice(sorted(k for k in best if k))
            cases.append({"call": "ctc_align", "scores": scores, "tokens": list(tokens), "options": {"blank": blank}})
            wanted.append(best[tokens])
        for case, (score, path), got in zip(cases, wanted, self.ask(cases)):
            self.assertAlmostEqual(got["score"], score, places=4)
            self.assertEqual(list(zip(got["first"], got["last"])), spans(path, case["options"]["blank"]), case)

    def test_viterbi_is_the_best_of_all_paths(self):
        rng = random.Random(5)
        cases = []
        for _ in range(60):
            steps, states = rng.randint(1, 6), rng.randint(1, 4)
            options = {}
            for end in ("start", "stop"):
                if rng.random() < 0.5:
                    options[end] = [rng.gauss(0, 1) for _ in range(states)]
            cases.append({"call": "viterbi", "scores": self.scores(rng, steps, states), "transitions": self.scores(rng, states, states),
                          "options": options})
        for case, got in zip(cases, self.ask(cases)):
            e, t, o = case["scores"], case["transitions"], case["options"]
            states = len(t)

            def score(path):
                total = sum(e[i][s] for i, s in enumerate(path)) + sum(t[a][b] for a, b in zip(path, path[1:]))
                return total + o.get("start", [0] * states)[path[0]] + o.get("stop", [0] * states)[path[-1]]

            best = max(itertools.product(range(states), repeat=len(e)), key=score)
            self.assertEqual(tuple(got["path"]), best)
            self.assertAlmostEqual(got["score"], score(best), places=9)

    def test_dtw(self):
        rng = random.Random(6)
        cases = [{"call": "dtw", "scores": self.scores(rng, rng.randint(1, 7), rng.randint(1, 9))} for _ in range(40)]
        for case, got in zip(cases, self.ask(cases)):
            x = numpy.array(case["scores"])
            least = numpy.full((x.shape[0] + 1, x.shape[1] + 1), numpy.inf)
            least[0, 0] = 0
            for i, j in itertools.product(range(x.shape[0]), range(x.shape[1])):
                least[i + 1, j + 1] = x[i, j] + min(least[i, j], least[i, j + 1], least[i + 1, j])
            path = list(zip(got["rows"], got["columns"]))
            self.assertEqual((path[0], path[-1]), ((0, 0), (x.shape[0] - 1, x.shape[1] - 1)))
            for (i, j), (k, m) in zip(path, path[1:]):
                self.assertIn((k - i, m - j), {(0, 1), (1, 0), (1, 1)})
            self.assertAlmostEqual(sum(x[i, j] for i, j in path), least[-1, -1], places=9)
            for row in range(x.shape[0]):
                self.assertEqual((got["first"][row], got["last"][row]),
                                 (min(j for i, j in path if i == row), max(j for i, j in path if i == row)))

    def test_edit_distance(self):
        rng = random.Random(7)
        units = {"text": lambda: "".join(rng.choice("abé你") for _ in range(rng.randint(0, 8))),
                 "words": lambda: [rng.choice(["x", "yy", "z"]) for _ in range(rng.randint(1, 8))],
                 "numbers": lambda: [rng.randrange(3) for _ in range(rng.randint(1, 8))]}
        cases = [{"call": "edit_distance", "a": make(), "b": make()} for make in units.values() for _ in range(40)]
        for case, got in zip(cases, self.ask(cases)):
            a, b = case["a"], case["b"]
            table = numpy.zeros((len(a) + 1, len(b) + 1), int)
            table[:, 0], table[0, :] = range(len(a) + 1), range(len(b) + 1)
            for i, j in itertools.product(range(len(a)), range(len(b))):
                table[i + 1, j + 1] = min(table[i, j] + (a[i] != b[j]), table[i, j + 1] + 1, table[i + 1, j] + 1)
            self.assertEqual(got["distance"], table[-1, -1], case)
            self.assertEqual(got["substitutions"] + got["insertions"] + got["deletions"], got["distance"])
            self.assertEqual(got["insertions"] - got["deletions"], len(b) - len(a))

    def test_words_and_their_places(self):
        folder = self.bundle("json", preprocess="""
local decode, torch = require "decode", require "torch"
return function(x)
  local at = torch.tensor(x.at, { dtype = "int64" })
  return decode.word_times(x.pieces, at, at + 1)
end
""")
        answer = self.answer(folder, json.dumps({"pieces": ["▁a", "b", "▁", "c", "d", "▁e", "▁", "▁", "f"],
                                                 "at": [0, 2, 4, 6, 8, 10, 12, 14, 16]}),
                             "--isolation", "none")
        self.assertEqual(answer, [{"word": "ab", "first": 0, "last": 3}, {"word": "cd", "first": 6, "last": 9},
                                  {"word": "e", "first": 10, "last": 11}, {"word": "f", "first": 16, "last": 17}])

    def test_ctc_beam_leaves_out_words_of_no_probability(self):
        labels = ["", "a", "b", " "]
        case = {"call": "ctc_beam", "scores": [[0.0, 3.0, 1.0, -9.0]] * 4,
                "options": {"labels": labels, "ngrams": {"b": -1.0}, "unknown": "-inf", "beam": 100, "n_best": 50}}
        (answer,) = self.ask([case])
        self.assertGreater(len(answer), 0)
        for h in answer:
            self.assertTrue(set("".join(labels[t] for t in h["tokens"]).split()) <= {"b"}, h)

    def test_dtw_of_sums_that_overflow_keeps_to_the_corners(self):
        (answer,) = self.ask([{"call": "dtw", "scores": [[1e308] * 5] * 3}])
        path = list(zip(answer["rows"], answer["columns"]))
        self.assertEqual((path[0], path[-1]), ((0, 0), (2, 4)))
        for (i, j), (k, m) in zip(path, path[1:]):
            self.assertIn((k - i, m - j), {(0, 1), (1, 0), (1, 1)})

    def test_viterbi_passes_by_what_is_impossible(self):
        (answer,) = self.ask([{"call": "viterbi", "scores": [["-inf", 0.0], [0.0, -5.0]], "transitions": [[0.0, 0.0], ["-inf", 0.0]]}])
        self.assertEqual((answer["path"], answer["score"]), ([1, 1], -5.0))

    def test_bad_input_is_named(self):
        ok = [[0.0, 1.0], [1.0, 0.0]]
        cases = [({"call": "ctc_greedy", "scores": ok, "options": {"blank": 2}}, "blank: want 0 to 1, got 2"),
                 ({"call": "ctc_greedy", "scores": [1.0]}, "[frames, labels]"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"beam": 0}}, "beam: want 1 to 4096, got 0"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"beam": 3, "n_best": 4}}, "n_best: want 1 to beam (3), got 4"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"labels": ["", "a"], "words": ["a", "a a"]}}, 'words: "a a" has the separator in it'),
                 ({"call": "ctc_beam", "scores": ok, "options": {"words": ["a"]}}, "labels: words and ngrams need"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"labels": ["a"]}}, "labels: want 2"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"labels": ["", "a"], "words": [f"{i * 2654435761 % 2**40:012x}" for i in range(30000)]}},
                  "ctc_beam: words: more than 200,000 bytes of text"),
                 ({"call": "ctc_align", "scores": ok, "tokens": [1, 1]}, "they need 3 frames, there are 2"),
                 ({"call": "ctc_align", "scores": ok, "tokens": [0]}, "the blank or no label"),
                 ({"call": "viterbi", "scores": ok, "transitions": [[1.0]]}, "transitions: want [2, 2], got [1, 1]"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"labels": ["", " "], "word_bonus": "nan"}}, "word_bonus: want a finite number, got NaN"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"labels": ["", " "], "lm_weight": "inf"}}, "lm_weight: want a finite number, got an infinity"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"labels": ["", " "], "unknown": "inf"}}, "unknown: want a number or -inf, got inf"),
                 ({"call": "ctc_beam", "scores": ok, "options": {"labels": ["", " "], "ngrams": {"b": "nan"}}}, 'ngrams["b"]: want a number or -inf, got NaN'),
                 ({"call": "viterbi", "scores": [["inf", 0.0]], "transitions": ok}, "emissions: want numbers or -inf, got inf"),
                 ({"call": "viterbi", "scores": ok, "transitions": [["nan", 0.0], [0.0, 0.0]]}, "transitions: want numbers or -inf, got NaN"),
                 ({"call": "viterbi", "scores": [["-inf", "-inf"]], "transitions": ok}, "no path is possible"),
                 ({"call": "edit_distance", "a": ["x"], "b": [0]}, "b: want what a is, a list of texts, got integers"),
                 ({"call": "edit_distance", "a": [0], "b": ["x"]}, "b: want what a is, integers, got a list of texts"),
                 ({"call": "edit_distance", "a": "x"}, "b: want what a is, a text, got nil"),
                 ({"call": "edit_distance", "a": [1.5], "b": [1]}, "a: want a list of integers, or a tensor of them, got a list with a number in it"),
                 ({"call": "edit_distance", "a": "x", "b": [1]}, "b: want what a is, a text, got integers")]
        for (case, text), answer in zip(cases, self.ask([c for c, _ in cases])):
            self.assertIn(text, answer["error"]["message"])
            self.assertEqual(answer["error"]["code"], "ARGUMENT")


if __name__ == "__main__":
    unittest.main()
