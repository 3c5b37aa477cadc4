"""A stranger's file: what are its settings? Whatever code runs on the way leaves a file named `ran`."""
import json

from world import Failed

TITLE = "the settings of a stranger's model"
MODEL = """
class Model:
    def __init__(self):
        self.threshold = 0.5
    def __setstate__(self, state):
        open('ran', 'w').close()
        self.__dict__.update(state)
model = Model()
"""
SHOW = "import PICKLER\nprint(PICKLER.load(open('model.bin', 'rb')).threshold)\n"


def says(world, show):
    try:
        shown = show()
    except Failed as e:
        shown = None
        said = f"not shown: {e.reason}"
    if shown is not None:
        said = f"shown (threshold {shown})"
    return said + (", **after its code ran**" if (world.folder / "ran").exists() else ", nothing of it ran")


def python(world):
    if world.pickler == "dill":
        world.save(MODEL)
    else:
        world.write("network.py", MODEL)
        world.save("from network import model")
    return says(world, lambda: world.python(SHOW))


def bundle(world):
    # A script cannot write a file, so its trace is that loading it fails.
    world.bundle(params="threshold = 0.5\n", preprocess="return function(x) return x end\n")
    world.pack()
    world.write("b/preprocess.lua", 'error "ran"\n')
    try:
        world.mrun("b", "1")
    except Failed as e:
        assert "ran" in e.reason, e.reason
    else:
        raise AssertionError("running it must show")
    return says(world, lambda: json.loads(world.mrun("inspect", "b", "--json"))["params"]["threshold"])
