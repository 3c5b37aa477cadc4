"""gmatch, gsub and split against Python's re: which matches there are, also where an empty one stands beside one that is not.
Random patterns of what both read alike; REGEX_FUZZ: how many."""
import json
import os
import pathlib
import random
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(os.environ["MRUN_SOURCE"]) / "tests/command"))
from command import Case  # noqa: E402

COUNT = int(os.environ.get("REGEX_FUZZ", "4000"))
ATOMS = ["a", "b", "é", "的", "👍", ".", "[ab]", "[^a]", "[é的]", r"\w", r"\d", r"\s", r"\b", r"\B", "^", "$", "", "(?=a)", "(?!a)", "(?<=b)", "(?<!é)"]
COUNTS = ["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,2}?"]
COUNTABLE = set(ATOMS[:12])
SCRIPT = r"""
local text = require "text"
local function all(re, s, limit)
  local matches = {}
  for m in re:gmatch(s) do matches[#matches + 1] = m end
  local changed, n = re:gsub(s, "<%0>")
  local some, k = re:gsub(s, "-", limit)
  local called, c = re:gsub(s, function(m) return "<" .. m .. ">" end, limit)
  return {matches = matches, sub = {changed, n}, some = {some, k}, called = {called, c}, split = re:split(s), limited = re:split(s, limit)}
end
return function(input)
  local out = {}
  for i, case in ipairs(input) do
    local re = text.regex(case.pattern)
    out[i] = {}
    for j, s in ipairs(case.texts) do out[i][j] = all(re, s, case.limit) end
  end
  return out
end"""


class Cases:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pattern(self, depth=2):
        return "|".join(self.row(depth) for _ in range(self.random.choice([1, 1, 2, 3])))

    def row(self, depth):
        return "".join(self.atom(depth) for _ in range(self.random.choice([0, 1, 1, 2, 3])))

    def atom(self, depth):
        if depth and self.random.random() < 0.25:
            # What repeats takes a character each time: an empty turn of a loop ends it here and there in different ways.
            inside = self.pattern(depth - 1)
            return f"(?:{inside})" + ("" if re.compile(inside).search("") or re.match(inside, "a") else self.random.choice(COUNTS[:8]))
        atom = self.random.choice(ATOMS)
        return atom + (self.random.choice(COUNTS) if atom in COUNTABLE else "")

    def text(self):
        return "".join(self.random.choice("aabbé的👍1 \n") for _ in range(self.random.choice([0, 1, 2, 3, 5, 8])))

    def case(self):
        return {"pattern": self.pattern(), "texts": [self.text() for _ in range(4)], "limit": self.random.randint(0, 3)}


def expected(pattern, s, limit):
    def first(replace, with_):  # Python's count of 0 is all
        return list(re.subn(pattern, with_, s, count=limit) if limit else (s, 0))
    return {"matches": [m[0] for m in re.finditer(pattern, s)], "sub": list(re.subn(pattern, r"<\g<0>>", s)), "some": first(re, "-"),
            "called": first(re, r"<\g<0>>"), "split": re.split(pattern, s), "limited": re.split(pattern, s, maxsplit=limit) if limit else [s]}


class RegexPython(Case):
    def test_random_patterns(self):
        made = Cases(int(os.environ.get("REGEX_SEED", "23")))
        cases = [made.case() for _ in range(COUNT)]
        request = self.dir / "cases.json"
        request.write_text(json.dumps(cases))
        answers = self.answers(self.bundle(kind="json", preprocess=SCRIPT), "--timeout", "100", f"@{request}")[0]
        empty = 0
        for case, ours in zip(cases, answers, strict=True):
            for text, got in zip(case["texts"], ours, strict=True):
                if not text and r"\B" in case["pattern"]:  # which Python before 3.14 did not find in an empty text
                    continue
                with self.subTest(pattern=case["pattern"], text=text, limit=case["limit"]):
                    want = expected(case["pattern"], text, case["limit"])
                    empty += "" in want["matches"]
                    self.assertEqual(got, want)
        self.assertGreater(empty, COUNT)


if __name__ == "__main__":
    unittest.main()
