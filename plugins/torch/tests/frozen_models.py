"""Models whose layers have a layout of their own when they are frozen (backend_products.cpp)."""
import torch
import torch.nn as nn
from torch import Tensor


class Wide(nn.Module):
    """Layers that a few rows go through in slices when they are frozen; of whole numbers, whose sums are the same in any order."""
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(300, 900), nn.Linear(2000, 260, bias=False)
        for weight in self.parameters():
            weight.data = torch.randint(-9, 10, weight.shape).float()

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x)

    @torch.jit.export
    def long(self, x: Tensor) -> Tensor:
        return self.second(x)


class Repeated(nn.Module):
    """One layer in several places and methods; a weight of one dimension. Of whole numbers, as Wide."""
    def __init__(self):
        super().__init__()
        self.layer, self.weight = nn.Linear(1024, 1024), nn.Parameter(torch.zeros(1024))
        for weight in self.parameters():
            weight.data = torch.randint(-9, 10, weight.shape).float()

    def forward(self, x: Tensor) -> Tensor:
        for _ in (1, 2, 3, 4, 5, 6):
            x = torch.sign(self.layer(x))
        return x

    @torch.jit.export
    def step(self, x: Tensor) -> Tensor:
        return nn.functional.linear(torch.sign(self.layer(x)) + self.layer(x), self.weight)

    @torch.jit.export
    def conjugated(self, x: Tensor) -> Tensor:
        z, w = torch.complex(x[:, :2], x[:, 2:4]), torch.complex(self.weight[:4], self.weight[4:8]).view(2, 2)
        return torch.view_as_real(torch.cat([nn.functional.linear(z, w), nn.functional.linear(z, w.conj())]))
