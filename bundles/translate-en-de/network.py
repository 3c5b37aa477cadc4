"""The Transformer of this bundle: pre-norm, embeddings shared by source, target and output."""
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

PAD, UNKNOWN, BEGIN, END = 0, 1, 2, 3
WIDTH, HEADS, HIDDEN, ENCODER, DECODER, DROP = 256, 4, 768, 3, 2, 0.05
LONGEST, ROOM = 256, 8  # places; by how many the room for keys and values grows


def positions(count: int, width: int) -> Tensor:
    """Sines and cosines, as in Vaswani et al. 2017."""
    angles = torch.arange(count)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(count, width)


def heads(x: Tensor, count: int) -> Tensor:
    """[batch, places, width] → [batch, heads, places, width / heads]"""
    return x.reshape(x.size(0), x.size(1), count, -1).transpose(1, 2)


def attend(query: Tensor, both: Tensor, bias: Tensor, count: int) -> Tensor:
    """Query [batch, queries, width], keys and values side by side; bias is added to the scores [batch, heads, queries, keys]."""
    width = query.size(2)
    key, value = heads(both[:, :, :width], count), heads(both[:, :, width:], count)
    scores = heads(query, count) @ key.transpose(2, 3) * (width // count) ** -0.5 + bias
    return (torch.softmax(scores, -1) @ value).transpose(1, 2).reshape(query.shape)


def attend_one(query: Tensor, both: Tensor, bias: Tensor, count: int) -> Tensor:
    """As attend, for one query a row, [batch, 1, width]; bias [batch, keys].

    Products and sums over the keys where they lie: a product of matrices for each row and head costs several times as much,
    most of it for turning keys and values and for starting so many products of a few numbers.
    """
    rows, places, width = both.size(0), both.size(1), query.size(2)
    by_head = both.view(rows, places, 2, count, -1)
    key, value = by_head.select(2, 0), by_head.select(2, 1)
    scores = (key * query.view(rows, 1, count, -1)).sum(-1) * (width // count) ** -0.5 + bias[:, :, None]
    return (value * torch.softmax(scores, 1).unsqueeze(-1)).sum(1).view(rows, 1, width)


def layer_of(x: Tensor, i: int, width: int) -> Tensor:
    """A layer's part of the keys and values of all, a view."""
    return x[:, :, 2 * width * i:2 * width * (i + 1)]


class Feed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.relu(self.up(self.norm(x))))


class EncoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed, self.drop, self.width, self.heads = Feed(), nn.Dropout(DROP), WIDTH, HEADS

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        projected = self.qkv(self.norm(x))
        x = x + self.drop(self.out(attend(projected[:, :, :self.width], projected[:, :, self.width:], bias, self.heads)))
        return x + self.drop(self.feed(x))


class DecoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.cross_norm, self.query, self.cross_out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed, self.drop, self.width, self.heads = Feed(), nn.Dropout(DROP), WIDTH, HEADS

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries of x; its keys and values side by side."""
        projected = self.qkv(self.norm(x))
        return projected[:, :, :self.width], projected[:, :, self.width:]

    def forward(self, x: Tensor, query: Tensor, target: Tensor, source: Tensor, target_bias: Tensor, source_bias: Tensor) -> Tensor:
        """target, source: keys and values side by side."""
        x = x + self.drop(self.out(attend(query, target, target_bias, self.heads)))
        x = x + self.drop(self.cross_out(attend(self.query(self.cross_norm(x)), source, source_bias, self.heads)))
        return x + self.drop(self.feed(x))

    def next(self, x: Tensor, query: Tensor, target: Tensor, source: Tensor, target_bias: Tensor, source_bias: Tensor) -> Tensor:
        """As forward, for one place a row."""
        x = x + self.out(attend_one(query, target, target_bias, self.heads))
        x = x + self.cross_out(attend_one(self.query(self.cross_norm(x)), source, source_bias, self.heads))
        return x + self.feed(x)


class Translator(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.pieces = nn.Embedding(vocabulary, WIDTH)
        nn.init.normal_(self.pieces.weight, std=WIDTH ** -0.5)
        self.encoder = nn.ModuleList([EncoderLayer() for _ in range(ENCODER)])
        self.encoder_norm, self.memory = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, DECODER * 2 * WIDTH)
        self.decoder = nn.ModuleList([DecoderLayer() for _ in range(DECODER)])
        self.decoder_norm, self.drop = nn.LayerNorm(WIDTH), nn.Dropout(DROP)
        self.width, self.pad, self.room = WIDTH, PAD, ROOM
        self.register_buffer("places", positions(LONGEST, WIDTH), persistent=False)

    def embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        return self.drop(self.pieces(tokens) * self.width ** 0.5 + places)

    @torch.jit.export
    def encode(self, tokens: Tensor) -> Tensor:
        """int64 [batch, n], padded with PAD. The decoder's keys and values of all layers, [batch, n, layers * 2 * width]."""
        bias = (tokens == self.pad)[:, None, None, :] * -1e9
        x = self.embedded(tokens, self.places[:tokens.size(1)])
        for layer in self.encoder:
            x = layer(x, bias)
        return self.memory(self.encoder_norm(x))

    @torch.jit.export
    def step(self, tokens: Tensor, past: Tensor, place: Tensor, memory: Tensor, padding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next token's scores after tokens, int64 [rows], which stand at place, int64 [rows].

        past: keys and values of the tokens before, [rows, room, layers * 2 * width], grown where there is no room; memory: encode's result
        for each row, and padding, [rows, n], -1e9 where the source is padding and else 0. Rows may be at different places. Gives the
        scores [rows, vocabulary], past with these tokens and the next place.
        """
        full = int(place.max()) >= past.size(1)
        past = functional.pad(past, [0, 0, 0, self.room]) if full else past.clone()
        target_bias = (torch.arange(past.size(1)) > place[:, None]) * -1e9
        index = place[:, None, None].expand(-1, 1, 2 * self.width)
        x = self.embedded(tokens[:, None], self.places[place][:, None])
        for i, layer in enumerate(self.decoder):
            query, own = layer.projected(x)
            target = layer_of(past, i, self.width).scatter_(1, index, own)
            x = layer.next(x, query, target, layer_of(memory, i, self.width), target_bias, padding)
        return functional.linear(self.decoder_norm(x)[:, 0], self.pieces.weight), past, place + 1

    def taught(self, source: Tensor, target: Tensor) -> Tensor:
        """For training: the decoder's output after each place of target that is no padding, [places, width]."""
        memory = self.encode(source)
        source_bias = (source == self.pad)[:, None, None, :] * -1e9
        target_bias = torch.full([target.size(1), target.size(1)], -1e9).triu(1)
        x = self.embedded(target, self.places[:target.size(1)])
        for i, layer in enumerate(self.decoder):
            query, own = layer.projected(x)
            x = layer(x, query, own, layer_of(memory, i, self.width), target_bias, source_bias)
        return self.decoder_norm(x)[target != self.pad]
