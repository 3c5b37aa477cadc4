"""The module image as scripts use it, through the command, against Pillow and torchvision."""
import base64
import io
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import transforms as T

import samples
import webp

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
MANIFEST = '[bundle]\nname = "t"\nversion = "1.0.0"\n[input]\nkind = "{kind}"\n[params]\nmean = {mean}\nstd = {std}\n'


class Lua(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_script(self, body, *files, arguments=()):
        """One answer a file."""
        (self.dir / "bundle.toml").write_text(MANIFEST.format(kind="image", mean=MEAN, std=STD))
        (self.dir / "preprocess.lua").write_text(
            f'local image = require "image"\nreturn function(input, params)\n{body}\nend\n')
        paths = []
        for i, data in enumerate(files):
            paths.append(self.dir / f"input{i}")
            paths[-1].write_bytes(data)
        result = subprocess.run([os.environ["MRUN"], self.dir, *paths, *arguments], capture_output=True, text=True, timeout=600,
                                stdin=subprocess.DEVNULL)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.said = result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def answer(self, body, data):
        [answer] = self.run_script(body, data)
        self.assertFalse(isinstance(answer, dict) and "error" in answer, answer)
        return answer

    def same(self, answer, expected):
        expected = np.asarray(expected)
        if expected.dtype == np.uint8 and expected.ndim == 2:
            expected = expected[:, :, None]
        ours = np.array(answer, expected.dtype)
        self.assertEqual(ours.shape, expected.shape)
        self.assertEqual(ours.tobytes(), expected.tobytes())

    def test_chain(self):
        files = {name: data for name, data in samples.jpegs().items() if " 1 x 1 " not in name and " x 7 " not in name}
        steps = T.Compose([T.Resize(40), T.CenterCrop(32), T.ToTensor(), T.Normalize(MEAN, STD)])
        answers = self.run_script("""
          local img = image.decode(input)
          img = image.resize(img, 40)
          img = image.center_crop(img, 32)
          return image.normalize(img, params.mean, params.std)""", *files.values())
        self.assertEqual(len(answers), len(files))
        for (name, data), answer in zip(files.items(), answers):
            with self.subTest(name=name):
                self.same(answer, steps(Image.open(io.BytesIO(data)).convert("RGB")).numpy())

    def test_a_mean_of_values_to_255_is_warned_of(self):
        data = samples.saved(samples.image("RGB", 4, 4), "PNG")
        for call, warned in [("image.normalize(img, {123.7, 116.3, 103.5}, {58.4, 57.1, 57.4})", True), ("image.normalize(img, params.mean, params.std)", False),
                             ("image.normalize(img:float(), {123.7, 116.3, 103.5}, {58.4, 57.1, 57.4})", False)]:
            with self.subTest(call):
                self.run_script("local torch = require 'torch' local img = image.decode(input) return " + call, data)
                self.assertEqual("divide mean and std by 255" in self.said, warned, self.said)

    def test_functions(self):
        data = samples.saved(samples.image("RGB", 24, 36), "PNG")
        picture = Image.open(io.BytesIO(data))
        matrix = [0.9, 0.2, 1.5, -0.1, 1.1, 2.0]
        cases = {
            "image.resize(img, {17, 23}, {filter = 'lanczos'})": picture.resize((23, 17), Image.Resampling.LANCZOS),
            "image.resize(img, 12, {max_size = 15})": T.Resize(12, max_size=15)(picture),
            "image.resize(img, {5, 7}, {reducing_gap = 2})": picture.resize((7, 5), Image.Resampling.BILINEAR, reducing_gap=2),
            "image.center_crop(img, {30, 20})": T.CenterCrop((30, 20))(picture),
            "torch.stack(image.five_crop(img, 11))": np.stack([np.asarray(crop) for crop in T.FiveCrop(11)(picture)]),
            "torch.stack(image.five_crop(img, {7}))": np.stack([np.asarray(crop) for crop in T.FiveCrop(7)(picture)]),
            "torch.stack(image.ten_crop(img, {10, 20}))": np.stack([np.asarray(crop) for crop in T.TenCrop((10, 20))(picture)]),
            "image.crop(img, -2, 3, 10, 50)": picture.crop((3, -2, 53, 8)),
            "image.flip(img)": ImageOps.mirror(picture),
            "image.flip(img, 'vertical')": ImageOps.flip(picture),
            "image.pad(img, {1, 2, 3, 4}, {9, 8, 7})": ImageOps.expand(picture, (1, 2, 3, 4), (9, 8, 7)),
            "image.to_float(img)": T.ToTensor()(picture).numpy(),
            "image.convert(img, 'L')": picture.convert("L"),
            "image.convert(img, 'HSV')": picture.convert("HSV"),
            "image.convert(image.convert(img, 'YCbCr'), 'RGB', {from = 'YCbCr'})": picture.convert("YCbCr").convert("RGB"),
            "image.rotate(img, 30, {expand = true, filter = 'bicubic'})":
                picture.rotate(30, Image.Resampling.BICUBIC, expand=True),
            "image.warp(img, {0.9, 0.2, 1.5, -0.1, 1.1, 2.0}, {20, 30})":
                picture.transform((30, 20), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR),
            "image.crop_resize(img, {{3, 4, 20, 14}, {0.5, 1, 30, 20}}, {8, 9})": np.stack(
                [np.asarray(picture.resize((9, 8), Image.Resampling.BILINEAR, box)) for box in
                 ((3, 4, 20, 14), (0.5, 1, 30, 20))]),
            "image.decode(input, {mode = 'L'})": picture.convert("L"),
            "image.decode(img)": picture,
            "image.decode(image.encode(img, 'png'))": picture,
        }
        calls = ",\n".join(f"function() return {call} end" for call in cases)
        answers = self.answer(f"""
          local torch = require "torch"
          local img = image.decode(input)
          local answers = {{}}
          for i, call in ipairs {{{calls}}} do answers[i] = call() end
          return answers""", data)
        for (call, expected), answer in zip(cases.items(), answers):
            with self.subTest(call=call):
                self.same(answer, expected)

    def test_an_image_is_a_tensor(self):
        data = samples.saved(samples.image("RGB", 24, 36), "PNG")
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        answer = self.answer("""
          local img = image.decode(input)
          local small = image.resize(img, 12)
          local h, w, c = img:shape()
          return {h, w, c, img.dtype, img[3][4][1], small:size(0), small:size(1), img:at({0, 2}, 5, 0)}""", data)
        self.assertEqual(answer, [24, 36, 3, "uint8", int(pixels[3, 4, 1]), 12, 18, pixels[0:2, 5, 0].tolist()])

    def test_values_of_another_scale_are_told_of_once(self):
        data = samples.saved(samples.image("RGB", 6, 8), "PNG")
        for call, told in [("image.pad(img, {1, 1, 1, 1}, 0.5)", "image.pad: a value of 0.5 is 0 in a uint8 image, whose values go from 0 to 255; write 128,"),
                           ("image.letterbox(img, 16, {value = {0.485, 0.456, 0.406}})", "image.letterbox: a value of 0.485 is 0 "),
                           ("image.rotate(img, 45, {fill = 0.5})", "image.rotate: a fill of 0.5 is 0 "),
                           ("image.warp(img, {1, 0, 9, 0, 1, 0}, {6, 8}, {fill = 0.5})", "image.warp: a fill of 0.5 is 0 "),
                           ("image.normalize(img, {123.675, 116.28, 103.53}, {58.4, 57.1, 57.4})", "image.normalize: a mean is above 1"),
                           ("image.pad(img, {1, 1, 1, 1}, {123.675, 116.28, 0})", ""),
                           ("image.pad(img, {1, 1, 1, 1}, 1)", ""),
                           ("image.pad(require('torch').zeros(4, 4, 1), {1, 1, 1, 1}, 0.5)", "")]:
            with self.subTest(call=call):
                self.run_script(f"local img = image.decode(input)\nfor _ = 1, 2 do {call} end\nreturn 1", data)
                self.assertIn(told, self.said)
                self.assertEqual(self.said.count("mrun: warn: "), 1 if told else 0, self.said)

    def test_writing_changes_nothing_derived_before(self):
        data = samples.saved(samples.image("RGB", 6, 8), "PNG")
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        answer = self.answer("""
          require "torch"
          local img = image.decode(input)
          local before = image.flip(img)
          img:fill_(7)
          return {before, image.flip(img)}""", data)
        self.assertEqual(answer, [pixels[:, ::-1].tolist(), np.full_like(pixels, 7).tolist()])

    def test_exif(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        data = samples.saved(samples.image("RGB", 12, 20), "PNG", exif=exif)
        picture = Image.open(io.BytesIO(data))
        turned, plain = self.answer("return {image.decode(input, {exif = true}), image.decode(input)}", data)
        self.same(turned, ImageOps.exif_transpose(picture))
        self.same(plain, picture)

    def test_letterbox(self):
        data = samples.saved(samples.image("RGB", 20, 40), "PNG")
        answer = self.answer("""
          local img, how = image.letterbox(image.decode(input), 32)
          return {how, {img:shape()}, img[0][0][0], img[8][0][0] ~= 114}""", data)
        self.assertEqual(answer[:3], [{"left": 0, "scale": 0.8, "top": 8}, [32, 32, 3], 114])

    def test_encode(self):
        data = samples.saved(samples.image("RGB", 20, 40), "PNG")
        answer = self.answer("return image.encode(image.draw_boxes(image.decode(input), {{2, 2, 15, 15}}, {'x'}), 'png')", data)
        self.assertEqual(answer["type"], "image/png")
        drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["$bytes"]))))
        self.assertEqual(drawn.shape, (20, 40, 3))
        self.assertTrue((drawn != np.asarray(Image.open(io.BytesIO(data)))).any())

    def test_errors_name_the_operation(self):
        data = samples.jpegs()["jpeg 61 x 83 4:2:0"]
        body = "return image.to_float(image.resize(image.decode(input), 20))"
        for given, says in ((data[:-40], "image.decode: the JPEG is truncated"),
                            (b"no image", "image.decode: the bytes are no image of a known format")):
            [answer] = self.run_script(body, given)
            self.assertEqual(answer["error"]["code"], "INPUT")
            self.assertIn(says, answer["error"]["message"])
        cases = {
            "image.resize(img, 0)": "image.resize: size is 0; wanted at least 1",
            "image.resize(img, 0/0)": "image.resize",
            "image.resize(img, {2^31, 2^31})": "image.resize: the result is 2147483648",
            "image.resize(img, 20, {filter = 'cubic'})": 'filter is "cubic"; wanted nearest',
            "image.resize(img, 20, {filter = ('a'):rep(39) .. 'ä'})": 'filter is "' + "a" * 39 + '…"; wanted nearest',
            "image.normalize(img, {1, 2}, {1, 2})": "mean has 2 numbers; wanted 3",
            "image.crop(img, 0, 0, 0, 5)": "image.crop: the result is 0 x 5",
            "image.encode(img, 'gif')": 'format is "gif"; wanted png or jpeg',
        }
        calls = ",\n".join(f"function() return {call} end" for call in cases)
        answers = self.answer(f"""
          local img = image.decode(input)
          local answers = {{}}
          for i, call in ipairs {{{calls}}} do
            local ok, e = pcall(call)
            answers[i] = ok and "no error" or tostring(e)
          end
          return answers""", data)
        for (call, says), answer in zip(cases.items(), answers):
            with self.subTest(call=call):
                self.assertIn(says, answer)


    def test_wide_modes(self):
        """16-bit pictures keep their values: as tensors, and through the chain."""
        values = np.random.default_rng(5).integers(0, 65536, (24, 36, 1))
        data = samples.png(values, 0, 16)
        got = self.answer("""
          local wide = image.decode(input, {mode = "I;16"})
          local real = image.decode(input, {mode = "F"})
          return {wide.dtype, wide:tolist(), real.dtype, image.resize(real, {12, 18}):tolist()}""", data)
        self.assertEqual((got[0], got[2]), ("int32", "float32"))
        self.same(got[1], values.astype(np.int32))
        smaller = Image.fromarray(values[:, :, 0].astype(np.float32)).resize((18, 12), Image.Resampling.BILINEAR)
        self.same(got[3], np.asarray(smaller)[:, :, None])

    def test_orientation_of_ycbcr_in_a_tiff(self):
        """Upright, with the tag that says how: Pillow 9.4 turns what libtiff has turned already."""
        grey = np.random.default_rng(5).integers(0, 256, (3, 4, 1))
        picture = Image.fromarray(np.concatenate([grey, np.full((3, 4, 2), 128)], 2).astype(np.uint8), "YCbCr")
        for tag, turn in enumerate((Image.FLIP_LEFT_RIGHT, Image.ROTATE_180, Image.FLIP_TOP_BOTTOM, Image.TRANSPOSE,
                                    Image.ROTATE_270, Image.TRANSVERSE, Image.ROTATE_90), 2):
            exif, out = Image.Exif(), io.BytesIO()
            exif[0x112] = tag
            picture.save(out, "tiff", compression="tiff_lzw", exif=exif.tobytes())
            with self.subTest(orientation=tag):
                self.same(self.answer("return image.decode(input)", out.getvalue()), picture.convert("RGB").transpose(turn))

    def test_orientation_of_wide_modes(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        data = samples.saved(samples.image("L", 20, 33), "PNG", exif=exif)
        got = self.answer('return {image.decode(input, {exif = true}):shape(), image.decode(input, {mode = "I", exif = true}):shape()}', data)
        self.assertEqual(got[0], 33)
        self.same(self.answer('return image.decode(input, {mode = "I", exif = true}):tolist()', data),
                  np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))), np.int32)[:, :, None])


    def test_tables_of_lossless_webp_count(self):
        """By the groups of prefix codes that a file has: of an encoder's they are few, and a few KB can have thousands."""
        t, u = np.linspace(0, 6, 500)[None, :, None], np.linspace(0, 9, 350)[:, None, None]
        noise = np.random.default_rng(4).normal(0, 4, (350, 500, 3))
        photo = Image.fromarray(((np.sin(t * [1, 2, 3] + u) + 1) * 110 + noise).clip(0, 255).astype(np.uint8))
        clear = photo.copy()
        clear.putalpha(Image.fromarray((np.sin(t[..., 0] * 3) * 60 + np.cos(u[..., 0]) * 60 + 127).astype(np.uint8)))
        few = photo.quantize(12).convert("RGB")
        kinds = [{"lossless": True, "method": method, "quality": quality} for method in (0, 6) for quality in (0, 75, 100)] + [{"quality": 80}]
        files = [samples.saved(picture, "WEBP", **kind) for picture in (photo, clear, few) for kind in kinds]
        files.append(samples.saved(photo, "WEBP", save_all=True, append_images=[few], lossless=True))
        shapes = self.run_script("return {image.decode(input, {mode = 'RGB'}):shape()}", *files, webp.many_codes(1), arguments=("--memory", "40M"))
        self.assertEqual(shapes, [[350, 500, 3]] * len(files) + [[256, 256, 3]])
        (answer,) = self.run_script("return {image.decode(input, {mode = 'RGB'}):shape()}", webp.many_codes(4096), arguments=("--memory", "40M"))
        self.assertEqual(answer["error"]["code"], "QUOTA")
        (answer,) = self.run_script("return {image.decode(input, {mode = 'RGB'}):shape()}", webp.many_transforms(100_000), arguments=("--memory", "40M"))
        self.assertEqual(answer["error"]["code"], "INPUT")


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
