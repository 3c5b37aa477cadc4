"""A saved model is to run with another threshold; then somebody misspells it, and then gives a word for a number."""
from world import Failed, number

TITLE = "a parameter of a saved model is overridden, misspelt, of the wrong type"
MODEL = """
class Model:
    def __init__(self):
        self.threshold = 0.5
    def __call__(self, x):
        return x[0] * self.threshold
model = Model()
"""


def tried(ask, plain):
    try:
        answer = number(ask())
    except Failed as e:
        return e.reason
    return "**ignored, and no word**" if answer == plain else f"used ({plain} became {answer})"


def says(plain, given, misspelt, wrong):
    return f"given: {tried(given, plain)}; misspelt: {tried(misspelt, plain)}; a word: {tried(wrong, plain)}"


def python(world):
    if world.pickler == "dill":
        world.save(MODEL)
    else:
        world.write("network.py", MODEL)
        world.save("from network import model")
    plain = number(world.ask())
    return says(plain, lambda: world.ask(more="model.threshold = 0.25"), lambda: world.ask(more="model.treshold = 0.25"),
                lambda: world.ask(more="model.threshold = 'high'"))


def bundle(world):
    world.bundle(params="threshold = 0.5\n", preprocess="return function(x, params) return x[1] * params.threshold end\n")
    world.pack()
    plain = number(world.answer())
    return says(plain, lambda: world.answer("b.mb", "--param", "threshold=0.25"),
                lambda: world.answer("b.mb", "--param", "treshold=0.25"), lambda: world.answer("b.mb", "--param", "threshold=high"))
