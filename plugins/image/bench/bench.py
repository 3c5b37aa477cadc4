"""Image benchmarks: this library against Pillow, torchvision, bare libjpeg-turbo and OpenCV.

Every row's candidates run one after the other, round by round, in one process on one thread, so that what disturbs the
machine disturbs all of them; times are the thread's processor time. Shown are medians and the spread between the quartiles; ratios are the medians of the rounds'
own ratios. Usage: bench.py [--json FILE] [--rounds N]; the environment variable MRUN_BUILD names the build folder, whose
target image_bench must be built.
"""
import argparse
import ctypes
import io
import json
import os
import statistics
import time

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T

lib = ctypes.CDLL(os.path.join(os.environ["MRUN_BUILD"], "lib", "image_bench.so"))
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def photo(width, height):
    """A photograph of scikit-learn's, at the wanted size."""
    from sklearn.datasets import load_sample_image
    return Image.fromarray(load_sample_image("china.jpg")).resize((width, height), Image.Resampling.LANCZOS)


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Case:
    def __init__(self, width, height):
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
        assert getattr(lib, name)(*converted) == 0

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
        return [
            ("JPEG decode", lambda: self.call("ours_decode", self.bytes, size, self.decoded), {
                "libjpeg-turbo": (lambda: self.call("jpeg_decode", self.bytes, size, self.decoded), "at least 0.95"),
                "Pillow": (lambda: Image.open(io.BytesIO(self.file)).load(), f"at least {1.25 if self.width < 1000 else 1.5}"),
            }),
            ("resize to 256", lambda: self.call("ours_resize", self.pixels, *shape, self.resized, *small), {
                "Pillow": (lambda: self.picture.resize(small[::-1], Image.Resampling.BILINEAR), ""),
                "OpenCV linear (other pixels)": (
                    lambda: self.call("opencv_resize", self.pixels, *shape, self.resized, *small, 0), ""),
                "OpenCV area (other pixels)": (
                    lambda: self.call("opencv_resize", self.pixels, *shape, self.resized, *small, 1), ""),
            }),
            ("resize, crop, normalize", ours_pixels, {"torchvision": (theirs_pixels, "at least 6")}),
            ("file to model input", ours_file, {"Pillow + torchvision": (theirs_file, "at least 2")}),
        ]


def measure(candidates, rounds):
    """Interleaved times in ms: candidate -> one a round."""
    times = {name: [] for name in candidates}
    for i in range(rounds + 2):
        for name, run in candidates.items():
            begin = time.thread_time()
            run()
            if i >= 2:
                times[name].append((time.thread_time() - begin) * 1e3)
    return times


def quartiles(values):
    q = statistics.quantiles(values, n=4)
    return q[1], q[2] - q[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = {"versions": {"Pillow": PIL.__version__, "torchvision": torchvision.__version__, "torch": torch.__version__},
              "rounds": options.rounds, "rows": []}
    print(f"{'':34}{'ms':>9}{'spread':>9}{'peer / ours':>13}   goal")
    for case in (Case(500, 375), Case(1920, 1080)):
        for name, ours, peers in case.rows():
            times = measure({"mrun": ours, **{peer: run for peer, (run, _) in peers.items()}}, options.rounds)
            median, spread = quartiles(times["mrun"])
            print(f"{case.name} {name}\n  {'mrun':32}{median:9.3f}{spread:9.3f}")
            row = {"size": case.name, "stage": name, "mrun": {"ms": median, "spread": spread}, "peers": {}}
            for peer, (_, goal) in peers.items():
                median, spread = quartiles(times[peer])
                ratio = statistics.median(b / a for a, b in zip(times["mrun"], times[peer]))
                print(f"  {peer:32}{median:9.3f}{spread:9.3f}{ratio:13.2f}   {goal}")
                row["peers"][peer] = {"ms": median, "spread": spread, "ratio": ratio, "goal": goal}
            report["rows"].append(row)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
