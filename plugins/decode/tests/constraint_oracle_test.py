"""Constraints against Python's re over every sequence of tokens, and what comes out of a search under them; through the command."""
import itertools
import json
import random
import re
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/plugins/", 1)[0] + "/tests/command")
from command import Case, mrun  # noqa: E402

ALPHABET = ["a", "b", "c", "0", "1", " ", "é", "你", "-", "\n"]
LONGEST = 4  # tokens

ALLOWED = """
local decode = require "decode"
return function(x)
  local made = decode.constraint({ regex = x.regex, choices = x.choices, tokenizer = x.pieces })
  local answers = {}
  for i, prefix in ipairs(x.prefixes) do
    answers[i] = { accepts = made:accepts(prefix), allowed = made:allowed(prefix, x.left - #prefix, #x.pieces) }
  end
  return answers
end
"""

def random_pattern(rng, depth=0):
    kind = rng.random()
    if depth > 3 or kind < 0.35:
        return re.escape(rng.choice(ALPHABET)) if rng.random() < 0.8 else rng.choice([".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S"])
    if kind < 0.45:
        inside = "".join(rng.choice(["a-c", "0-9", "é", "你", "\\d", "\\s", "b", "-"][: 7]) for _ in range(rng.randint(1, 3)))
        return f"[{rng.choice(['', '', '^'])}{inside}]"
    if kind < 0.7:
        return "".join(random_pattern(rng, depth + 1) for _ in range(rng.randint(1, 3)))
    if kind < 0.85:
        return "(" + rng.choice(["", "?:"]) + "|".join(random_pattern(rng, depth + 1) for _ in range(rng.randint(1, 3))) + ")"
    return f"(?:{random_pattern(rng, depth + 1)})" + rng.choice(["*", "+", "?", "{2}", "{1,}", "{0,2}", "{,3}", "{,}", "*?", "+?", "{1,2}?"])


def fitting(rng, pieces, matches):
    """All sequences of tokens whose text fits."""
    tokens = [t for t, p in enumerate(pieces) if p]
    return {s for n in range(LONGEST + 1) for s in itertools.product(tokens, repeat=n) if matches("".join(pieces[t] for t in s))}


