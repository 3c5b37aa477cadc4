"""Random patterns, valid or not, through text.regex and through the machine's PCRE2: whether they can be read, and every
match with its groups. Only what all versions of PCRE2 from 10.42 on read alike: all of it with 10.42 itself. REGEX_FUZZ: how many."""
import ctypes
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
TEXTS = ["abcab ABC a1_2 b\n\tc-d éÉ σΣς ssſK kK", "", "aaa bbb\r\naab]^-\\[x]{2}(a) .*+?|", "d d1\u00a0x\u2028ee 👍🏽 12"]

IN_CLASS = r"""a b c A - a-c a-z 0-9 A-\x{43} \d \w \s \h \W \S \D \H \v \V \b [:alpha:] [:^digit:] [:word:] [:alnum:] [:ascii:]
  [:blank:] [:cntrl:] [:digit:] [:graph:] [:print:] [:punct:] [:space:] [:xdigit:] [:none:] [:<:] [:a\]b:] \] \- \\ \pL \p{^L} é σ && [
  ^ \Q]\E \Qa-z\E \Q-\E a\E-\Ez a-\Qz\E \E \x41 \x{e9} \x{} \101 \n \B \R \X \N \K \z \g \k \1 \8 \9 \c[ \e \u \L \y \_ . $ a-\d \d-z
  \h-a a-[:alpha:] [:space:]-a [.a.] [=a=] z-a --a \x{d800} \x{110000} \o{101} \o{9} \N{U+41} # \0 \07 \xg""".split() + [" ", "\\ "]
ATOMS = r"""\d \w \s \h \v \D \W \S \H \V \R \N \X \pL \p{L} \P{L} \x41 \x{e9} \101 \n \t \e \cA \Qa.b\E \Q \E \p{sc:Greek} \p{sc:Latin}
  \p{Any} \p{Xan} \p{none} \o{101} \x \x{ \N{U+61} \N{2} \c \_ \- \é \u \U \L \l \y \i \j \m \q \T \Y \I \O \F \cé ^ $ \b \B \A \z \Z
  \G \K [[:<:]] [[:>:]] [:alpha:] [=a=] \1 \2 \g1 \g{1} \g{-1} \g{n} \k<n> \k'n' \k{n} (?P=n) (?P>n) (?&n) (?1) (?+1) (?-1) \g<1> \g'n'
  \10 \0 \11 \81 \8 (?i) (?x) (?-i) (?) (?U) (?n) (?^) (? (?i { } {1} {2 {a} ] * + ? ) {1,2 {65536} {3,2}""".split()
GROUPS = r"""( ( ( (?: (?: (?= (?! (?<= (?<! (?> (?| (?<n> (?P<m> (?'k' (?i: (?s: (?m: (?x: (?-i: (?^: (?^i: (?^mn: (?xx: (?J) (?n: (?U:
  (?im-s: (?# (?(1) (?(<n>) (?(R) (?(?=a) (?(DEFINE) (*pla: (*nla: (*plb: (*atomic: (*napla: (?* (?<* (*F) (*ACCEPT) (*COMMIT) (*PRUNE)
  (*SKIP) (*THEN) (?a: (? (?< (?P (* (?i""".split()
# What later versions read in another way: (?a) and \k in a class are taken, {,2} counts, a hyphen before \E] is one, \x wants digits.
SINCE_10_42 = re.compile(r"\(\?a|\\k|\{,|-(\\E)+\]|\\x(?![0-9A-Fa-f{])")
COUNTS = [""] * 8 + r"* + ? {2} {1,2} {0} {1,} *? +? ?? *+ ++ ?+ {2}+ {1,2}? ** +* {2}{3}".split()


class Patterns:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self):
        p = self.random.choice(["", "", "", "(?i)", "(?x)", "(?s)", "(?m)", "(?xx)", "(?U)"]) + self.either(2)
        if p and self.random.random() < 0.15:
            at = self.random.randrange(len(p))
            p = p[:at] + self.random.choice(["", "\\", "(", "[", ")", "]", "?", "{"]) + p[at + self.random.randint(0, 1):]
        return p

    def either(self, depth):
        return "|".join(self.row(depth) for _ in range(1 if self.random.random() < 0.75 else 2))

    def row(self, depth):
        items = range(self.random.randint(self.random.random() > 0.1, 4))
        return "".join(self.atom(depth) + self.random.choice(COUNTS) for _ in items)

    def atom(self, depth):
        kind = self.random.random()
        if kind < 0.35:
            return self.random.choice(["a", "b", "c", "ab", "A", "é", "σ", "ſ", "K", "1", "_", " ", "-", "x", "\\.", "."])
        if kind < 0.6:
            return self.random.choice(ATOMS)
        if kind < 0.78 or depth == 0:
            inside = "".join(self.random.choice(IN_CLASS) for _ in range(self.random.randint(0, 4)))
            return "[" + self.random.choice(["", "", "^"]) + self.random.choice([""] * 9 + ["]"]) + inside + "]"
        return self.random.choice(GROUPS) + self.either(depth - 1) + self.random.choice([")"] * 30 + [""])


