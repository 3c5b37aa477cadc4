"""Random calls of every name of torch.lua against Python's torch: the calls of the table (torch_cases.py), changed: arguments
by name, other numbers, dtypes and shapes, arguments left out. What Python takes must be taken and give the same; what Python
refuses may not be a wrong answer of another kind: it is counted. TORCH_FUZZ_CALLS and TORCH_FUZZ_SEED run more, or others."""
import ast
import inspect
import keyword
import os
import random
import re
import unittest
import warnings

import torch
import torch.nn.functional as F

import torch_table_test as base
from torch_cases import CASES, INPUTS

CALLS = int(os.environ.get("TORCH_FUZZ_CALLS", 3000))
SEED = int(os.environ.get("TORCH_FUZZ_SEED", 1))

# What torch.md says differs: Python's expression, and what is refused.
DIFFERENT = r"torch\.(tensor|as_tensor|full|scalar_tensor)\(|\.new_tensor\(|-0\b(?!\.)|\b\d+\.0\b"  # float32 whatever the numbers are; -0 is minus zero; 0.0 is 0
# Of a mask that is no bool libtorch 1.13 reads a byte of each element, which is not what it holds.
# t[0] of one dimension is a number or a boolean, and a complex number is neither; half-precision complex has no name outside of libtorch, which lets expand({0, -1}) pass, too.
REFUSED = (r"softmax: dim: is missing|attempt to index a number value|no form takes \((true, )?the number|no form takes \((true|false)[,)]|want Tensor, got (the number|true|false)"
           r"|an element of complex\d+ has no Lua number|of dtype ComplexHalf cannot leave torch|tensor_give: a dimension is negative|mask: want a bool tensor")


