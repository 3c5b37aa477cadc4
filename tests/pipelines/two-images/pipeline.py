"""How alike two pictures are."""
import PIL.Image
import torch
import torchvision
from photos import opened, photos


class Alike(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(800, 16))

    def forward(self, first, second):
        return torch.cosine_similarity(self.layers(first), self.layers(second), dim=-1)


def models():
    return {"model.pt": Alike()}


def inputs(folder, count):
    paths = photos(folder, count + 1)
    records = [{"first": str(a), "second": str(b)} for a, b in zip(paths, paths[1:])]
    for i in range(0, count, 3):
        records[i]["note"] = f"pair {i}"
    return records


def answer(models, record):
    tensor = torchvision.transforms.ToTensor()
    first, second = (tensor(opened(record[name]).resize((32, 32), PIL.Image.BILINEAR))[None] for name in ("first", "second"))
    likeness = {"likeness": float(models["model.pt"](first, second))}
    return {**likeness, "note": record["note"]} if "note" in record else likeness
