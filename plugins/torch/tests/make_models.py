"""TorchScript models for the backend's tests, and what Python's own torch computes with them.

make_models.py FOLDER writes NAME.pt, tensors.safetensors and cases.json: for each model its schemas and calls
[{"method", "args", "results"}]. In args and results a tensor is {"$": name in tensors.safetensors}.
"""
import enum
import os
import sys
import warnings
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
import torch.nn as nn
from torch import Tensor

import recurrent_models
from frozen_models import Repeated, Wide
from model_writer import Writer

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.manual_seed(7)


class Methods(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    @torch.jit.export
    def scaled(self, x: Tensor, by: float = 2.5, times: int = 2, negate: bool = False, how: str = "mul",
               sizes: Tuple[int, int] = (1, 2), bias: Optional[Tensor] = None) -> Tensor:
        for _ in range(times):
            x = x * by if how == "mul" else x / by
        if bias is not None:
            x = x + bias
        return -x + sizes[0] if negate else x + sizes[1]

    @torch.jit.export
    def lists(self, xs: List[Tensor], ns: List[int], fs: List[float], bs: List[bool], ss: List[str]) -> \
            Tuple[List[Tensor], List[int], List[float], List[bool], List[str]]:
        return [x + 1 for x in xs], [n * 2 for n in ns], [f / 2 for f in fs], [not b for b in bs], [s + "!" for s in ss]

    @torch.jit.export
    def dicts(self, d: Dict[str, Tensor], n: Dict[int, Tensor]) -> Tuple[Dict[str, Tensor], Dict[int, Tensor]]:
        return {k + k: v * 2 for k, v in d.items()}, {k + 1: v for k, v in n.items()}

    @torch.jit.export
    def nested(self, pair: Tuple[Tensor, int], rows: List[List[int]], mixed: List[Optional[Tensor]]) -> \
            Tuple[Tuple[Tensor, int], List[List[int]], Optional[Tensor], int]:
        some: Optional[Tensor] = None
        count = 0
        for m in mixed:
            if m is not None:
                some = m
                count += 1
        return (pair[0] * pair[1], pair[1]), rows + [[7]], some, count

    @torch.jit.export
    def nothing(self, x: Tensor) -> None:
        pass

    @torch.jit.export
    def kinds(self, x: Tensor) -> Tuple[int, float, bool, str]:
        return int(x.sum()), float(x.mean()), bool((x > 0).any()), "sum"


class Pair(NamedTuple):
    left: Tensor
    times: int


class Colour(enum.Enum):
    RED = 1


class Types(nn.Module):
    """Parameters of types that have names, or are one of several."""
    @torch.jit.export
    def one_of(self, x: Tensor, by: Union[float, int, Tensor, List[int]]) -> Tensor:
        if isinstance(by, int):
            return x * by
        elif isinstance(by, float):
            return x + by
        elif isinstance(by, Tensor):
            return x - by
        else:
            return x * len(by)

    @torch.jit.export
    def named(self, pair: Pair) -> Tensor:
        return pair.left * pair.times

    @torch.jit.export
    def coloured(self, x: Tensor, colour: Colour) -> Tensor:
        return x * colour.value

    @torch.jit.export
    def colours(self, x: Tensor) -> List[Colour]:
        return [Colour.RED]

    @torch.jit.export
    def anything(self, x: Any) -> Any:
        return x


class Steps(nn.Module):
    """What a search calls: no forward, a table that the output layer shares, linear layers over one, two and three dimensions."""
    def __init__(self):
        super().__init__()
        self.table, self.first, self.second = nn.Embedding(10, 6), nn.Linear(6, 5), nn.Linear(5, 6, bias=False)

    @torch.jit.export
    def encode(self, ids: Tensor) -> Tensor:
        return self.first(self.table(ids))

    @torch.jit.export
    def step(self, ids: Tensor, memory: Tensor) -> Tuple[Tensor, Tensor]:
        x = self.table(ids) + self.second(memory)
        return nn.functional.linear(x, self.table.weight), self.first(x[0])


class Recurrent(nn.Module):
    def __init__(self, kind, **how):
        super().__init__()
        self.embedding, self.net = nn.Embedding(20, 6), kind(6, 8, batch_first=True, **how)

    def forward(self, ids: Tensor):
        y, h = self.net(self.embedding(ids))
        return y, h


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        return self.net(x, x, x)


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
                                 nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5))
        self.net[1].running_mean.uniform_(-1, 1)
        self.net[1].running_var.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
        self.head.weight = self.embedding.weight
        both = torch.randn(6, 4)
        self.register_buffer("upper", both[:3])
        self.register_buffer("lower", both[2:])

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.embedding(ids)) + self.upper.sum() * self.lower.mean()


