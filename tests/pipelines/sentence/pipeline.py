"""A sentence as a vector, its batch padded: each alone and without padding in Python."""
import random
import shutil

import sentencepiece
import torch
from photos import SOURCE

WIDTH = 16
TOKENIZER = SOURCE / "bundles/good-bad-ugly/bundle/assets/tokenizer.model"


class Encoder(torch.nn.Module):
    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        self.pieces, self.places = torch.nn.Embedding(vocabulary, width), torch.nn.Embedding(512, width)
        self.inner, self.outer, self.norm = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width), torch.nn.LayerNorm(width)
        self.cell = torch.nn.GRU(width, width, batch_first=True)

    def forward(self, ids):
        return self.pieces(ids)

    @torch.jit.export
    def attend(self, ids, mask):
        x = self.pieces(ids) + self.places.weight[:ids.size(1)]
        q, k, v = self.inner(x).chunk(3, -1)
        weights = (q @ k.transpose(1, 2) / 4.0).masked_fill(~mask.unsqueeze(1), -1e9)
        hidden = self.norm(x + self.outer(torch.softmax(weights, -1) @ v))
        kept = hidden * mask.unsqueeze(2)
        mean = torch.nn.functional.normalize(kept.sum(1) / mask.sum(1, keepdim=True), dim=-1)
        return mean, hidden

    @torch.jit.export
    def last(self, ids, lengths):
        hidden = self.cell(self.pieces(ids))[0]
        return hidden[torch.arange(ids.size(0)), lengths - 1]


def models():
    return {"model.pt": Encoder(tokenizer().get_piece_size(), WIDTH)}


def tokenizer():
    return sentencepiece.SentencePieceProcessor(model_file=str(TOKENIZER))


def assets(folder):
    folder.mkdir()
    shutil.copy(TOKENIZER, folder / "tokenizer.model")


def inputs(folder, count):
    rng, words = random.Random(1), (SOURCE / "bundles/good-bad-ugly/text.txt").read_text().split()
    return [" ".join(rng.choices(words, k=rng.choice([1, 2, 5, 9, 15, 30, 60]))) for _ in range(count)]


def answer(models, sentence):
    model, ids = models["model.pt"], torch.tensor([tokenizer().encode(sentence)])
    mean, hidden = model.attend(ids, torch.ones_like(ids, dtype=torch.bool))
    last = model.cell(model.pieces(ids))[1][0, 0]
    return {"mean": mean[0].tolist(), "last": last.tolist(), "pieces": ids.size(1), "peak": hidden[0].amax(0).tolist()}
