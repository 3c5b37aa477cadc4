"""The training script defines the class and imports a helper that the class uses; nobody touches anything."""
from cases.helper_changes import HELPER, MODEL
from world import outcome

TITLE = "the same, where the class uses an imported helper"


def python(world):
    world.write("helper.py", HELPER)
    return outcome(lambda: world.save(MODEL), lambda: None, world.ask)


def bundle(world):
    def save():
        world.bundle(preprocess='local helper = require "lib.helper"\nreturn function(x) return helper.scale(x[1]) end\n',
                     lib_helper="return { scale = function(x) return x * 2 end }\n")
        world.pack()
    return outcome(save, lambda: None, world.answer)
