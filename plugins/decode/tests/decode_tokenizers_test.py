"""Constraints and stop texts over tokenizers of every kind, against what these decode; through the command."""
import io
import json
import re
import sys
import unittest

import sentencepiece

sys.path.insert(0, __file__.rsplit("/plugins/", 1)[0] + "/tests/command")
from command import Case, mrun  # noqa: E402

BPE = ["<unk>", "▁", "a", "▁a", "b", "<0x0A>", "<0xC3>", "<0xA9>", "Ġ", "ab"]
WORDPIECE = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Ġ", "▁", "a", "##a", "b", "##b", "é", ".", ",", "'"]
BYTES = ["a", "b", "Ġ", "Ġa", "c", "Ã", "©", "ab", "Ċ"]
REPLACE = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
FUSED = [REPLACE, {"type": "ByteFallback"}, {"type": "Fuse"}]
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DECODERS = {
    "llama": {"type": "Sequence", "decoders": [*FUSED, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "gemma": {"type": "Sequence", "decoders": FUSED},
    "always": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    "never": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
    "none": None,
    "gaps": {"type": "Sequence", "decoders": FUSED},
}
KINDS = [*DECODERS, "wordpiece", "byte_level", "sentencepiece"]
GAP = 7  # between an id and the next of the tokenizer that has gaps
SENTENCEPIECES = 274  # three control tokens, 256 bytes, letters and what they make

SCRIPT = """
local bundle, decode, text, torch = require "bundle", require "decode", require "text", require "torch"
local made = {
  wordpiece = text.wordpiece(bundle.asset "vocab.txt", { lower = false }),
  sentencepiece = text.sentencepiece(bundle.asset "pieces.model"),
}
for _, name in ipairs { "llama", "gemma", "always", "never", "none", "gaps", "byte_level" } do
  made[name] = text.tokenizer_json(bundle.asset(name .. ".json"))
end
return function(x)
  local tokenizer = made[x.tokenizer]
  local scores = torch.rand({ x.ids, x.ids }) * 4
  local draws = decode.sample(function(tokens) return scores:index_select(0, tokens) end,
    { bos = 0, max_new = 12, n_best = 30, tokenizer = tokenizer, stop = x.stop, constrain = x.regex and { regex = x.regex } })
  local answer = {}
  for i, h in ipairs(draws) do answer[i] = { text = tokenizer:decode(h.tokens), tokens = h.tokens, stop = h.stop } end
  return answer
end
"""


def file(pieces, decoder, added, gap=1):
    pieces = {piece: i * gap for i, piece in enumerate(pieces)}
    tokens = [{"id": len(pieces) + i, "content": content, "special": special, "single_word": False, "lstrip": False, "rstrip": False,
               "normalized": False} for i, (content, special) in enumerate(added.items())]
    model = {"type": "BPE", "vocab": pieces, "merges": [], "unk_token": "<unk>" if "<unk>" in pieces else None, "byte_fallback": "<unk>" in pieces}
    return json.dumps({"version": "1.0", "added_tokens": tokens, "normalizer": None, "pre_tokenizer": None, "post_processor": None,
                       "decoder": decoder, "model": model})


def sentencepiece_model():
    """Pieces of letters and spaces, and one for each byte."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b ab ba abc", "ab é a.b"] * 50), model_writer=model, minloglevel=2,
                                             model_type="bpe", byte_fallback=True, vocab_size=SENTENCEPIECES)
    return model.getvalue()


class Tokenizers(Case):
    def setUp(self):
        super().setUp()
        files = {f"assets/{name}.json": file(BPE, decoder, {"</s>": True}, GAP if name == "gaps" else 1) for name, decoder in DECODERS.items()}
        files["assets/byte_level.json"] = file(BYTES, BYTE_LEVEL, {"<|end|>": True, "  ": False, "é!": False})
        files["assets/vocab.txt"] = "\n".join(WORDPIECE)
        files["assets/pieces.model"] = sentencepiece_model()
        self.folder = self.bundle("json", preprocess=SCRIPT, files=files)

    def texts(self, cases):
        path = self.dir / "cases.jsonl"
        ids = {"wordpiece": len(WORDPIECE), "byte_level": len(BYTES) + 3, "gaps": GAP * len(BPE), "sentencepiece": SENTENCEPIECES}  # with the added tokens
        cases = [{**c, "ids": ids.get(c["tokenizer"], len(BPE) + 1)} for c in cases]
        path.write_text("".join(json.dumps(c) + "\n" for c in cases))
        lines = mrun(self.folder, "--jsonl", path, "--seed", "7").stdout.splitlines()
        self.assertEqual(len(lines), len(cases))
        return [json.loads(line) for line in lines]

    def test_what_comes_out_fits_as_it_is_decoded(self):
        patterns = ["[^q]{3,25}", "[a-c é]{2,9}", "(?:a| )+", " ?[ab]+( [ab]+)*", r"(?:a|b|\s|\.)+", r"(?:.|\n)*"]
        cases = [{"tokenizer": name, "regex": p} for name in KINDS for p in patterns]
        for case, answer in zip(cases, self.texts(cases)):
            self.assertIsInstance(answer, list, (case, answer))
            for draw in answer:
                self.assertTrue(re.fullmatch(case["regex"], draw["text"], re.ASCII), (case, draw))

    def test_stop_texts_are_those_of_the_decoded_text(self):
        stops = [["a"], [" a"], ["ab", "b"], ["a b"], ["o w"], ["!"]]
        cases = [{"tokenizer": name, "stop": s} for name in KINDS for s in stops]
        found = 0
        for case, answer in zip(cases, self.texts(cases)):
            self.assertIsInstance(answer, list, (case, answer))
            for draw in answer:
                self.assertEqual("stop" in draw, any(s in draw["text"] for s in case["stop"]), (case, draw))
                found += "stop" in draw
        self.assertGreater(found, 300)


if __name__ == "__main__":
    unittest.main()
