"""Preprocessing hands a function on to the model, as a piece of data."""
from world import Failed, number

TITLE = "a function handed on as data, between processes or stages"
PRODUCE = "import PICKLER\nopen('x', 'wb').write(PICKLER.dumps((1, lambda x: x * 2)))\n"
CONSUME = "import PICKLER\nx, f = PICKLER.load(open('x', 'rb'))\nprint(f(x))\n"


def python(world):
    try:
        world.python(PRODUCE)
        return f"works ({number(world.python(CONSUME))})"
    except Failed as e:
        return f"refused: {e.reason}"


def bundle(world):
    world.bundle(preprocess="return function(x) return x[1], { f = function(y) return y * 2 end } end\n",
                 postprocess="return function(x, params, context) return context.f(x) end\n")
    try:
        return f"works ({number(world.answer('b'))})"
    except Failed as e:
        return f"refused: {e.reason}"
