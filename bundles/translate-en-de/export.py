#!/usr/bin/env python3
"""Writes bundle/model.pt and bundle/assets/tokenizer.model of what train.py left in DATA.

    /usr/bin/python3 export.py DATA
"""
import pathlib
import shutil
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional

import network

HERE = pathlib.Path(__file__).resolve().parent


class Half(nn.Module):
    """A weight, and a bias or none, that the file keeps in half precision and the loaded model in single."""

    def __init__(self, weight, bias=None):
        super().__init__()
        self.register_buffer("weight", weight.half().float())
        self.register_buffer("bias", (torch.zeros(0) if bias is None else bias).half().float())

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, Tensor, bool]:
        return self.weight.half(), self.bias.half(), self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, Tensor, bool]) -> None:
        self.weight, self.bias, self.training = state[0].float(), state[1].float(), state[2]


class Linear(Half):
    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class Embedding(Half):
    def forward(self, tokens: Tensor) -> Tensor:
        return functional.embedding(tokens, self.weight)


def halved(module):
    """The module with its large weights as Half."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, Linear(child.weight.detach(), child.bias.detach()))
        elif isinstance(child, nn.Embedding):
            setattr(module, name, Embedding(child.weight.detach()))
        else:
            halved(child)
    return module


def main():
    data, bundle = pathlib.Path(sys.argv[1]), HERE / "bundle"
    weights = torch.load(data / "best.pt")
    model = network.Translator(len(weights["pieces.weight"]))
    model.load_state_dict(weights)
    scripted = torch.jit.script(halved(model.eval()))
    torch.jit.save(scripted, str(bundle / "model.pt"))
    shutil.copy(data / "tokenizer.model", bundle / "assets/tokenizer.model")


if __name__ == "__main__":
    main()
