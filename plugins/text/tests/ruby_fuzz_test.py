"""Random patterns as a tokenizer.json has them, in Ruby's dialect, through the pre-tokenizer Split against Hugging Face's library, which reads
them by Oniguruma: the same cuts, and none refused that is read there. RUBY_FUZZ is how many, RUBY_FUZZ_SEED the first; a failure names its own."""
import json
import os
import random
import unittest

from sides import CLI, Side, split, tokenizer
from tokenizer_fuzz_test import Oracle

COUNT, SEED = int(os.environ.get("RUBY_FUZZ", 600)), int(os.environ.get("RUBY_FUZZ_SEED", 1))
TEXTS = ["abcab ABC a1_2 b\n\tc-d pLQE éÉ σΣς ssſK kK", "aaa bbb\r\naab]^-\\[x]{2}(a) .*+?|", "d d1\u00a0x\u2028ee 👍🏽 12 的Ω😀", "AB ab aB\n\n\n ẞ"]
# Not here: what the page names as different: (?i) of ß, \K, {2,1}, (?~a).
ATOMS = r"""a b c A 1 _ é σ ſ . \. \d \w \s \h \D \W \S \H \v \V \p{L} \P{L} \p{^L} \p{N} \p{Lu} \p{Alpha} \p{Han} \p{Greek} \pL \PL \x41 \x{e9} \u00e9
  \101 \n \t \e \Q \E \L \U \i [abc] [^a] [a-c1] [[:alpha:]] [[:^digit:]x] [a[bc]] [a-z&&[^b]] [\w&&\D] [^\s\p{L}] [\d\-x] [a\]b] []a] [^]a] [\pL]
  [\Qa] \b \B ^ $ \A \z \Z \R \X \G (a) (?:ab) (?<n>b) (?=a) (?!b) (?<=a) (?<!b) (?>a+) (?i:AB) (?i)a (?m:.) (?-i:A) \k<n> \g<1> (?<=a|bc)
  [[a-c]&&[b-z]&&[^c]] (?#x) ' " - , \- { } ] x{2} a{,2} a{1,} [a--b] [&&a] [a&&] \p{Punct} [[:punct:]] [[:space:]] [[:word:]] \O \N \cA (?<!a|b)
  (?i:ſ) (?i:[k-l]) (?i)[^k] (?i)[a-z&&[^b]] (?i)[[^k]&&\w] (?i)[^a&&[b-z]] \x{1F600} [😀-😂]""".split()
COUNTS = [""] * 8 + "* + ? *? +? ?? ++ *+ ?+ {2} {1,2} {,2} {2}+ {1,2}+ {1,2}? {2}? ** +* ?* {2}{3} {0}".split()


def pattern_of(seed):
    r = random.Random(seed)
    return "|".join("".join(r.choice(ATOMS) + r.choice(COUNTS) for _ in range(r.randint(1, 3))) for _ in range(1 if r.random() < 0.75 else 2))


class Fuzz(unittest.TestCase):
    def test_random_patterns(self):
        ours, oracle, wrong, compared = Side([CLI, "compare"]), Oracle(), [], 0
        self.addCleanup(ours.end)
        self.addCleanup(oracle.end)
        words = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
        for seed in range(SEED, SEED + COUNT):
            pattern = pattern_of(seed)
            request = {"config": json.dumps(tokenizer(words, pre_tokenizer=split(pattern))), "special": True, "items": TEXTS}
            line = (json.dumps(request) + "\n").encode()
            ours.ask(line)
            theirs = oracle.answers(line, len(TEXTS))
            got = [json.loads(answer) for answer in ours.answer(len(TEXTS))]
            for text, want, have in zip(TEXTS, theirs, got):
                compared += "error" not in want
                if "error" not in want and want["offsets"] != have.get("offsets"):
                    wrong.append((seed, pattern, [text[a:b] for a, b in want["offsets"]], have.get("error") or [text[a:b] for a, b in have["offsets"]]))
                    break
        self.assertEqual(wrong[:3], [])
        self.assertGreater(compared, COUNT * 2)


if __name__ == "__main__":
    unittest.main()
