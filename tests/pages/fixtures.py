"""What the pages' examples are given, by name."""
import io
import json
import wave

import numpy
import PIL.Image
import torch


class Scores(torch.nn.Module):
    """What a small classifier of pictures takes and gives: [n, channels, height, width] to [n, 10]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :10]


class Searched(torch.nn.Module):
    """A step of 5 tokens for a search, [rows] and [rows, 8] to [rows, 5], and what is computed once before."""

    def forward(self, x):
        return x

    @torch.jit.export
    def encode(self, x):
        return x.float().mean(-1, keepdim=True)

    @torch.jit.export
    def step(self, tokens, h, memory):
        return torch.cos(tokens.unsqueeze(1) + torch.arange(5) * memory + h[:, :5]), h + 0.5


def photo():
    rows = numpy.add.outer(numpy.arange(300), numpy.arange(400)) % 256
    out = io.BytesIO()
    PIL.Image.fromarray(numpy.stack([rows, rows[::-1], 255 - rows], 2).astype("uint8")).save(out, "PNG")
    return out.getvalue()


def sound():
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setparams((2, 2, 8000, 0, "NONE", "none"))
        w.writeframes((numpy.sin(numpy.arange(16000) / 5) * 9000).astype("<i2").tobytes())
    return out.getvalue()


def model():
    out = io.BytesIO()
    torch.jit.save(torch.jit.script(Scores().eval()), out)
    return out.getvalue()


def searched():
    out = io.BytesIO()
    torch.jit.save(torch.jit.script(Searched().eval()), out)
    return out.getvalue()


def labels():
    return "".join(f"label {i}\n" for i in range(1000)).encode()


def tokenizer():
    words = {w: i for i, w in enumerate(["[UNK]", "some", "words", "the", "way", "[PAD]"])}
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None, "decoder": None, "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"}}).encode()


FIXTURES = {f.__name__: f for f in [photo, sound, model, searched, labels, tokenizer]}
