"""Which form of an operator is called: positional arguments that several overloads take, for every operator of torch.aten
that has several, against Python's own function of that name, or torch.ops.aten where there is none.
TORCH_OVERLOAD_TRIALS and TORCH_OVERLOAD_SEED make more calls, or others."""
import ast
import collections
import os
import random
import re
import unittest
import warnings

import torch

import torch_table_test as base
from torch_cases import INPUTS

TRIALS = int(os.environ.get("TORCH_OVERLOAD_TRIALS", 4))
SEED = int(os.environ.get("TORCH_OVERLOAD_SEED", 1))

# Random numbers are the item's own; a view by a negative size and a remainder of two numbers end Python's process; stft is below.
LEFT_OUT = r"_|stft|.*(rand|normal|bernoulli|uniform|multinomial|poisson|binomial|cauchy|geometric|exponential|rrelu)|view|empty|remainder|to$"
TENSORS = ["x", "y", "a", "c", "k", "v", "s", "m", "u", "cube", "img", "labels", "row", "d", "idx", "p", "wav"]
CHOICES = {"int": ["0", "1", "2", "-1", "3"], "float": ["0.5", "1", "2"], "bool": ["True", "False"],
           "number": ["1", "2", "0.5", "True", "0"], "str": ["'sum'", "'mean'", "'reflect'", "'floor'", "'right'"]}


class Writer:
    """Python's text of an argument of a type."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, kind):
        if kind.startswith("Optional["):
            return "None" if self.random.random() < 0.3 else self.value(kind[9:-1])
        if kind == "Tensor":
            return self.random.choice(TENSORS)
        if kind.startswith("List["):
            if self.random.random() < 0.3 and kind[5:-1] in CHOICES:
                return self.value(kind[5:-1])
            items = [self.value(kind[5:-1]) for _ in range(self.random.choice([1, 1, 2, 3]))]
            return None if None in items else f"[{', '.join(items)}]"
        return self.random.choice(CHOICES[kind]) if kind in CHOICES else None


def operators():
    """name -> its overloads, of all that have several, take a tensor first and are there for scripts."""
    found = collections.defaultdict(list)
    for schema in torch._C._jit_get_all_schemas():
        arguments = schema.arguments
        named = re.search("[nN]ame", schema.overload_name)  # dimensions: not for scripts, and some damage Python's memory
        if not schema.name.startswith("aten::") or any(a.is_out for a in arguments) or not arguments or named:
            continue
        if str(arguments[0].type) in ("Tensor", "List[Tensor]"):
            found[schema.name.removeprefix("aten::")].append(schema)
    names = [name for name in sorted(found) if len(found[name]) > 1 and not re.match(LEFT_OUT, name)]
    there = base.run_bundle([f"torch.aten.{name} ~= nil" for name in names])["answers"]
    return {name: found[name] for name, answer in zip(names, there) if answer[0]["boolean"]} 


def cases():
    """(name, Python's arguments), each once."""
    writer, made = Writer(SEED), {}
    for name, schemas in operators().items():
        for schema in schemas:
            positional = [a for a in schema.arguments if not a.kwarg_only]
            least = sum(not a.has_default_value() for a in positional)
            for count in range(least, len(positional) + 1):
                for _ in range(TRIALS):
                    values = [writer.value(str(a.type)) for a in positional[:count]]
                    if None not in values:
                        made[name, ", ".join(values)] = None
    return list(made)


def python_result(name, arguments):
    """(whether it is taken, the result). In place, on a copy."""
    function = getattr(torch._VF, name, None) or getattr(torch.ops.aten, name)
    try:
        return True, eval(f"f({arguments})", {"f": function, **{n: t.clone() for n, t in INPUTS.items()}})
    except Exception as error:  # whatever Python says is no result
        return False, error


def lua_text(name, arguments):
    call = base.ToLua().visit(ast.parse(f"f({arguments})", mode="eval"))
    if name.endswith("_"):
        call = re.sub(r"^f\((\w+)", r"f(\1:clone()", call)
    return f"torch.aten.{name}" + call[1:]


def is_small(want):
    return sum(v.numel() if isinstance(v, torch.Tensor) else 1 for v in base.flat(want)) <= 2000


class TorchOverloads(unittest.TestCase):
    maxDiff = None

    def test_the_form_is_pythons(self):
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        wanted = {}
        for name, arguments in cases():
            taken, want = python_result(name, arguments)
            if taken and is_small(want):
                wanted[name, arguments] = want
        answers = base.run_bundle([lua_text(*case) for case in wanted])["answers"]
        wrong, same, refused = [], set(), 0
        for (case, want), answer in zip(wanted.items(), answers):
            if isinstance(answer, dict):
                refused += 1  # torch_fuzz_test.py counts what is
            elif isinstance(want, torch.dtype):
                self.assertEqual(answer[0].get("string"), str(want).removeprefix("torch."))
            elif text := base.compare(answer, want):
                wrong.append(f"{case[0]}({case[1]})\n    {text}")
            else:
                same.add(case[0])
        print(f"{len(wanted)} calls of {len(same)} operators, {refused} refused")
        self.assertFalse(wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong))
        self.assertGreater(len(same), 140)

    def test_where_python_has_two_answers(self):
        """Its function takes the centred form, torch.ops.aten the other, which is what torch.aten takes, as the page says."""
        wav = INPUTS["wav"]
        calls = ["torch.aten.stft(wav, 16, 4, {return_complex = true})", "torch.aten.stft(wav, 16, 4, {center = true, return_complex = true})"]
        answers = base.run_bundle(calls)["answers"]
        warnings.simplefilter("ignore")
        wanted = [function(wav, 16, 4, return_complex=True) for function in (torch.ops.aten.stft, torch._VF.stft)]
        self.assertEqual([base.compare(answer, want) for answer, want in zip(answers, wanted)], [None, None])
        self.assertNotEqual(wanted[0].shape, wanted[1].shape)


if __name__ == "__main__":
    unittest.main()
