"""What scripts see of the text plugin, through the command."""
import base64
import io
import json
import os
import pathlib
import random
import re
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
                    long = tostring(select(2, pcall(sp.encode, sp, ("the good "):rep(2000), {enable_sampling = true, nbest_size = 64}))),
                    batch = {batch[1], batch[2], batch[3]}, same = one:tolist()[1] == two:tolist()[1], dtype = sp:encode(s).dtype}
          end""", text, {"assets/m.model": model.getvalue()})
        ids = theirs.encode(text)
        self.assertIn("nbest_size is 64, and the text has 18000 bytes; wanted at most 8192, or -1", got["long"])
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

    def test_sentencepiece_padding(self):
        model = io.BytesIO()
        training = [line for line in lines(1500, seed=3, controls=False) if line]
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(training), model_writer=model, minloglevel=2, vocab_size=2000,
                                                 character_coverage=0.98, pad_id=3)
        theirs = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        texts = ["the good café", "the"]
        got = self.run_lua("""
          local sp = text.sentencepiece(bundle.asset "m.model")
          return function(s)
            local texts = {s, "the"}
            local ids, mask = sp:encode_batch(texts, {padding = true, add_eos = true})
            local left, left_mask = sp:encode_batch(texts, {padding = 3, padding_side = "left", pad_token = "</s>", max_length = 3, direction = "left"})
            local cut = sp:tokenize(s, {max_length = 3, add_bos = true, direction = "left"})
            return {ids = ids, mask = mask, left = left, left_mask = left_mask, cut = {cut.ids, cut.pieces, cut.offsets}, one = sp:encode(s, {max_length = 2}),
                    values = select("#", sp:encode_batch(texts))}
          end""", texts[0], {"assets/m.model": model.getvalue()})
        long, short = (theirs.encode(t) for t in texts)
        self.assertEqual(got["ids"], [long + [2], short + [2] + [3] * (len(long) - len(short))])
        self.assertEqual(got["mask"], [[1] * (len(long) + 1), [1] * (len(short) + 1) + [0] * (len(long) - len(short))])
        self.assertEqual(got["left"], [long[-3:], [2] * (3 - len(short)) + short])
        self.assertEqual(got["left_mask"], [[1] * 3, [0] * (3 - len(short)) + [1] * len(short)])
        self.assertEqual(got["cut"][:2], [[1] + long[-2:], ["<s>"] + theirs.encode(texts[0], out_type=str)[-2:]])
        self.assertEqual(got["cut"][2][-1][1], len(texts[0]))
        self.assertEqual((got["one"], got["values"]), (long[:2], 1))

    def test_what_each_token_adds(self):
        training = [line for line in lines(1500, seed=3, controls=False) if line]
        for options in (dict(byte_fallback=True), dict(add_dummy_prefix=False, remove_extra_whitespaces=False)):
            model = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(training), model_writer=model, minloglevel=2, vocab_size=2000,
                                                     character_coverage=0.98, **options)
            theirs = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
            got = self.run_lua("""
              local sp = text.sentencepiece(bundle.asset "m.model")
              return function() local pieces, first, later = sp:token_texts() return {pieces, first, later} end""",
                               files={"assets/m.model": model.getvalue()})
            known, beside = range(theirs.get_piece_size()), theirs.piece_to_id("e")
            between = [theirs.decode([beside, i, beside]) for i in known]
            self.assertNotEqual(beside, theirs.unk_id())
            self.assertEqual(got[0], theirs.id_to_piece([*known]))
            self.assertEqual(got[1], ["" if i == theirs.unk_id() else theirs.decode([i]) for i in known])
            self.assertEqual(got[2], ["" if i == theirs.unk_id() else between[i][1:-1] for i in known])

    def test_tokenizer_json(self):
        got = self.run_lua("""
          local t = text.tokenizer_json(bundle.asset "tokenizer.json")
          return function(s)
            local all = t:tokenize(s, {pair = "good", unit = "byte"})
            return {ids = t:encode(s), plain = t:encode(s, {special = false}), cut = t:encode(s, {max_length = 3}),
                    found = t:encode("[SEP]", {parse_special = true}), text = t:encode("[SEP]", {special = false}), all = all,
                    back = t:decode(t:encode(s)), texts = {t:token_texts()}, kept = t:decode({1, 3, 4}, {skip_special = false}), size = t:size(), piece = t:piece(4),
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
        self.assertEqual(got["texts"], [["[UNK]", "[CLS]", "[SEP]", "good", "##ness", "é", "!"], ["", "", "", "good", "##ness", "é", "!"],
                                        ["", "", "", " good", "ness", " é", "!"]])

    def test_what_tokens_add_whose_ids_have_gaps(self):
        ids = {"b": 1, "a": 3, "c": 40}
        file = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None,
                "decoder": {"type": "Fuse"}, "model": {"type": "BPE", "vocab": ids, "merges": []}}
        ranks = "".join(f"{base64.b64encode(bytes([b])).decode()} {2 * b}\n" for b in range(256))
        got = self.run_lua("""
          local made = {text.tokenizer_json(bundle.asset "t.json"), text.wordpiece(bundle.asset "v.txt"),
                        text.tiktoken(bundle.asset "r.tiktoken", {pattern = "gpt2", special = {["<end>"] = 511}})}
          return function() local all = {} for i, t in ipairs(made) do all[i] = {t:token_texts()} end return all end""",
                           files={"assets/t.json": json.dumps(file), "assets/v.txt": "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\na\nb\n", "assets/r.tiktoken": ranks})
        pieces = ["".join(piece for piece, own in ids.items() if own == i) for i in range(41)]
        self.assertEqual(got[0], [pieces, pieces, pieces])
        self.assertEqual(got[1][1][7], "b")  # a line that comes twice is one token
        self.assertEqual(got[2][2], ["" if i % 2 else bytes([i // 2]).decode(errors="replace") for i in range(511)] + [""])

    def test_batches_as_long_as_their_longest(self):
        padded = dict(TOKENIZER, padding={"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": 4, "pad_id": 6, "pad_type_id": 0,
                                          "pad_token": "!"})
        got = self.run_lua("""
          local t = text.tokenizer_json(bundle.asset "t.json")
          return function() return {t:encode "good", t:encode_batch({"good", "goodness é é", ""})} end""", files={"assets/t.json": json.dumps(padded)})
        self.assertEqual(got, [[6, 1, 3, 2], [[6, 6, 6, 6, 6, 1, 3, 2], [6, 6, 1, 3, 4, 5, 5, 2], [6, 6, 6, 6, 6, 6, 1, 2]]])

    def test_padding(self):
        """Rows, mask and types of a batch; sides, multiples, lengths, tokens; pairs."""
        filled = dict(TOKENIZER, model=dict(TOKENIZER["model"], vocab=TOKENIZER["model"]["vocab"] | {"[PAD]": 7}))
        got = self.run_lua("""
          local t = text.tokenizer_json(bundle.asset "t.json")
          local function batch(...)
            local ids, mask, types = t:encode_batch(...)
            return {ids, mask, types}
          end
          return function()
            local one = t:tokenize("good", {padding = 5})
            return {longest = batch({"good", "goodness é"}, {padding = true}), left = batch({"good", "goodness é"}, {padding = "longest", padding_side = "left"}),
                    multiple = batch({"good"}, {padding = true, pad_to_multiple_of = 4, pad_token = "!"}),
                    limit = batch({"goodness é", ""}, {padding = "max_length", max_length = 4}), none = batch({}, {padding = true}),
                    pairs = batch({{"good", "é"}, "good"}, {padding = 6}), one = {one.ids, one.attention_mask, one.pieces, one.offsets},
                    encoded = t:encode("good", {padding = 4}), plain = select("#", t:encode_batch({"good"}))}
          end""", files={"assets/t.json": json.dumps(filled)})
        self.assertEqual(got["longest"], [[[1, 3, 2, 7, 7], [1, 3, 4, 5, 2]], [[1, 1, 1, 0, 0], [1] * 5], [[0] * 5] * 2])
        self.assertEqual(got["left"][:2], [[[7, 7, 1, 3, 2], [1, 3, 4, 5, 2]], [[0, 0, 1, 1, 1], [1] * 5]])
        self.assertEqual(got["multiple"][:2], [[[1, 3, 2, 6]], [[1, 1, 1, 0]]])
        self.assertEqual(got["limit"][:2], [[[1, 3, 4, 2], [1, 2, 7, 7]], [[1] * 4, [1, 1, 0, 0]]])
        self.assertEqual(got["none"], [[], [], []])
        self.assertEqual(got["pairs"], [[[1, 3, 2, 5, 2, 7], [1, 3, 2, 7, 7, 7]], [[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]],
                                        [[0, 0, 0, 1, 1, 0], [0] * 6]])
        self.assertEqual(got["one"], [[1, 3, 2, 7, 7], [1, 1, 1, 0, 0], ["[CLS]", "good", "[SEP]", "[PAD]", "[PAD]"],
                                      [[0, 0], [0, 4], [0, 0], [0, 0], [0, 0]]])
        self.assertEqual((got["encoded"], got["plain"]), ([1, 3, 2, 7], 1))

    def test_parts_of_a_long_text(self):
        got = self.run_lua("""
          local t = text.tokenizer_json(bundle.asset "t.json")
          return function()
            local all = {max_length = 5, stride = 1, overflowing = true, word_ids = true, special_tokens_mask = true, sequence_ids = true}
            local left = {max_length = 5, direction = "left", strategy = "only_second", pair = "goodness é !"}
            local second = {max_length = 6, strategy = "only_first", pair = "good"}
            return {parts = t:tokenize("goodness é ! good", all), left = t:encode("", left), first = t:encode("goodness é !", second)}
          end""", files={"assets/t.json": json.dumps(TOKENIZER)})
        parts = got["parts"]
        self.assertEqual([parts["ids"]] + [p["ids"] for p in parts["overflowing"]], [[1, 3, 4, 5, 2], [1, 5, 6, 3, 2]])
        self.assertEqual(parts["word_ids"], [-1, 0, 0, 1, -1])
        self.assertEqual(parts["special_tokens_mask"], [1, 0, 0, 0, 1])
        self.assertEqual(parts["sequence_ids"], [-1, 0, 0, 0, -1])
        self.assertEqual(parts["overflowing"][0]["offsets"], [[0, 0], [9, 10], [11, 12], [13, 17], [0, 0]])
        self.assertEqual(parts["overflowing"][0]["word_ids"], [-1, 1, 2, 3, -1])
        self.assertEqual(got["left"], [1, 2, 5, 6, 2])
        self.assertEqual(got["first"], [1, 3, 4, 2, 3, 2])

    def test_words(self):
        got = self.run_lua("""
          local t = text.tokenizer_json(bundle.asset "t.json")
          return function()
            local words = {"goodness é", "good"}
            local batch = t:tokenize_batch({words, {words, {"é"}}}, {is_pretokenized = true, sequence_ids = true})
            return {one = t:tokenize(words), ids = t:encode(words, {pair = "é"}), batch = {batch[1].ids, batch[2].word_ids, batch[2].sequence_ids}}
          end""", files={"assets/t.json": json.dumps(TOKENIZER)})
        self.assertEqual(got["one"], {"ids": [1, 3, 4, 5, 3, 2], "types": [0] * 6, "word_ids": [-1, 0, 0, 0, 1, -1],
                                      "pieces": ["[CLS]", "good", "##ness", "é", "good", "[SEP]"],
                                      "offsets": [[0, 0], [0, 4], [4, 8], [9, 10], [0, 4], [0, 0]]})
        self.assertEqual(got["ids"], [1, 3, 4, 5, 3, 2, 5, 2])
        self.assertEqual(got["batch"], [[1, 3, 4, 5, 3, 2], [-1, 0, 0, 0, 1, -1, 0, -1], [-1, 0, 0, 0, 0, -1, 1, -1]])

    def test_vocabularies(self):
        vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\ngood\n##ness\né\nGood"
        ranks = "".join(f"{base64.b64encode(bytes([b])).decode()} {b}\n" for b in range(256)) + "YWI= 256\n"
        got = self.run_lua("""
          local w, cased = text.wordpiece(bundle.asset "vocab.txt"), text.wordpiece(bundle.asset "vocab.txt", {lower = false})
          local gpt = text.tiktoken(bundle.asset "t.tiktoken", {pattern = "[a-z]+|.", special = {["<|end|>"] = 300}})
          return function(s)
            local ids, mask = w:encode_batch({s, "é"}, {padding = true})
            local named = text.wordpiece(bundle.asset "vocab.txt", {pad_token = "Good"}):encode("é", {padding = 4})
            return {ids = ids, mask = mask, named = named, cased = cased:encode("Good goodness"), accents = text.wordpiece(bundle.asset "vocab.txt", {strip_accents = false}):encode "É",
                    back = w:decode(w:encode(s)), gpt = gpt:encode("cab <|end|>"), parsed = gpt:encode("ab<|end|>", {parse_special = true}),
                    text = gpt:decode({256, 300, 99}, {skip_special = false}), size = gpt:size()}
          end""", "Goodness É", {"assets/vocab.txt": vocab, "assets/t.tiktoken": ranks})
        self.assertEqual(got["named"], [2, 1, 3, 7])
        self.assertEqual((got["ids"], got["mask"]), ([[2, 4, 5, 1, 3], [2, 1, 3, 0, 0]], [[1] * 5, [1, 1, 1, 0, 0]]))
        self.assertEqual((got["cased"], got["accents"], got["back"]), ([2, 7, 4, 5, 3], [2, 6, 3], "goodness"))
        self.assertEqual(got["gpt"], [*b"c", 256, *b" <|end|>"])
        self.assertEqual((got["parsed"], got["text"], got["size"]), ([256, 300], "ab<|end|>c", 258))

    def test_wrong_vocabularies(self):
        full = "".join(f"{base64.b64encode(bytes([b])).decode()} {b}\n" for b in range(256))
        for call, content, message in (
                ("wordpiece(v)", "[UNK]\n[CLS]\na", 'it has no token "[SEP]"; sep_token says what it is called there'),
                ('wordpiece(v, {pad_token = "[P]"})', "[UNK]\n[CLS]\n[SEP]", 'it has no token "[P]"; pad_token says what it is called there'),
                ("wordpiece(v)", "{}", "text.tokenizer_json opens those"), ("wordpiece(v)", b"\xff\n", "UTF-8"),
                ("tiktoken(v)", full, 'wanted "cl100k_base"'), ('tiktoken(v, {pattern = "("})', full, "the pattern cannot be read"),
                ('tiktoken(v, {pattern = "."})', "YWI= 0\n", "byte 0 has no token"), ('tiktoken(v, {pattern = "."})', full + "YWI=", "line 257: wanted a token in Base64"),
                ('tiktoken(v, {pattern = "."})', full + "YW!= 256", "line 257"), ('tiktoken(v, {pattern = "."})', full + "YWI= 3", "rank 3 comes twice"),
                ('tiktoken(v, {pattern = "."})', full + "YQ== 300", "ranks 97 and 300 have the same token"),
                ('tiktoken(v, {pattern = "."})', full + "YWI= 99999999", "the rank is above"),
                ('tiktoken(v, {pattern = ".", special = {["<e>"] = 3}})', full, "3 is the id of another token"),
                ('tiktoken(v, {pattern = ".", special = {["<e>"] = -1}})', full, "no id: -1")):
            with self.subTest(call + repr(content)[-30:]):
                folder = self.bundle(preprocess=f'local text, bundle = require "text", require "bundle"\nlocal v = bundle.asset "v"\n'
                                                f"local t = text.{call}\nreturn function() return 1 end", files={"assets/v": content})
                self.refused(3, folder, "x", contains=message)

    def test_wrong_options(self):
        files = {"assets/t.json": json.dumps(TOKENIZER)}
        for call, message in (
                ('encode("good", {direction = "left"})', "need max_length"),
                ('encode("good", {max_length = 5, direction = "up"})', 'direction: wanted "left" or "right", got "up"'),
                ('encode("good", {max_length = 5, strategy = "longest"})', 'strategy: wanted "longest_first", "only_first" or "only_second"'),
                ('encode("good", {max_length = 5, stride = 1})', "stride"),
                ('tokenize("good good good good", {max_length = 5, stride = 3, overflowing = true})', "stride is 3, but a part of the text is 3 tokens long"),
                ('encode("good", {padding = true})', "name the token with pad_token"),
                ('encode("good", {padding = true, pad_token = "[X]"})', 'has no token "[X]"'),
                ('encode("good", {padding = "long", pad_token = "!"})', 'wanted true, "longest", "max_length" or a number of tokens, got "long"'),
                ('encode("good", {padding = "max_length", pad_token = "!"})', "there is no max_length"),
                ('encode("good", {padding = 2000000, pad_token = "!"})', "at most 1048576"),
                ('encode("good", {padding_side = "left"})', "need padding"),
                ('encode_batch({"good", "goodness"}, {padding = 3, pad_token = "!"})', "text 2 has 4 tokens, text 1 has 3"),
                ('encode_batch({{"a", "b", "c"}})', "a list of words needs is_pretokenized = true"),
                ('encode_batch({7})', "texts[1]: wanted a string or a pair of them"),
                ('encode({"a", 7})', "wanted a list of words, got a number in it"),
                ('encode(7)', "text: wanted a string or a list of words")):
            with self.subTest(call):
                got = self.run_lua(f'local t = text.tokenizer_json(bundle.asset "t.json")\nreturn function() return t:{call} end', files=files, status=1)
                self.assertIn(message, got["error"]["message"])

    def test_many_parts_meet_the_budget(self):
        """A pair whose both texts are cut has the product of their parts."""
        folder = self.bundle(preprocess="""local text, bundle = require "text", require "bundle"
          local t = text.tokenizer_json(bundle.asset "t.json")
          local long = ("good "):rep(20000)
          return function() return #t:tokenize(long, {pair = long, max_length = 7, overflowing = true}).overflowing end""",
                             files={"assets/t.json": json.dumps(TOKENIZER)})
        (answer,) = self.answers(folder, "x", "--memory", "64M", status=1)
        self.assertIn(answer["error"]["code"], ("QUOTA", "MEMORY"), answer)

    def test_stream(self):
        """Each character comes when its last byte has; what stays unfinished comes with flush; all together is what decode gives."""
        vocab = {"<unk>": 0, "a": 1, "<0xF0>": 2, "<0x9F>": 3, "<0x98>": 4, "<0x80>": 5}
        bytes_json = {"version": "1.0", "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
                      "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True, "vocab": vocab, "merges": []}}
        got = self.run_lua("""
          local b, w = text.tokenizer_json(bundle.asset "b.json"), text.tokenizer_json(bundle.asset "w.json")
          local function run(t, ids, options)
            local stream, out = t:stream(options), {}
            for i, id in ipairs(ids) do out[i] = stream:push(id) end
            out[#out + 1] = stream:flush()
            out[#out + 1] = stream:flush()
            return out
          end
          return function()
            return {whole = run(b, b:encode("a😀a"):tolist()), cut = run(b, {1, 2, 3}), words = run(w, {1, 3, 4, 5, 6, 2}),
                    kept = run(w, {1, 3, 4}, {skip_special = false})}
          end""", files={"assets/b.json": json.dumps(bytes_json), "assets/w.json": json.dumps(TOKENIZER)})
        self.assertEqual(got["whole"], ["a", "", "", "", "😀", "a", "", ""])
        self.assertEqual(got["cut"], ["a", "", "", "\ufffd\ufffd", ""])
        self.assertEqual(got["words"], ["", "good", "ness", " é", "!", "", "", ""])
        self.assertEqual(got["kept"], ["[CLS]", " good", "ness", "", ""])

    def test_stream_goes_on(self):
        """Behind bytes that stay unfinished, which ByteFallback lets make all bytes before them unreadable, and behind a space that a model
        leaves out where a text begins."""
        vocab = {"x": 0, "<0xC3>": 1, "<0xA9>": 2, "<0xE2>": 3}
        bytes_json = {"version": "1.0", "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
                      "model": {"type": "BPE", "vocab": vocab, "merges": []}}
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b ab  ba"] * 50), model_writer=model, minloglevel=2, vocab_size=8,
                                                 model_type="char")
        theirs = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        ids = [theirs.piece_to_id(piece) for piece in "▁a▁▁b▁▁▁a"]
        got = self.run_lua("""
          local b, m = text.tokenizer_json(bundle.asset "b.json"), text.sentencepiece(bundle.asset "m")
          local function run(t, ids)
            local stream, out = t:stream(), {}
            for i, id in ipairs(ids) do out[i] = stream:push(id) end
            out[#out + 1] = stream:flush()
            return out
          end
          return function()
            return {bytes = run(b, {1, 2, 3, 0, 0}), cut = run(b, {1, 2, 3}), spaces = run(m, {%s}),
                    missing = select(2, pcall(function() b:stream():push(nil) end))}
          end""" % ", ".join(map(str, ids)), files={"assets/b.json": json.dumps(bytes_json), "assets/m": model.getvalue()})
        self.assertEqual(got["bytes"], ["", "é", "", "\ufffdx", "x", ""])
        self.assertEqual(got["cut"], ["", "é", "", "\ufffd"])
        self.assertEqual("".join(got["spaces"]), theirs.decode(ids))
        self.assertIn("want the id of a token, a number, got nil", got["missing"])

    def test_growing_normalization_meets_the_budget(self):
        double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
        growing = dict(TOKENIZER, normalizer={"type": "Sequence", "normalizers": [double] * 40})
        folder = self.bundle(preprocess="""local text, bundle = require "text", require "bundle"
          local t = text.tokenizer_json(bundle.asset "t.json")
          return function() return t:encode "a" end""", files={"assets/t.json": json.dumps(growing)})
        (answer,) = self.answers(folder, "x", "--memory", "8M", status=1)
        self.assertIn(answer["error"]["code"], ("QUOTA", "MEMORY"), answer)

    def test_dropout(self):
        """The same tokens for the same seed of the run or of the call, whatever the threads."""
        letters = {c: i for i, c in enumerate("abcd")}
        merges = [["a", "b"], ["c", "d"], ["ab", "cd"], ["abcd", "abcd"]]
        vocab = letters | {a + b: len(letters) + i for i, (a, b) in enumerate(merges)}
        model = {"model": {"type": "BPE", "dropout": 0.4, "vocab": vocab, "merges": merges}}
        body = """
          local t = text.tokenizer_json(bundle.asset "t.json")
          return function(s)
            local many = {}
            for i = 1, 40 do many[i] = s end
            return {drawn = t:encode(s), again = t:encode(s), seeded = t:encode(s, {seed = 3}), batch = t:encode_batch(many, {seed = 3})}
          end"""
        files = {"assets/t.json": json.dumps(model)}
        first, second = (self.run_lua(body, "abcd" * 20, files) for _ in range(2))
        self.assertEqual(first, second)
        self.assertNotEqual(first["drawn"], first["again"])
        self.assertEqual(first["batch"][0], first["seeded"])
        self.assertGreater(len(set(map(tuple, first["batch"]))), 30)
        back = {i: t for t, i in vocab.items()}
        for ids in first["batch"]:
            self.assertEqual("".join(back[i] for i in ids), "abcd" * 20)

    def test_unicode(self):
        got = self.run_lua("""return function(s)
          return {text.nfc("e\\204\\129"), text.nfd("é"), text.nfkc("ﬁ②"), text.nfkd("é"), text.lower("ÀΣ"), text.fold("Straße"),
                  text.strip_accents("Çà et là Åé"), text.repair(bundle.asset "bytes")} end""", files={"assets/bytes": b"a\xffb\xe2\x82"})
        self.assertEqual(got, ["é", "e\u0301", "fi2", "e\u0301", "ÀΣ".lower(), "strasse", "Ca et la Ae", "a\ufffdb\ufffd"])

    def test_characters(self):
        got = self.run_lua(r"""return function(s)
          return {text.upper "straße ŉ ﬁ", text.lower "ΑΣ ΑΣΑ", text.characters "e\204\129的👍🏽", text.graphemes "e\204\129的👍🏽\r\n", text.characters "",
                  text.repair "a\255b\226\130", text.repair "é", text.graphemes "नमस्ते", text.unicode_version} end""")
        self.assertEqual(got, ["STRASSE ʼN FI", "ας ασα", ["e", "\u0301", "的", "👍", "🏽"], ["e\u0301", "的", "👍🏽", "\r\n"], [],
                               "a\ufffdb\ufffd", "é", ["न", "म", "स्ते"], "16.0.0"])

    def test_repair(self):
        """A string, in Lua, as bytes are: against Python."""
        draw = random.Random(4)
        kinds = [0x00, 0x61, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff]
        broken = [bytes(draw.choice(kinds) for _ in range(draw.randint(0, 9))) for _ in range(3000)]
        strings = ",".join('"' + "".join(f"\\{b:03d}" for b in s) + '"' for s in broken)
        got = self.run_lua(f"""local strings = {{{strings}}}
          return function()
            local out = {{}}
            for i = 1, #strings do out[i] = text.repair(strings[i]) end
            return out
          end""")
        self.assertEqual(got, [s.decode("utf-8", "replace") for s in broken])

    def test_named_groups(self):
        """They come last, in a table, where the pattern has any."""
        got = self.run_lua(r"""
          local re = text.regex [[(?<year>\d+)-(?<month>\d+)(?<day>-\d+)?]]
          return function(s)
            local from, to, year, month, day, named = re:find("on 2024-05")
            local all = {}
            for _, _, _, names in re:gmatch("1-2 3-4-5") do all[#all + 1] = names end
            local swapped = re:gsub("1-2", function(_, _, _, names) return names.month .. "/" .. names.year end)
            return {find = {from, to, year, month, day, named}, match = select(4, re:match("7-8")), all = all, swapped = swapped}
          end""")
        self.assertEqual(got["find"], [4, 10, "2024", "05", False, {"year": "2024", "month": "05"}])
        self.assertEqual(got["match"], {"year": "7", "month": "8"})
        self.assertEqual(got["all"], [{"year": "1", "month": "2"}, {"year": "3", "month": "4", "day": "-5"}])
        self.assertEqual(got["swapped"], "2/1")

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
            local behind = text.regex [[bb|(?<=(?1)bb)c|(?<=(?1)b)(?=c)|(a\K){0}x]]  -- \K that a look-behind calls stands before the match
            return {behind = {behind:gsub("abbcd abc", "-")}, find = {re:find("x a@b.org")}, at = {re:find("a@b c@d", 3)}, match = {re:match("a@b")}, none = re:match("ab") == nil, all = all,
                    swapped = swapped, n = n, upper = upper, mapped = mapped, m = m, split = text.regex(",\\s*"):split("a, b,c"),
                    number = text.regex("b"):gsub("abc", 5), limited = text.regex(","):split("a,b,c", 1), chars = text.regex(""):split("aé"),
                    nothing = {text.regex([[(?<![^\s\S])a|[^\w\W]b]]):find("bab")}}
          end""")
        self.assertEqual(got["find"], [3, 9, "a", "b", ".org"])
        self.assertEqual(got["at"], [5, 7, "c", "d", False])
        self.assertEqual(got["behind"], ["a--d a--c", 4])
        self.assertEqual(got["number"], "a5c")
        self.assertEqual(got["nothing"], [2, 2])  # a class of no character, also where its length counts
        self.assertEqual(got["match"], ["a", "b", False])
        self.assertTrue(got["none"])
        self.assertEqual(got["all"], ["né", "的", "x"])
        self.assertEqual((got["swapped"], got["n"], got["upper"]), ("b at a d at c", 2, "AB CD"))
        self.assertEqual((got["mapped"], got["m"]), ("1 cd ef", 2))
        self.assertEqual((got["split"], got["limited"], got["chars"]), (["a", "b", "c"], ["a", "b,c"], ["", "a", "é", ""]))

    def test_finds_in_turns(self):
        """What a search keeps of a text is that text's and that pattern's: patterns, texts and their order change at each find."""
        got = self.run_lua(r"""
          local long = ("é1 "):rep(500000)
          local texts = {"aé1b", "aéb1", "", "1", "的的1", long .. "x", ("z"):rep(70000) .. "1x"}
          return function()
            local out = {}
            for round = 1, 40 do
              local s = texts[(round * 3) % #texts + 1]
              local re = text.regex(round % 2 == 0 and [[\d]] or [[\pL]])  -- new ones stand where old ones stood
              local last = text.regex "x"
              out[round] = {re:find(s) or 0, re:find(s, 3) or 0, last:find(s, -1) or 0, re:find(s) or 0}
            end
            return out
          end""")
        texts = ["aé1b", "aéb1", "", "1", "的的1", "é1 " * 500000 + "x", "z" * 70000 + "1x"]
        for n, finds in enumerate(got, 1):
            s = texts[n * 3 % len(texts)].encode()

            def find(pattern, start=0):
                while start < len(s) and s[start] & 0xC0 == 0x80:
                    start += 1
                at = re.search(pattern, s[start:].decode())
                return 0 if not at else start + len(s[start:].decode()[: at.start()].encode()) + 1

            kind = r"\d" if n % 2 == 0 else r"[^\W\d_]"
            self.assertEqual(finds, [find(kind), find(kind, 2), find("x", max(len(s) - 1, 0)), find(kind)], n)

    def test_errors(self):
        def failed(body, contains, files=None):
            got = self.run_lua(body, files=files, status=1)
            self.assertIn(contains, got["error"]["message"])
            return got["error"]["code"]
        def refused(make, contains, files):
            script = f'local text, bundle = require "text", require "bundle"\n{make}\nreturn function(s) return 1 end'
            self.refused(3, self.bundle(preprocess=script, files=files), "x", contains=contains)
        tokenizer = {"assets/t.json": json.dumps(TOKENIZER)}
        make = 'local t = text.tokenizer_json(bundle.asset "t.json")\n'
        failed(make + "return function(s) return t:decode({-1}) end", "ids: number 1 is -1; wanted 0 to 4294967295", tokenizer)
        failed(make + "return function(s) return t:encode(s, {max_length = 1}) end", "special tokens alone are 2", tokenizer)
        for call in ('t:encode("a\\255")', 't:tokenize("\\237\\160\\128")', 't:encode_batch({"ok", "\\192\\128"})', 't:encode("a", {pair = "\\226\\130"})',
                     'text.regex("a"):find("\\255")', 'text.nfc("\\255")'):
            failed(make + f"return function(s) return {call} end", "UTF-8", tokenizer)
        for name, content, message in (
                ("a version", b'{"version": "2.0", "model": {"type": "WordLevel", "vocab": {}}}', 'the version is "2.0"; wanted "1.0"'),
                ("tiktoken's", b"IQ== 0\nIg== 1\n", "text.tiktoken opens those"), ("BERT's", b"[PAD]\n[UNK]\n[CLS]\n", "text.wordpiece opens those"),
                ("another kind", b"\x0a\x0e\x0a\x05<unk>", "tokenizer.json: not JSON"), ("nothing", b"", "tokenizer.json: not JSON"),
                ("no model", b"{}", "no tokenizer: \"model\" is missing"), ("a list", b"[1]", "no tokenizer"),
                ("deep", b"[" * 100000, "nested too deeply"), ("another model", b'{"model": {"type": "X"}}', 'no model is called "X"'),
                ("a vocabulary of words", b'{"model": {"type": "WordLevel", "vocab": {"a": "b"}}}', "an id is not an integer"),
                ("a far id", b'{"model": {"type": "WordLevel", "vocab": {"a": 4294967295}}}', "is above"),
                ("a part that is not known", b'{"model": {"type": "WordLevel", "vocab": {}}, "pre_tokenizer": {"type": "Y"}}',
                 'no pre-tokenizer is called "Y"'),
                ("truncation", json.dumps(dict(TOKENIZER, truncation={"strategy": "Middle", "max_length": 3})).encode(),
                 'no strategy of truncation is called "Middle"'),
                ("padding", json.dumps(dict(TOKENIZER, padding={"strategy": "Longest"})).encode(), 'no strategy of padding is called "Longest"'),
                ("a class of Ruby's", json.dumps(dict(TOKENIZER, pre_tokenizer={"type": "Split", "pattern": {"Regex": "[a&&b"}, "behavior": "Isolated",
                                                                                "invert": False})).encode(), "a class without an end"),
                ("dropout", b'{"model": {"type": "BPE", "vocab": {}, "merges": [], "dropout": 2}}', '"dropout" is not a number from 0 to 1')):
            with self.subTest(name):
                refused(make, message, {"assets/t.json": content})
        for name, content in (("tokenizer.json", json.dumps(TOKENIZER).encode()), ("nothing", b""), ("noise", bytes(range(256)))):
            with self.subTest("sentencepiece: " + name):
                refused('text.sentencepiece(bundle.asset "m")', "not a sentencepiece model", {"assets/m": content})
        exploding = dict(TOKENIZER, pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a|aa)+$"}, "behavior": "Isolated", "invert": False})
        failed(make + 'return function(s) return t:encode(("a"):rep(5000) .. "b") end', "takes too long", {"assets/t.json": json.dumps(exploding)})
        failed('return function(s) return text.regex("(")  end',
               'text.regex: the pattern cannot be read: missing closing parenthesis, at byte 1; the pattern is "("')
        failed('return function(s) return text.regex(("é"):rep(60) .. "(")  end', 'at byte 121; the pattern is "' + "é" * 50 + "…")
        failed('return function(s) return text.regex("(b)"):gsub("abc", "%2") end', "text.Regex.gsub: with: wanted behind % another one or a group's number, 0 to 1, got %2")
        failed('return function(s) return text.regex("b"):gsub("abc", "100%") end', "0 to 0, got the end")
        for verb in ("NO_START_OPT", "LIMIT_MATCH=1", "UCP", "CRLF", "sr:a"):
            failed(f'return function(s) return text.regex("(*{verb})a") end', "is not supported")
        failed('return function(s) return text.regex("a(?C)b") end', "is not supported")
        failed(r'return function(s) return text.regex("[\\w-.]") end', "a range that begins with a class, at byte 3; a hyphen that is meant is \\-")
        failed('return function(s) return text.repair(7) end', "text.repair")
        failed('return function(s) return text.wordpiece("vocab.txt") end', 'want the bytes of a file, bundle.asset "NAME"')
        failed('return function(s) return text.regex("b"):gsub("abc", function() return {} end) end', "text.Regex.gsub: want a string for 'b'")
        failed('return function(s) return text.regex("b"):gsub("abc") end', "text.Regex.gsub: with: want a string, a table or a function, got nil")
        failed('return function(s) return text.regex("(a+)+$"):match(("a"):rep(5000) .. "b") end', "takes too long")

    def test_a_deadline_ends_a_slow_pattern(self):
        """Each match is cheap, but all of them together take the square of the text's length."""
        slow = dict(TOKENIZER, pre_tokenizer={"type": "Split", "pattern": {"Regex": "a*+c|a"}, "behavior": "Isolated", "invert": False})
        folder = self.bundle(preprocess="""local text, bundle = require "text", require "bundle"
          local t = text.tokenizer_json(bundle.asset "t.json")
          return function() return t:encode(("a"):rep(4000000) .. "c" .. ("a"):rep(4000000)) end""", files={"assets/t.json": json.dumps(slow)})
        (answer,) = self.answers(folder, "x", "--timeout", "2", status=1)
        self.assertEqual(answer["error"]["code"], "TIMEOUT", answer)

    def test_a_deadline_ends_a_search(self):
        """One search, whose every try stays below the limit of steps; over letters, and over characters."""
        for pattern in ("(?:a|aa)+$", r"(?:(a)|aa)+$\1?"):
            body = f'local re = text.regex [[{pattern}]]\nreturn function() return re:find((("a"):rep(22) .. "b"):rep(100000)) == nil end'
            folder = self.bundle(preprocess=f'local text = require "text"\n{body}')
            (answer,) = self.answers(folder, "x", "--timeout", "2", status=1)
            self.assertEqual(answer["error"]["code"], "TIMEOUT", answer)


if __name__ == "__main__":
    unittest.main()
