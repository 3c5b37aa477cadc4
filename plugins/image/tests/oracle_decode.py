"""Decoding equals Pillow's Image.open(file).convert(mode), byte for byte; damaged files are errors."""
import ctypes
import io
import struct
import time
import unittest
import warnings
import zlib

import numpy as np
import PIL
from PIL import Image, features

import samples
from oracle import Failure, TestCase, call

MODES = {"L": 1, "RGB": 3, "RGBA": 4}
DTYPES = {"I;16": np.int32, "I": np.int32, "F": np.float32}  # else uint8


def decode(data, mode):
    info = np.zeros(3, np.int32)
    array = np.frombuffer(data, np.uint8)
    call("image_decode", array, ctypes.c_int64(len(data)), mode, info, None)
    if int(info[0]) * int(info[1]) > 1 << 26:
        raise Failure("too large for this test")
    out = np.zeros((info[0], info[1], MODES.get(mode, 1)), DTYPES.get(mode, np.uint8))
    call("image_decode", array, ctypes.c_int64(len(data)), mode, info, out)
    return out


def pillow(data, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = Image.open(io.BytesIO(data)).convert(mode)
    return np.asarray(picture).reshape(picture.height, picture.width, MODES.get(mode, 1))


class Decode(TestCase):
    def test_formats(self):
        for name, data in samples.all_files().items():
            for mode in MODES:
                if name.startswith("tiff orientation"):
                    continue
                with self.subTest(name=name, mode=mode):
                    self.same(decode(data, mode), pillow(data, mode), f"{name} as {mode}")

    def test_parts(self):
        """What a crop needs of a JPEG, decoded alone, equals that part of the whole."""
        rng = np.random.default_rng(8)
        for name, data in samples.jpegs().items():
            whole = decode(data, "RGB")
            height, width = whole.shape[:2]
            for _ in range(25):
                top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
                part = np.array([top, left, rng.integers(1, height - top + 1), rng.integers(1, width - left + 1)], np.int32)
                out = np.zeros((part[2], part[3], 3), np.uint8)
                call("image_decode_part", np.frombuffer(data, np.uint8), ctypes.c_int64(len(data)), "RGB", part, out)
                self.same(out, np.ascontiguousarray(whole[top:top + part[2], left:left + part[3]]), f"{name} {part}")

    def test_orientation(self):
        """The tag is found; Pillow's exif_transpose turns by it, and always in TIFF."""
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            for kind in ("JPEG", "PNG", "WEBP"):
                data = samples.saved(samples.image("RGB"), kind, exif=exif)
                self.assertEqual(self.read_orientation(data), orientation, kind)
            data = samples.tiffs()[f"tiff orientation {orientation}"]
            self.assertEqual(self.read_orientation(data), orientation, "TIFF")

    def read_orientation(self, data):
        info = np.zeros(3, np.int32)
        call("image_decode", np.frombuffer(data, np.uint8), ctypes.c_int64(len(data)), "RGB", info, None)
        return int(info[2])

    def test_truncated(self):
        """A file that ends early is an error, as in Pillow; never pixels that are not there."""
        chosen = ["jpeg 61 x 83 4:2:0", "jpeg 61 x 83 4:2:0 progressive", "png RGB", "png P", "bmp RGB", "gif",
                  "webp lossy", "webp lossless", "tiff RGB None", "tiff RGB tiff_lzw"]
        files = samples.all_files()
        for name in chosen:
            data = files[name]
            whole = decode(data, "RGB")
            for size in sorted({*range(0, min(len(data), 64)), *range(64, len(data), max(1, len(data) // 60))}):
                with self.subTest(name=name, size=size):
                    try:
                        pixels = decode(data[:size], "RGB")
                    except Failure:
                        continue
                    self.same(pixels, whole, f"{name} cut to {size} bytes")

    def test_truncated_below_a_crop(self):
        data = samples.jpegs()["jpeg 375 x 500 4:2:0"]
        part = np.array([0, 0, 20, 20], np.int32)
        out = np.zeros((20, 20, 3), np.uint8)
        with self.assertRaisesRegex(Failure, "truncated"):
            call("image_decode_part", np.frombuffer(data, np.uint8), ctypes.c_int64(len(data) - 2), "RGB", part, out)

    def test_mutated(self):
        """Any bytes give pixels or an error, soon."""
        rng = np.random.default_rng(11)
        files = samples.all_files()
        begin = time.monotonic()
        for name, data in files.items():
            for _ in range(12):
                changed = bytearray(data)
                for _ in range(int(rng.integers(1, 6))):
                    changed[int(rng.integers(0, len(changed)))] = int(rng.integers(0, 256))
                try:
                    decode(bytes(changed), "RGB")
                except Failure:
                    pass
        print(f"mutated: {12 * len(files)} files in {time.monotonic() - begin:.1f} s")

    def test_claims(self):
        """Sizes are judged from the header."""
        big = b"\x89PNG\r\n\x1a\n" + samples.chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
        big += samples.chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        with self.assertRaisesRegex(Failure, "the PNG is 60000 x 60000"):
            decode(big, "RGB")
        within = b"\x89PNG\r\n\x1a\n" + samples.chunk(b"IHDR", struct.pack(">IIBBBBB", 16000, 16000, 8, 2, 0, 0, 0))
        with self.assertRaisesRegex(Failure, "truncated"):
            decode(within + samples.chunk(b"IDAT", zlib.compress(b"\0" * 1000)), "RGB")
        jpeg = bytearray(samples.jpegs()["jpeg 16 x 16 4:2:0"])
        at = jpeg.index(b"\xff\xc0")
        jpeg[at + 5:at + 9] = struct.pack(">HH", 16000, 16000)
        with self.assertRaisesRegex(Failure, "truncated"):
            decode(bytes(jpeg), "RGB")

    def test_not_an_image(self):
        for data in (b"x", b"hello, world", b"\x00" * 100, b"RIFF\0\0\0\0WAVE", b"\xff\xd8", b"BM"):
            with self.assertRaises(Failure):
                decode(data, "RGB")


if __name__ == "__main__":
    print("oracle: Pillow", PIL.__version__, {f: features.version(f) for f in ("jpg", "webp", "libtiff", "zlib")})
    unittest.main()
