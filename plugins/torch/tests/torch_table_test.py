"""Every name of torch.lua against Python's torch: one bundle makes all calls of torch_cases.py in Lua, and what it returns is
compared with what Python gets: exact for integers, booleans, shapes and dtypes, 1e-6 relative for floats."""
import ast
import json
import os
import re
import struct
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

from torch_cases import CASES, ERRORS, INPUTS, RANDOM

MRUN = os.environ["MRUN"]
DTYPES = {str(t).removeprefix("torch."): t for t in vars(torch).values() if isinstance(t, torch.dtype)}
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "^"}
# Names that Python does not have as such: aten is the way to all operators, F stands for torch.nn.functional.
OWN_FUNCTIONS = {"torch.aten", "torch.F"}
OWN_METHODS = {"mT", "mH", "at", "to_dense"}


class ToLua(ast.NodeVisitor):
    """A Python expression in Lua."""

    def visit(self, node):
        return getattr(self, "visit_" + type(node).__name__)(node)

    def visit_Expression(self, node):
        return self.visit(node.body)

    def visit_Name(self, node):
        return "torch.F" if node.id == "F" else node.id

    def visit_Constant(self, node):
        v = node.value
        if v is None:
            return "nil"
        return str(v).lower() if isinstance(v, bool) else json.dumps(v)

    def visit_List(self, node):
        return "{" + ", ".join(map(self.visit, node.elts)) + "}"

    visit_Tuple = visit_List

    def visit_UnaryOp(self, node):
        return "-" + self.visit(node.operand)

    def visit_BinOp(self, node):
        return f"({self.visit(node.left)} {OPERATORS[type(node.op)]} {self.visit(node.right)})"

    def visit_Attribute(self, node):
        return self.visit(node.value) + ("." if self.is_module(node.value) else ":") + node.attr + (
            "()" if node.attr == "shape" else "")

    def is_module(self, node):
        text = ast.unparse(node)
        return text in ("torch", "F", "torch.linalg", "torch.fft", "torch.special")

    def visit_Call(self, node):
        arguments = [self.visit(a) for a in node.args]
        if node.keywords:
            arguments.append("{" + ", ".join(f"{k.arg} = {self.visit(k.value)}" for k in node.keywords) + "}")
        function = self.visit(node.func)
        return f"{function}({', '.join(arguments)})"

    def visit_Subscript(self, node):
        indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(indices) == 1 and isinstance(indices[0], ast.Constant):
            return f"{self.visit(node.value)}[{indices[0].value}]"
        return f"{self.visit(node.value)}:at({', '.join(map(self.visit, indices))})"

    def visit_Slice(self, node):
        return "{}" if node.lower is None else f"{{{self.visit(node.lower)}, {self.visit(node.upper)}}}"


def as_method(python):
    """torch.f(t, ...) as t.f(...), where Python has both; else None."""
    call = ast.parse(python, mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    if ast.unparse(call.func.value) != "torch" or not hasattr(torch.Tensor, call.func.attr):
        return None
    if not call.args or isinstance(call.args[0], (ast.Constant, ast.List, ast.Tuple, ast.UnaryOp)):
        return None
    receiver, *rest = call.args
    if call.func.attr in ("imag", "real", "where") or (call.func.attr == "repeat_interleave" and not rest):
        return None  # attributes, or other signatures
    function = ast.Attribute(value=receiver, attr=call.func.attr, ctx=ast.Load())
    return ast.unparse(ast.fix_missing_locations(ast.Call(func=function, args=rest, keywords=call.keywords)))


def table():
    """(Lua, Python) for every case."""
    rows = []
    for line in CASES.strip().splitlines():
        if not line or line.startswith("#"):
            continue
        if ";;" in line:
            lua, python = (part.strip() for part in line.split(";;"))
            rows.append((lua, python))
            continue
        rows.append((ToLua().visit(ast.parse(line, mode="eval")), line))
        method = as_method(line)
        if method:
            rows.append((ToLua().visit(ast.parse(method, mode="eval")), method))
    return rows


# ---- the bundle -------------------------------------------------------------------------------------------------------

LUA = """
local bundle, torch = require "bundle", require "torch"
local inputs = bundle.tensors "inputs.safetensors"
%(locals)s

local function described(v)
  if type(v) == "number" then return {number = ("%%.17g"):format(v)} end
  if type(v) == "boolean" then return {boolean = v} end
  if type(v) == "string" or type(v) == "function" then return {string = type(v) == "string" and v or "a function"} end
  if type(v) == "nil" then return {none = true} end
  if type(v) == "table" then
    local items = {}
    for i = 1, #v do items[i] = described(v[i]) end
    return {list = items}
  end
  local shape, dtype = {v:shape()}, v.dtype
  local flat = v:contiguous():reshape(-1)
  if dtype:find "complex" then flat = torch.view_as_real(flat):reshape(-1) end
  return {dtype = dtype, shape = shape, bytes = v:numel() == 0 and {} or torch.cat({flat}):view("uint8"):tolist()}
end

local function packed(...) return select("#", ...), {...} end

local function answer(f)
  local count, results = packed(pcall(f))
  if not results[1] then
    local e = results[2]
    return {error = type(e) == "table" and tostring(e.message) or tostring(e)}
  end
  local list = {}
  for i = 2, count do list[i - 1] = described(results[i]) end
  return list
end

local function names(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  return list
end

local function methods(candidates)
  local list = {}
  for _, name in ipairs(candidates) do
    local ok, method = pcall(function() return x[name] end)
    if ok and type(method) == "function" then list[#list + 1] = name end
  end
  return list
end

local cases = {
%(cases)s
}

return function(candidates)
  local answers = {}
  for i, f in ipairs(cases) do answers[i] = answer(f) end
  return {answers = answers, methods = methods(candidates), names = {
    torch = names(torch), F = names(torch.F), linalg = names(torch.linalg), fft = names(torch.fft),
    special = names(torch.special)}}
end
"""
SAFETENSORS = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL", torch.uint8: "U8"}


def write_safetensors(path, tensors):
    header, payload = {}, b""
    for name, t in sorted(tensors.items(), key=lambda item: -item[1].element_size()):  # aligned without holes
        data = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": SAFETENSORS[t.dtype], "shape": list(t.shape),
                        "data_offsets": [len(payload), len(payload) + len(data)]}
        payload += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + payload)