def documented(function):
    """The names of a function's parameters by position."""
    try:
        return [p.name for p in inspect.signature(function).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    except (ValueError, TypeError):
        pass
    found = re.search(r"\w\((.*?)\)\s*->", function.__doc__ or "", re.S)
    if not found:
        return []
    names = []
    for part in re.split(r",(?![^(\[]*[)\]])", found.group(1)):
        name = part.split("=")[0].strip()
        if name.startswith("*"):
            break
        names.append(name)
    return names if all(n.isidentifier() and not keyword.iskeyword(n) for n in names) else []


def names_of(call):
    text = ast.unparse(call.func)
    if text.startswith(("torch.", "F.")):
        owner = {"torch": torch, "F": F}[text.split(".")[0]]
        for part in text.split(".")[1:]:
            owner = getattr(owner, part, None)
        return documented(owner) if owner is not None else []
    if isinstance(call.func, ast.Attribute):
        method = getattr(torch, call.func.attr, None)
        names = documented(method) if method is not None else []
        return names[1:] if names[:1] == ["input"] else []
    return []


def is_call_of_torch(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


class Mutator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def mutated(self, python):
        tree = ast.parse(python, mode="eval")
        for _ in range(self.random.choice([1, 1, 2])):
            kinds = [self.name_arguments, self.change_number, self.change_tensor, self.change_tensor, self.leave_out]
            self.random.shuffle(kinds)
            for kind in kinds:
                if kind(tree):
                    break
        return ast.unparse(ast.fix_missing_locations(tree))

    def pick(self, tree, test):
        found = [n for n in ast.walk(tree) if test(n)]
        return self.random.choice(found) if found else None

    def name_arguments(self, tree):
        call = self.pick(tree, lambda n: is_call_of_torch(n) and n.args)
        if call is None:
            return False
        names = names_of(call)
        if len(names) < len(call.args) or any(isinstance(a, ast.Starred) for a in call.args):
            return False
        first = self.random.randrange(len(call.args))
        taken = {k.arg for k in call.keywords}
        if taken & set(names[first:len(call.args)]) or "end" in names:
            return False
        call.keywords = [ast.keyword(arg=n, value=a) for n, a in zip(names[first:], call.args[first:])] + call.keywords
        call.args = call.args[:first]
        return True

    def change_number(self, tree):
        def is_number(n):
            return isinstance(n, ast.Constant) and isinstance(n.value, (bool, int, float))

        node = self.pick(tree, is_number)
        if node is None:
            return False
        if isinstance(node.value, bool):
            node.value = not node.value
        elif isinstance(node.value, int):
            node.value = self.random.choice([0, 1, 2, 3, node.value + 1, 5, 100])
        else:
            node.value = self.random.choice([0.5, 1.5, node.value / 3 + 0.001, 0.25])
        return True

    def change_tensor(self, tree):
        name = self.pick(tree, lambda n: isinstance(n, ast.Name) and n.id in INPUTS)
        if name is None:
            return False
        change = self.random.choice(["{}.double()", "{}.long()", "{}.bool()", "{}.byte()", "{}.int()", "{}.half()",
                                     "{}[0]", "{}[0:1]", "{}[0:0]", "{}.unsqueeze(0)", "{}.transpose(0, -1)",
                                     "{}.flatten()", "{}.sum()", "{}.to(torch.complex64)"])
        if change == "{}[0]" and INPUTS[name.id].dim() < 2:
            return False
        new = ast.parse(change.format(name.id), mode="eval").body
        for parent in ast.walk(tree):
            for field, value in ast.iter_fields(parent):
                if value is name:
                    setattr(parent, field, new)
                elif isinstance(value, list) and any(v is name for v in value):
                    value[next(i for i, v in enumerate(value) if v is name)] = new
        return True

    def leave_out(self, tree):
        call = self.pick(tree, lambda n: is_call_of_torch(n) and (n.keywords or len(n.args) > 1))
        if call is None:
            return False
        if call.keywords:
            call.keywords.pop(self.random.randrange(len(call.keywords)))
        else:
            call.args.pop()
        return True


def base_lines():
    """The table's calls that are written the same in both languages, as functions and as methods."""
    lines = []
    for line in CASES.strip().splitlines():
        if not line or line.startswith("#") or ";;" in line or re.search(r"\bend=|INPUTS|\*\*", line):
            continue
        lines += [text for text in (line, base.as_method(line)) if text]
    return lines


def expected(python):
    names = {"torch": torch, "F": F, **{name: t.clone() for name, t in INPUTS.items()}}
    try:
        return True, eval(python, names)
    except Exception as error:  # whatever Python says is no result
        return False, error


def is_plain(want):
    """Whether the comparison knows what it is."""
    return all(v is None or isinstance(v, (torch.Tensor, bool, int, float, str, torch.dtype)) for v in base.flat(want))


def is_small(want):
    return sum(v.numel() if isinstance(v, torch.Tensor) else 1 for v in base.flat(want)) <= 400


def difference(answer, want):
    # any() and all() give booleans.
    if isinstance(want, torch.Tensor) and want.dim() == 0 and not isinstance(answer, dict) and len(answer) == 1 and (
            "boolean" in answer[0]):
        want = bool(want)
    return base.compare(answer, want)


class TorchFuzz(unittest.TestCase):
    maxDiff = None

    def test_calls_are_pythons(self):
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        mutator, lines, cases, results = Mutator(SEED), base_lines(), {}, {}
        while len(cases) < CALLS:
            python = mutator.mutated(mutator.random.choice(lines))
            if python in cases or re.search(DIFFERENT, python):
                continue
            works, want = results[python] = expected(python)
            if works and not (is_plain(want) and is_small(want)):
                continue
            try:
                cases[python] = base.ToLua().visit(ast.parse(python, mode="eval"))
            except (AttributeError, KeyError):
                continue
        answers = base.run_bundle(list(cases.values()))["answers"]
        wrong, refused, taken, same = [], [], [], 0
        for (python, lua), answer in zip(cases.items(), answers):
            works, want = results[python]
            failed = isinstance(answer, dict)
            if not works:
                if failed:
                    same += 1
                else:
                    taken.append(f"{python}\n    {type(want).__name__}: {str(want)[:150]}")
            elif failed and re.search(REFUSED, answer["error"]):
                same += 1
            elif failed:
                refused.append(f"{python}\n    {lua}\n    {answer['error'][:300]}")
            else:
                text = difference(answer, want)
                if text:
                    wrong.append(f"{python}\n    {lua}\n    {text}")
                else:
                    same += 1
        print(f"{len(cases)} calls: {same} the same, {len(taken)} taken that Python refuses")
        if os.environ.get("TORCH_FUZZ_TAKEN"):
            print("\n".join(taken))
        self.assertFalse(wrong + refused, f"{len(wrong)} differ, {len(refused)} are refused:\n" + "\n".join(wrong + refused))


if __name__ == "__main__":
    unittest.main()
