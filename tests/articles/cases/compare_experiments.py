"""Two experiments differ in a weight, a setting and a line of code: what does a comparison of the two files name?"""
import json

from world import Failed

TITLE = "two experiments that differ in a weight, a setting and a line of code"
MODEL = """
import torch
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
        self.threshold = 0.5
    def forward(self, x):
        return (self.weight * x)[0]
"""
# Everything that the two objects say about themselves.
COMPARE = """
import PICKLER, torch
a, b = (PICKLER.load(open(f'{name}/model.bin', 'rb')) for name in 'ab')
for key in sorted({*vars(a), *vars(b)} - {'_parameters'}):
    if str(vars(a).get(key)) != str(vars(b).get(key)):
        print('setting' if key == 'threshold' else key)
for key in a.state_dict():
    if not torch.equal(a.state_dict()[key], b.state_dict()[key]):
        print(key)
code = [(f.co_code, f.co_consts) for f in (type(a).forward.__code__, type(b).forward.__code__)]
if code[0] != code[1]:
    print("the code's bytes, not its text")
"""


def second(text):
    return text.replace("3.0]", "4.0]").replace("0.5", "0.7").replace("[0]", "[-1]")


def named(names):
    return "names: " + ", ".join(names) if names else "names nothing"


def python(world):
    if world.pickler == "dill":
        world.save(MODEL + "model = Model()", "a")
        world.save(second(MODEL) + "model = Model()", "b")
    else:
        for folder, text in (("a", MODEL), ("b", second(MODEL))):
            world.write(f"{folder}/network.py", text)
            world.save("from network import Model\nmodel = Model()", folder)
        world.write("network.py", second(MODEL))  # one program can import one of the two
    return named(world.python(COMPARE).splitlines())


def bundle(world):
    for name, text in (("a", MODEL), ("b", second(MODEL))):
        threshold = "0.5" if name == "a" else "0.7"
        index = "x[1]" if name == "a" else "x[3]"
        world.bundle(name, f"threshold = {threshold}\n", postprocess=f"return function(x) return {index} end\n")
        world.export(text + "model = Model()", name)
        world.pack(name)
    try:
        world.mrun("diff", "a.mb", "b.mb", "--json")
    except Failed:  # exit status 1: they differ
        pass
    report = json.loads(world.output)
    names = [f"setting {p['key']} {p['before']} → {p['after']}" for p in report["params"]]
    names += [f"{t['name']} by {t['max_abs']}" for t in report["tensors"]]
    names += [f"`{line}`" for f in report["files"] if f["path"].endswith(".lua")
              for line in f["diff"].splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return named(names)
