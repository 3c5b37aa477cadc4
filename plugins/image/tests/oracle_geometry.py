"""Crops, EXIF turns, colour spaces, rotations, warps and encoders against Pillow (OpenCV's own linear resize against the
definition of its fixed-point arithmetic is not repeated here: the library calls OpenCV itself)."""
import ctypes
import io
import unittest

import numpy as np
import PIL
from PIL import Image

import samples
from oracle import TestCase, call

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
FILTERS = {"nearest": 0, "bilinear": 2, "bicubic": 3}


def picture_of(pixels):
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, MODES[pixels.shape[2]])


def pixels_of(picture):
    return np.ascontiguousarray(np.asarray(picture).reshape(picture.height, picture.width, -1))


class Geometry(TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(9)

    def image(self, channels=None, largest=70):
        h, w = (int(v) for v in self.rng.integers(1, largest, 2))
        return self.rng.integers(0, 256, (h, w, channels or int(self.rng.integers(1, 5))), dtype=np.uint8)

    def test_crop(self):
        for _ in range(300):
            pixels = self.image()
            top, left = (int(v) for v in self.rng.integers(-40, 80, 2))
            height, width = (int(v) for v in self.rng.integers(1, 90, 2))
            out = np.full((height, width, pixels.shape[2]), 7, np.uint8)
            call("image_crop", pixels, *pixels.shape, np.array([top, left, height, width], np.int32), out)
            self.same(out, pixels_of(picture_of(pixels).crop((left, top, left + width, top + height))), "crop")

    def test_orientation(self):
        turns = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
        for orientation, turn in turns.items():
            for _ in range(20):
                pixels = self.image(3)
                turned = picture_of(pixels) if turn is None else picture_of(pixels).transpose(turn)
                expected = pixels_of(turned)
                top, left = int(self.rng.integers(0, turned.height)), int(self.rng.integers(0, turned.width))
                part = np.array([top, left, self.rng.integers(1, turned.height - top + 1),
                                 self.rng.integers(1, turned.width - left + 1)], np.int32)
                out = np.zeros((part[2], part[3], 3), np.uint8)
                call("image_orient", pixels, *pixels.shape, orientation, part, out)
                self.same(out, np.ascontiguousarray(expected[top:top + part[2], left:left + part[3]]), f"{orientation}")

    def convert(self, pixels, source, target, channels):
        out = np.zeros((*pixels.shape[:2], channels), np.uint8)
        call("image_convert", pixels, *pixels.shape[:2], source, target, out)
        return out

    def test_colour_every_rgb(self):
        """All 16.7 million colours."""
        for high in range(16):
            grid = np.mgrid[high * 16:high * 16 + 16, 0:256, 0:256].reshape(3, -1).T
            pixels = np.ascontiguousarray(grid.astype(np.uint8).reshape(1024, 1024, 3))
            for mode, channels in (("L", 1), ("HSV", 3), ("YCbCr", 3)):
                self.same(self.convert(pixels, "RGB", mode, channels), pixels_of(picture_of(pixels).convert(mode)), mode)
            for mode in ("HSV", "YCbCr"):
                expected = pixels_of(Image.fromarray(pixels, mode).convert("RGB"))
                self.same(self.convert(pixels, mode, "RGB", 3), expected, f"{mode} to RGB")

    def test_colour_pairs(self):
        for source in MODES.items():
            for target in MODES.items():
                pixels = self.image(source[0])
                expected = pixels_of(picture_of(pixels).convert(target[1]))
                self.same(self.convert(pixels, source[1], target[1], target[0]), expected, f"{source} to {target}")
        spaces = [*((mode, channels) for channels, mode in MODES.items()), ("HSV", 3), ("YCbCr", 3)]
        for source, channels in spaces:
            pixels = self.image(channels)
            picture = Image.frombytes(source, pixels.shape[1::-1], pixels.tobytes())
            for target, wanted in spaces:
                self.same(self.convert(pixels, source, target, wanted), pixels_of(picture.convert(target)), f"{source} to {target}")
        pixels = self.image(3)
        self.same(self.convert(pixels, "RGB", "BGR", 3), np.ascontiguousarray(pixels[:, :, ::-1]), "BGR")
        back = self.convert(self.convert(pixels, "RGB", "LAB", 3), "LAB", "RGB", 3)
        self.assertLess(np.abs(back.astype(int) - pixels).mean(), 2)

    def test_rotate(self):
        size = np.zeros(2, np.int32)
        for i in range(600):
            pixels = self.image()
            name = list(FILTERS)[i % 3]
            degrees = float(self.rng.choice([0, 90, 180, 270, -90, 45, 30, 360, self.rng.uniform(-400, 400)]))
            expand = bool(i % 2)
            centre = None
            if i % 5 == 0 and not expand:
                centre = np.array(self.rng.uniform(0, 70, 2))
            fill = float(self.rng.integers(0, 256)) if i % 7 == 0 else 0.0
            colour = None if not fill else tuple([int(fill)] * pixels.shape[2]) if pixels.shape[2] > 1 else int(fill)
            theirs = pixels_of(picture_of(pixels).rotate(degrees, FILTERS[name], expand, centre is not None and tuple(centre)
                                                         or None, None, colour))
            call("image_rotate_size", pixels.shape[0], pixels.shape[1], degrees, int(expand), size)
            shape = tuple(size) if expand or centre is None else pixels.shape[:2]
            out = np.zeros((*shape, pixels.shape[2]), np.uint8)
            call("image_rotate", pixels, *pixels.shape, degrees, int(expand), centre, name, fill, out)
            self.same(out, theirs, f"{pixels.shape} by {degrees} {name} expand {expand} centre {centre} fill {fill}")

    def test_warp(self):
        for i in range(600):
            count = 6 + i % 2 * 2
            floats = i % 10 == 0
            pixels = self.image(1 if floats else None)
            if floats:
                pixels = self.rng.standard_normal(pixels.shape).astype(np.float32)
            name = list(FILTERS)[i // 2 % 3]
            m = np.array([1, 0, 0, 0, 1, 0, 0, 0], float) + self.rng.normal(0, 0.3, 8)
            m[[2, 5]] = self.rng.normal(0, 20, 2)
            m[6:] = self.rng.normal(0, 0.003, 2)
            if i % 13 == 0:
                m[1] = m[3] = 0
            m = np.ascontiguousarray(m[:count])
            height, width = (int(v) for v in self.rng.integers(1, 90, 2))
            out = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
            call("image_warp", pixels, *pixels.shape, int(floats), m, count, name, 0.0, height, width, out)
            source = Image.fromarray(pixels[:, :, 0], "F") if floats else picture_of(pixels)
            theirs = source.transform((width, height), 0 if count == 6 else 2, tuple(m), FILTERS[name])
            self.same(out, pixels_of(theirs), f"{pixels.shape} {m} {name}")

    def test_encode(self):
        for channels, mode in MODES.items():
            pixels = np.ascontiguousarray(pixels_of(samples.image(mode)))
            room = ctypes.c_int64(1 << 20)
            out = np.zeros(1 << 20, np.uint8)
            call("image_encode", pixels, *pixels.shape, 0, out, ctypes.byref(room))
            png = Image.open(io.BytesIO(out[:room.value].tobytes()))
            self.assertEqual(png.mode, mode)
            self.same(pixels_of(png), pixels, f"png {mode}")
            if channels in (1, 3):
                room = ctypes.c_int64(1 << 20)
                call("image_encode", pixels, *pixels.shape, 75, out, ctypes.byref(room))
                theirs = io.BytesIO()
                picture_of(pixels).save(theirs, "JPEG", quality=75)
                self.same(pixels_of(Image.open(io.BytesIO(out[:room.value].tobytes()))),
                          pixels_of(Image.open(io.BytesIO(theirs.getvalue()))), f"jpeg {mode}")

    def test_draw(self):
        """Boxes and labels change pixels where they lie, never beyond the image, and nothing far away."""
        pixels = np.zeros((120, 200, 3), np.uint8)
        boxes = np.array([[20, 40, 90, 100], [-50, -50, 1e9, 30], [150, 60, 260, 200]], float)
        labels = (ctypes.c_char_p * 3)(b"cat 0.93", "caf\u00e9".encode(), b"a label that is much wider than the image itself")
        call("image_draw", pixels, *pixels.shape, boxes, labels, 3)
        self.assertTrue(pixels[40, 20:90].any(axis=-1).all())
        self.assertFalse(pixels[75:95, 30:80].any())
        # The label over the first box: its colour, with white or black strokes in it.
        strip = pixels[28:38, 22:60].reshape(-1, 3)
        self.assertGreater(len(np.unique(strip, axis=0)), 3)


if __name__ == "__main__":
    print("oracle: Pillow", PIL.__version__)
    unittest.main()
