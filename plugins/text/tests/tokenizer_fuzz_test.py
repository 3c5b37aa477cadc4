"""Random small tokenizer.json files and hard texts, against Hugging Face's native tokenizers: ids, types, offsets, pieces and back.
TEXT_FUZZ is how many files, TEXT_FUZZ_SEED the first seed; a failure names its own."""
import json
import os
import random
import subprocess
import unittest

from sides import CLI, NODE, Side, added, bert_normalizer, bpe, metaspace, seq, split, tokenizer, wordpiece

COUNT, SEED = int(os.environ.get("TEXT_FUZZ", 400)), int(os.environ.get("TEXT_FUZZ_SEED", 1))
LETTERS = ["a", "b", "c", "A", "é", "e\u0301", "的", "😀", "1", "ß", "_"]
SPACES = [" ", " ", " ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u3000"]
MARKS = [".", "-", "--", "'s", "▁", "##", ",", "?", "Ａ", "ﬁ", "\u200d", "</w>"]
TOKENS = ["<x>", "<y>", "\n\n", "ab", "é", "A", "a b", "  ", "[UNK]", "<x><y>", "-"]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
PATTERNS = ["a", "a*", "[ab]+", r"\s+", r"\s*", r"\w+|\s", "(?=a)", "b|", "$", "^", ".", r"(?<=a)", r"\b", r"[^a]*", r"b?", r"\n|$"]