class Kinds(nn.Module):
    """Every dtype and layout of weights."""
    def __init__(self):
        super().__init__()
        self.low = nn.Parameter(torch.randn(3, 2).half(), requires_grad=False)
        self.register_buffer("brain", torch.randn(5).bfloat16())
        self.register_buffer("mask", torch.tensor([True, False, True]))
        self.register_buffer("none", torch.zeros(0, 4))
        self.register_buffer("scalar", torch.tensor(5))
        self.register_buffer("turned", torch.randn(4, 3).t())
        self.register_buffer("holes", torch.randn(4, 6)[:, ::2])
        self.register_buffer("wide", torch.randn(1, 4).expand(3, 4))
        self.register_buffer("images", torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last))
        self.register_buffer("wave", torch.randn(3, dtype=torch.complex64))
        self.register_buffer("bytes", torch.arange(7, dtype=torch.uint8))
        self.table: Dict[str, Tensor] = {"a": torch.randn(2), "b c": torch.randn(3)}
        self.rows: List[Tensor] = [torch.randn(2), torch.randn(1)]
        self.pair: Tuple[Tensor, int] = (torch.randn(2), 3)

    def forward(self, x: Tensor) -> List[Tensor]:
        return [self.low.float() * x, self.brain.float(), self.mask, self.none, self.scalar, self.turned + 0,
                self.holes * 1, self.wide + 0, self.images * 1, torch.view_as_real(self.wave) * 1, self.bytes + 0,
                self.table["a"] + 0, self.table["b c"] + 0, self.rows[0] + 0, self.rows[1] + 0,
                self.pair[0] * self.pair[1]]


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.register_buffer("sum", torch.zeros(2))
        self.register_buffer("weight", torch.ones(2))

    def forward(self, x: Tensor) -> Tuple[Tensor, int]:
        self.count += 1
        self.sum.add_(x * self.weight)
        return self.sum.clone(), self.count


@torch.jit.script
class Holder:
    def __init__(self, kept: Tensor):
        self.kept = kept

    def __enter__(self) -> Tensor:
        return self.kept

    def __exit__(self, kind: Any, value: Any, trace: Any):
        self.kept.add_(1)


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(1))


