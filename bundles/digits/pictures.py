#!/usr/bin/env python3
"""Makes the pictures of the examples from held-out digits: a seven on paper, a three on a blackboard, a five as MNIST has it.

    /usr/bin/python3 pictures.py                                    (Debian: python3-pil, python3-numpy)
    for n in seven three five; do mrun record bundle $n bundle/examples/$n/input.* --replace; done
"""
import pathlib

import numpy
import PIL.Image
import PIL.ImageFilter

HERE = pathlib.Path(__file__).resolve().parent


def held_out(digit, number):
    """Ink from 0 to 1, 28 x 28: of a digit's hundred in held-out.png."""
    row, column = 2 * digit + number // 50, number % 50
    sheet = numpy.asarray(PIL.Image.open(HERE / "held-out.png"))
    return sheet[row * 28:row * 28 + 28, column * 28:column * 28 + 28] / 255


def written(ink, size, box, angle):
    """The digit on a field of size (width, height), in a box (left, top, side), turned."""
    left, top, side = box
    img = PIL.Image.fromarray((ink * 255).astype("uint8")).resize((side, side), PIL.Image.BICUBIC)
    img = img.rotate(angle, PIL.Image.BILINEAR).filter(PIL.ImageFilter.GaussianBlur(side / 120))
    field = PIL.Image.new("L", size)
    field.paste(img, (left, top))
    return numpy.asarray(field)[..., None] / 255


def coloured(share, pen, ground, grain):
    shade = numpy.linspace(0, -25, share.shape[1])[None, :, None]  # light from the left
    noise = numpy.random.default_rng(7).normal(0, grain, share.shape)
    rgb = numpy.array(ground) + shade + noise + share * (numpy.array(pen) - numpy.array(ground))
    return PIL.Image.fromarray(rgb.clip(0, 255).astype("uint8"))


def main():
    for name, (file, options) in {
        "seven": ("input.jpg", {"quality": 85}), "three": ("input.png", {"optimize": True}), "five": ("input.png", {}),
    }.items():
        path = HERE / "bundle/examples" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "seven":
            img = coloured(written(held_out(7, 1), (320, 240), (150, 40, 150), 8), (25, 35, 110), (238, 234, 222), 4)
        elif name == "three":
            img = coloured(written(held_out(3, 37), (120, 90), (20, 10, 70), -6), (235, 235, 225), (40, 60, 50), 0)
        else:
            img = PIL.Image.fromarray((held_out(5, 8) * 255).astype("uint8"))
        img.save(path, **options)


if __name__ == "__main__":
    main()