class Maker:
    """One random tokenizer and its texts."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def flag(self, p=0.5):
        return self.rng.random() < p

    def text(self):
        parts = LETTERS * 2 + SPACES * 2 + MARKS + TOKENS
        return "".join(self.rng.choice(parts) for _ in range(self.rng.choice((0, 1, 2, 4, 8, 8, 20, 40))))

    def pattern(self):
        return {"String": self.pick("a", " ", "ab", "▁", ".")} if self.flag(0.3) else {"Regex": self.rng.choice(PATTERNS)}

    def normalizer(self, depth=0):
        kind = self.rng.randrange(14 if depth else 16)
        if kind < 4:
            return {"type": self.pick("NFC", "NFD", "NFKC", "NFKD")}
        if kind >= 12:
            return None if depth == 0 and kind < 14 else seq("normalizers", *[n for n in (self.normalizer(1) for _ in range(self.rng.randrange(4))) if n])
        return [{"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "Nmt"}, {"type": "ByteLevel"},
                {"type": "Strip", "strip_left": self.flag(), "strip_right": self.flag()}, {"type": "Prepend", "prepend": self.pick("▁", "ab")},
                {"type": "Replace", "pattern": self.pattern(), "content": self.pick("b", " ", "▁", "é1")},
                bert_normalizer(clean_text=self.flag(), handle_chinese_chars=self.flag(), strip_accents=self.pick(None, True, False),
                                lowercase=self.flag())][kind - 4]

    def pre_tokenizer(self, depth=0):
        kind = self.rng.randrange(12 if depth else 15)
        if kind >= 12:
            return None if kind == 12 else seq("pretokenizers", *(self.pre_tokenizer(1) for _ in range(self.rng.randrange(4))))
        return [{"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"},
                {"type": "ByteLevel", "add_prefix_space": self.flag(), "trim_offsets": self.flag(), "use_regex": self.flag()},
                metaspace(self.pick("always", "first", "never"), self.flag()), {"type": "Punctuation", "behavior": self.rng.choice(BEHAVIORS)},
                {"type": "Digits", "individual_digits": self.flag()}, {"type": "CharDelimiterSplit", "delimiter": self.pick("a", " ", "-")},
                {"type": "UnicodeScripts"}, {"type": "FixedLength", "length": self.pick(1, 2, 5)},
                *[dict(split("", self.rng.choice(BEHAVIORS), self.flag(0.3)), pattern=self.pattern()) for _ in range(2)]][kind]

    def vocabulary(self, *more):
        words = ["[UNK]", *LETTERS, " ", "▁", "ab", "bc", "abc", "▁a", "▁ab", "--", ".", "Ġ", "Ã", "©", "##a", "##b", "##c", *more]
        return list(dict.fromkeys(w for w in words if self.flag(0.85)))

    def model(self):
        kind = self.rng.randrange(4)
        if kind == 0:
            words = self.vocabulary()
            return {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {w: i for i, w in enumerate(words)}}
        if kind == 1:
            words = self.vocabulary("##bc", "##é", "##的")
            return wordpiece(max_input_chars_per_word=self.pick(3, 100), vocab={w: i for i, w in enumerate(words)})
        return self.bpe() if kind == 2 else self.unigram()

    def bytes(self):
        return [f"<0x{b:02X}>" for b in range(256)] if self.flag() else [f"<0x{b:02X}>" for b in range(256) if self.flag(0.9)]

    def bpe(self):
        fall_back = self.flag(0.3)
        # The peer's offsets lie outside the text where a prefix or suffix falls back to bytes.
        prefix, suffix = (None, None) if fall_back else (self.pick(None, None, "##"), self.pick(None, None, "</w>"))
        words = [w for w in self.vocabulary(*(self.bytes() if fall_back else [])) if not w.startswith("##") or prefix]
        words += [w + suffix for w in LETTERS if suffix and self.flag(0.8)]
        merges = []
        for _ in range(self.rng.randrange(8)):
            left, right = self.rng.choice(words), self.rng.choice(words)
            if prefix and not right.startswith(prefix):
                continue
            if [left, right] not in merges:
                merges.append([left, right])
                words += [w for w in [left + right[len(prefix or ""):]] if w not in words]
        return bpe(unk_token=self.pick("[UNK]", "[UNK]", None) if "[UNK]" in words else None, fuse_unk=self.flag(), byte_fallback=fall_back,
                   continuing_subword_prefix=prefix, end_of_word_suffix=suffix, ignore_merges=self.flag(0.2),
                   vocab={w: i for i, w in enumerate(words)}, merges=merges)

    def unigram(self):
        """Scores that make equal sums likely, written in more digits than two roundings keep."""
        fall_back = self.flag(0.3)
        words = ["[UNK]"] + [w for w in self.vocabulary("---", "aa", "aaa", *(self.bytes() if fall_back else [])) if w != "[UNK]"]
        one = -self.rng.uniform(0.5, 6)
        def score(word):
            if self.flag(0.5):
                return one * len(word)
            return one * len(word) + self.pick(0, 1e-15, -1e-15, 0.5)
        return {"type": "Unigram", "unk_id": 0, "byte_fallback": fall_back, "vocab": [[w, score(w)] for w in words]}

    def post_processor(self, depth=0):
        kind = self.rng.randrange(5 if depth else 7)
        pairs = [["<x>", self.rng.randrange(9)], ["<y>", self.rng.randrange(9)]]
        if kind == 0:
            return {"type": "BertProcessing", "sep": pairs[0], "cls": pairs[1]}
        if kind == 1:
            return {"type": "RobertaProcessing", "sep": pairs[0], "cls": pairs[1], "trim_offsets": self.flag(), "add_prefix_space": self.flag()}
        if kind == 2:
            return {"type": "ByteLevel", "add_prefix_space": self.flag(), "trim_offsets": self.flag(), "use_regex": self.flag()}
        if kind < 5:
            return self.template()
        return None if kind == 5 else seq("processors", *(self.post_processor(1) for _ in range(self.rng.randrange(4))))

    def template(self):
        def special():
            return {"SpecialToken": {"id": self.pick("<x>", "<z>"), "type_id": self.rng.randrange(3)}}
        def pieces(*names):
            out = [{"Sequence": {"id": name, "type_id": self.rng.randrange(3)}} for name in names]
            for _ in range(self.rng.randrange(4)):
                out.insert(self.rng.randrange(len(out) + 1), special())
            return out
        return {"type": "TemplateProcessing", "single": pieces("A"), "pair": pieces("A", "B") if self.flag(0.8) else pieces("B", "A"),
                "special_tokens": {"<x>": {"id": "<x>", "ids": [3], "tokens": ["<x>"]},
                                   "<z>": {"id": "<z>", "ids": [5, 6], "tokens": ["<z>", "z"]}}}

    def decoder(self, depth=0):
        kind = self.rng.randrange(9 if depth else 11)
        if kind >= 9:
            return None if kind == 9 else seq("decoders", *(self.decoder(1) for _ in range(self.rng.randrange(4))))
        return [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                {"type": "WordPiece", "prefix": "##", "cleanup": self.flag()}, metaspace(self.pick("always", "never")),
                {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "CTC", "pad_token": "a", "word_delimiter_token": "b", "cleanup": self.flag()},
                {"type": "Fuse"}, {"type": "Strip", "content": self.pick(" ", "a"), "start": self.rng.randrange(3), "stop": self.rng.randrange(3)},
                {"type": "ByteFallback"}, {"type": "Replace", "pattern": self.pattern(), "content": self.pick("", "x")}][kind]

    def truncation(self):
        if self.flag(0.4):
            return None
        return {"direction": self.pick("Left", "Right"), "max_length": self.rng.randrange(4, 16), "stride": 0,
                "strategy": self.pick("LongestFirst", "LongestFirst", "OnlyFirst", "OnlySecond")}

    def padding(self):
        if self.flag(0.7):
            return None
        return {"strategy": self.pick("BatchLongest", {"Fixed": self.rng.randrange(20)}), "direction": self.pick("Left", "Right"),
                "pad_to_multiple_of": self.pick(None, None, 4), "pad_id": 1, "pad_type_id": self.rng.randrange(3), "pad_token": "[PAD]"}

    def request(self):
        contents = self.rng.sample(TOKENS, self.rng.randrange(6))
        tokens = [added(100 + i, t, single_word=self.flag(0.2), lstrip=self.flag(0.3), rstrip=self.flag(0.3), normalized=self.flag() and t.strip() != "",
                        special=self.flag()) for i, t in enumerate(contents)]
        config = tokenizer(self.model(), self.normalizer(), self.pre_tokenizer(), self.post_processor(), self.decoder(), tokens,
                           self.truncation(), self.padding())
        if config["model"].get("unk_token", "") is None and "ByteLevel" in json.dumps(config):  # its offsets are an oddity
            config["model"]["vocab"].setdefault("[UNK]", len(config["model"]["vocab"]))
            config["model"]["unk_token"] = "[UNK]"
        config["version"] = self.pick("1.0", "1.0", "1.0", "2.0")
        items = [self.text() if self.flag(0.6) else [self.text(), self.text()] for _ in range(16)]
        return {"config": json.dumps(config), "special": self.flag(0.8), "items": items}

    def parts_request(self):
        """The same, with the parts that a cut leaves, and texts in words."""
        request = self.request()
        config = dict(json.loads(request["config"]), post_processor=self.post_processor(1))
        if self.flag(0.7):
            config["truncation"] = dict(self.truncation() or {}, max_length=self.rng.randrange(4, 16), stride=0, direction=self.pick("Left", "Right"),
                                        strategy=self.pick("LongestFirst", "OnlyFirst", "OnlySecond"))
        cut = config["truncation"]
        def words():
            return [self.text() for _ in range(self.rng.randrange(5))]
        for i in range(len(request["items"])):
            if self.flag(0.3) and (not cut or cut["strategy"] == "LongestFirst"):
                request["items"][i] = [words()] if cut or self.flag() else [words(), words()]
        return dict(request, config=json.dumps(config), stride=self.pick(0, 0, 1, 2, 3))


def differs(request, item, want, got):
    """Whether two answers do. What only we refuse, for a room that the special tokens alone fill, is not compared. Nor is what the peer
    cannot tell: the numbers of words where the beginning is cut off (it counts from what is left) or words are given and cut, and
    the numbers of texts without a post-processor, where padding counts as text, or behind several."""
    if "special tokens alone" in got.get("error", ""):
        return False
    config, unknown = json.loads(request["config"]), []
    if (config["truncation"] or {}).get("direction") == "Left" or (config["truncation"] and isinstance(item[:1], list) and not isinstance(item[0], str)):
        unknown.append("words")
    if not config["post_processor"] or config["post_processor"]["type"] == "Sequence":
        unknown.append("sequences")
    for answer in (want, got):
        for part in [answer, *answer.get("overflowing", [])]:
            part.update({key: None for key in unknown})
    return ("error" in want) != ("error" in got) or ("error" not in want and want != got)


class Oracle:
    """The peer's process, started again where a fault of its own ended it: what it was asked then has no answer."""

    def __init__(self):
        self.side, self.faults = None, 0

    def answers(self, request, count):
        if self.side is None:
            self.side = Side(NODE + ["compare"], stderr=subprocess.DEVNULL)
        self.side.ask(request)
        out = []
        for _ in range(count):
            line = self.side.process.stdout.readline()
            if not line:
                self.end()
                self.faults += 1
                break
            out.append(json.loads(line))
        return out

    def also_gives(self, request, line, number, got):
        """Whether the peer gives this answer at another time: of added tokens that its normalizer makes equal it takes one by chance."""
        for _ in range(16):
            answers = self.answers(line, len(request["items"]))
            if number < len(answers) and not differs(request, request["items"][number], answers[number], got):
                return True
        return False

    def end(self):
        if self.side is not None:
            self.side.end()
        self.side = None


