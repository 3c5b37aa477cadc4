"""Every kind of pixels that TIFF, PNM and GIF can hold, decoded as Pillow decodes it, into every mode; which way up a file is."""
import ctypes
import io
import itertools
import struct
import unittest
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

import samples
from oracle import Failure, TestCase, call
from oracle_decode import decode, pillow

PILLOW = int(PIL.__version__.split(".")[0])
SIZE = (11, 13)  # height, width: no multiple of anything


def tiff(photometric, bits, count, kind=1, extras=None, planar=1, order="<", fill=1, compression=1, pixels=None, tags=(), seed=0):
    """A TIFF of one strip a plane, with random samples; kind: its SampleFormat, 1 unsigned, 2 signed, 3 float."""
    height, width = SIZE
    rng = np.random.default_rng(seed)
    dtype = {1: "u", 2: "i", 3: "f"}[kind] + str(max(1, bits // 8))
    if pixels is None:
        if kind == 3:
            pixels = rng.normal(100, 200, (height, width, count))
        else:
            low = -(1 << (bits - 1)) if kind == 2 else 0
            pixels = rng.integers(low, low + (1 << bits), (height, width, count))
        pixels[0, 0] = 0
        pixels[0, 1, -1] = 0
    planes = [pixels[:, :, i:i + 1] for i in range(count)] if planar == 2 else [pixels]
    strips = []
    for plane in planes:
        if bits in (1, 2, 4, 12):
            rows = ((plane.reshape(height, -1, 1) >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).reshape(height, -1)
            raw = np.packbits(rows, axis=1, bitorder="little" if fill == 2 else "big").tobytes()
        else:
            raw = plane.astype(order + dtype).tobytes()
            if fill == 2:
                raw = np.packbits(np.unpackbits(np.frombuffer(raw, np.uint8)), bitorder="little").tobytes()
        strips.append(zlib.compress(raw) if compression == 8 else raw)
    entries = [(256, 3, [width]), (257, 3, [height]), (258, 3, [bits] * count), (259, 3, [compression]), (262, 3, [photometric]),
               (266, 3, [fill]), (277, 3, [count]), (278, 3, [height]), (279, 4, [len(s) for s in strips]), (284, 3, [planar]),
               (339, 3, [kind] * count)]
    if extras is not None:
        entries.append((338, 3, list(extras)))
    if photometric == 3:
        entries.append((320, 3, [int(v) for v in np.random.default_rng(5).integers(0, 65536, 3 << bits)]))
    entries += tags
    return assembled(entries, strips, order)


def assembled(entries, strips, order):
    body = b"".join(strips)
    at = [8 + sum(map(len, strips[:i])) for i in range(len(strips))]
    entries = sorted(entries + [(273, 4, at)])
    after = 8 + len(body) + 2 + 12 * len(entries) + 4
    table, extra = b"", b""
    for tag, kind, values in entries:
        packed = struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(packed) > 4:
            place = struct.pack(order + "I", after + len(extra))
            extra += packed
        else:
            place = packed.ljust(4, b"\0")
        table += struct.pack(order + "HHI", tag, kind, len(values)) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body))
    return head + body + struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", 0) + extra


def kinds_of_tiff():
    """(photometric, bits, samples, format, extras)"""
    yield from ((p, b, 1, 1, None) for p in (0, 1) for b in (1, 2, 4, 8, 12, 16, 32))
    yield from ((p, b, 1, f, None) for p in (0, 1) for b, f in ((16, 2), (32, 2), (32, 3)))
    yield from ((3, b, 1, 1, None) for b in (1, 2, 4, 8))
    yield from ((1, 8, 2, 1, (2,)), (3, 8, 2, 1, (2,)), (6, 8, 3, 1, None))
    for bits in (8, 16):
        yield from ((2, bits, 3, 1, None), (2, bits, 4, 1, None), (5, bits, 4, 1, None))
        yield from ((2, bits, 4, 1, (e,)) for e in (0, 1, 2, 999))
        yield from ((2, bits, 5, 1, (e, 0)) for e in (0, 1, 2))
        yield from ((5, bits, 5, 1, (0,)), (5, bits, 6, 1, (0, 0)), (2, bits, 6, 1, (2, 0, 0)))


def gif(indices, code_size, terminated=True, interlaced=False, clear_every=1 << 30):
    """A GIF whose codes are all literal; the table grows as for any other, and is cleared now and then."""
    height, width = indices.shape
    clear, bits, filled, out = 1 << code_size, 0, 0, bytearray()
    size, entries = code_size + 1, clear + 2

    def put(code):
        nonlocal bits, filled
        bits |= code << filled
        filled += size
        while filled >= 8:
            out.append(bits & 255)
            bits, filled = bits >> 8, filled - 8

    put(clear)
    first = True
    for i, value in enumerate(indices.reshape(-1)):
        if i and i % clear_every == 0:
            put(clear)
            size, entries, first = code_size + 1, clear + 2, True
        put(int(value))
        if not first and entries < 4096:
            if entries == (1 << size) - 1 and size < 12:
                size += 1
            entries += 1
        first = False
    put(clear + 1)
    out.append(bits & 255)
    blocks = b"".join(bytes([len(out[i:i + 255])]) + bytes(out[i:i + 255]) for i in range(0, len(out), 255))
    palette = np.random.default_rng(9).integers(0, 256, 768, dtype=np.uint8).tobytes()
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xf7, 0, 0) + palette
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0x40 if interlaced else 0) + bytes([code_size])
    return head + frame + blocks + (b"\0;" if terminated else b"")