# Each method writes a buffer that it reaches through something else.
class Detours(nn.Module):
    named: Dict[str, Tensor]

    def __init__(self):
        super().__init__()
        for name in ("a", "b", "c", "d", "e", "f"):
            self.register_buffer(name, torch.zeros(1))
        self.listed = [torch.zeros(1), torch.zeros(1)]
        self.named = {"x": torch.zeros(1)}
        self.counts = [[1]]
        self.first = Inner()
        self.second = self.first
        self.on = False

    def forward(self, x: Tensor) -> Tensor:
        all: List[Tensor] = []
        all.append(self.a)
        all[0].add_(x)
        return self.a + 0

    @torch.jit.export
    def in_object(self, x: Tensor) -> Tensor:
        Holder(self.b).kept.add_(x)
        return self.b + 0

    @torch.jit.export
    def left(self, x: Tensor) -> Tensor:
        with Holder(self.c) as kept:
            x = x + kept
        return self.c + x

    def own(self) -> Tensor:
        return self.d

    @torch.jit.export
    def forked(self, x: Tensor) -> Tensor:
        torch.jit.wait(torch.jit.fork(self.own)).add_(x)
        return self.d + 0

    @torch.jit.export
    def copied(self, x: Tensor) -> Tensor:
        for t in self.listed[1:]:
            t.add_(x)
        return self.listed[1] + 0

    @torch.jit.export
    def values(self, x: Tensor) -> Tensor:
        for t in self.named.values():
            t.add_(x)
        return self.named["x"] + 0

    @torch.jit.export
    def numbers(self, x: Tensor) -> Tensor:
        local = {"a": self.counts}
        local["a"][0].append(1)
        return x * len(self.counts[0])

    @torch.jit.export
    def broadcast(self, x: Tensor) -> Tensor:
        torch.broadcast_tensors(self.e, x)[0].add_(x)
        return self.e + 0

    @torch.jit.export
    def by_its_other_name(self, x: Tensor) -> Tensor:
        self.second.total.add_(x)
        return self.first.total + 0

    @torch.jit.export
    def switched(self, x: Tensor) -> Tensor:
        if self.on:
            self.f.add_(x)
        self.on = True
        return self.f + 0


