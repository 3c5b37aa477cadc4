"""The table of calls, table/*.txt: each line is a Python expression, which torch_table_test.py also writes as Lua. Where the
two languages differ, Lua stands before `;;` and Python after it. `torch.f(t, ...)` is also tried as `t.f(...)` where both exist.
What stands behind `before 2:` Python refuses from libtorch 2 on, or answers with another dtype.
Here: the tensors that the lines name, and the calls whose results are not to be equal."""
import pathlib

import torch

torch.manual_seed(1)
INPUTS = {
    "x": torch.randn(3, 4),
    "y": torch.randn(3, 4),
    "p": torch.rand(3, 4) * 0.9 + 0.05,
    "q": torch.rand(3, 4) * 2 + 0.5,
    "v": torch.randn(4),
    "w": torch.randn(4),
    "s": torch.tensor(1.5),
    "m": torch.randn(4, 4),
    "spd": (lambda h: h @ h.t() + torch.diag(torch.tensor([1.0, 2, 3, 4])))(torch.randn(4, 4)),
    "rect": torch.randn(5, 3),
    "a": torch.randint(-6, 7, (3, 4)),
    "c": torch.randint(1, 7, (3, 4)),
    "row": torch.tensor([2, 0]),
    "idx": torch.randint(0, 3, (3, 4)),
    "ids": torch.randint(0, 10, (2, 5)),
    "labels": torch.tensor([1, 0, 3]),
    "u": torch.randint(0, 256, (3, 4), dtype=torch.uint8),
    "k": torch.rand(3, 4) > 0.5,
    "k2": torch.rand(3, 4) > 0.5,
    "d": torch.randn(3, 4, dtype=torch.float64),
    "nf": torch.tensor([1.0, float("nan"), float("inf"), -float("inf"), 0.0, -2.5]),
    "cube": torch.randn(2, 3, 4),
    "cube2": torch.randn(2, 4, 5),
    "img": torch.randn(2, 3, 8, 10),
    "vol": torch.randn(1, 2, 4, 6, 6),
    "seq": torch.randn(2, 3, 12),
    "wav": torch.randn(400),
    "emb": torch.randn(10, 6),
    "k1": torch.randn(4, 3, 3),
    "k2d": torch.randn(4, 3, 3, 3),
    "k3d": torch.randn(2, 2, 2, 3, 3),
    "bias": torch.randn(4),
    "mean3": torch.randn(3),
    "var3": torch.rand(3) + 0.5,
    "gain3": torch.rand(3) + 0.5,
    "rep": torch.tensor([3, 1, 3, 2, 1, 1, 3]),
    "grid": torch.rand(2, 4, 5, 2) * 2 - 1,
    "theta": torch.randn(2, 2, 3),
    "signs": torch.tensor([[1.0, -1, 1, 1], [-1, -1, 1, -1], [1, 1, -1, 1]]),
}



def cases():
    for page in sorted((pathlib.Path(__file__).parent / "table").glob("*.txt")):
        for line in page.read_text().splitlines(keepends=True):
            here = line.removeprefix("before 2: ")
            if here == line or int(torch.__version__.split(".")[0]) < 2:
                yield here


CASES = "".join(cases())

# Unary operators in place: on which input.
IN_PLACE = {
    "p": "acos_ arccos_ asin_ arcsin_ atanh_ arctanh_ erfinv_ logit_",
    "q": "digamma_ lgamma_ log_ log10_ log1p_ log2_ rsqrt_ sqrt_",
    "x": """abs_ absolute_ asinh_ arcsinh_ atan_ arctan_ ceil_ cos_ cosh_ deg2rad_ erf_ erfc_ exp_ exp2_ expm1_ fix_ floor_
            frac_ i0_ neg_ negative_ rad2deg_ reciprocal_ relu_ sgn_ sigmoid_ sign_ sin_ sinc_ sinh_ square_ tan_ tanh_ trunc_""",
    "(q + 1)": "acosh_ arccosh_",
}
CASES += "".join(f"{t}.clone().{n}()\n" for t, names in IN_PLACE.items() for n in names.split())

