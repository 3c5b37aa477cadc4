"""The class is imported by the training script; the saved file is then taken to where that module is not."""
import shutil

from cases.edit_forward import MAKE, MODEL
from cases.saved_from_main import MODEL as PLAIN
from world import TENSOR, outcome

TITLE = "saved from an import, loaded in another folder"


def python(world):
    where = ["training"]

    def move():
        (world.folder / "elsewhere").mkdir()
        world.move("training/model.bin", "elsewhere/model.bin")
        where[0] = "elsewhere"
    world.write("training/network.py", PLAIN)
    return outcome(lambda: world.save(MAKE, "training"), move, lambda: world.ask(where[0]))


def bundle(world):
    where = ["."]

    def save():
        world.write("network.py", MODEL)
        world.bundle(preprocess=TENSOR, postprocess="return function(y) return y:item() end\n")
        world.export(MAKE)
        world.pack()

    def move():
        (world.folder / "elsewhere").mkdir()
        world.move("b.mb", "elsewhere/b.mb")
        shutil.rmtree(world.folder / "b")
        (world.folder / "network.py").unlink()
        where[0] = "elsewhere"
    return outcome(save, move, lambda: world.answer(where=where[0]))
