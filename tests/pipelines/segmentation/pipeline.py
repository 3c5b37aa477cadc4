"""A class for each pixel, from tiles that overlap: the same on NumPy's slices."""
import numpy
import torch
from photos import opened, photos

TILE, STEP, CLASSES = 32, 24, 4


def models():
    return {"model.pt": torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, CLASSES, 3, padding=1))}


def inputs(folder, count):
    return photos(folder, count, sides=(20, 90))


def starts(length):
    return [*range(0, max(length - TILE, 0), STEP), max(length - TILE, 0)]


def answer(models, path):
    img = numpy.asarray(opened(path))
    height, width = img.shape[:2]
    whole = numpy.zeros((max(height, TILE), max(width, TILE), 3), "float32")
    whole[:height, :width] = img / numpy.float32(255)
    total, count = numpy.zeros((CLASSES, *whole.shape[:2]), "float32"), numpy.zeros(whole.shape[:2], "float32")
    for top in starts(height):
        for left in starts(width):
            tile = torch.from_numpy(whole[top:top + TILE, left:left + TILE]).permute(2, 0, 1)
            total[:, top:top + TILE, left:left + TILE] += models["model.pt"](tile[None])[0].numpy()
            count[top:top + TILE, left:left + TILE] += 1
    mean = (total / count)[:, :height, :width]
    mask = mean.argmax(0)
    return {"mask": mask.tolist(), "pixels": numpy.bincount(mask.ravel(), minlength=CLASSES).tolist(), "mean": mean.mean((1, 2)).tolist()}


def near(got, wanted, same):
    """Of two classes whose scores are equal but for rounding, either."""
    same(got["mean"], wanted["mean"])
    a, b = numpy.array(got["mask"]), numpy.array(wanted["mask"])
    assert a.shape == b.shape and (a != b).mean() < 0.002, (a != b).sum()
    assert abs(numpy.subtract(got["pixels"], wanted["pixels"])).sum() <= 2 * (a != b).sum()
