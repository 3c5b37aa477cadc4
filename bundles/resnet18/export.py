#!/usr/bin/env python3
"""Writes bundle/model.pt and bundle/assets/labels.txt: torchvision's ResNet-18, traced.

    /usr/bin/python3 export.py [--weights FILE] [--out FOLDER]      (Debian: python3-torch, python3-torchvision)

--weights: a state_dict of torchvision's resnet18 (resnet18-f37072fd.pth). Without it, weights that torchvision finds in its cache
are taken; without those, random ones from a fixed seed: the pipeline is the same, the labels mean nothing.
--out: the bundle's folder; default: bundle beside this script, which is copied there with everything else otherwise.
"""
import argparse
import pathlib
import shutil

import torch
import torchvision

HERE = pathlib.Path(__file__).resolve().parent


def weights_in_cache():
    name = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    path = pathlib.Path(torch.hub.get_dir()) / "checkpoints" / name
    return path if path.exists() else None


def build(weights):
    torch.manual_seed(18)
    model = torchvision.models.resnet18()
    weights = weights or weights_in_cache()
    if weights is None:
        print("resnet18: no trained weights at hand: random ones from a fixed seed (--weights FILE takes trained ones)")
    else:
        model.load_state_dict(torch.load(weights, map_location="cpu"))
        print(f"resnet18: weights of {pathlib.Path(weights).name}")
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "bundle")
    options = parser.parse_args()
    if options.out.resolve() != HERE / "bundle":
        shutil.copytree(HERE / "bundle", options.out, dirs_exist_ok=True)
    model = build(options.weights)
    with torch.no_grad():
        traced = torch.jit.trace(model, torch.zeros(1, 3, 224, 224))
    traced.save(str(options.out / "model.pt"))
    (options.out / "assets").mkdir(exist_ok=True)
    categories = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    (options.out / "assets/labels.txt").write_text("\n".join(categories) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