def bmp(width, height, bits, pixels, compression=0, header=40, masks=(), colours=(), offset=None):
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, 0, 2835, 2835, len(colours), 0)
    info += struct.pack(f"<{len(masks)}I", *masks)
    info = info.ljust(header, b"\0") + b"".join(bytes(c) + b"\0" for c in colours)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(info) if offset is None else offset) + info + pixels


class Kinds(TestCase):
    def as_pillow(self, data, name, modes=("L", "RGB", "RGBA", "I", "F")):
        """How many modes both know."""
        count = 0
        for mode in modes:
            try:
                want = pillow(data, mode)
            except (OSError, ValueError, SyntaxError):
                try:  # not read by Pillow: pixels or an error, no crash
                    decode(data, mode)
                except Failure as e:
                    self.assertIn("the ", str(e))
                continue
            with self.subTest(name, mode=mode):
                count += 1
                self.same(decode(data, mode), want, f"{name} as {mode}")
        return count

    def test_tiff(self):
        count = 0
        for kind in kinds_of_tiff():
            photometric, bits, samples_, format_, extras = kind
            for order, compression, planar, fill in itertools.product("<>", (1, 8), (1, 2), (1, 2)):
                if (planar == 2 and samples_ == 1) or (fill == 2 and bits > 8) or (planar == 2 and bits < 8):
                    continue
                if photometric == 6 and compression == 1:
                    continue  # Pillow 9.4 takes the bytes for RGBX
                data = tiff(photometric, bits, samples_, format_, extras, planar, order, fill, compression)
                wrong_planes = planar == 2 and (bits == 16 or extras or photometric in (1, 3, 6) or fill == 2 or samples_ == 4 and photometric == 2)
                swapped_twice = order == ">" and compression == 8 and (bits == 32 or bits == 16 and format_ == 2 and PILLOW > 9)
                if wrong_planes or swapped_twice:
                    continue  # Pillow 9.4 reads these wrongly, or not at all; signed words since (seen in 11.1)
                count += self.as_pillow(data, f"{kind} {order} {compression} planar {planar} fill {fill}")
        self.assertGreater(count, 900)

    def test_tiff_with_alpha_that_pillow_refuses(self):
        """What the sample behind the colours is stands in the file: premultiplied grey, no alpha, alpha of inks."""
        for planar, bits in itertools.product((1, 2), (8, 16)):
            grey = decode(tiff(1, bits, 2, 1, (2,), planar), "RGBA")
            values, alpha = grey[..., 0].astype(int), grey[..., 3].astype(int)
            want = np.where(alpha > 0, np.minimum(255, 255 * values // np.maximum(alpha, 1)), 0)
            premultiplied = decode(tiff(1, bits, 2, 1, (1,), planar), "RGBA")
            self.same(premultiplied, np.stack([want, want, want, alpha], -1).astype(np.uint8), "premultiplied grey")
            inks = tiff(5, bits, 5, 1, (2,), planar)
            self.same(decode(inks, "RGB"), decode(tiff(5, bits, 5, 1, (0,), planar), "RGB"), "inks")
            self.assertGreater(len(np.unique(decode(inks, "RGBA")[..., 3])), 50)
            with self.assertRaisesRegex(Failure, "5 unsigned samples"):
                decode(tiff(5, bits, 5, 1, (1,), planar), "RGB")
        for photometric, extras in ((1, (2,)), (3, (2,))):
            plain, none = (decode(tiff(photometric, 8, 2, 1, e), "RGBA") for e in (extras, (0,)))
            self.same(none[..., :3], plain[..., :3], "colours")
            self.assertEqual(set(none[..., 3].reshape(-1)), {255})

    def test_tiff_ycbcr(self):
        """Subsampled, by libtiff's own conversion in both."""
        height, width = 16, 24
        rng = np.random.default_rng(2)
        for across, down in ((1, 1), (2, 1), (2, 2), (4, 2)):
            unit = across * down + 2
            raw = rng.integers(0, 256, height // down * (width // across) * unit, dtype=np.uint8).tobytes()
            entries = [(256, 3, [width]), (257, 3, [height]), (258, 3, [8, 8, 8]), (259, 3, [8]), (262, 3, [6]), (277, 3, [3]), (278, 3, [height]),
                       (279, 4, [len(zlib.compress(raw))]), (284, 3, [1]), (530, 3, [across, down])]
            data = assembled(entries, [zlib.compress(raw)], "<")
            self.assertEqual(self.as_pillow(data, f"YCbCr {across} x {down}", ("RGB", "L", "RGBA")), 3)
            plain = [(t, k, [1] if t == 259 else [len(raw)] if t == 279 else v) for t, k, v in entries]
            self.same(decode(assembled(plain, [raw], "<"), "RGB"), decode(data, "RGB"), "not compressed")

    def test_tiff_lab(self):
        """As Pillow converts it by Little CMS; to grey it does not: by way of RGB."""
        pixels = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
        for planar, compression in itertools.product((1, 2), (1, 8)):
            data = tiff(8, 8, 3, planar=planar, compression=compression)
            if planar == 1:
                self.assertEqual(self.as_pillow(data, f"Lab, compression {compression}", ("RGB", "RGBA")), 2)
            self.same(decode(data, "L"), np.array(Image.fromarray(decode(data, "RGB")).convert("L"))[..., None], "grey")
        self.assertEqual(self.as_pillow(samples.saved(Image.fromarray(pixels, "LAB"), "TIFF"), "many colours", ("RGB", "RGBA")), 2)

    def test_tiff_without_its_palette(self):
        """Cut off, or not there at all: libtiff makes grey of it."""
        whole = samples.saved(samples.image("RGB").quantize(99), "TIFF", compression="packbits")
        for end in range(len(whole) - 1500, len(whole) - 1, 100):  # the colours are its last 1,536 bytes
            with self.assertRaisesRegex(Failure, "palette"):
                decode(whole[:end], "RGB")
        for order, bits in itertools.product("<>", (8, 4)):
            data = tiff(3, bits, 1, order=order)
            at = data.index(struct.pack(order + "HH", 320, 3))
            other = data[:at] + struct.pack(order + "H", 40000) + data[at + 2:]
            with self.assertRaisesRegex(Failure, "palette|Colormap"):
                decode(other, "RGB")

    def test_tiff_that_is_not_read_is_named(self):
        for data, name in ((tiff(8, 16, 3), r"CIE L\*a\*b\*"), (tiff(9, 8, 3), r"CIE L\*a\*b\*"), (tiff(1, 16, 1, 3), "float samples of 16 bits"), (tiff(1, 8, 1, 2), "1 signed samples of 8 bits"),
                           (tiff(32845, 16, 3), "photometric 32845")):
            with self.assertRaisesRegex(Failure, name):
                decode(data, "RGB")

    def test_tiff_wide_values_are_kept(self):
        for order in "<>":
            for bits, kind, dtype in ((16, 1, np.uint16), (16, 2, np.int16), (32, 2, np.int32), (32, 3, np.float32)):
                pixels = np.array(np.random.default_rng(4).normal(0, 20000, (*SIZE, 1)), np.int64 if kind != 3 else float)
                pixels = np.abs(pixels) if kind == 1 else pixels
                data = tiff(1, bits, 1, kind, order=order, pixels=pixels)
                want = pixels.astype(dtype)
                self.same(decode(data, "F"), want.astype(np.float32), f"{dtype} as F")
                if kind != 3:
                    self.same(decode(data, "I"), want.astype(np.int32), f"{dtype} as I")
                    self.same(decode(data, "I;16"), want.astype(np.int32).clip(0, 65535), f"{dtype} as I;16")

    def test_tiff_claims(self):
        """More pixels than the file can hold are refused from its header."""
        data = tiff(2, 8, 3)
        for order_of_tag, value in ((256, 60000), (257, 60000)):
            at = data.index(struct.pack("<HHI", order_of_tag, 3, 1))
            changed = data[:at + 8] + struct.pack("<H", value) + data[at + 10:]
            with self.assertRaisesRegex(Failure, "truncated"):
                decode(changed, "RGB")

    def test_pnm(self):
        rng = np.random.default_rng(6)
        height, width = SIZE
        count = 0
        for maxval in (1, 2, 3, 15, 100, 254, 255, 256, 1000, 4095, 65534, 65535):
            for kind, channels in ((5, 1), (6, 3)):
                values = rng.integers(0, maxval + 1, (height, width * channels))
                head = b"P%d\n# a comment\n%d %d\n%d\n" % (kind, width, height, maxval)
                count += self.as_pillow(head + values.astype(">u2" if maxval > 255 else "u1").tobytes(), f"P{kind} {maxval}")
                text = "\n".join(" ".join(map(str, row)) for row in values)
                plain = b"P%d %d %d # size\n%d\n" % (kind - 3, width, height, maxval) + text.encode()
                count += self.as_pillow(plain, f"P{kind - 3} {maxval}")
                self.as_pillow(plain.replace(b"\n", b"\n# c 1 2\n", 3), f"P{kind - 3} {maxval} with comments")
        bits = rng.integers(0, 2, (height, width))
        count += self.as_pillow(b"P4\n%d %d\n" % (width, height) + np.packbits(bits, axis=1).tobytes(), "P4")
        for between in ("", " ", "\n"):
            count += self.as_pillow(b"P1\n%d %d\n" % (width, height) + between.join(map(str, bits.reshape(-1))).encode(), "P1")
        self.assertGreater(count, 250)

    def test_pnm_that_lies(self):
        good = b"P5 4 4 255\n" + bytes(range(16))
        for data, message in ((good[:-1], "truncated"), (b"P5 99999 99999 255\n", "PNM is"), (b"P5 4 4 0\n" + bytes(16), "greatest value"),
                              (b"P5 4 4 70000\n" + bytes(32), "greatest value"), (b"P2 2 1 9\n3 12", "12 is greater than 9"), (b"P2 2 1 9\n3 x", "no digit"),
                              (b"P1 2 1\n02", "neither 0 nor 1"), (b"P2 2 1 9\n3", "truncated"), (b"P5", "PNM"), (b"P5 4", "truncated"),
                              (b"P7\nWIDTH 1\n", "PAM picture"), (b"P2 2 1 9\n12345678901 1", "10 digits")):
            with self.subTest(data[:12]), self.assertRaisesRegex(Failure, message):
                decode(data, "L")

    def test_bmp_run_length_code(self):
        """Rows that are filled up to 4 bytes, as ImageMagick does it, or cut by their end; rows that are empty."""
        rng = np.random.default_rng(11)
        colours = rng.integers(0, 256, (16, 3)).tolist()
        rows = rng.integers(0, 16, (5, 13))
        runs = [b"".join(bytes([1, v]) for v in row) for row in rows]
        for behind in (b"", b"\3\0", b"\0\3\1\1\1\0"):
            code = b"".join(run + behind + b"\0\0" for run in runs) + b"\0\1"
            got = decode(bmp(13, 5, 8, code, 1, colours=colours), "RGB")
            want = np.array(colours, np.uint8)[rows[::-1]][..., ::-1]  # from the bottom up; BGR
            self.same(got, np.ascontiguousarray(want), f"behind a row {behind}")
        skipped = decode(bmp(13, 5, 8, runs[0] + b"\0\0" + b"\0\0" + b"".join(run + b"\0\0" for run in runs[2:]), 1, colours=colours), "RGB")
        want[3] = colours[0][::-1]
        self.same(skipped, np.ascontiguousarray(want), "an empty row")
        odd = decode(bmp(13, 1, 4, bytes([0, 5, 0x12, 0x34, 0x50, 0, 8, 0x67, 0, 1]), 2, colours=colours), "RGB")
        want = np.array(colours, np.uint8)[[[1, 2, 3, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7]]][..., ::-1]
        self.same(odd, np.ascontiguousarray(want), "an odd number of literal nibbles")
        for code, message in ((b"".join(runs[:3]), "truncated"), (runs[0] + b"\0\0\0\1", "ends before its last row")):
            with self.assertRaisesRegex(Failure, message):
                decode(bmp(13, 5, 8, code, 1, colours=colours), "RGB")

    def test_bmp_headers(self):
        pixels = np.random.default_rng(12).bytes(4 * 13 * 5)
        for header in (40, 64, 108, 124):
            for masks in ((0xff0000, 0xff00, 0xff, 0), (0xff0000, 0xff00, 0xff, 0xff000000), (0xff000000, 0xff0000, 0xff00, 0xff)):
                data = bmp(13, 5, 32, pixels, 3, header, masks[:3] if header == 40 else masks)
                self.assertEqual(self.as_pillow(data, f"{header} {masks}", ("RGB", "RGBA")), 2)
                self.same(decode(data[:10] + bytes(4) + data[14:], "RGBA"), decode(data, "RGBA"), "offset 0")
        masks = (0xff0000, 0xff00, 0xff, 0xff000000)
        for header, count in ((52, 3), (56, 4)):  # Pillow 9.4 refuses them
            want = decode(bmp(13, 5, 32, pixels, 3, 40 if count == 3 else 108, masks[:count]), "RGBA")
            self.same(decode(bmp(13, 5, 32, pixels, 3, header, masks[:count]), "RGBA"), want, f"header of {header}")
        indices = np.random.default_rng(13).integers(0, 16, 16 * 5, np.uint8).tobytes()
        colours = np.random.default_rng(14).integers(0, 256, (256, 3)).tolist()
        self.assertEqual(self.as_pillow(bmp(13, 5, 8, indices, colours=colours, offset=0), "offset 0, palette", ("RGB",)), 1)
        for claimed in (255, 4096, 65536):  # colours of one bit, more than the file has bytes
            whole = bmp(13, 5, 1, indices[:20], colours=colours[:2])
            self.assertEqual(self.as_pillow(whole[:46] + struct.pack("<I", claimed) + whole[50:], f"{claimed} colours", ("L", "RGB")), 2)

    def test_gif(self):
        for code_size in range(2, 12):
            for every in (100, 1 << 30):
                for interlaced in (False, True):
                    indices = np.random.default_rng(code_size).integers(0, min(256, 1 << code_size), (40, 53))
                    data = gif(indices, code_size, True, interlaced, every)
                    self.assertEqual(self.as_pillow(data, f"code size {code_size}, cleared after {every}", ("RGB", "L")), 2)
                    cut = gif(indices, code_size, False, interlaced, every)
                    self.same(decode(cut, "RGB"), decode(data, "RGB"), "without its last two bytes")
                    with self.assertRaisesRegex(Failure, "truncated"):
                        decode(cut[:-len(cut) // 10], "RGB")
        with self.assertRaisesRegex(Failure, "damaged"):
            decode(gif(np.zeros((2, 2), int), 2).replace(b",\0\0\0\0\2\0\2\0\0\2", b",\0\0\0\0\2\0\2\0\0\15"), "RGB")

    def test_jpeg(self):
        flat = Image.new("L", (2048, 2048), 80)
        for picture in (flat, flat.convert("RGB")):
            for options in (dict(), dict(progressive=True)):
                self.as_pillow(samples.saved(picture, "JPEG", **options), f"flat {options}", ("L", "RGB", "I", "F"))

    def test_png_with_more_alphas_than_colours(self):
        """Also before the palette, and of several chunks the last."""
        rng = np.random.default_rng(10)
        for depth in (1, 2, 4, 8):
            palette, alphas = (samples.chunk(name, rng.bytes(count)) for name, count in ((b"PLTE", 6), (b"tRNS", 5)))
            for chunks in ([palette, alphas], [alphas, palette], [palette, alphas, samples.chunk(b"tRNS", rng.bytes(2))]):
                rows = b"\0".join(bytes([1 << (8 - depth)] * depth) for _ in range(4))
                header = samples.chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 4, depth, 3, 0, 0, 0))
                data = b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + samples.chunk(b"IDAT", zlib.compress(b"\0" + rows)) + samples.chunk(b"IEND", b"")
                self.assertEqual(self.as_pillow(data, f"{depth} bits"), 5)

    def test_wide_png(self):
        values = np.random.default_rng(7).integers(0, 65536, (9, 14, 1))
        values[0, :4, 0] = (0, 255, 256, 65535)
        data = samples.png(values, 0, 16)
        self.assertEqual(self.as_pillow(data, "16-bit grey"), 5)
        self.same(decode(data, "I;16"), values.astype(np.int32), "I;16")
        self.same(decode(data, "F"), values.astype(np.float32), "F")
        for name, other in samples.all_files().items():
            if "orientation" not in name and "colour 4" not in name:
                self.as_pillow(other, name, ("I", "F"))


NUMBERS = {3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I"}  # TIFF's types


def exif(order, kind, value, count=1):
    """One directory with one orientation, of any type of numbers."""
    packed = struct.pack(order + NUMBERS[kind], *((2 * value, 2) if kind in (5, 10) else (value,)))
    place, behind = (packed.ljust(4, b"\0"), b"") if len(packed) <= 4 else (struct.pack(order + "I", 26), packed)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "HHHI", 1, 0x112, kind, count) + place + struct.pack(order + "I", 0) + behind


def raw_profile(data):
    text = (b"Exif\0\0" + data).hex()
    lines = "\n".join(text[i:i + 72] for i in range(0, len(text), 72))
    return f"\nexif\n{len(data) + 6:8d}\n{lines}\n".encode()


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description %s/></x:xmpmeta>'


class Orientation(TestCase):
    def turned(self, data, turn=ImageOps.exif_transpose):
        """As Pillow turns it: the orientation whose turning of our pixels gives Pillow's."""
        info = np.zeros(3, np.int32)
        call("image_decode", np.frombuffer(data, np.uint8), ctypes.c_int64(len(data)), "RGB", info, None)
        want = turn(Image.open(io.BytesIO(data)))
        methods = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
        ours = Image.fromarray(decode(data, "RGB"))
        if int(info[2]) in methods:
            ours = ours.transpose(methods[int(info[2])])
        self.same(np.asarray(ours), np.asarray(want.convert("RGB")), f"orientation {info[2]}")
        return int(info[2])

    def test_exif(self):
        pixels = samples.image("RGB", 6, 9)
        for order, kind, value in itertools.product("<>", NUMBERS, range(1, 9)):
            block = exif(order, kind, value)
            with self.subTest(order, kind=kind, value=value):
                jpeg = samples.saved(pixels, "JPEG", exif=b"Exif\0\0" + block)
                self.assertEqual(self.turned(jpeg), value)
                self.assertEqual(self.turned(samples.saved(pixels, "WEBP", lossless=True, exif=block)), value)

    def test_tiff(self):
        """Turned without being asked, by an orientation of any type, as Pillow turns it."""
        for order, kind, value in itertools.product("<>", NUMBERS, range(0, 10)):
            data = bytearray(tiff(2, 8, 3, order=order, tags=[(274, 3, [value])]))
            entry = data.index(struct.pack(order + "HHI", 274, 3, 1))
            block = exif(order, kind, value)
            at = struct.pack(order + "I", len(data)) if len(block) > 26 else block[18:22]
            data[entry:entry + 12] = struct.pack(order + "HHI", 274, kind, 1) + at
            data = bytes(data) + block[26:]
            self.assertEqual(self.turned(data, lambda picture: picture), value if 1 <= value <= 8 else 1, (order, kind))

    def test_the_last_one_counts(self):
        """Of several entries, and of a list of values the first, as in Pillow."""
        pixels = samples.image("RGB", 6, 9)
        entry = exif("<", 3, 6)[10:22]
        for entries in ([entry, exif("<", 3, 8)[10:22]], [entry, exif("<", 4, 3, 0)[10:22]], [exif("<", 6, 7, 2)[10:22]]):
            block = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
            self.turned(samples.saved(pixels, "JPEG", exif=b"Exif\0\0" + block))

    def test_png(self):
        plain = samples.saved(samples.image("RGB", 6, 9), "PNG")
        idat, iend = plain.index(b"IDAT") - 4, plain.index(b"IEND") - 4
        for value in range(1, 9):
            block = exif(">", 3, value)
            attribute = XMP % f'tiff:Orientation="{value}"'
            element = XMP.replace("/></x:", "><tiff:Orientation>%d</tiff:Orientation></rdf:Description></x:").replace(" %s", "") % value
            chunks = {
                "eXIf": samples.chunk(b"eXIf", block),
                "tEXt": samples.chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(block)),
                "zTXt": samples.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(block))),
                "XMP": samples.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + attribute.encode()),
                "XMP in tEXt": samples.chunk(b"tEXt", b"XML:com.adobe.xmp\0" + element.encode()),
                "XMP, packed": samples.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(element.encode())),
            }
            for name, chunk in chunks.items():
                for at in (idat, iend):
                    with self.subTest(name, value=value, behind=at == iend):
                        self.assertEqual(self.turned(plain[:at] + chunk + plain[at:]), value)
            both = chunks["eXIf"] + samples.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + (XMP % 'tiff:Orientation="3"').encode())
            self.assertEqual(self.turned(plain[:idat] + both + plain[idat:]), value)

    def test_damaged(self):
        """No orientation, no crash."""
        plain = samples.saved(samples.image("RGB", 6, 9), "PNG")
        at = plain.index(b"IDAT") - 4
        rng = np.random.default_rng(8)
        good = raw_profile(exif("<", 4, 6))
        for text in (b"", b"\n", b"\nexif\n", b"\nexif\n  99\n", good[:-9], good[:40], rng.bytes(200), exif("<", 3, 6)):
            for chunk in (samples.chunk(b"tEXt", b"Raw profile type exif\0" + text), samples.chunk(b"zTXt", b"Raw profile type exif\0\0" + text),
                          samples.chunk(b"eXIf", text), samples.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0" + text)):
                decode(plain[:at] + chunk + plain[at:], "RGB")


if __name__ == "__main__":
    unittest.main()
