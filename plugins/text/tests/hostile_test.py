"""Files and patterns made to crash, to hang or to fill the memory, through the command: each ends with an error that says why."""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(os.environ["MRUN_SOURCE"]) / "tests/command"))
from command import Case  # noqa: E402
from sides import added, bpe, seq, tokenizer  # noqa: E402

WORDS = {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "b": 1}}
LIMITS = "--memory", "256M", "--timeout", "60"


def replace(old, new, kind="String"):
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


class Hostile(Case):
    def error_of(self, file, body, *options):
        script = f"""local text, bundle = require "text", require "bundle"
          local t = text.tokenizer_json(bundle.asset "t.json")
          return function(s) {body} end"""
        folder = self.bundle(preprocess=script, files={"assets/t.json": json.dumps(file)})
        (answer,) = self.answers(folder, "x", *(options or LIMITS), status=1)
        return answer["error"]["code"]

    def test_padding_counts_for_the_memory(self):
        file = tokenizer(WORDS, pre_tokenizer={"type": "Whitespace"})
        padded = dict(file, padding={"strategy": {"Fixed": 1 << 20}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "a"})
        many = 'local b = {} for i = 1, 2000 do b[i] = "a" end return '
        asked = 'padding = 1048576, pad_token = "a"'
        for name, of, body in (("ids", file, many + "t:encode_batch(b, {%s})" % asked), ("pieces", file, many + "t:tokenize_batch(b, {%s})" % asked),
                               ("the file's", padded, many + "t:tokenize_batch(b)"),
                               ("parts", file, 'return t:tokenize(("a "):rep(2000), {max_length = 1, overflowing = true, %s})' % asked)):
            with self.subTest(name):
                self.assertEqual(self.error_of(of, body), "QUOTA")

    def test_what_rules_make_of_a_text_counts_for_the_memory(self):
        letters = {"type": "FixedLength", "length": 1}
        decoded = 'local ids = {} for i = 1, 100000 do ids[i] = 0 end return t:decode(ids)'
        encoded = 'return t:encode(("aX"):rep(100000))'
        for name, file, body in (
                ("decoders, one behind the other", tokenizer(WORDS, decoder=seq("decoders", *[replace("a", "a" * 1000)] * 9)), "return t:decode({0})"),
                ("a decoder", tokenizer(WORDS, decoder=replace("a", "x" * 50000)), decoded),
                ("normalizers, one behind the other", tokenizer(WORDS, seq("normalizers", *[replace("a", "a" * 1000)] * 9)), encoded),
                ("a normalizer of many parts", tokenizer(WORDS, {"type": "Prepend", "prepend": "b" * 50000}, letters, added=[added(2, "X", special=False)]),
                 encoded),
                ("bytes of a prefix", tokenizer(bpe(continuing_subword_prefix="p" * 256, byte_fallback=True, vocab={"<0x%02X>" % i: i for i in range(256)})),
                 'return t:encode(("a"):rep(1000000))')):
            with self.subTest(name):
                self.assertEqual(self.error_of(file, body), "QUOTA")

    def test_what_a_pattern_puts_in_counts_for_the_memory(self):
        """However short each piece is."""
        body = 'return #(text.regex("a"):gsub(("a"):rep(400000), ("x"):rep(1000)))'
        self.assertEqual(self.error_of(tokenizer(WORDS), body), "QUOTA")

    def test_a_deadline_ends_a_search_for_long_tokens(self):
        """Without isolation nothing but the tokenizer itself can end it."""
        long, text = "a" * 100000 + "b", '("a"):rep(1000000)'
        unigram = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1.0], [long, -2.0]]}
        for name, file in (("added", tokenizer(WORDS, added=[added(2, long, special=False)])), ("Unigram", tokenizer(unigram))):
            with self.subTest(name):
                self.assertEqual(self.error_of(file, f"return t:encode({text})", "--timeout", "2", "--isolation", "none"), "TIMEOUT")

    def test_what_is_out_of_all_measure_is_refused(self):
        def pattern(regex):
            return json.dumps(tokenizer(WORDS, replace(regex, "", "Regex")))
        deep = "classes in classes more than 200 deep"
        for name, file, message in (
                ("classes that do not end", pattern("[" * 60000), deep), ("classes", pattern("[" * 30000 + "a" + "]" * 30000), deep),
                ("a prefix", json.dumps(tokenizer(bpe(continuing_subword_prefix="p" * 257))), "is longer than 256 bytes"),
                ("a reference back behind many classes", pattern("(a)\\1" + "\\p{L}" * 12000), "it is too large")):
            with self.subTest(name):
                script = 'local t = require("text").tokenizer_json(require("bundle").asset "t.json")\nreturn function(s) return t:encode(s) end'
                self.refused(3, self.bundle(preprocess=script, files={"assets/t.json": file}), "x", contains=message)

    def test_large_patterns_and_long_matches(self):
        """20,000 characters in a class, one class in another 200 times, a match that goes back over 100,000 characters."""
        many = "".join(chr(c) for c in range(0x4e00, 0x9ff0, 1) if c % 3) + "".join(chr(c) for c in range(0xac00, 0xd7a0, 2))
        folder = self.bundle(preprocess=r"""local text, bundle = require "text", require "bundle"
          local many = text.regex("[" .. bundle.text "many.txt" .. "]+")
          return function(s)
            return {many:match("a丁a"), text.regex([[(a|b)+$]]):find(("ab"):rep(50000)), text.regex([[^(?:[^"]|"[^"]*")*$]]):find(('ab"c"'):rep(20000))}
          end""", files={"assets/many.txt": many[:21000]})
        self.assertEqual(self.answer(folder, "x", "--start-timeout", "20"), ["丁", 1, 1, 100000])


if __name__ == "__main__":
    unittest.main()