def run_bundle(expressions, seed=0):
    with tempfile.TemporaryDirectory() as folder:
        root, given = Path(folder) / "bundle", Path(folder) / "methods.json"
        (root / "assets").mkdir(parents=True)
        write_safetensors(root / "assets" / "inputs.safetensors", INPUTS)
        (root / "bundle.toml").write_text(
            '[bundle]\nname = "torch-table"\nversion = "1.0.0"\ndescription = "calls"\n\n[input]\nkind = "json"\n')
        lines = "\n".join(f"local {name} = inputs.{name}" for name in INPUTS)
        cases = "\n".join(f"  function() return {lua} end," for lua in expressions)
        (root / "preprocess.lua").write_text(LUA % {"locals": lines, "cases": cases})
        candidates = [n for n in dir(torch.Tensor) if not n.startswith("_")] + sorted(OWN_METHODS)
        given.write_text(json.dumps(candidates))
        done = subprocess.run([MRUN, str(root), "--threads", "1", "--seed", str(seed), f"@{given}"], capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise AssertionError(f"mrun: status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return json.loads(done.stdout)


# ---- comparison -------------------------------------------------------------------------------------------------------

def tensor_of(result):
    dtype = DTYPES[result["dtype"]]
    if not result["bytes"]:
        return torch.zeros(result["shape"], dtype=dtype)
    return torch.frombuffer(bytearray(result["bytes"]), dtype=dtype).reshape(result["shape"])


def flat(value):
    """What a Lua call returns for a Python result: a flat list of tensors and plain values."""
    if isinstance(value, (tuple, list, torch.Size)):
        return [x for item in value for x in flat(item)]
    return [value]


def flat_answer(results):
    return [x for r in results for x in (flat_answer(r["list"]) if "list" in r else [r])]


def difference(got, want):
    """None where they are equal, else what differs."""
    if isinstance(want, torch.Tensor):
        if "dtype" not in got:
            if want.dim() == 0 and "number" in got:
                return difference(got, want.item())
            return f"want a tensor, got {got}"
        t = tensor_of(got)
        want = want.detach().resolve_conj().resolve_neg()
        if t.dtype != want.dtype or t.shape != want.shape:
            return f"{t.dtype} {list(t.shape)}, want {want.dtype} {list(want.shape)}"
        if t.dtype.is_floating_point or t.dtype.is_complex:
            wide = torch.complex128 if t.dtype.is_complex else torch.float64
            t, want = t.to(wide), want.to(wide)
            largest = float(want.abs().nan_to_num(0, 0, 0).max()) if want.numel() else 0.0
            close = numpy.allclose(t.numpy(), want.numpy(), rtol=1e-6, atol=1e-6 * largest, equal_nan=True)
        else:
            close = torch.equal(t, want)
        return None if close else f"{t.flatten()[:6].tolist()}, want {want.flatten()[:6].tolist()}"
    if want is None:
        return None if "none" in got else f"want nil, got {got}"
    if isinstance(want, bool):
        return None if got.get("boolean") is want else f"want {want}, got {got}"
    if isinstance(want, str):
        return None if got.get("string") == want else f"want {want}, got {got}"
    if "number" not in got:
        return f"want {want}, got {got}"
    same = numpy.isclose(float(got["number"]), float(want), rtol=1e-6, equal_nan=True)
    return None if same else f"{got['number']}, want {want}"


def compare(answer, want):
    if isinstance(answer, dict):
        return f"error: {answer.get('error')}"
    got, want = flat_answer(answer), flat(want)
    if len(got) != len(want):
        return f"{len(got)} results, want {len(want)}"
    for g, w in zip(got, want):
        text = difference(g, w)
        if text:
            return text
    return None


def called_names(lua):
    """("torch.F.relu", ...) and ("relu", ...): the functions and methods that an expression names."""
    functions = set(re.findall(r"torch\.(?:F\.|linalg\.|fft\.|special\.)?[A-Za-z_]\w*", lua))
    return functions, set(re.findall(r":([A-Za-z_]\w*)", lua))


class TorchTable(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        cls.rows = table()
        cls.expressions = [lua for lua, _ in cls.rows] + [lua for lua, _ in RANDOM] + [lua for lua, _ in ERRORS]
        cls.output = run_bundle(cls.expressions)
        cls.answers = cls.output["answers"]

    def test_equal_to_python(self):
        names = {"torch": torch, "F": F, "INPUTS": INPUTS}
        wrong = []
        for (lua, python), answer in zip(self.rows, self.answers):
            names.update({name: t.clone() for name, t in INPUTS.items()})
            source = re.sub(r"\bend=", "**{'end': ", python)
            if source != python:
                source = re.sub(r"(\*\*\{'end': [^,)]+)", r"\1}", source)
            text = compare(answer, eval(source, dict(names)))
            if text:
                wrong.append(f"{lua}\n    {text}")
        self.assertFalse(wrong, f"{len(wrong)} of {len(self.rows)} differ:\n" + "\n".join(wrong))
        print(f"{len(self.rows)} calls equal to Python")

    def test_random_numbers_follow_the_seed(self):
        first = len(self.rows)
        wrong = []
        for (lua, holds), answer in zip(RANDOM, self.answers[first:]):
            if isinstance(answer, dict):
                wrong.append(f"{lua}: {answer['error']}")
            elif not holds(tensor_of(answer[0])):
                wrong.append(f"{lua}: {tensor_of(answer[0])}")
        self.assertFalse(wrong, "\n".join(wrong))
        again = run_bundle([lua for lua, _ in RANDOM])["answers"]
        self.assertEqual(again, run_bundle([lua for lua, _ in RANDOM])["answers"])
        self.assertNotEqual(again, run_bundle([lua for lua, _ in RANDOM], seed=1)["answers"])

    def test_errors_say_what_was_wanted(self):
        first = len(self.rows) + len(RANDOM)
        for (lua, text), answer in zip(ERRORS, self.answers[first:]):
            with self.subTest(lua):
                self.assertIsInstance(answer, dict, f"no error but {answer}")
                self.assertIn(text, answer["error"])
                self.assertNotIn("\n", answer["error"])
                self.assertNotRegex(answer["error"], r"frame #|\.cpp|0x[0-9a-f]{6}")

    def test_every_name_has_a_case(self):
        functions, methods = set(), set()
        for lua in self.expressions:
            f, m = called_names(lua)
            functions |= f
            methods |= m
        exported = {f"torch.{n}" for n in self.output["names"]["torch"]}
        for group in ("F", "linalg", "fft", "special"):
            exported.discard(f"torch.{group}")
            exported |= {f"torch.{group}.{n}" for n in self.output["names"][group]}
        core = {"shape", "size", "dim", "numel", "item", "tolist", "at", "dtype", "device"}
        self.assertEqual(sorted(exported - functions - OWN_FUNCTIONS), [])
        self.assertEqual(sorted(set(self.output["methods"]) - methods - core - {"cuda"}), [])
        self.assertGreater(len(exported | set(self.output["methods"])), 300)
        print(f"{len(exported)} functions, {len(self.output['methods'])} methods")

    def test_every_name_is_on_the_page(self):
        page = Path(__file__).parent.parent.joinpath("torch.md").read_text()
        page = set(re.findall(r"`(\w+)`", page[page.index("## Names"):]))
        groups = {"F", "linalg", "fft", "special", "aten"}
        names = {n for group, names in self.output["names"].items() for n in set(names) - (
            groups if group == "torch" else set())}
        core = {"shape", "size", "dim", "numel", "item", "tolist", "at"}
        self.assertEqual(sorted((names | set(self.output["methods"])) - core - page), [])
        self.assertEqual(sorted(page - names - set(self.output["methods"])), [])

    def test_names_are_pythons(self):
        def exists(name):
            owner = F if name.startswith("torch.F.") else torch
            for part in name.removeprefix("torch.").removeprefix("F.").split("."):
                owner = getattr(owner, part, None)
            return owner is not None

        names = {f"torch.{n}" for n in self.output["names"]["torch"]} - {"torch.F", "torch.aten"}
        for group in ("F", "linalg", "fft", "special"):
            names |= {f"torch.{group}.{n}" for n in self.output["names"][group]}
        self.assertEqual([n for n in sorted(names) if not exists(n)], [])


if __name__ == "__main__":
    unittest.main()
