"""The model calls a closure over a setting, and the setting's value in the source changes later."""
from world import outcome

TITLE = "a closure over a setting"
MODEL = """
SCALE = 2
def scaled(scale):
    return lambda x: x * scale * SCALE
class Model:
    def __init__(self):
        self.scaled = scaled(5)
    def __call__(self, x):
        return self.scaled(x[0])
"""
LUA = """
local SCALE = 2
local function scaled(scale)
  return function(x) return x * scale * SCALE end
end
local by_five = scaled(5)
return function(x) return by_five(x[1]) end
"""


def python(world):
    world.write("network.py", MODEL)
    return outcome(lambda: world.save("from network import Model\nmodel = Model()"),
                   lambda: world.edit("network.py", "SCALE = 2", "SCALE = 3"), world.ask)


def bundle(world):
    def save():
        world.bundle(preprocess=LUA)
        world.pack()
    return outcome(save, lambda: world.edit("b/preprocess.lua", "SCALE = 2", "SCALE = 3"), world.answer)
