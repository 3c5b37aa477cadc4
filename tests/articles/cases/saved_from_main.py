"""The training script itself defines the class; another program loads the file."""
from cases import edit_forward
from world import TENSOR, Failed, number

TITLE = "saved from `__main__`, loaded by another program"
MODEL = """
class Model:
    def __init__(self):
        self.weight = [1.0, 2.0, 3.0]
    def __call__(self, x):
        return self.weight[0] * x[0]
"""


def python(world):
    try:
        world.save(MODEL + "model = Model()")
    except Failed as e:
        return f"cannot be saved: {e.reason}"
    try:
        return f"loads ({number(world.ask())})"
    except Failed as e:
        return f"cannot be loaded: {e.reason}"


def bundle(world):
    world.bundle(preprocess=TENSOR, postprocess="return function(y) return y:item() end\n")
    world.export(edit_forward.MODEL + "model = Model()")
    world.pack()
    return f"loads ({number(world.answer())})"