# Lua, and what must hold of its result in Python. The numbers themselves are the item's own.
RANDOM = [
    ("torch.rand(200)", lambda t: t.shape == (200,) and 0 <= t.min() and t.max() < 1 and 0.3 < t.mean() < 0.7),
    ("torch.rand({2, 3}, {dtype = 'float64'})", lambda t: t.shape == (2, 3) and t.dtype == torch.float64),
    ("torch.rand_like(d)", lambda t: t.shape == (3, 4) and t.dtype == torch.float64),
    ("torch.randn(20, 20)", lambda t: t.shape == (20, 20) and abs(t.mean()) < 0.3 and 0.7 < t.std() < 1.3),
    ("torch.randn_like(x, {dtype = 'float64'})", lambda t: t.shape == (3, 4) and t.dtype == torch.float64),
    ("torch.randint(5, {100})", lambda t: t.dtype == torch.int64 and set(t.tolist()) == set(range(5))),
    ("torch.randint(3, 5, {100})", lambda t: set(t.tolist()) == {3, 4}),
    ("torch.randint_like(a, 3)", lambda t: t.shape == (3, 4) and set(t.flatten().tolist()) <= {0, 1, 2}),
    ("torch.randint_like(x, 3, 5)", lambda t: t.dtype == torch.float32 and set(t.flatten().tolist()) <= {3.0, 4.0}),
    ("torch.randperm(50)", lambda t: t.tolist() != list(range(50)) and sorted(t.tolist()) == list(range(50))),
    ("torch.normal(0, 1, {400})", lambda t: abs(t.mean()) < 0.3),
    ("torch.normal(x, 0.001)", lambda t: torch.allclose(t, INPUTS["x"], atol=0.1)),
    ("torch.normal(x, q)", lambda t: t.shape == (3, 4)),
    ("torch.bernoulli(p)", lambda t: set(t.flatten().tolist()) <= {0.0, 1.0}),
    ("p:bernoulli()", lambda t: set(t.flatten().tolist()) <= {0.0, 1.0}),
    ("torch.multinomial(p, 2)", lambda t: t.shape == (3, 2) and t.max() < 4),
    ("p:multinomial(9, true)", lambda t: t.shape == (3, 9)),
    ("torch.poisson(q)", lambda t: t.shape == (3, 4) and t.min() >= 0),
    ("torch.binomial(c:float(), p)", lambda t: bool((t <= INPUTS["c"]).all())),
    ("x:clone():uniform_(2, 3)", lambda t: 2 <= t.min() and t.max() <= 3),
    ("x:clone():normal_(100, 0.1)", lambda t: 99 < t.min() and t.max() < 101),
    ("x:clone():bernoulli_(0.5)", lambda t: set(t.flatten().tolist()) <= {0.0, 1.0}),
    ("x:clone():exponential_()", lambda t: t.min() >= 0),
    ("x:clone():random_(7)", lambda t: t.max() < 7),
    ("x:clone():cauchy_()", lambda t: t.shape == (3, 4)),
    ("x:clone():geometric_(0.5)", lambda t: t.min() >= 1),
    ("x:clone():log_normal_()", lambda t: t.min() > 0),
]