class Constraints(Case):
    def checked(self, cases):
        folder = self.bundle("json", preprocess=ALLOWED)
        path = self.dir / "cases.jsonl"
        path.write_text("".join(json.dumps(c) + "\n" for c, _ in cases))
        lines = mrun(folder, "--jsonl", path).stdout.splitlines()
        self.assertEqual(len(lines), len(cases))
        none = 0
        for (given, fits), line in zip(cases, lines):
            answer = json.loads(line)
            if isinstance(answer, dict):
                self.assertRegex(answer["error"]["message"], "no pieces of the tokenizer", given)
                self.assertFalse(fits, given)
                none += 1
                continue
            self.assert_equal(given, fits, answer)
        self.assertLess(none, len(cases) / 3)

    def assert_equal(self, given, fits, answer):
        for prefix, got in zip(given["prefixes"], answer):
            n = len(prefix)
            wanted = sorted({s[n] for s in fits if len(s) > n and len(s) <= given["left"] and s[:n] == tuple(prefix)})
            alive = any(s[:n] == tuple(prefix) for s in fits)
            if alive:
                self.assertEqual(got["allowed"], wanted, (given, prefix))
            self.assertEqual(got["accepts"], tuple(prefix) in fits, (given, prefix))

    def prefixes(self, rng, pieces, fits):
        some = [list(rng.choice(sorted(fits))) for _ in range(3)] if fits else []
        cut = [p[: rng.randint(0, len(p))] for p in some]
        return [[], [rng.randrange(len(pieces))]] + cut

    def test_patterns_equal_to_re(self):
        rng, cases = random.Random(7), []
        while len(cases) < 1000:
            pattern = random_pattern(rng)
            pieces = ["".join(rng.choice(ALPHABET) for _ in range(rng.choice([1, 1, 1, 2, 3]))) for _ in range(rng.randint(3, 6))] + [""]
            compiled = re.compile(pattern, re.ASCII)
            fits = fitting(rng, pieces, compiled.fullmatch)
            if not fits and rng.random() < 0.8:
                continue
            cases.append(({"regex": pattern, "pieces": pieces, "prefixes": self.prefixes(rng, pieces, fits), "left": LONGEST}, fits))
        self.checked(cases)

    def test_choices_equal_to_a_list(self):
        rng, cases = random.Random(8), []
        for _ in range(300):
            pieces = ["".join(rng.choice(ALPHABET) for _ in range(rng.choice([1, 1, 2]))) for _ in range(5)] + [""]
            choices = ["".join(rng.choice(pieces) for _ in range(rng.randint(0, 4))) for _ in range(rng.randint(1, 5))]
            fits = fitting(rng, pieces, lambda text, c=frozenset(choices): text in c)
            cases.append(({"choices": choices, "pieces": pieces, "prefixes": self.prefixes(rng, pieces, fits), "left": LONGEST}, fits))
        self.checked(cases)

    def test_odd_patterns_mean_what_they_mean_to_re(self):
        pieces = ["", "a", "{", "}", "{2}", "2", "3", ",", "\0", "\7", "7", "\x3f", "8", "A", "x"]
        patterns = [r"{2}", r"a{2}{3}", r"a*{2}", r"(|{2})", r"a{1}?{3}", r"{,}", r"a{,}", r"a{x", r"{x", r"a{2}{x", r"a{,x}", r"a???", r"a?+",
                    r"\07", r"\077", r"[\07]", r"\08", r"\0", r"\077a", r"\0777"]
        texts = ["".join(t) for n in range(4) for t in itertools.product(pieces[1:], repeat=n)]
        texts += ["aa{3}", "aaaa", "aa{x", "a{,x}", "{}{x"]
        folder = self.bundle("json", preprocess="""
local decode = require "decode"
return function(x)
  local ok, made = pcall(decode.constraint, { regex = x.regex, tokenizer = x.pieces })
  return { ok = ok, message = ok and "" or tostring(made), accepts = ok and made:accepts(x.tokens) }
end
""")
        cases, wanted, tokens = [], [], {p: t for t, p in enumerate(pieces)}
        for pattern in patterns:
            try:
                compiled = re.compile(pattern, re.ASCII)
            except re.error:
                compiled = None
            if pattern == r"a?+":
                compiled = None  # possessive: not known here
            fits = [t for t in texts if compiled and compiled.fullmatch(t)][-3:]
            others = [t for t in texts if compiled and not compiled.fullmatch(t)][:40:3]
            for text in fits + others + ["aa{3}", "{2}", "\0007"]:
                cases.append({"regex": pattern, "pieces": pieces, "tokens": [tokens[c] for c in text]})
                wanted.append(compiled and bool(compiled.fullmatch(text)))
        cases.append({"regex": r"\x{" + "0" * 150 + "41}", "pieces": pieces, "tokens": [tokens["A"]]})
        wanted.append(True)
        path = self.dir / "cases.jsonl"
        path.write_text("".join(json.dumps(c) + "\n" for c in cases))
        for case, want, line in zip(cases, wanted, mrun(folder, "--jsonl", path, "--isolation", "none").stdout.splitlines()):
            answer = json.loads(line)
            if want is None:
                self.assertRegex(answer["message"], "second quantifier|nothing to repeat", case)
            else:
                self.assertEqual((answer["ok"], answer["accepts"]), (True, want), (case, answer))

    def test_nothing_follows_what_no_pieces_complete(self):
        case = {"regex": "abc|x", "pieces": ["a", "b", "abc", "x"], "prefixes": [[], [0], [0, 1], [2], [3]], "left": 5}
        folder = self.bundle("json", preprocess=ALLOWED)
        answer = self.answer(folder, json.dumps(case))
        self.assertEqual([a["allowed"] for a in answer], [[2, 3], [], [], [], []])
        self.assertEqual([a["accepts"] for a in answer], [False, False, False, True, True])

    def test_many_choices_in_falling_order(self):
        folder = self.bundle("json", preprocess="""
local decode = require "decode"
return function(count)
  local choices = {}
  for token = count, 1, -1 do choices[#choices + 1] = { token } end
  local made = decode.constraint({ choices = choices })
  return { made:accepts({ 1 }), made:accepts({ count }), made:accepts({ 0 }) }
end
""")
        answer = self.answer(folder, "400000", "--isolation", "none", "--timeout", "20")
        self.assertEqual(answer, [True, True, False])


if __name__ == "__main__":
    unittest.main()
