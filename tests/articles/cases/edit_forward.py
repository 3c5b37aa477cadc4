"""`forward` picks the first element; after saving somebody edits the file to pick the last."""
from world import GIVEN, TENSOR, outcome

TITLE = "`forward`'s indexing is edited after saving"
MODEL = """
import torch
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    def forward(self, x):
        return (self.weight * x)[0]
"""
MAKE = "from network import Model\nmodel = Model()"


def edit(world):
    world.edit("network.py", "[0]", "[-1]")


def python(world):
    world.write("network.py", MODEL)
    return outcome(lambda: world.save(MAKE), lambda: edit(world), lambda: world.ask(given=GIVEN))


def bundle(world):
    def save():
        world.write("network.py", MODEL)
        world.bundle(preprocess=TENSOR, forward="return function(model, x) return model(x):item() end\n",
                     postprocess="return function(y) return ({ y, 0 })[1] end\n")
        world.export(MAKE)
        world.pack()

    def change():
        edit(world)
        world.edit("b/postprocess.lua", "[1]", "[2]")
        world.export(MAKE)
    return outcome(save, change, world.answer)
