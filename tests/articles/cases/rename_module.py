"""The file that defines the class gets another name."""
from cases.edit_forward import MAKE, MODEL
from world import GIVEN, TENSOR, outcome

TITLE = "the module is renamed"


def python(world):
    world.write("network.py", MODEL)
    return outcome(lambda: world.save(MAKE), lambda: world.move("network.py", "models.py"),
                   lambda: world.ask(given=GIVEN))


def bundle(world):
    path = ["b.mb"]

    def save():
        world.write("network.py", MODEL)
        world.bundle(preprocess=TENSOR, postprocess='return require("lib.rules").element\n',
                     lib_rules="return { element = function(y) return y:item() end }\n")
        world.export(MAKE)
        world.pack()

    def change():
        world.move("network.py", "models.py")
        world.move("b/lib/rules.lua", "b/lib/laws.lua")
        world.move("b.mb", "renamed.bin")
        path[0] = "renamed.bin"
    return outcome(save, change, lambda: world.answer(path[0]))
