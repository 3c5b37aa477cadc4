"""The model keeps a module's function as a value; the function is edited later."""
from world import outcome

TITLE = "a function value in the model, edited later"
MODEL = """
def double(x):
    return x * 2
class Model:
    def __init__(self):
        self.activation = double
    def __call__(self, x):
        return self.activation(x[0])
"""


def python(world):
    world.write("network.py", MODEL)
    return outcome(lambda: world.save("from network import Model\nmodel = Model()"),
                   lambda: world.edit("network.py", "x * 2", "x * 3"), world.ask)


def bundle(world):
    def save():
        world.bundle(preprocess='local act = require("lib.activations").double\nreturn function(x) return act(x[1]) end\n',
                     lib_activations="return { double = function(x) return x * 2 end }\n")
        world.pack()
    return outcome(save, lambda: world.edit("b/lib/activations.lua", "x * 2", "x * 3"), world.answer)
