"""The model calls a function that is defined inside another function."""
from world import outcome

TITLE = "a local function in the model"
MODEL = """
def activation():
    def double(x):
        return x * 2
    return double
class Model:
    def __init__(self):
        self.activation = activation()
    def __call__(self, x):
        return self.activation(x[0])
"""
LUA = """
local function activation()
  local function double(x) return x * 2 end
  return double
end
local act = activation()
return function(x) return act(x[1]) end
"""


def python(world):
    world.write("network.py", MODEL)
    return outcome(lambda: world.save("from network import Model\nmodel = Model()"),
                   lambda: world.edit("network.py", "x * 2", "x * 3"), world.ask)


def bundle(world):
    def save():
        world.bundle(preprocess=LUA)
        world.pack()
    return outcome(save, lambda: world.edit("b/preprocess.lua", "x * 2", "x * 3"), world.answer)
