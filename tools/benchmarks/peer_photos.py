"""Photos through torchvision's transforms and a model in Python: peer_photos.py MODEL.pt FOLDER WORKERS [BATCH].

Prints milliseconds an item, the loader's start and the model's first batches not counted.
"""
import pathlib
import sys
import time

import PIL.Image
import torch
import torchvision

transforms = torchvision.transforms
PHOTO = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
                            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


class Photos(torch.utils.data.Dataset):
    def __init__(self, folder, times):
        self.paths = sorted(pathlib.Path(folder).iterdir()) * times

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return PHOTO(PIL.Image.open(self.paths[i]).convert("RGB"))


def main(path, folder, workers, size=8):
    torch.set_num_threads(1)
    model = torch.jit.freeze(torch.jit.load(path).eval()).to(memory_format=torch.channels_last)
    seen, warm = 0, 2 * int(size)
    with torch.inference_mode():
        for x in torch.utils.data.DataLoader(Photos(folder, 3), batch_size=int(size), num_workers=int(workers)):
            torch.softmax(model(x.contiguous(memory_format=torch.channels_last)), -1).topk(5)
            seen += len(x)
            if seen == warm:
                begin = time.perf_counter()
    print((time.perf_counter() - begin) * 1e3 / (seen - warm))


if __name__ == "__main__":
    main(*sys.argv[1:])
