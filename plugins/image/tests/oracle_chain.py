"""resize, center_crop, to_float, normalize equal torchvision's transforms, bit for bit, whatever part is computed."""
import ctypes
import io
import unittest
import warnings

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode

import samples
from oracle import Failure, TestCase, call

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
MODES = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC, "nearest": InterpolationMode.NEAREST,
         "lanczos": InterpolationMode.LANCZOS, "box": InterpolationMode.BOX, "hamming": InterpolationMode.HAMMING}


def ours(data, size, height, width, short, max_size, crop, name):
    out = np.zeros((3, *crop), np.float32)
    call("image_chain", data, ctypes.c_int64(size), height, width, short, max_size or 0, *crop, name, MEAN, STD, out)
    return out


def theirs(picture, short, max_size, crop, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        steps = [T.Resize(short, MODES[name], max_size=max_size), T.CenterCrop(crop), T.ToTensor(), T.Normalize(MEAN, STD)]
        return T.Compose(steps)(picture).numpy()


class Chain(TestCase):
    def test_random(self):
        rng = np.random.default_rng(30)
        for i in range(900):
            height, width = int(rng.integers(1, 300)), int(rng.integers(1, 300))
            short = int(rng.integers(1, 150))
            longer = int(short * max(height, width) / min(height, width))
            if longer > 5000:
                continue
            max_size = int(rng.integers(short + 1, short + 200)) if i % 3 == 0 else None
            if max_size and int(max_size * short / max(longer, 1)) < 1:
                continue
            crop = (int(rng.integers(1, 200)), int(rng.integers(1, 200)))
            name = list(MODES)[i % 6]
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            expected = theirs(Image.fromarray(pixels), short, max_size, crop, name)
            what = f"{height} x {width} -> {short} (max {max_size}) crop {crop} {name}"
            self.same(ours(pixels, 0, height, width, short, max_size, crop, name), expected, what)

    def test_from_jpeg(self):
        rng = np.random.default_rng(31)
        for i, (name, data) in enumerate(samples.jpegs().items()):
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            short = int(rng.integers(8, 260))
            if int(short * max(picture.size) / min(picture.size)) > 8000:
                continue
            crop = (int(rng.integers(1, short + 20)), int(rng.integers(1, short + 20)))
            filter_name = list(MODES)[i % 6]
            array = np.frombuffer(data, np.uint8)
            self.same(ours(array, len(data), 0, 0, short, None, crop, filter_name),
                      theirs(picture, short, None, crop, filter_name), f"{name} {short} {crop} {filter_name}")

    def test_sizes(self):
        """Every rounding case of the two size rules."""
        out = np.zeros(4, np.int32)
        for height in (1, 2, 3, 7, 31, 32, 33, 100, 375):
            for width in (1, 2, 3, 5, 50, 99, 500):
                picture = Image.new("L", (width, height))
                for short in (1, 2, 3, 16, 31, 224):
                    for max_size in (0, short + 1, short * 2, 999):
                        if max_size and max_size <= short:
                            continue
                        longer = int(short * max(height, width) / min(height, width))
                        if longer > 20000 or (max_size and longer > max_size and int(max_size * short / longer) < 1):
                            continue
                        call("image_sizes", 0, height, width, short, max_size, out)
                        expected = T.functional.resize(picture, short, InterpolationMode.NEAREST, max_size or None)
                        self.assertEqual((int(out[0]), int(out[1])), (expected.height, expected.width))
                for crop in ((1, 1), (2, 3), (31, 32), (33, 100), (224, 7)):
                    call("image_sizes", 1, height, width, *crop, out)
                    marked = np.arange(1, height * width + 1, dtype=np.int32).reshape(height, width)
                    expected = np.asarray(T.functional.center_crop(Image.fromarray(marked), list(crop)))
                    padded = np.zeros(crop, np.int32)
                    for y in range(crop[0]):
                        for x in (0, crop[1] - 1):
                            sy, sx = y + out[0], x + out[1]
                            if 0 <= sy < height and 0 <= sx < width:
                                padded[y, x] = marked[sy, sx]
                    for x in (0, crop[1] - 1):
                        self.assertEqual(padded[:, x].tolist(), expected[:, x].tolist(), f"{height} {width} {crop}")

    def test_letterbox(self):
        """Against the rule as Ultralytics states it, in Python's own rounding."""
        out = np.zeros(6, np.int32)
        rng = np.random.default_rng(4)
        for i in range(2000):
            height, width = int(rng.integers(1, 2000)), int(rng.integers(1, 2000))
            size = (int(rng.integers(32, 900)), int(rng.integers(32, 900)))
            stride, up = (0, 32)[i % 2], i % 3 > 0
            r = min(size[0] / height, size[1] / width)
            r = r if up else min(r, 1.0)
            new = max(1, round(height * r)), max(1, round(width * r))
            dh, dw = size[0] - new[0], size[1] - new[1]
            if stride:
                dh, dw = dh % stride, dw % stride
            dh, dw = dh / 2, dw / 2
            top, bottom, left, right = round(dh - 0.1), round(dh + 0.1), round(dw - 0.1), round(dw + 0.1)
            call("image_letterbox", height, width, *size, stride, int(up), out)
            self.assertEqual(out.tolist(), [*new, top, left, new[0] + top + bottom, new[1] + left + right])

    def test_errors(self):
        out = np.zeros(4, np.int32)
        with self.assertRaisesRegex(Failure, "max_size is 5"):
            call("image_sizes", 0, 10, 10, 5, 5, out)
        with self.assertRaisesRegex(Failure, "size is 0"):
            call("image_sizes", 0, 10, 10, 0, 0, out)
        with self.assertRaisesRegex(Failure, "the result is"):
            call("image_sizes", 0, 1, 1 << 20, 1 << 20, 0, out)


if __name__ == "__main__":
    print("oracle: torchvision", torchvision.__version__, "torch", torch.__version__, "Pillow", PIL.__version__)
    unittest.main()