class Pcre2:
    UTF, UCP, NO_AUTO_POSSESS, NEVER_BACKSLASH_C = 0x80000, 0x20000, 0x4000, 0x100000

    def __init__(self):
        self.lib = ctypes.CDLL("libpcre2-8.so.0")
        self.call("pcre2_set_newline_8", compiling := self.make("pcre2_compile_context_create_8", None), 2)
        self.call("pcre2_set_parens_nest_limit_8", compiling, 200)
        self.call("pcre2_set_match_limit_8", matching := self.make("pcre2_match_context_create_8", None), 2_000_000)
        self.call("pcre2_set_heap_limit_8", matching, 20_000)
        self.compiling, self.matching = compiling, matching
        self.call("pcre2_config_8", 11, version := ctypes.create_string_buffer(64))  # "10.42 2022-12-11"
        self.reads_as_10_42 = version.value.startswith(b"10.42 ")
        if not self.reads_as_10_42:
            self.call("pcre2_set_max_varlookbehind_8", compiling, 0)

    def call(self, name, *args):
        return getattr(self.lib, name)(*args)

    def make(self, name, *args):
        function = getattr(self.lib, name)
        function.restype = ctypes.c_void_p
        made = function(*args)
        return made and ctypes.c_void_p(made)

    def read(self, pattern):
        p, error, at = pattern.encode(), ctypes.c_int(), ctypes.c_size_t()
        options = self.UTF | self.UCP | self.NO_AUTO_POSSESS | self.NEVER_BACKSLASH_C
        return self.make("pcre2_compile_8", p, ctypes.c_size_t(len(p)), options, ctypes.byref(error), ctypes.byref(at), self.compiling)

    def matches(self, code, text):
        """[begin, end, group...] as Lua counts; None where a limit or PCRE2's own check ended it."""
        data, rows, at = self.make("pcre2_match_data_create_from_pattern_8", code, None), [], 0
        self.lib.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(ctypes.c_size_t)
        while at <= len(text) and len(rows) < 60:
            found = self.call("pcre2_match_8", code, text, ctypes.c_size_t(len(text)), ctypes.c_size_t(at), 0, data, self.matching)
            if found < 0:
                rows = rows if found == -1 else None
                break
            ends = self.call("pcre2_get_ovector_pointer_8", data)
            spans = [(ends[2 * i], ends[2 * i + 1]) for i in range(self.call("pcre2_get_ovector_count_8", data))]
            taken = [i < found and b < 2 ** 64 - 1 for i, (b, _) in enumerate(spans)]
            end = spans[0][1]
            begin = max(min(spans[0][0], end), at)
            rows.append([begin + 1, end] + [text[b:e].decode() if took else False for took, (b, e) in list(zip(taken, spans))[1:]])
            at = end if end > begin else end + 1
            while end == begin and at < len(text) and text[at] & 0xC0 == 0x80:
                at += 1
        self.call("pcre2_match_data_free_8", data)
        return rows


SCRIPT = r"""
local text = require "text"
local function matches(re, s)
  local rows, at = {}, 1
  while at <= #s + 1 and #rows < 60 do
    local row = {pcall(re.find, re, s, at)}
    if not row[1] then return {failed = true} end
    if not row[2] then break end
    table.remove(row, 1)
    if type(row[#row]) == "table" then row[#row] = nil end
    rows[#rows + 1] = row
    at = math.max(row[1], row[2]) + 1
    while row[2] < row[1] and at <= #s and s:byte(at) >= 128 and s:byte(at) < 192 do at = at + 1 end
  end
  return rows
end
return function(input)
  local out = {}
  for i, pattern in ipairs(input.patterns) do
    local ok, re = pcall(text.regex, pattern)
    out[i] = ok and {} or tostring(re)
    for j, s in ipairs(ok and input.texts or {}) do out[i][j] = matches(re, s) end
  end
  return out
end"""


class RegexFuzz(Case):
    def test_random_patterns(self):
        pcre, made, patterns = Pcre2(), Patterns(11), []
        while len(patterns) < COUNT:
            pattern = made.one()
            if not pcre.reads_as_10_42 and SINCE_10_42.search(pattern):
                continue
            if pcre.read(pattern) or len(patterns) % 4 == 0:  # most random patterns are none
                patterns.append(pattern)
        request = self.dir / "patterns.json"
        request.write_text(json.dumps({"patterns": patterns, "texts": TEXTS}))
        answers = self.answers(self.bundle(kind="json", preprocess=SCRIPT), "--timeout", "100", f"@{request}")[0]
        compared = 0
        for pattern, ours in zip(patterns, answers):
            code = pcre.read(pattern)
            with self.subTest(pattern=pattern):
                self.assertEqual(code is not None, not isinstance(ours, str), ours)
                for text, rows in zip(TEXTS, ours if code else []):
                    theirs = pcre.matches(code, text.encode())
                    if theirs is None or isinstance(rows, dict):
                        continue
                    self.assertEqual(rows, theirs, text)
                    compared += 1
        self.assertGreater(compared, COUNT)


if __name__ == "__main__":
    unittest.main()