# What it writes in place is its own, though it comes out of lists and objects.
class Local(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("a", torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        all = [x + 1, x * 2]
        all[0].add_(1)
        for i in range(2):
            all.append(torch.zeros(1))
            all[i].mul_(2)
        named = {"a": x + self.a}
        named["b"] = x * 3
        named["a"].add_(named["b"])
        holder = Holder(x + 1)
        holder.kept.add_(self.a)
        sizes = list(self.a.shape)
        sizes.append(1)
        with torch.no_grad():
            first, second = torch.cat([x, self.a]).chunk(2)
        first.add_(1)
        return all[0] + all[1] + named["a"] + holder.kept + first + second + len(sizes)


class ConstantFork(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("a", torch.ones(1))

    def own(self, x: Tensor) -> Tensor:
        return self.a

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.jit.wait(torch.jit.fork(self.own, x))


# An operator that nothing but this process has.
other = torch.library.Library("other", "DEF")
other.define("twice(Tensor x) -> Tensor")


class Foreign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.other.twice(x)


class Running(nn.Module):
    """Like BatchNorm in training: writes buffers where a flag says so."""
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class WritesInput(nn.Module):
    def forward(self, x: Tensor, xs: List[Tensor]) -> Tensor:
        x.add_(1)
        xs[0].mul_(2)
        return x + xs[0]


class Gives(nn.Module):
    """Results that are views of inputs, weights and each other."""
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        fresh = x * 2
        return x, self.weight, fresh[0], fresh[1]

    @torch.jit.export
    def beside(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is not the result's own, and a view of it."""
        return x, x[0], self.weight, self.weight[0]


class Throws(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) == 1:
            raise ValueError("one row is not enough")
        if x.size(0) == 2:
            raise ValueError("two rows:\n\n  they are\nnot enough")
        return x + torch.ones(4)


class Fork(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def work(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        y.add_(1)
        return y

    def forward(self, x: Tensor) -> Tensor:
        job = torch.jit.fork(self.work, x)
        return torch.jit.wait(job) * 2


class Mapping(nn.Module):
    """In-place writes that touch nothing but what the method made itself."""
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.weight]
        parts.append(x)
        total = torch.zeros(3)
        for p in parts:
            total += p
        total[0] = 5.0
        cache = torch.jit.annotate(Dict[str, Tensor], {})
        cache["x"] = total
        return cache["x"]


class Noise(nn.Module):
    """Numbers of torch.nn.init's."""
    def forward(self, x: Tensor) -> Tensor:
        return x + nn.init.uniform_(torch.zeros(3))


class ForkedNoise(nn.Module):
    def work(self, x: Tensor) -> Tensor:
        return x + torch.rand(3) + torch.zeros(1000).sum()

    def forward(self, x: Tensor) -> Tensor:
        jobs = [torch.jit.fork(self.work, x), torch.jit.fork(self.work, x)]
        y = torch.rand(3)
        for job in jobs:
            y = y * 3 + torch.jit.wait(job)
        return y


class FunctionalNoise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.aten.normal_functional(x, 0.0, 1.0)


class Autocast(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.linear(x).float()

    @torch.jit.export
    def partly(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.linear(x)
        return self.linear(x) + y.float()


class Encoded(NamedTuple):
    hidden: Tensor
    pooled: Optional[Tensor]


class NamedResults(nn.Module):
    def forward(self, x: Tensor) -> Encoded:
        return Encoded(x * 2, x.sum(1))

    @torch.jit.export
    def inside(self, x: Tensor) -> Tuple[Encoded, List[Encoded], Dict[str, Encoded]]:
        one = Encoded(x * 2, None)
        return one, [one, Encoded(x, x.sum(1))], {"a": one}

    @torch.jit.export
    def again(self, e: Encoded) -> Tensor:
        return e.hidden + 1


class Quantized(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 4)
        self.after = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.linear(x))


def main(folder):
    w = Writer(folder)
    x = torch.randn(2, 4)
    w.add("methods", torch.jit.script(Methods().eval()), [
        ("forward", x), ("scaled", x), ("scaled", x, 0.5, 3, True, "div", (4, 5), torch.randn(4)),
        ("lists", [x, x[0]], [1, 2], [0.5], [True, False], ["a", "é"]), ("lists", [], [], [], [], []),
        ("dicts", {"a": x, "": x[1]}, {3: x}), ("nested", (x, 3), [[1, 2], []], [None, x, None]),
        ("nothing", x), ("kinds", torch.tensor([1.0, 2.5]))],
        ["forward(Tensor x) -> Tensor",
         "scaled(Tensor x, float by=2.5, int times=2, bool negate=False, str how=\"mul\", Any sizes=None, "
         "Tensor? bias=None) -> Tensor",
         "lists(Tensor[] xs, int[] ns, float[] fs, bool[] bs, str[] ss) -> (Tensor[], int[], float[], bool[], str[])",
         "dicts(Dict(str, Tensor) d, Any n) -> (Dict(str, Tensor), Any)",
         "nested(Any pair, Any rows, Tensor?[] mixed) -> (Any, Any, Tensor?, int)",
         "nothing(Tensor x) -> ()", "kinds(Tensor x) -> (int, float, bool, str)"])
    w.add("types", torch.jit.script(Types().eval()), [
        ("one_of", x, 3), ("one_of", x, 3.5), ("one_of", x, x), ("one_of", x, [1, 2]), ("named", (x, 2))])
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    w.add("steps", torch.jit.script(Steps().eval()), [
        ("encode", ids), ("encode", ids[0]), ("step", ids[0], torch.randn(3, 5))])
    w.add("gru", torch.jit.script(Recurrent(nn.GRU).eval()), [("forward", ids)])
    w.add("gru_traced", torch.jit.trace(Recurrent(nn.GRU, bidirectional=True, num_layers=2).eval(), ids),
          [("forward", ids)])
    w.add("gru_bidirectional", torch.jit.script(Recurrent(nn.GRU, bidirectional=True).eval()), [("forward", ids)])
    w.add("lstm", torch.jit.script(Recurrent(nn.LSTM, num_layers=2).eval()), [("forward", ids)])
    w.add("bare_gru", torch.jit.script(nn.GRU(2, 3)), [], bare=True)
    w.add("attention", torch.jit.script(Attention().eval()), [("forward", torch.randn(2, 5, 8))])
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    w.add("transformer", torch.jit.script(nn.TransformerEncoder(layer, 2).eval()), [("forward", torch.randn(2, 5, 8))])
    images = torch.randn(2, 3, 8, 8)
    w.add("images", torch.jit.script(Images().eval()), [("forward", images)])
    w.add("images_traced", torch.jit.trace(Images().eval(), images), [("forward", images)])
    w.add("frozen", torch.jit.freeze(torch.jit.script(Images().eval())), [("forward", images)], unsplittable=True)
    w.add("tied", torch.jit.script(Tied().eval()), [("forward", ids)], names=["embedding.weight", "upper"])
    w.add("kinds", torch.jit.script(Kinds().eval()), [("forward", torch.randn(2))])
    w.add("stateful", torch.jit.script(Counter().eval()), [("forward", torch.tensor([1.0, 2.0]))],
          writes=["self.count", "self.sum"])
    w.add("detours", torch.jit.script(Detours().eval()), [], writes=["self"])
    w.add("local", torch.jit.script(Local().eval()), [("forward", torch.ones(1))])
    w.add("constant_fork", torch.jit.script(ConstantFork().eval()), [], unsplittable=True)
    torch.jit.script(Foreign()).save(os.path.join(folder, "foreign.pt"))
    w.add("training", torch.jit.script(Running()), [("forward", torch.randn(4, 3))], writes=["self.norm"])
    w.add("evaluated", torch.jit.script(Running().eval()), [("forward", torch.randn(4, 3))])
    w.add("autocast", torch.jit.script(Autocast().eval()), [("forward", x), ("partly", x)], coarse=True)
    w.add("named_results", torch.jit.script(NamedResults()),
          [("forward", x), ("inside", x), ("again", Encoded(x, None))],
          ["forward(Tensor x) -> (Tensor hidden, Tensor? pooled)", "inside(Tensor x) -> (Any, Any, Any)",
           "again(Any e) -> Tensor"])
    w.add("dropout", torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))), [], random=True)
    w.add("noise", torch.jit.script(Noise().eval()), [], random=True)
    w.add("forked_noise", torch.jit.script(ForkedNoise().eval()), [], random=True)
    w.add("functional_noise", torch.jit.script(FunctionalNoise().eval()), [], random=True)
    w.add("writes_input", torch.jit.script(WritesInput()), [("forward", torch.ones(2), [torch.ones(2)])])
    w.add("gives", torch.jit.script(Gives()), [("forward", torch.randn(2, 3))])
    def whole(*shape):
        return torch.randint(-9, 10, shape).float()

    wide = [whole(n, 300) for n in (0, 1, 2, 4, 5, 8, 9, 20)] + [whole(300), whole(2, 3, 300), whole(300, 4).t()]
    w.add("wide", torch.jit.script(Wide().eval()), [("forward", t) for t in wide] + [("long", whole(n, 2000)) for n in (1, 2, 3, 4)])
    w.add("repeated", torch.jit.script(Repeated().eval()), [(name, whole(n, 1024)) for name in ("forward", "step", "conjugated") for n in (1, 9)])
    w.add("throws", torch.jit.script(Throws()), [])
    w.add("fork", torch.jit.script(Fork().eval()), [("forward", torch.randn(3, 2))])
    w.add("mapping", torch.jit.script(Mapping()), [("forward", torch.randn(3))])
    # The same engine as C++ takes when nothing is said.
    torch.backends.quantized.engine = [e for e in torch.backends.quantized.supported_engines if e != "none"][-1]
    q = torch.quantization.quantize_dynamic(Quantized().eval(), {nn.Linear}, torch.qint8)
    w.add("quantized", torch.jit.script(q), [("forward", torch.randn(2, 8))], unsplittable=True,
          engine=torch.backends.quantized.engine)
    w.add("layers_traced", torch.jit.trace(nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), x), [("forward", x)])
    w.add("dropout_traced", torch.jit.trace(nn.Dropout(0.5), x, check_trace=False), [], random=True)
    recurrent_models.add(w)
    w.finish()
    # What is no TorchScript.
    torch.save(nn.Linear(2, 2).state_dict(), os.path.join(folder, "state_dict.pt"))
    torch.save(nn.Linear(2, 2).state_dict(), os.path.join(folder, "old_state_dict.pt"),
               _use_new_zipfile_serialization=False)
    torch.save(nn.Linear(2, 2), os.path.join(folder, "whole_module.pt"))


if __name__ == "__main__":
    main(sys.argv[1])