# Lua, and what the error says.
ERRORS = [
    ("x:add_(1)", "read-only"),
    ("x:view(-1):add_(1)", "read-only"),
    ("x[0]:zero_()", "read-only"),
    ("torch.cat(x)", "torch.cat: tensors: want a list of tensors, as torch.cat({a, b}, dim), got a tensor"),
    ("torch.stack({tensors = x, dim = 0})", "torch.stack: tensors: want a list of tensors"),
    ("torch.linalg.multi_dot(m)", "torch.linalg.multi_dot: tensors: want a list of tensors"),
    ("torch.index_put(x, row, s)", "torch.index_put: indices: want a list of tensors"),
    ("x:index_put(row, s)", "torch.index_put: indices: want a list of tensors"),
    ("x:clone():index_put_(row, s)", "torch.index_put_: indices: want a list of tensors"),
    ("torch.softmax(x)", "dim"),
    ("torch.softmax(x, 'one')", "dim"),
    ("torch.softmax(x, 1.5)", "fraction"),
    ("torch.softmax(x, 5)", "Dimension out of range"),
    ("torch.zeros(2, {dtype = 'float99'})", "float99"),
    ("torch.zeros(2, {device = 'cuda:99'})", "zeros: device cuda:99: "),
    ("torch.tensor({1}, {device = 'cuda:99'})", "tensor: device cuda:99: "),
    ("x:cuda('cuda:99')", "to: device cuda:99: "),
    ("x:cuda({device = 99})", "to: device cuda:99: "),
    ("torch.zeros(2, {device = 'meta'})", "devices are"),
    ("torch.mm(x, x)", "cannot be multiplied"),
    ("x + torch.ones(7)", "must match the size"),
    ("torch.tensor({{1, 2}, {3}})", "level 2"),
    ("torch.tensor('a')", "number"),
    ("torch.tensor({x:max(), y:max()})", "stack and cat join tensors"),
    ("x[{0, 2}]", 'torch.tensor(list, {dtype = "int64"})'),
    ("x[torch.tensor({0, 2})]", "positions are int64, got float32"),
    ("(function() local t = x:clone(); t[0] = 1 end)()", "t[i]:fill_(v)"),
    ("(function() local t = x:clone(); t[t:gt(0)] = 1 end)()", "masked_fill_"),
    ("(function() local t = x:clone(); t:add_(t[0]) end)()", "share some elements"),
    ("(function() local t = v:clone(); t:at({1, 4}):copy_(t:at({0, 3})) end)()", "share some elements"),
    ("v:masked_fill(v, 9)", "mask: want a bool tensor, got one of float32"),
    ("v:clone():masked_fill_(v, 9)", "mask: want a bool tensor"),
    ("v:masked_scatter(v, v)", "mask: want a bool tensor"),
    ("v:masked_fill(torch.full(v:size(0), 256, {dtype = 'int64'}), 9)", "mask: want a bool tensor, got one of int64"),
    ("torch.F.normalize(x, {axis = 1})", "no argument axis"),
    ("torch.F.normalize(x, 2, {p = 1})", "given twice"),
    ("torch.F.normalize(x, 1, 2, 3, 4)", "at most 4"),
    ("torch.F.interpolate(x)", "size"),
    ("torch.F.interpolate(img, {size = 4, mode = 'cubic'})", "cubic"),
    ("torch.F.grid_sample(img, grid, 'cubic')", "cubic"),
    ("torch.F.mse_loss(x, y, 'some')", "some"),
    ("torch.F.batch_norm(img, mean3, var3, {training = true})", "read-only"),
    ("x:to(5)", "dtype"),
    ("torch.sofmax(x, 1)", "torch.sofmax does not exist; did you mean softmax?"),
    ("torch.F.rellu(x)", "did you mean relu?"),
    ("torch.linalg.no_such_thing(x)", "torch.linalg.no_such_thing does not exist"),
    ("torch.full({2}, 1, {dtyp = 'int64'})", "no argument dtyp"),
    ("torch.softmax(x, {dim = 1, axis = 1})", "given twice"),
    ("torch.remainder(a, {othr = 2})", "othr"),
    ("x:sum({dim = 1, keep_dim = true})", "no parameter is called \"keep_dim\"; did you mean 'keepdim'?"),
    ("x:sort({descending = 1})", "sort: descending: want bool, got the number 1"),
    ("x:to({dtype = 'int128'})", 'to: dtype: want ScalarType, got a string of 6 bytes ("int128"), which names no dtype'),
    ("x:clamp(0, 'a')", "no form takes (a float32 tensor [3, 4], the number 0, a string of 1 byte)"),
    ("x:gt(nil, 0 / 0)", "the number nan)"),
    ("torch.fft.fftn(x, {dim = {}})", "at least one dimension"),
    ("torch.fft.ifft2(x, {dim = {}})", "at least one dimension"),
    ("torch.fft.fftn(s)", "at least one dimension"),
    ("torch.tensor({1, 300}, {dtype = 'uint8'})", "data: 300 is no uint8"),
    ("torch.aten.gru_cell(x, x, x, x)", "aten.gru_cell: want weights of 3 gates"),
    # Of what follows, libtorch reads and writes memory that is not theirs.
    ("torch.aten.gru(torch.ones(2, 1, 4), torch.ones(1, 1, 4), {x, x}, false, 1, 0, false, false, false)",
     "aten.gru: want weights of 3 gates: w_ih [3 * 4, inputs]"),
    ("torch.aten.lstm(torch.ones(2, 1, 4), {torch.ones(2, 1, 4), torch.ones(1, 1, 4)}, {}, false, 1, 0, false, false, false)",
     "aten.lstm: want two states of as many layers and directions"),
    ("torch.aten.rnn_tanh(torch.ones(2, 1, 4), torch.ones(1, 1, 4), {x}, false, 1, 0, false, false, false)",
     "aten.rnn_tanh: want 2 params of each layer and direction"),
    ("torch.aten.gru(torch.ones(3, 4), torch.tensor({1, 2}, {dtype = 'int64'}), torch.ones(1, 1, 4), {x, x}, false, 1, 0, false, false)",
     "aten.gru: want batch_sizes that are not negative, none more than the one before"),
]
