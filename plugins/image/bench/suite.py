"""tools/bench image: this library beside Pillow, torchvision, bare libjpeg-turbo and OpenCV, in one process on one thread.

Times are the thread's processor time, so that other work on the machine disturbs them little.
"""
import ctypes
import io
import subprocess
import time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T

from measure import Report, interleaved

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def photo(width, height):
    """A photograph of scikit-learn's, at the wanted size."""
    from sklearn.datasets import load_sample_image
    return Image.fromarray(load_sample_image("china.jpg")).resize((width, height), Image.Resampling.LANCZOS)


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def timed(run):
    """A side for `interleaved`: milliseconds of one run, the median of three."""
    def measure():
        times = []
        for _ in range(3):
            begin = time.thread_time()
            run()
            times.append((time.thread_time() - begin) * 1e3)
        return sorted(times)[1]
    return measure


class Case:
    def __init__(self, lib, width, height):
        self.lib = lib
        self.name = f"{width}x{height}"
        picture = photo(width, height)
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=90)
        self.file = out.getvalue()
        self.bytes = np.frombuffer(self.file, np.uint8)
        self.picture = Image.open(io.BytesIO(self.file)).convert("RGB")
        self.pixels = np.ascontiguousarray(np.asarray(self.picture))
        self.height, self.width = height, width
        short, long = min(width, height), max(width, height)
        new = (256, int(256 * long / short))
        self.small = new if height < width else new[::-1]
        self.decoded = np.empty_like(self.pixels)
        self.resized = np.empty((*self.small, 3), np.uint8)
        self.input = np.empty((3, 224, 224), np.float32)
        self.transform = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), T.Normalize(MEAN, STD)])

    def call(self, name, *args):
        converted = [pointer(a) if isinstance(a, np.ndarray) else a for a in args]
        assert getattr(self.lib, name)(*converted) == 0

    def rows(self):
        size = ctypes.c_size_t(len(self.file))
        shape, small = (self.height, self.width), self.small

        def ours_file():
            self.call("ours_file_to_input", self.bytes, size, self.input)

        def ours_pixels():
            self.call("ours_pixels_to_input", self.pixels, *shape, self.input)

        def theirs_file():
            return self.transform(Image.open(io.BytesIO(self.file)).convert("RGB"))

        def theirs_pixels():
            return self.transform(self.picture)

        for run, expected in ((ours_file, theirs_file), (ours_pixels, theirs_pixels)):
            run()
            assert self.input.tobytes() == expected().numpy().tobytes(), "not equal to torchvision"
        def ours_resize():
            self.call("ours_resize", self.pixels, *shape, self.resized, *small)

        def opencv(area):
            return lambda: self.call("opencv_resize", self.pixels, *shape, self.resized, *small, area)

        return [
            ("JPEG decode", {
                "mrun": lambda: self.call("ours_decode", self.bytes, size, self.decoded),
                "libjpeg-turbo": lambda: self.call("jpeg_decode", self.bytes, size, self.decoded),
                "Pillow": lambda: Image.open(io.BytesIO(self.file)).load(),
            }, [("libjpeg-turbo", "ratio", 1.05), ("Pillow", "speedup", 1.25 if self.width < 1000 else 1.5)]),
            ("resize, shorter side 256", {
                "mrun": ours_resize,
                "Pillow": lambda: self.picture.resize(small[::-1], Image.Resampling.BILINEAR),
                "OpenCV linear (other pixels)": opencv(0),
                "OpenCV area (other pixels)": opencv(1),
            }, []),
            ("resize, crop, normalize", {"mrun": ours_pixels, "torchvision": theirs_pixels}, [("torchvision", "speedup", 6)]),
            ("file to model input", {"mrun": ours_file, "Pillow + torchvision": theirs_file},
             [("Pillow + torchvision", "speedup", 2)]),
        ]


def main(build, work, as_json, rounds):
    del work
    subprocess.run(["cmake", "--build", build, "--target", "image_bench"], check=True, stdout=subprocess.DEVNULL)
    lib = ctypes.CDLL(str(build / "lib/image_bench.so"))
    torch.set_num_threads(1)
    report = Report("Images (the results of mrun, Pillow and torchvision are equal to the bit)")
    for width, height in ((500, 375), (1920, 1080)):
        case = Case(lib, width, height)
        for name, sides, goals in case.rows():
            times = interleaved({side: timed(run) for side, run in sides.items()}, rounds)
            report.add(f"{case.name}: {name}", "ms", times, "mrun", goals)
    report.print(as_json)
