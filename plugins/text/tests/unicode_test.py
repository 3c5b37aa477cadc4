"""Normalization, cases and clusters against Python's and node's own tables, for the characters that all of them know; and in linear time."""
import json
import os
import random
import subprocess
import time
import unicodedata
import unittest

CLI = os.environ["TEXT_CLI"]
KNOWN = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs")]


def ours(operation, texts, kind="unicode"):
    lines = "".join(json.dumps(t) + "\n" for t in texts).encode()
    run = subprocess.run([CLI, kind, "-", operation], input=lines, capture_output=True, check=True)
    return [json.loads(line) for line in run.stdout.split(b"\n")[:-1]]


class Unicode(unittest.TestCase):
    def same(self, operation, texts, expected):
        wrong = [(ascii(t), ascii(o), ascii(e)) for t, o, e in zip(texts, ours(operation, texts), map(expected, texts), strict=True) if o != e]
        self.assertEqual(wrong[:5], [])

    def test_forms(self):
        draw = random.Random(1)
        moving = [c for c in KNOWN if unicodedata.decomposition(c)] + 3 * [c for c in KNOWN if unicodedata.combining(c)]
        moving += [chr(c) for c in (*range(0x1100, 0x1200), *range(0xac00, 0xad00))]
        mixed = ["".join(draw.choice(moving if draw.random() < 0.7 else KNOWN) for _ in range(draw.randint(2, 12))) for _ in range(20000)]
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            with self.subTest(form):
                self.same(form.lower(), KNOWN + mixed, lambda s, form=form: unicodedata.normalize(form, s))

    def test_cases(self):
        draw = random.Random(2)
        greek = ["".join(draw.choice("ΣΑσ' \u0301.aΑ") for _ in range(draw.randint(1, 9))) for _ in range(3000)]
        self.same("lower", KNOWN + greek, str.lower)
        self.same("fold", KNOWN, str.casefold)
        newer = {"\u019b": "\ua7dc", "\u0264": "\ua7cb"}  # of Unicode 16
        self.same("upper", KNOWN, lambda s: newer.get(s) or s.upper())
        self.assertEqual(ours("lower", ["\u1c89", "\U00010d50"]), ["\u1c8a", "\U00010d70"])

    def test_clusters(self):
        draw = random.Random(3)
        kinds = ["\r", "\n", "\x01", "a", "\u0301", "\u200d", "\ufe0f", "\U0001f1e9", "\u0600", "\u0903", "\u1100", "\u1161", "\u11a8", "가", "각", "\U0001f469",
                 "\U0001f3fd", "क", "\u094d", "\u093c", "ത", "\u0d4d", "的", "❤"]
        texts = ["".join(draw.choice(kinds) for _ in range(draw.randint(1, 8))) for _ in range(20000)]
        known = subprocess.run(["node", "-p", "process.versions.unicode"], capture_output=True, text=True, check=True).stdout
        if float(known) < 17:  # conjuncts held together by marks of class 0 came later
            texts = [t for t in texts if not (set(t) & {"\ufe0f", "\U0001f3fd"} and set(t) & {"\u094d", "\u0d4d"})]
        script = """const s = new Intl.Segmenter("en", {granularity: "grapheme"});
          for (const line of require("fs").readFileSync(0, "utf8").trim().split("\\n"))
            console.log(JSON.stringify(Array.from(s.segment(JSON.parse(line)), x => x.segment)));"""
        lines = "".join(json.dumps(t) + "\n" for t in texts)
        want = [json.loads(x) for x in subprocess.run(["node", "-e", script], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()]
        for got in (ours("graphemes", texts), [[m[0] for m in matches] for matches in ours(r"\X", texts, "regex")]):
            wrong = [(ascii(t), ascii(g), ascii(w)) for t, g, w in zip(texts, got, want, strict=True) if g != w]
            self.assertEqual(wrong[:5], [])

    def test_patterns(self):
        """As PCRE2 10.42 reads them, whatever is installed."""
        for pattern, text, want in (
                (r"\p{So}", "x🩷y", ["🩷"]), (r"\w+", "aé_1\u0301b", ["aé_1", "b"]), (r"\bé\w*", "xé été", ["été"]), (r"(?i)[à-ý]+|ꟛ", "ÀÝꟚ", ["ÀÝ", "Ꟛ"]),
                (r"\p{Greek}", "α\u0342", ["α", "\u0342"]), (r"\p{sc:Greek}", "α\u0342", ["α"]), (r"(.)\1", "的的éa", ["的的"]), (r"(?i)(é)\1", "éÉ", ["éÉ"]),
                (r"(?x) a \x{7684} # c", "a的", ["a的"]), (r"\Qa.b\E.", "a.b的", ["a.b的"]), (r"[^\P{Lu}A-Z]", "aBÉ", ["É"]), (r"a{,2}", "a{,2}", ["a{,2}"]),
                (r"(?s).+", "a\nb", ["a\nb"]), (r"(?m)^.", "a\nb", ["a", "b"]), (r"a(?i)b|C", "aBc", ["aB", "c"]), (r"[[:upper:][:punct:]]+", "aÉ!$+¢", ["É!$+"]),
                (r"a(*SKIP)(*F)|.", "aé", ["é"]), (r"(?<n>é)(?&n)", "éé", ["éé"]), (r"[]a-]+", "]-a", ["]-a"]), (r"[\dz-]+", "1-z", ["1-z"]), (r"(?<!é)x", "éxx", ["x"]),
                ("".join(chr(0x4e00 + i) + "|" for i in range(0, 900, 3)) + "é", "\u4e03x\u4e04", ["\u4e03"]), (r"\N{U+7684}", "的", ["的"]), (r"[^\n]$", "a的\n", ["的"])):
            with self.subTest(pattern=pattern[:40]):
                self.assertEqual([m[0] for m in ours(pattern, [text], "regex")[0]], want)

    def test_long_runs_of_marks(self):
        """Marks in an order that must be turned over take n log n; to insert each where it belongs took the square."""
        marks = "a" + "\u0301\u0323" * 500000
        start = time.monotonic()
        for form in ("nfd", "nfc"):
            (got,) = ours(form, [marks])
            self.assertEqual(len(got), len(marks) - (form == "nfc"))
        self.assertLess(time.monotonic() - start, 30)


if __name__ == "__main__":
    unittest.main()
