"""bundles/digits on the thousand digits that were kept out of its training: as they are, and as other pictures of them."""
import io
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import numpy
import PIL.Image
import PIL.ImageFilter

MRUN = os.environ["MRUN"]
SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
SHEET = numpy.asarray(PIL.Image.open(SOURCE / "bundles/digits/held-out.png"))


def held_out():
    """Digits and their pictures, uint8 28 x 28, ink 255 on 0: a digit's hundred in two rows of fifty."""
    for row in range(20):
        for column in range(50):
            yield row // 2, SHEET[row * 28:row * 28 + 28, column * 28:column * 28 + 28]


def another_picture(ink, draw):
    """The digit turned, slanted, of another size, with uneven margins, as a PNG or JPEG of either polarity, or transparent."""
    size = draw.randint(40, 400)
    img = PIL.Image.fromarray(ink).resize((size, size), PIL.Image.BICUBIC).filter(PIL.ImageFilter.GaussianBlur(size / 100))
    slant = draw.uniform(-0.15, 0.15)
    img = img.transform(img.size, PIL.Image.AFFINE, (1, slant, -slant * size / 2, 0, 1, 0), PIL.Image.BILINEAR)
    img = img.rotate(draw.uniform(-15, 15), PIL.Image.BILINEAR)
    margins = [draw.randint(0, size // 2) for _ in range(4)]
    whole = PIL.Image.new("L", (size + margins[0] + margins[2], size + margins[1] + margins[3]))
    whole.paste(img, (margins[0], margins[1]))
    share = numpy.asarray(whole)[..., None] / 255
    out = io.BytesIO()
    if draw.random() < 0.1:
        rgba = numpy.concatenate([numpy.full((*share.shape[:2], 3), draw.choice([0, 255])), share * 255], 2)
        PIL.Image.fromarray(rgba.astype("uint8")).save(out, "PNG")
        return out.getvalue()
    pen, ground = numpy.array([[draw.randint(0, 90) for _ in range(3)], [draw.randint(170, 255) for _ in range(3)]])[:: draw.choice([1, -1])]
    rgb = ground + share * (pen - ground)
    rgb = rgb + numpy.random.default_rng(draw.randint(0, 9999)).normal(0, draw.uniform(0, 8), rgb.shape)
    PIL.Image.fromarray(rgb.clip(0, 255).astype("uint8")).save(out, *draw.choice([("PNG",), ("JPEG",)]))
    return out.getvalue()


class Digits(unittest.TestCase):
    def right(self, pictures):
        """The share of (digit, file's bytes) that the bundle reads."""
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for i, (_, data) in enumerate(pictures):
                paths.append(pathlib.Path(folder) / f"{i:04}")
                paths[-1].write_bytes(data)
            result = subprocess.run([MRUN, SOURCE / "bundles/digits/bundle", folder], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900)
        self.assertEqual(result.returncode, 0, result.stdout[-500:] + result.stderr)
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(answers), len(pictures))
        for answer in answers:
            self.assertEqual(answer["digit"], max(range(10), key=answer["scores"].__getitem__))
            self.assertAlmostEqual(sum(answer["scores"]), 1, 5)
        share = sum(a["digit"] == digit for a, (digit, _) in zip(answers, pictures)) / len(pictures)
        print(f"{share:.4f} of {len(pictures)}")
        return share

    def test_held_out_digits(self):
        def png(ink):
            out = io.BytesIO()
            PIL.Image.fromarray(ink).save(out, "PNG")
            return out.getvalue()
        self.assertGreaterEqual(self.right([(digit, png(ink)) for digit, ink in held_out()]), 0.98)

    def test_other_pictures_of_them(self):
        draw = random.Random(1)
        self.assertGreaterEqual(self.right([(digit, another_picture(ink, draw)) for digit, ink in held_out()]), 0.96)

    def test_a_blank_picture_is_the_items_fault(self):
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            PIL.Image.new("RGB", (50, 50), (200, 200, 200)).save(file.name)
            result = subprocess.run([MRUN, SOURCE / "bundles/digits/bundle", file.name], capture_output=True, text=True)
        self.assertEqual(json.loads(result.stdout)["error"]["code"], "INPUT", result.stdout)

    def test_a_length_that_no_digit_has_is_refused(self):
        seven = SOURCE / "bundles/digits/bundle/examples/seven/input.jpg"
        for length, right in [(0, False), (1, True), (28, True), (29, False), (-5, False)]:
            result = subprocess.run([MRUN, SOURCE / "bundles/digits/bundle", seven, "--param", f"length={length}"], capture_output=True, text=True)
            answer = json.loads(result.stdout)
            self.assertEqual("digit" in answer, right, answer)
            if not right:
                self.assertIn(f"parameter length: want 1 to 28, got {length}", answer["error"]["message"])


if __name__ == "__main__":
    unittest.main()
