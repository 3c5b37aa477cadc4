"""Pictures of many sizes, all made on the spot."""
import os
import pathlib
import random

import numpy
import PIL.Image

SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])


def opened(path):
    return PIL.Image.open(path).convert("RGB")


def photos(folder, count, sides=(40, 200)):
    """Paths of PNG and JPEG files: soft spots of colour and some noise."""
    rng, paths = random.Random(1), []
    for i in range(count):
        width, height = rng.randint(*sides), rng.randint(*sides)
        noise = numpy.random.default_rng(i)
        spots = PIL.Image.fromarray(noise.integers(0, 256, (rng.randint(2, 9), rng.randint(2, 9), 3), "uint8"))
        pixels = numpy.asarray(spots.resize((width, height), PIL.Image.BICUBIC)) + noise.normal(0, 6, (height, width, 3))
        paths.append(folder / f"{i:03}.{rng.choice(['png', 'jpg'])}")
        PIL.Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(paths[-1])
    return paths
