"""The model's file imports a helper, and somebody improves the helper later."""
from world import outcome

TITLE = "an imported helper changes later"
HELPER = "def scale(x):\n    return x * 2\n"
MODEL = """
import helper
class Model:
    def __call__(self, x):
        return helper.scale(x[0])
model = Model()
"""


def python(world):
    world.write("helper.py", HELPER)
    world.write("network.py", MODEL)
    return outcome(lambda: world.save("from network import model"), lambda: world.edit("helper.py", "x * 2", "x * 3"), world.ask)


def bundle(world):
    def save():
        world.bundle(preprocess='local helper = require "lib.helper"\nreturn function(x) return helper.scale(x[1]) end\n',
                     lib_helper="return { scale = function(x) return x * 2 end }\n")
        world.pack()
    return outcome(save, lambda: world.edit("b/lib/helper.lua", "x * 2", "x * 3"), world.answer)
