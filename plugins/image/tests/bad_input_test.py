"""Bad images and arguments through the command: every item gets one line that says what is wrong, in bounded time and memory, and the
items after it are answered."""
import json
import os
import pathlib
import resource
import struct
import subprocess
import tempfile
import unittest
import zlib

import numpy as np

import samples

LIMITED = os.environ["MRUN_PRESET"] not in ("asan", "tsan")  # which want terabytes of address space
MEMORY = 2 << 30  # of address space: an image that claims more must not get it


def png_of(width, height, data=b"\0" * 1000):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + samples.chunk(b"IHDR", header) + samples.chunk(b"IDAT", zlib.compress(data)) + samples.chunk(b"IEND", b"")


class BadInput(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def answers(self, body, files, kind="image"):
        """What each file gives; the last is a good one, which must be answered whatever came before."""
        (self.dir / "bundle.toml").write_text(f'[bundle]\nname = "t"\n[input]\nkind = "{kind}"\n')
        (self.dir / "preprocess.lua").write_text(f'local image = require "image"\nreturn function(input)\n{body}\nend\n')
        paths = []
        for i, data in enumerate(files):
            paths.append(self.dir / f"input{i}")
            paths[-1].write_bytes(data)
        (self.dir / "paths").write_text("".join(f"{p}\n" for p in paths))

        def limit():
            if LIMITED:
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        done = subprocess.run([os.environ["MRUN"], self.dir, "--paths", self.dir / "paths", "--workers", "1"], capture_output=True,
                              text=True, timeout=600, stdin=subprocess.DEVNULL, preexec_fn=limit)
        self.assertIn(done.returncode, (0, 1), done.stderr[-500:])
        found = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(found), len(files))
        return found

    def failure(self, answer, code="INPUT"):
        self.assertIsInstance(answer, dict)
        self.assertIn("error", answer)
        error = answer["error"]
        self.assertEqual((error["code"], error["stage"]), (code, "preprocess"), error["message"])
        self.assertEqual(len(error["message"].splitlines()), 1)
        return error["message"]

    def each_says(self, cases, body="return image.to_float(image.resize(image.decode(input), {2, 3})):size(2)"):
        good = samples.saved(samples.image("RGB", 12, 20), "PNG")
        *bad, last = self.answers(body, [*cases.values(), good])
        self.assertEqual(last, 3)
        for (says, _), answer in zip(cases.items(), bad):
            with self.subTest(says=says):
                self.assertIn(says, self.failure(answer))

    def test_sizes_that_a_header_claims(self):
        jpeg = bytearray(samples.jpegs()["jpeg 16 x 16 4:2:0"])
        at = jpeg.index(b"\xff\xc0")
        jpeg[at + 5:at + 9] = struct.pack(">HH", 60000, 60000)
        self.each_says({"the PNG is 60000 x 60000": png_of(60000, 60000), "the JPEG is 60000 x 60000": bytes(jpeg)})

    def test_sizes_that_a_file_of_that_length_cannot_have(self):
        self.each_says({"the PNG is truncated": png_of(16000, 16000)})

    def test_zero_sizes_in_a_header(self):
        for data in (png_of(0, 10), png_of(10, 0)):
            self.each_says({"PNG": data})

    def test_truncated(self):
        files = samples.all_files()
        chosen = {"JPEG": "jpeg 61 x 83 4:2:0", "PNG": "png RGB", "BMP": "bmp RGB", "GIF": "gif", "WebP": "webp lossy",
                  "TIFF": "tiff RGB None"}
        cuts = [(kind, files[name][:int(len(files[name]) * part)]) for kind, name in chosen.items() for part in (0.25, 0.5, 0.9)]
        good = files["png RGB"]
        *bad, last = self.answers("return image.to_float(image.decode(input)):size(0)", [*(data for _, data in cuts), good])
        self.assertEqual(last, 3)
        for (kind, _), answer in zip(cuts, bad):
            with self.subTest(kind):
                message = self.failure(answer)
                self.assertIn("image.decode: ", message)
                self.assertIn(kind.lower(), message.lower())

    def test_a_damaged_alpha_channel(self):
        webp = bytearray(samples.all_files()["webp lossy alpha"])
        webp[webp.index(b"ALPH") + 8] = 0xff  # how it is compressed
        self.each_says({"image.decode: the WebP cannot be read: its data are damaged": bytes(webp)}, "return image.to_float(image.decode(input)):size(0)")

    def test_a_tag_that_claims_more_than_the_file_has(self):
        tiff = bytearray(samples.all_files()["tiff RGB None"])
        at = tiff.index(struct.pack("<HHI", 259, 3, 1))  # the compression
        tiff[at + 4:at + 8] = struct.pack("<I", 1 << 26)
        self.each_says({"image.decode: the TIFF cannot be read": bytes(tiff)})

    def test_mutated(self):
        """Pixels or a clear error, never anything else."""
        rng = np.random.default_rng(5)
        files = list(samples.all_files().values())
        changed = []
        for data in files:
            mutant = bytearray(data)
            for _ in range(int(rng.integers(1, 8))):
                mutant[int(rng.integers(0, len(mutant)))] = int(rng.integers(0, 256))
            changed.append(bytes(mutant))
        good = samples.saved(samples.image("RGB", 12, 20), "PNG")
        *found, last = self.answers("local img = image.decode(input)\nlocal x = image.to_float(img)\nreturn x:size(1) * x:size(2)",
                                    [*changed, good])
        self.assertEqual(last, 12 * 20)
        failed = [answer for answer in found if isinstance(answer, dict)]
        self.assertGreater(len(failed), len(files) // 20)  # the mutations hit
        self.assertLess(len(failed), len(files))
        for answer in failed:
            self.assertIn("image.decode: ", self.failure(answer))

    def test_no_image_at_all(self):
        self.each_says({"the image is empty": b"", "no image of a known format": b"hello, world"})

    ARGUMENTS = {
        # zero-size results
        "image.resize(img, 0)": "image.resize: size is 0; wanted at least 1",
        "image.resize(img, {0, 5})": "image.resize: the result is 0 x 5",
        "image.center_crop(img, 0)": "image.center_crop: the result is 0 x 0",
        "image.crop(img, 0, 0, 4, 0)": "image.crop: the result is 4 x 0",
        "image.crop_resize(img, {{1, 1, 5, 5}}, {0, 4})": "image.crop_resize: the result is 0 x 4",
        "image.crop_resize(img, {{5, 5, 5, 9}}, 4)": "box 0 holds no part of the image",
        "image.letterbox(img, 0)": "image.letterbox",
        "image.warp(img, {1, 0, 0, 0, 1, 0}, {0, 4})": "image.warp: the result is 0 x 4",
        # sizes that are no sizes
        "image.resize(img, 1e9)": "image.resize: size is 1000000000; wanted at most 1048576",
        "image.crop(img, 1e7, 0, 3, 3)": "top is 10000000; wanted at most 1048576 to either side",
        "image.resize(img, 8, {reducing_gap = 0.5})": "reducing_gap is 0.5; wanted at least 1",
        "image.five_crop(img, 'x')": "want int[], got a string",
        "image.five_crop(img)": "size",
        "image.five_crop(img, {2, 3, 4})": "size has 3 numbers; wanted n or {height, width}",
        "image.ten_crop('abc', 2)": "image is a string; wanted an image",
        # filters, centres and values
        "image.rotate(img, 10, {filter = 'lanczos'})": 'filter is "lanczos"; a rotation or warp wants nearest, bilinear or bicubic',
        "image.rotate(img, 10, {center = {1}})": "center has 1 number; wanted {x, y}",
        "image.rotate(img, 10, {center = {1, 1/0}})": "center holds inf; wanted finite numbers",
        "image.pad(img, 1, 256)": "value is 256; wanted 0 to 255",
        "image.resize(img, 0/0)": "image.resize",
        "image.resize(img, {0/0, 4})": "image.resize",
        "image.resize(img, 1/0)": "image.resize",
        "image.resize(img, 2.5)": "image.resize",
        "image.resize(img, -3)": "image.resize",
        "image.resize(img, 12, {max_size = 0/0})": "image.resize",
        "image.resize(img, 12, {reducing_gap = 0/0})": "image.resize",
        "image.center_crop(img, 0/0)": "image.center_crop",
        "image.crop(img, 0/0, 0, 4, 4)": "image.crop",
        "image.crop(img, 0, 0, 1e300, 4)": "image.crop",
        "image.pad(img, 0/0)": "image.pad",
        "image.pad(img, 2^31)": "image.pad",
        "image.letterbox(img, 0/0)": "image.letterbox",
        "image.letterbox(img, 32, {stride = 0/0})": "image.letterbox",
        "image.crop_resize(img, {{0/0, 1, 5, 5}}, 4)": "image.crop_resize",
        "image.rotate(img, 0/0)": "image.rotate: degrees is not a finite number",
        "image.rotate(img, 30, {center = {0/0, 1}})": "image.rotate",
        "image.warp(img, {0/0, 0, 0, 0, 1, 0}, 4)": "image.warp",
        "image.normalize(img, {0/0, 0, 0}, {1, 1, 1})": "mean holds a number that is not finite",
        "image.draw_boxes(img, {{0/0, 1, 5, 5}}, {'x'})": "image.draw_boxes",
        "image.resize(img, {2^20, 2^20})": "image.resize: the result is 1048576 x 1048576",
        # wrong channel counts
        "image.resize(torch.zeros({4, 4, 5}, {dtype = 'uint8'}), 2)": "4 x 4 x 5",
        "image.resize(image.to_float(img), 8)": "(channels first, as to_float and normalize give it? Do this before them, or t:permute(1, 2, 0) puts them last)",
        "image.center_crop(image.normalize(img, {0.5}, {0.5}), 8)": "wanted height x width x channels with 1 to 4 channels, not 36",
        "image.flip(torch.zeros({8, 8, 21}))": "with 1 to 4 channels, not 21",
        "image.resize(image.decode(input, {mode = 'I;16'}), 8)": "int32 tensor [24, 36, 1]",
        "image.decode(input, {mode = 'CMYK'})": "wanted RGB, L, RGBA, I;16, I or F",
        "image.resize(torch.zeros({4, 4, 0}, {dtype = 'uint8'}), 2)": "image.resize",
        "image.to_float(torch.zeros({2, 4, 4, 3}, {dtype = 'uint8'}))": "image.to_float",
        "image.to_float(torch.zeros({4}, {dtype = 'uint8'}))": "image.to_float",
        "image.convert(torch.zeros({4, 4, 5}, {dtype = 'uint8'}), 'HSV')": "4 x 4 x 5",
        "image.convert(img, 'RGB', {from = 'RGBA'})": "image.convert",
        "image.normalize(img, {1, 2}, {1, 2})": "mean has 2 numbers; wanted 3",
        "image.normalize(img, {1, 2, 3, 4}, {1})": "mean has 4 numbers; wanted 3",
        "image.pad(img, 1, {1, 2})": "image.pad",
        "image.encode(torch.zeros({4, 4, 2}, {dtype = 'uint8'}), 'jpeg')": "a JPEG has 1 or 3",
        "image.draw_boxes(torch.zeros({4, 4, 2}, {dtype = 'uint8'}), {{1, 1, 3, 3}}, {'x'})": "image.draw_boxes",
        # wrong types
        "image.resize('x', 2)": "image.resize: image is a string",
        "image.resize(torch.zeros({4, 4, 3}, {dtype = 'int64'}), 2)": "image.resize",
        "image.decode(torch.zeros({4}))": "image.decode",
    }

    def test_arguments(self):
        calls = ",\n".join(f"function() return {call} end" for call in self.ARGUMENTS)
        body = f"""
          local torch = require "torch"
          local img = image.decode(input)
          local answers = {{}}
          for i, call in ipairs {{{calls}}} do
            local ok, e = pcall(function() return image.to_float(call()):size(0) end)
            answers[i] = ok and "no error" or tostring(e)
          end
          return answers"""
        data = samples.saved(samples.image("RGB", 24, 36), "PNG")
        (self.dir / "x.png").write_bytes(data)
        (self.dir / "bundle.toml").write_text('[bundle]\nname = "t"\n[input]\nkind = "image"\n')
        (self.dir / "preprocess.lua").write_text(f'local image = require "image"\nreturn function(input)\n{body}\nend\n')
        done = subprocess.run([os.environ["MRUN"], self.dir, self.dir / "x.png"], capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        answers = json.loads(done.stdout)
        self.assertEqual(len(answers), len(self.ARGUMENTS))
        for (call, says), answer in zip(self.ARGUMENTS.items(), answers):
            with self.subTest(call=call):
                self.assertIn(says, answer)
                self.assertEqual(len(answer.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
