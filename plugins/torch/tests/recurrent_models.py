"""Models of recurrent layers, for the kernels of recurrent.cpp: units that fill vectors and such that do not, padded and packed."""
import itertools
from typing import Tuple

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Gru(nn.Module):
    """x: float [batch, steps, 5], or steps first; lengths: int64 [batch]; state: float [layers * directions, batch, units]."""
    def __init__(self, units: int, **options):
        super().__init__()
        self.layer = nn.GRU(5, units, **options)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        return self.layer(x)

    @torch.jit.export
    def packed(self, x: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor]:
        output, last = self.layer(pack_padded_sequence(x, lengths, self.layer.batch_first, enforce_sorted=False))
        return pad_packed_sequence(output, self.layer.batch_first)[0], last

    @torch.jit.export
    def onward(self, x: Tensor, state: Tensor) -> Tuple[Tensor, Tensor]:
        return self.layer(x, state)


class Unpacked(nn.Module):
    def forward(self, data: Tensor, batch_sizes: Tensor) -> Tensor:
        return torch._pad_packed_sequence(data, batch_sizes, True, 0.0, -1)[0]


class Lstm(nn.Module):
    """As Gru, with a second state."""
    def __init__(self, units: int, **options):
        super().__init__()
        self.layer = nn.LSTM(5, units, **options)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        return self.layer(x)

    @torch.jit.export
    def packed(self, x: Tensor, lengths: Tensor) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        output, last = self.layer(pack_padded_sequence(x, lengths, self.layer.batch_first, enforce_sorted=False))
        return pad_packed_sequence(output, self.layer.batch_first)[0], last

    @torch.jit.export
    def onward(self, x: Tensor, state: Tensor) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        return self.layer(x, (state, -state))


def calls(units, num_layers, bidirectional, batch_first):
    """[(method, argument...)]: one row and several, one step and several."""
    out = []
    for rows, steps in ((1, 1), (1, 6), (3, 1), (4, 7)):
        x = torch.randn(rows, steps, 5)
        x = x if batch_first else x.transpose(0, 1).contiguous()
        lengths = torch.tensor([[1, steps, (steps + 1) // 2, steps][i] for i in range(rows)] if rows > 1 else [steps])
        state = torch.randn(num_layers * (2 if bidirectional else 1), rows, units)
        out += [("forward", x), ("packed", x, lengths), ("onward", x, state)]
    return out


def add(writer):
    writer.add("unpacked", torch.jit.script(Unpacked()), [("forward", torch.randn(5, 2), torch.tensor([3, 2]))])
    kinds = itertools.product((Gru, Lstm), (32, 96, 100), (1, 2), (False, True))
    for i, (kind, units, num_layers, bidirectional) in enumerate(kinds):
        bias, batch_first = i % 3 > 0, i % 2 == 0
        model = kind(units, num_layers=num_layers, bidirectional=bidirectional, bias=bias, batch_first=batch_first)
        name = f"{kind.__name__.lower()}_of_{units}_in_{num_layers}{'_both_ways' if bidirectional else ''}"
        writer.add(name, torch.jit.script(model.eval()), calls(units, num_layers, bidirectional, batch_first))
