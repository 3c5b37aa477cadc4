"""What scripts see of the text plugin, through the command."""
import io
import json
import os
import pathlib
import sys
import unittest

import sentencepiece

sys.path.insert(0, str(pathlib.Path(os.environ["MRUN_SOURCE"]) / "tests/command"))
from command import Case  # noqa: E402
from corpus import lines  # noqa: E402

TOKENIZER = {
    "version": "1.0", "truncation": None, "padding": None,
    "added_tokens": [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                     for i, t in enumerate(("[UNK]", "[CLS]", "[SEP]"))],
    "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "good": 3, "##ness": 4, "é": 5, "!": 6}},
}


class Scripts(Case):
    def run_lua(self, body, text="x", files=None, status=0):
        folder = self.bundle(preprocess='local text, bundle = require "text", require "bundle"\n' + body, files=files)
        return self.answers(folder, text, status=status)[0]

    def test_sentencepiece(self):
        model = io.BytesIO()
        training = [line for line in lines(1500, seed=3, controls=False) if line]
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(training), model_writer=model, minloglevel=2, vocab_size=2000,
                                                 character_coverage=0.98)
        theirs = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        text = "the good café 的一是"
        got = self.run_lua("""
          local sp = text.sentencepiece(bundle.asset "m.model")
          return function(s)
            local t = sp:tokenize(s, {add_bos = true})
            local batch = sp:encode_batch({s, "", s})
            local one, two = sp:encode(s, {enable_sampling = true, seed = 7}), sp:encode(s, {enable_sampling = true, seed = 7})
            return {ids = sp:encode(s), both = sp:encode(s, {add_bos = true, add_eos = true, reverse = true}), pieces = t.pieces,
                    offsets = t.offsets, back = sp:decode(sp:encode(s)), list = sp:decode(sp:encode(s):tolist()), size = sp:size(),
                    piece = sp:piece(5), id = sp:id(sp:piece(5)), bos = sp:bos(), eos = sp:eos(), unk = sp:unk(), pad = sp:pad() == nil,
                    batch = {batch[1], batch[2], batch[3]}, same = one:tolist()[1] == two:tolist()[1], dtype = sp:encode(s).dtype}
          end""", text, {"assets/m.model": model.getvalue()})
        ids = theirs.encode(text)
        self.assertEqual(got["ids"], ids)
        self.assertEqual(got["both"], theirs.encode(text, add_bos=True, add_eos=True, reverse=True))
        self.assertEqual(got["pieces"], ["<s>"] + theirs.encode(text, out_type=str))
        self.assertEqual(got["back"], theirs.decode(ids))
        self.assertEqual(got["list"], theirs.decode(ids))
        self.assertEqual((got["size"], got["piece"], got["id"], got["bos"], got["eos"], got["unk"], got["pad"]),
                         (theirs.get_piece_size(), theirs.id_to_piece(5), 5, 1, 2, 0, True))
        self.assertEqual(got["batch"], [ids, [], ids])
        self.assertTrue(got["same"])
        self.assertEqual(got["dtype"], "int64")

    def test_tokenizer_json(self):
        got = self.run_lua("""
          local t = text.tokenizer_json(bundle.asset "tokenizer.json")
          return function(s)
            local all = t:tokenize(s, {pair = "good", unit = "byte"})
            return {ids = t:encode(s), plain = t:encode(s, {special = false}), cut = t:encode(s, {max_length = 3}),
                    found = t:encode("[SEP]", {parse_special = true}), text = t:encode("[SEP]", {special = false}), all = all,
                    back = t:decode(t:encode(s)), kept = t:decode({1, 3, 4}, {skip_special = false}), size = t:size(), piece = t:piece(4),
                    none = t:piece(99) == nil, id = t:id("##ness"), absent = t:id("xyz") == nil, batch = t:encode_batch({"good", "é"})}
          end""", "GoodNess É!", {"assets/tokenizer.json": json.dumps(TOKENIZER)})
        self.assertEqual(got["ids"], [1, 3, 4, 5, 6, 2])
        self.assertEqual(got["plain"], [3, 4, 5, 6])
        self.assertEqual(got["cut"], [1, 3, 2])
        self.assertEqual(got["found"], [1, 2, 2])
        self.assertEqual(got["text"], [0, 0, 0])
        self.assertEqual(got["all"], {"ids": [1, 3, 4, 5, 6, 2, 3, 2], "types": [0, 0, 0, 0, 0, 0, 1, 1],
                                      "offsets": [[0, 0], [0, 4], [4, 8], [9, 11], [11, 12], [0, 0], [0, 4], [0, 0]],
                                      "pieces": ["[CLS]", "good", "##ness", "é", "!", "[SEP]", "good", "[SEP]"]})
        self.assertEqual((got["back"], got["kept"]), ("goodness é!", "[CLS] goodness"))
        self.assertEqual((got["size"], got["piece"], got["none"], got["id"], got["absent"]), (7, "##ness", True, 4, True))
        self.assertEqual(got["batch"], [[1, 3, 2], [1, 5, 2]])

    def test_unicode(self):
        got = self.run_lua("""return function(s)
          return {text.nfc("e\\204\\129"), text.nfd("é"), text.nfkc("ﬁ②"), text.nfkd("é"), text.lower("ÀΣ"), text.fold("Straße"),
                  text.strip_accents("Çà et là Åé"), text.repair(bundle.asset "bytes")} end""", files={"assets/bytes": b"a\xffb\xe2\x82"})
        self.assertEqual(got, ["é", "e\u0301", "fi2", "e\u0301", "ÀΣ".lower(), "strasse", "Ca et la Ae", "a\ufffdb\ufffd"])

    def test_regex(self):
        got = self.run_lua(r"""
          local re = text.regex([[(\w+)@(\w+)(\.org)?]])
          local words = text.regex([[\p{L}+]])
          return function(s)
            local all = {}
            for w in words:gmatch("né 的, x1") do all[#all + 1] = w end
            local swapped, n = re:gsub("a@b c@d", "%2 at %1")
            local upper = words:gsub("ab cd", string.upper)
            local mapped, m = words:gsub("ab cd ef", {ab = "1", ef = "3"}, 2)
            return {find = {re:find("x a@b.org")}, at = {re:find("a@b c@d", 3)}, match = {re:match("a@b")}, none = re:match("ab") == nil, all = all,
                    swapped = swapped, n = n, upper = upper, mapped = mapped, m = m, split = text.regex(",\\s*"):split("a, b,c"),
                    limited = text.regex(","):split("a,b,c", 1), chars = text.regex(""):split("aé")}
          end""")
        self.assertEqual(got["find"], [3, 9, "a", "b", ".org"])
        self.assertEqual(got["at"], [5, 7, "c", "d", False])
        self.assertEqual(got["match"], ["a", "b", False])
        self.assertTrue(got["none"])
        self.assertEqual(got["all"], ["né", "的", "x"])
        self.assertEqual((got["swapped"], got["n"], got["upper"]), ("b at a d at c", 2, "AB CD"))
        self.assertEqual((got["mapped"], got["m"]), ("1 cd ef", 2))
        self.assertEqual((got["split"], got["limited"], got["chars"]), (["a", "b", "c"], ["a", "b,c"], ["a", "é"]))

    def test_errors(self):
        def failed(body, contains, files=None):
            got = self.run_lua(body, files=files, status=1)
            self.assertIn(contains, got["error"]["message"])
            return got["error"]["code"]
        tokenizer = {"assets/t.json": json.dumps(TOKENIZER)}
        make = 'local t = text.tokenizer_json(bundle.asset "t.json")\n'
        failed(make + "return function(s) return t:decode({-1}) end", "no id: -1", tokenizer)
        failed(make + "return function(s) return t:encode(s, {max_length = 1}) end", "special tokens alone are 2", tokenizer)
        failed('return function(s) return text.regex("(")  end', "the pattern cannot be read")
        failed('return function(s) return text.regex("(a+)+$"):match(("a"):rep(5000) .. "b") end', "takes too long")


if __name__ == "__main__":
    unittest.main()
