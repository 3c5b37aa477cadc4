"""Names in a text: BIO tags of words, from their first pieces, merged into spans of characters; a packed LSTM, each text alone in Python."""
import random
import unicodedata

import torch

WORDS = "Anna Müller lives in New York City , works for Deutsche Bank AG . café São Paulo naïve Zürich don't 東京 😀".split()
TAGS = ["O", "B-person", "I-person", "B-place", "I-place"]


def plain(word):
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))


def pieces():
    letters = sorted(set("".join(map(plain, WORDS))) - {"😀"})
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + c for c in letters), "an", "##na", "new", "deut", "##sche", "works"]


class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.pieces = torch.nn.Embedding(100, 16)
        self.layers = torch.nn.LSTM(16, 12, bidirectional=True, batch_first=True)
        self.head = torch.nn.Linear(24, 5)
        torch.nn.init.normal_(self.head.weight, std=2.0)

    def forward(self, ids, attention_mask, lengths):
        packed = torch.nn.utils.rnn.pack_padded_sequence(self.pieces(ids), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = torch.nn.utils.rnn.pad_packed_sequence(self.layers(packed)[0], batch_first=True, total_length=ids.size(1))
        return self.head(hidden) * attention_mask.unsqueeze(2)


def models():
    return {"model.pt": Tagger()}


def assets(folder):
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(pieces()) + "\n")
    (folder / "tags.txt").write_text("\n".join(TAGS) + "\n")


def inputs(folder, count):
    rng = random.Random(1)
    return [rng.choice([" ", "  "]).join(rng.choices(WORDS, k=rng.choice([1, 2, 5, 12, 30]))) for _ in range(count)]


def words(text):
    """(begin, end) of words: between white space; each sign and each Chinese character by itself."""
    spans, begin = [], None
    for i, c in enumerate(text + " "):
        alone = unicodedata.category(c)[0] == "P" or c in "東京"
        if begin is not None and (c.isspace() or alone):
            spans.append((begin, i))
            begin = None
        if alone:
            spans.append((i, i + 1))
        elif begin is None and not c.isspace():
            begin = i
    return spans


def cut(word, ids):
    """WordPiece: the longest piece first."""
    found, begin = [], 0
    while begin < len(word):
        end = next((e for e in range(len(word), begin, -1) if ("##" if begin else "") + word[begin:e] in ids), None)
        if end is None:
            return [ids["[UNK]"]]
        found.append(ids[("##" if begin else "") + word[begin:end]])
        begin = end
    return found


def answer(models, text):
    ids, given, firsts = {p: i for i, p in enumerate(pieces())}, [2], []
    for begin, end in words(text):
        firsts.append((len(given), begin, end))
        given += cut(plain(text[begin:end]), ids)
    given = torch.tensor([[*given, 3]])
    scores, best = torch.softmax(models["model.pt"](given, torch.ones_like(given), torch.tensor([given.size(1)]))[0], -1).max(-1)
    spans = []
    for at, begin, end in firsts:
        tag = TAGS[best[at]]
        if tag[0] == "I" and spans and spans[-1]["type"] == tag[2:] and spans[-1]["open"]:
            spans[-1]["end"] = end
        elif tag != "O":
            spans.append({"type": tag[2:], "start": begin, "end": end, "score": float(scores[at]), "open": True})
        else:
            spans = [{**s, "open": False} for s in spans]
    return {"spans": [{**{k: v for k, v in s.items() if k != "open"}, "text": text[s["start"]:s["end"]]} for s in spans], "pieces": given.size(1)}
