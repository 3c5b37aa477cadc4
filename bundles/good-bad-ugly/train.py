#!/usr/bin/env python3
"""Trains the classifier of this bundle and writes bundle/model.pt and bundle/assets/tokenizer.model.

    /usr/bin/python3 train.py          (Debian: python3-torch, python3-sentencepiece; about two minutes on two cores)

Data: text.txt, the Psalms and the Proverbs in the King James translation of 1611 (public domain), a verse a line. Each verse is
labelled by the words in it: good, bad or ugly; verses without such words, or with a tie, are left out. The model has to learn
the words' parts from sentencepiece's pieces, in whatever order they come.
"""
import io
import pathlib
import random
import re

import sentencepiece
import torch

HERE = pathlib.Path(__file__).resolve().parent
LABELS = ["good", "bad", "ugly"]
WORDS = {
    "good": "blessed bless good goodness righteous righteousness praise joy rejoice mercy mercies wisdom wise glory love loveth "
    "truth salvation upright peace strength delight song sing glad gladness understanding knowledge saved light",
    "bad": "wicked wickedness evil sin sins sinners iniquity iniquities fool fools foolish folly lie lying lies transgression "
    "transgressors deceit deceitful proud pride scorner scorners perverse froward slothful sluggard mischief",
    "ugly": "blood death die dead destroy destroyed destruction wrath anger fear terror pit grave hell violence enemy enemies sword "
    "trouble troubled shame slain slay bones darkness snare tears poor affliction cry",
}
LABEL_OF = {word: LABELS.index(label) for label, words in WORDS.items() for word in words.split()}


class Classifier(torch.nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary, 64)
        self.gru = torch.nn.GRU(64, 256, batch_first=True)
        self.head = torch.nn.Linear(256, len(LABELS))

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """ids: int64 [batch, longest]; lengths: int64 [batch], each at least 1: what is behind a sentence's length is filling and
        takes no part. Logits [batch, 3] after each sentence's last step."""
        packed = torch.nn.utils.rnn.pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        _, last = self.gru(packed)
        return self.head(last[0])


def joined(sentences):
    """Sentences of pieces as the model's arguments."""
    lengths = torch.tensor([len(ids) for ids in sentences])
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in sentences], batch_first=True), lengths


def label(verse: str):
    counts = [0] * len(LABELS)
    for word in re.findall("[a-z]+", verse.lower()):
        if word in LABEL_OF:
            counts[LABEL_OF[word]] += 1
    best = max(counts)
    return counts.index(best) if best > 0 and counts.count(best) == 1 else None


def fit_tokenizer(verses):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(verses), model_writer=model, vocab_size=1000, model_type="unigram", num_threads=1,
        minloglevel=2)
    return model.getvalue()


def fit_classifier(tokenizer, data):
    torch.manual_seed(1)
    model = Classifier(tokenizer.get_piece_size())
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    examples = sorted(((tokenizer.encode(verse), y) for verse, y in data), key=lambda e: len(e[0]))
    batches = {}
    for ids, y in examples:
        batches.setdefault(len(ids), []).append((ids, y))
    groups = [group[i:i + 32] for group in batches.values() for i in range(0, len(group), 32)]
    order = random.Random(1)
    for epoch in range(12):
        order.shuffle(groups)
        right = total = 0
        for group in groups:
            y = torch.tensor([g[1] for g in group])
            logits = model(*joined([g[0] for g in group]))
            loss = torch.nn.functional.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            right += int((logits.argmax(-1) == y).sum())
            total += len(group)
        print(f"epoch {epoch + 1}: {right / total:.3f} of {total} verses right")
    return model.eval()


def accuracy(model, tokenizer, data):
    with torch.inference_mode():
        return sum(int(model(*joined([tokenizer.encode(v)])).argmax()) == y for v, y in data) / len(data)


def main():
    torch.set_num_threads(1)  # sums in a fixed order: the same weights again on the same machine
    verses = (HERE / "text.txt").read_text(encoding="utf-8").splitlines()
    serialized = fit_tokenizer(verses)
    tokenizer = sentencepiece.SentencePieceProcessor(model_proto=serialized)
    data = [(v, label(v)) for v in verses if label(v) is not None]
    random.Random(2).shuffle(data)
    held = len(data) // 10
    model = fit_classifier(tokenizer, data[held:])
    print(f"held out: {accuracy(model, tokenizer, data[:held]):.3f} of {held} verses right")
    (HERE / "bundle" / "assets").mkdir(exist_ok=True)
    (HERE / "bundle/assets/tokenizer.model").write_bytes(serialized)
    torch.jit.save(torch.jit.script(model), str(HERE / "bundle/model.pt"))


if __name__ == "__main__":
    main()