class Fuzz(unittest.TestCase):
    def test_random_tokenizers(self):
        ours, oracle, wrong, compared = Side([CLI, "compare"]), Oracle(), [], 0
        self.addCleanup(ours.end)
        self.addCleanup(oracle.end)
        for seed in range(SEED, SEED + COUNT):
            request = Maker(seed).request() if seed % 3 else Maker(seed).parts_request()
            line = (json.dumps(request) + "\n").encode()
            ours.ask(line)
            theirs = oracle.answers(line, len(request["items"]))
            got = [json.loads(answer) for answer in ours.answer(len(request["items"]))]
            compared += sum("error" not in want for want in theirs)
            differing = [(i, three) for i, three in enumerate(zip(request["items"], theirs, got)) if differs(request, *three)]
            wrong += [(seed, *three) for i, three in differing if not oracle.also_gives(request, line, i, three[2])][:1]
        for seed, item, want, got in wrong[:int(os.environ.get("TEXT_FUZZ_SHOWN", 3))]:
            keys = [key for key in {**want, **got} if want.get(key) != got.get(key)]
            print(f"seed {seed}: {item!a}\n" + "".join(f"  {k}: theirs {want.get(k)!a}\n  {k}: ours   {got.get(k)!a}\n" for k in keys))
            print(f"  {(Maker(seed).request() if seed % 3 else Maker(seed).parts_request())}")
        self.assertEqual([w[0] for w in wrong], [])
        self.assertGreater(compared, COUNT * 8)
        self.assertLess(oracle.faults, COUNT / 4)


if __name__ == "__main__":
    unittest.main()
