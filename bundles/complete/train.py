#!/usr/bin/env python3
"""Trains the language model of this bundle and writes bundle/model.pt and bundle/assets/tokenizer.model.

    /usr/bin/python3 train.py [--minutes 15] [--text FILE]     (Debian: python3-torch, python3-sentencepiece, apt-get, dpkg; one core)

Data: the King James Bible of 1611 (public domain), a verse a line, as the Debian packages bible-kjv and bible-kjv-text have it; fetched
with apt-get unless --text names a file of lines. Of fifty parts, two are kept out of training.
"""
import argparse
import io
import math
import pathlib
import re
import subprocess
import tempfile
import time

import sentencepiece
import torch
from torch import Tensor, nn
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY, WIDTH, HIDDEN, ROWS, STEPS, PEAK = 1000, 192, 352, 16, 48, 4e-3


class Model(nn.Module):
    """Embedding → GRU → the embedding's width → scores by the same embedding."""

    def __init__(self):
        super().__init__()
        self.pieces = nn.Embedding(VOCABULARY, WIDTH)
        nn.init.normal_(self.pieces.weight, std=WIDTH ** -0.5)
        self.gru, self.out, self.drop = nn.GRU(WIDTH, HIDDEN, batch_first=True), nn.Linear(HIDDEN, WIDTH), nn.Dropout(0.1)
        self.scale = WIDTH ** 0.5

    def scores(self, x: Tensor) -> Tensor:
        return functional.linear(self.out(self.drop(x)), self.pieces.weight)

    def forward(self, tokens: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """int64 [rows, places], h [1, rows, hidden]. The scores after each, [rows, places, vocabulary], and h."""
        x, h = self.gru(self.pieces(tokens) * self.scale, h)
        return self.scores(x), h

    @torch.jit.export
    def step(self, tokens: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """int64 [rows], h [rows, hidden]. Scores [rows, vocabulary], and h."""
        scores, h = self.forward(tokens[:, None], h[None])
        return scores[:, 0], h[0]


def verses():
    """Fetched from Debian; its program prints them."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-qq", "bible-kjv", "bible-kjv-text"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        for deb in pathlib.Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", deb.name, "."], cwd=folder, check=True)
        command = ["usr/bin/bible", "-p", "usr/lib", "-f", "gen1:1-rev22:21"]
        text = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return [re.sub(r"^\S+ ", "", line) for line in text.splitlines()]


def fit_tokenizer(lines):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=VOCABULARY, model_type="unigram", num_threads=1, minloglevel=2)
    return model.getvalue()


def parts(tokenizer, lines):
    """All pieces in order, each verse with a begin before it: for training, and held out."""
    encoded = tokenizer.encode(lines, add_bos=True)
    size = len(lines) // 50
    held = [verse for i, verse in enumerate(encoded) if i // size % 20 == 19]
    rest = [verse for i, verse in enumerate(encoded) if i // size % 20 != 19]
    return [torch.tensor([piece for verse in some for piece in verse]) for some in (rest, held)]


def windows(pieces, first):
    """Pieces [ROWS, STEPS + 1] that go on row by row where the last window ended."""
    rows = pieces[first:first + (len(pieces) - first) // ROWS * ROWS].reshape(ROWS, -1)
    return [rows[:, i:i + STEPS + 1] for i in range(0, rows.size(1) - STEPS - 1, STEPS)]


def loss_of(model, window, h):
    scores, h = model(window[:, :-1], h)
    return functional.cross_entropy(scores.flatten(0, 1), window[:, 1:].flatten()), h.detach()


def held_loss(model, pieces):
    model.eval()
    h, losses = torch.zeros(1, ROWS, HIDDEN), []
    with torch.inference_mode():
        for window in windows(pieces, 0):
            loss, h = loss_of(model, window, h)
            losses.append(float(loss))
    model.train()
    return sum(losses) / len(losses)


def fit(train, held, minutes):
    torch.manual_seed(1)
    model, began = Model(), time.monotonic()
    optimizer, share, step = torch.optim.Adam(model.parameters(), lr=0), 0.0, 0
    while share < 1:
        h = torch.zeros(1, ROWS, HIDDEN)
        for window in windows(train, int(torch.randint(STEPS, ()))):
            share = (time.monotonic() - began) / (60 * minutes)
            for group in optimizer.param_groups:
                group["lr"] = PEAK * min(1.0, (step + 1) / 50) * max(0.02, 0.5 * (1 + math.cos(math.pi * min(1.0, share))))
            loss, h = loss_of(model, window, h)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if share >= 1:
                break
        print(f"{share * minutes:.1f} min, step {step}: loss {float(loss):.3f}, held out {held_loss(model, held):.3f}", flush=True)
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--text", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = options.text.read_text().splitlines() if options.text else verses()
    fitted = fit_tokenizer(lines)
    train, held = parts(sentencepiece.SentencePieceProcessor(model_proto=fitted), lines)
    print(f"{len(lines)} verses, {len(train)} pieces, {len(held)} held out", flush=True)
    model = fit(train, held, options.minutes)
    torch.jit.script(model).save(str(HERE / "bundle/model.pt"))
    (HERE / "bundle/assets/tokenizer.model").write_bytes(fitted)


if __name__ == "__main__":
    main()
