"""Resampling equals Pillow's, byte for byte: random images and sizes, every filter and mode, both sets of kernels."""
import os
import subprocess
import sys
import unittest

import numpy as np
import PIL
from PIL import Image

from oracle import TestCase, call

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def random_pixels(rng, shape):
    kind = rng.random()
    if kind < 0.5:
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    elif kind < 0.8:  # hard edges: clipping of the negative lobes
        pixels = (rng.integers(0, 2, shape, dtype=np.uint8) * 255).astype(np.uint8)
    else:
        pixels = np.full(shape, rng.integers(0, 256), dtype=np.uint8)
    return np.ascontiguousarray(pixels)


def random_size(rng):
    kind = rng.random()
    if kind < 0.1:
        return 1
    if kind < 0.6:
        return int(rng.integers(1, 64))
    return int(rng.integers(1, 400))


def to_pillow(pixels, mode):
    return Image.fromarray(pixels[:, :, 0] if mode in ("L", "F") else pixels, mode)


def from_pillow(image, channels):
    return np.asarray(image).reshape(image.height, image.width, channels)


def resize(pixels, height, width, name, gap=0.0):
    out = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    call("image_resize", pixels, *pixels.shape, int(pixels.dtype == np.float32), out, height, width, name, float(gap))
    return out


class Resample(TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(20)

    def compare(self, pixels, mode, height, width, name, gap=None):
        theirs = to_pillow(pixels, mode).resize((width, height), FILTERS[name], reducing_gap=gap)
        ours = resize(pixels, height, width, name, gap or 0.0)
        self.same(ours, from_pillow(theirs, pixels.shape[2]), f"{mode} {pixels.shape} -> {height} x {width} {name} {gap}")

    def test_random_sizes(self):
        for i in range(2400):
            mode = list(MODES)[i % 4]
            name = list(FILTERS)[i // 4 % 6]
            shape = (random_size(self.rng), random_size(self.rng), MODES[mode])
            height, width = random_size(self.rng), random_size(self.rng)
            if self.rng.random() < 0.1:
                height = shape[0]
            if self.rng.random() < 0.1:
                width = shape[1]
            self.compare(random_pixels(self.rng, shape), mode, height, width, name)

    def test_extremes(self):
        shapes = [(1, 1), (1, 5000), (5000, 1), (2, 3), (3, 2), (1, 2), (700, 13)]
        for shape in shapes:
            for target in [(1, 1), (1, 7), (9, 1), (64, 64), (3, 900)]:
                for name in FILTERS:
                    for mode, channels in MODES.items():
                        self.compare(random_pixels(self.rng, (*shape, channels)), mode, *target, name)

    def test_large(self):
        for name in FILTERS:
            self.compare(random_pixels(self.rng, (1080, 1920, 3)), "RGB", 256, 455, name)
            self.compare(random_pixels(self.rng, (1500, 20, 3)), "RGB", 3, 33, name)

    def test_float(self):
        for i in range(400):
            name = list(FILTERS)[i % 6]
            shape = (random_size(self.rng), random_size(self.rng), 1)
            pixels = (self.rng.standard_normal(shape) * 10.0 ** self.rng.integers(-3, 4)).astype(np.float32)
            self.compare(pixels, "F", random_size(self.rng), random_size(self.rng), name)

    def test_float_channels(self):
        pixels = self.rng.standard_normal((40, 50, 5)).astype(np.float32)
        ours = resize(pixels, 23, 71, "bicubic")
        for c in range(5):
            plane = np.ascontiguousarray(pixels[:, :, c:c + 1])
            self.same(np.ascontiguousarray(ours[:, :, c:c + 1]), resize(plane, 23, 71, "bicubic"), f"channel {c}")

    def test_reducing_gap(self):
        for i in range(600):
            mode = ["L", "RGB", "RGBA", "F"][i % 4]
            name = list(FILTERS)[i // 4 % 6]
            shape = (int(self.rng.integers(1, 400)), int(self.rng.integers(1, 400)), MODES.get(mode, 1))
            pixels = random_pixels(self.rng, shape)
            if mode == "F":
                pixels = self.rng.standard_normal(shape).astype(np.float32)
            height, width = int(self.rng.integers(1, 60)), int(self.rng.integers(1, 60))
            self.compare(pixels, mode, height, width, name, [1.0, 1.5, 2.0, 3.0][i % 3])

    def test_parts(self):
        """A part of the result, computed from the pixels that it needs, is the part of the whole."""
        for i in range(600):
            channels = 1 + i % 4
            name = list(FILTERS)[i % 6]
            shape = (random_size(self.rng), random_size(self.rng), channels)
            pixels = random_pixels(self.rng, shape)
            height, width = random_size(self.rng), random_size(self.rng)
            whole = resize(pixels, height, width, name)
            top, left = int(self.rng.integers(0, height)), int(self.rng.integers(0, width))
            ph, pw = int(self.rng.integers(1, height - top + 1)), int(self.rng.integers(1, width - left + 1))
            part = np.zeros((ph, pw, channels), np.uint8)
            call("image_resize_part", pixels, *shape, part, height, width, name, top, left, ph, pw)
            if (height, width) == shape[:2]:
                continue  # nothing is resampled then, not even alpha
            self.same(part, np.ascontiguousarray(whole[top:top + ph, left:left + pw]), f"{shape} {height} {width} {name}")


class Portable(unittest.TestCase):
    def test_portable_kernels(self):
        """The same comparisons with SIMD switched off."""
        if os.environ.get("MRUN_IMAGE_SIMD") == "off":
            return
        command = [sys.executable, __file__, "Resample"]
        subprocess.run(command, env={**os.environ, "MRUN_IMAGE_SIMD": "off"}, check=True)


if __name__ == "__main__":
    print("oracle: Pillow", PIL.__version__)
    unittest.main()
