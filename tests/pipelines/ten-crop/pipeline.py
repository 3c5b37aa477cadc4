"""One photo, ten rows: torchvision's TenCrop, the mean of the rows' probabilities."""
import torch
import torchvision
from photos import opened, photos

T = torchvision.transforms
CROPS = T.Compose([T.Resize(72), T.TenCrop(64), T.Lambda(lambda crops: torch.stack(
    [T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(T.ToTensor()(c)) for c in crops]))])


def models():
    return {"model.pt": torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=3), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3, stride=2),
                                            torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(64, 12))}


def inputs(folder, count):
    return photos(folder, count)


def answer(models, path):
    p, ids = torch.softmax(models["model.pt"](CROPS(opened(path))), -1).mean(0).topk(3)
    return [{"id": int(i), "score": float(s)} for s, i in zip(p, ids)]
