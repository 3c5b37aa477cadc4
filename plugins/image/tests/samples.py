"""Encoded images of every kind that the decoders know, written by Pillow or, where it cannot, here."""
import io
import struct
import zlib

import numpy as np
from PIL import Image

ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def photo(height, width, channels, seed=0):
    """Smooth shapes with some noise: what JPEG was made for, and edges."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(channels):
        a, b, p = rng.uniform(0.01, 0.2, 3)
        plane = 128 + 90 * np.sin(a * x + p) * np.cos(b * y) + rng.normal(0, 12, (height, width))
        plane[(x // 17 + y // 13) % 5 == c] += 70
        planes.append(np.clip(plane, 0, 255))
    return np.ascontiguousarray(np.stack(planes, -1).astype(np.uint8))


def image(mode, height=61, width=83, seed=0):
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = photo(height, width, channels, seed)
    return Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels, mode)


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_row(row, depth):
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype(np.uint8).tobytes()
    bits = ((row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(bits.reshape(-1)).tobytes()


def png(samples, colour, depth, interlaced=False, extra=b""):
    """samples: height x width x channels, below 2 ** depth. extra: chunks before the data."""
    height, width = samples.shape[:2]
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for top, left, down, right in passes:
        part = samples[top::down, left::right]
        if part.size:
            raw += b"".join(b"\0" + pack_row(row.reshape(-1), depth) for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def pngs():
    rng = np.random.default_rng(3)
    files = {}
    for mode in ("L", "LA", "RGB", "RGBA"):
        files[f"png {mode}"] = saved(image(mode), "PNG")
    files["png 1"] = saved(image("L").convert("1"), "PNG")
    files["png P"] = saved(image("RGB").quantize(200), "PNG")
    files["png P 4 bits"] = saved(image("RGB").quantize(13), "PNG")
    files["png P transparent index"] = saved(image("RGB").quantize(16), "PNG", transparency=3)
    files["png P alphas"] = saved(image("RGBA").quantize(64), "PNG")
    palette = chunk(b"PLTE", rng.integers(0, 256, 3 * 11, dtype=np.uint8).tobytes())
    alphas = chunk(b"tRNS", bytes([0, 128, 255, 7]))
    for interlaced in (False, True):
        for height, width in ((1, 1), (3, 2), (33, 50)):
            for colour, channels, depths in ((0, 1, (1, 2, 4, 8, 16)), (2, 3, (8, 16)), (4, 2, (8, 16)), (6, 4, (8, 16))):
                for depth in depths:
                    samples = rng.integers(0, 2 ** depth, (height, width, channels))
                    name = f"png colour {colour} depth {depth} {height} x {width}{' interlaced' * interlaced}"
                    files[name] = png(samples, colour, depth, interlaced)
            for depth in (4, 8):
                samples = rng.integers(0, 11, (height, width, 1))
                name = f"png palette depth {depth} {height} x {width}{' interlaced' * interlaced}"
                files[name] = png(samples, 3, depth, interlaced, palette)
                files[name + " alphas"] = png(samples, 3, depth, interlaced, palette + alphas)
    low = rng.integers(0, 500, (20, 20, 1))
    files["png 16 bits, dark"] = png(low, 0, 16)
    for depth in (1, 2, 4, 8, 16):
        samples = rng.integers(0, min(2 ** depth, 4), (9, 9, 1))
        files[f"png grey key depth {depth}"] = png(samples, 0, depth, False, chunk(b"tRNS", struct.pack(">H", 1)))
    samples = rng.integers(0, 2, (9, 9, 3))
    files["png rgb key"] = png(samples, 2, 8, False, chunk(b"tRNS", struct.pack(">HHH", 1, 0, 1)))
    files["png rgb key depth 16"] = png(samples * 257, 2, 16, False, chunk(b"tRNS", struct.pack(">HHH", 257, 0, 257)))
    return files


def jpegs():
    files = {}
    for height, width in ((61, 83), (16, 16), (1, 1), (8, 200), (100, 7), (375, 500)):
        for subsampling in (0, 1, 2):
            for progressive in (False, True):
                name = f"jpeg {height} x {width} {['4:4:4', '4:2:2', '4:2:0'][subsampling]}{' progressive' * progressive}"
                files[name] = saved(image("RGB", height, width), "JPEG", quality=85, subsampling=subsampling,
                                    progressive=progressive)
    for quality in (5, 50, 100):
        files[f"jpeg quality {quality}"] = saved(image("RGB"), "JPEG", quality=quality)
    files["jpeg grey"] = saved(image("L"), "JPEG")
    files["jpeg grey progressive"] = saved(image("L"), "JPEG", progressive=True)
    files["jpeg CMYK"] = saved(image("CMYK"), "JPEG", quality=90)
    return files


def bmps():
    files = {f"bmp {mode}": saved(image(mode), "BMP") for mode in ("L", "RGB", "RGBA")}
    files["bmp 1"] = saved(image("L").convert("1"), "BMP")
    files["bmp P"] = saved(image("RGB").quantize(256), "BMP")
    rng = np.random.default_rng(5)

    def bmp(width, height, bits, data, compression=0, palette=b"", masks=b""):
        offset = 54 + len(palette) + len(masks)
        info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
        return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + masks + palette + data

    files["bmp top-down"] = bmp(5, -7, 24, rng.integers(0, 256, 7 * 16, dtype=np.uint8).tobytes())
    files["bmp 555"] = bmp(6, 4, 16, rng.integers(0, 256, 4 * 12, dtype=np.uint8).tobytes())
    files["bmp 565"] = bmp(6, 4, 16, rng.integers(0, 256, 4 * 12, dtype=np.uint8).tobytes(), 3, b"",
                           struct.pack("<III", 0xf800, 0x7e0, 0x1f))
    files["bmp 32"] = bmp(5, 4, 32, rng.integers(0, 256, 4 * 20, dtype=np.uint8).tobytes())
    palette = rng.integers(0, 256, 64, dtype=np.uint8).tobytes()
    files["bmp 4 bits"] = bmp(5, 3, 4, rng.integers(0, 256, 12, dtype=np.uint8).tobytes(), 0, palette)
    palette = rng.integers(0, 256, 1024, dtype=np.uint8).tobytes()
    # Runs, a literal, a row that ends early. (Pillow 9.4 reads moves wrongly: it skips two bytes.)
    runs = bytes([4, 9, 2, 7, 0, 0, 0, 4, 1, 2, 3, 4, 2, 200, 0, 0, 3, 5, 0, 0, 6, 1, 0, 1])
    files["bmp run-length 8"] = bmp(6, 4, 8, runs, 1, palette)
    runs = bytes([5, 0x12, 0, 0, 0, 4, 0x34, 0x56, 1, 0x70, 0, 0])
    files["bmp run-length 4"] = bmp(5, 2, 4, runs, 2, palette[:64])
    return files


def gifs():
    frames = [image("RGB", seed=i).quantize(64 + i) for i in range(3)]
    files = {
        "gif": saved(frames[0], "GIF"),
        "gif animated": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "gif transparent": saved(image("RGB").quantize(32), "GIF", transparency=5),
        "gif interlaced": saved(image("RGB", 45, 31).quantize(30), "GIF", interlace=True),
        "gif not interlaced": saved(image("RGB", 45, 31).quantize(30), "GIF", interlace=False),
        "gif grey": saved(image("L"), "GIF"),
    }
    # A frame that covers a part of the screen, and one that reaches beyond it.
    for name, (left, top) in {"inside": (3, 4), "outside": (70, 60)}.items():
        for transparent in (False, True):
            options = {"transparency": 2} if transparent else {}
            small = bytearray(saved(image("RGB", 20, 30).quantize(16), "GIF", **options))
            at = small.index(b"\x2c")
            small[at + 1:at + 5] = struct.pack("<HH", left, top)
            small[6:10] = struct.pack("<HH", 83, 61)
            files[f"gif frame {name}{' transparent' * transparent}"] = bytes(small)
    return files


def webps():
    files = {
        "webp lossy": saved(image("RGB"), "WEBP", quality=80),
        "webp lossless": saved(image("RGB"), "WEBP", lossless=True),
        "webp lossy alpha": saved(image("RGBA"), "WEBP", quality=80),
        "webp lossless alpha": saved(image("RGBA"), "WEBP", lossless=True),
        "webp animated": saved(image("RGB"), "WEBP", save_all=True, append_images=[image("RGB", seed=1)]),
    }
    return files


def tiffs():
    files = {}
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        for mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
            files[f"tiff {mode} {compression}"] = saved(image(mode), "TIFF", compression=compression)
        files[f"tiff P {compression}"] = saved(image("RGB").quantize(99), "TIFF", compression=compression)
        files[f"tiff 1 {compression}"] = saved(image("L").convert("1"), "TIFF", compression=compression)
        grey16 = Image.fromarray(np.random.default_rng(1).integers(0, 400, (20, 30)).astype(np.uint16))
        files[f"tiff 16 bits {compression}"] = saved(grey16, "TIFF", compression=compression)
    files["tiff group 4"] = saved(image("L").convert("1"), "TIFF", compression="group4")
    files["tiff jpeg"] = saved(image("RGB"), "TIFF", compression="jpeg")
    files["tiff webp"] = saved(image("RGB"), "TIFF", compression="webp")
    for orientation in range(1, 9):
        files[f"tiff orientation {orientation}"] = saved(image("RGB"), "TIFF", tiffinfo={274: orientation})
    return files


def all_files():
    return {**jpegs(), **pngs(), **bmps(), **gifs(), **webps(), **tiffs()}
