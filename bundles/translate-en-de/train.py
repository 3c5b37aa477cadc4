#!/usr/bin/env python3
"""Trains the translator of this bundle: tokenizer, then network.

    /usr/bin/python3 parallel.py DATA
    /usr/bin/python3 train.py DATA [--minutes 120] [--longest 64]     (Debian: python3-torch, python3-sentencepiece, libopenblas0-pthread)

Keeps in DATA: tokenizer.model, and every few minutes best.pt, the weights with the least loss on dev.tsv so far. export.py makes the
bundle of best.pt. Two processes train the same weights (Hogwild, Recht et al. 2011), as one thread each uses a core best.
"""
import argparse
import math
import pathlib
import random
import time

import numpy
import sentencepiece
import torch
from torch.nn import functional

import network

VOCABULARY, BATCH, WARM, PEAK, SMOOTHING, SAMPLE = 8000, 512, 0.04, 1.5e-3, 0.1, 1024  # BATCH: places; WARM: share of the time


def read(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def fit_tokenizer(folder):
    path = folder / "tokenizer.model"
    if not path.exists():
        text = folder / "pieces.txt"
        text.write_text("".join(f"{english}\n{german}\n" for english, german in read(folder / "train.tsv")), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=VOCABULARY, model_type="unigram", character_coverage=0.9998,
            input_sentence_size=300000, shuffle_input_sentence=True, num_threads=2, minloglevel=1,
            pad_id=network.PAD, unk_id=network.UNKNOWN, bos_id=network.BEGIN, eos_id=network.END)
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def pairs_of(tokenizer, path, longest):
    """Pieces of the source with its end, of the target with begin and end; those of at most so many pieces."""
    lines = read(path)
    sources = tokenizer.encode([english for english, _ in lines], add_eos=True)
    targets = tokenizer.encode([german for _, german in lines], add_bos=True, add_eos=True)
    return [pair for pair in zip(sources, targets) if max(map(len, pair)) <= longest + 2]


def batches(pairs, chance):
    """Of similar lengths, about BATCH pieces of the target each, in random order."""
    order = sorted(range(len(pairs)), key=lambda i: (len(pairs[i][1]) + chance.random(), len(pairs[i][0])))
    found, some, longest = [], [], 0
    for i in order:
        longest = max(longest, len(pairs[i][0]), len(pairs[i][1]))
        if some and (len(some) + 1) * longest > BATCH:
            found.append(some)
            some, longest = [], max(map(len, pairs[i]))
        some.append(i)
    found.append(some)
    chance.shuffle(found)
    return [[padded([pairs[i][side] for i in some]) for side in (0, 1)] for some in found]


def padded(rows):
    width = max(map(len, rows))
    return torch.tensor([row + [network.PAD] * (width - len(row)) for row in rows])


def taught(model, source, target):
    """The decoder's output at each place, and which piece is wanted there."""
    fed, wanted = target[:, :-1].clone(), target[:, 1:]
    fed[wanted == network.PAD] = network.PAD
    return model.taught(source, fed), wanted[wanted != network.PAD]


def loss_of(model, source, target):
    """Cross entropy over the pieces of this batch and a sample of the others, which stands for all of them (Jean et al. 2015)."""
    x, wanted = taught(model, source, target)
    present, wanted = wanted.unique(return_inverse=True)
    others = torch.ones(VOCABULARY, dtype=torch.bool)
    others[present] = False
    sample = others.nonzero()[:, 0][torch.randperm(VOCABULARY - len(present))[:SAMPLE]]
    scores = x @ functional.embedding(torch.cat([present, sample]), model.pieces.weight).T
    weight = torch.zeros(scores.size(1))
    weight[len(present):] = math.log((VOCABULARY - len(present)) / len(sample))
    return functional.cross_entropy(scores + weight, wanted, label_smoothing=SMOOTHING)


def dev_loss(model, held):
    """Of a piece, over the whole vocabulary."""
    model.eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for source, target in held:
            x, wanted = taught(model, source, target)
            total += float(functional.cross_entropy(x @ model.pieces.weight.T, wanted, reduction="sum"))
            count += len(wanted)
    model.train()
    return total / count


def first_pieces(pairs):
    """Embeddings to begin with: pieces that come in the same pairs, source and target, lie near each other. The eigenvectors of the positive
    pointwise mutual information (Levy and Goldberg 2014), each row of length 1."""
    together = [numpy.add.outer(numpy.array(source) * VOCABULARY, target[1:]).ravel() for source, target in pairs]
    counts = torch.from_numpy(numpy.bincount(numpy.concatenate(together), minlength=VOCABULARY ** 2)).float().reshape(VOCABULARY, VOCABULARY)
    expected = counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
    information = (counts / (expected + 1)).log().clamp(min=0)
    u, s, v = torch.svd_lowrank(information + information.T, q=network.WIDTH, niter=2)
    first = u * s.sqrt() * ((u * v).sum(0) > 0)
    return first / first.norm(dim=1, keepdim=True).clamp(min=0.1 * float(first.norm(dim=1).mean()))


class Worker:
    """One of the processes that train the same weights, each with its own pairs and moments, without waiting for each other."""

    def __init__(self, folder, model, minutes):
        self.folder, self.model, self.began, self.seconds = folder, model, time.monotonic(), 60 * minutes
        self.optimizer = torch.optim.Adam(model.parameters(), lr=0, betas=(0.9, 0.98), eps=1e-9)
        self.step, self.best = 0, math.inf

    def spent(self):
        return time.monotonic() - self.began

    def rate(self):
        share = min(1.0, self.spent() / self.seconds)
        return PEAK * min(1.0, share / WARM + 1e-3) * max(0.02, 0.5 * (1 + math.cos(math.pi * share)))

    def learn(self, source, target):
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        loss = loss_of(self.model, source, target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return float(loss)

    def keep(self, held):
        """Saves the weights where they are the best so far."""
        loss = dev_loss(self.model, held)
        if loss < self.best:
            self.best = loss
            torch.save(self.model.state_dict(), self.folder / "best.pt")
        return loss

    def train(self, pairs, held):
        chance, kept, recent = random.Random(0), 0.0, []
        while self.spent() < self.seconds:
            for source, target in batches(pairs, chance):
                recent.append(self.learn(source, target))
                over = self.spent() >= self.seconds
                if held and (over or self.spent() - kept > 240):
                    print(f"{self.spent() / 60:.1f} min, step {self.step}: loss {sum(recent) / len(recent):.3f}, dev {self.keep(held):.3f}", flush=True)
                    kept, recent = self.spent(), []
                if over:
                    break


def work(number, workers, folder, model, minutes, longest):
    torch.set_num_threads(1)
    torch.manual_seed(number)
    tokenizer = fit_tokenizer(folder)
    pairs = pairs_of(tokenizer, folder / "train.tsv", longest)
    random.Random(1).shuffle(pairs)
    held = batches(pairs_of(tokenizer, folder / "dev.tsv", longest)[::2], random.Random(0)) if number == 0 else None
    Worker(folder, model, minutes).train(pairs[number::workers], held)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--longest", type=int, default=64, help="pieces of a sentence (default 64)")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(1)
    tokenizer = fit_tokenizer(options.data)
    model = network.Translator(VOCABULARY)
    model.pieces.weight.data.copy_(first_pieces(pairs_of(tokenizer, options.data / "train.tsv", options.longest)))
    model.share_memory()
    print(f"{sum(p.numel() for p in model.parameters())} weights", flush=True)
    torch.multiprocessing.spawn(work, (options.workers, options.data, model, options.minutes, options.longest), options.workers)


if __name__ == "__main__":
    main()
