"""decode against torchvision and torch, through the command."""
import json
import struct
import sys
import unittest

import torch
import torchvision

sys.path.insert(0, __file__.rsplit("/plugins/", 1)[0] + "/tests/command")
from command import Case  # noqa: E402

PREPROCESS = """
local decode = require "decode"
return function(x)
  return {
    plain = decode.nms(x.boxes, x.scores, 0.5),
    strict = decode.nms(x.boxes, x.scores, 0.1),
    classes = decode.nms(x.boxes, x.scores, 0.5, {classes = x.classes}),
    smaller = decode.nms(x.boxes, x.scores, 0.5, {overlap = "smaller"}),
    few = decode.nms(x.boxes, x.scores, 0.5, {score = 0.25, max = 7}),
    best = decode.topk(x.scores, 5),
  }
end
"""

TYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}


def safetensors(tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        raw = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": TYPES[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def sample(seed, count, dtype, whole):
    g = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=g, dtype=dtype) * 200
    size = torch.rand(count, 2, generator=g, dtype=dtype) * 60 + 1
    if whole:
        corner, size = corner.floor(), size.ceil()
    scores = (torch.randperm(count, generator=g).to(dtype) + 1) / (count + 1)
    classes = torch.randint(0, 4, (count,), generator=g)
    return {"boxes": torch.cat([corner, corner + size], 1), "scores": scores, "classes": classes}


def by_smaller_area(boxes, scores, threshold):
    """Greedy suppression by the intersection's share of the smaller box."""
    kept = []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for j in torch.sort(scores, descending=True, stable=True).indices.tolist():
        others = boxes[kept]
        size = (torch.minimum(others[:, 2:], boxes[j, 2:]) - torch.maximum(others[:, :2], boxes[j, :2])).clamp(min=0)
        share = size[:, 0] * size[:, 1] / torch.minimum(area[kept], area[j])
        if not (share.double() > threshold).any():
            kept.append(j)
    return kept


class Decode(Case):
    def test_equal_to_torchvision(self):
        folder = self.bundle("tensor", preprocess=PREPROCESS)
        cases, paths = [], []
        for count in (0, 1, 2, 50, 700):
            for dtype in (torch.float32, torch.float64):
                for whole in (False, True):
                    case = sample(len(cases), count, dtype, whole)
                    path = self.dir / f"{len(cases)}.safetensors"
                    path.write_bytes(safetensors(case))
                    cases.append((case, whole))
                    paths.append(path)
        answers = self.answers(folder, *paths)
        self.assertEqual(len(answers), len(cases))
        for (case, whole), answer in zip(cases, answers):
            boxes, scores, classes = case["boxes"], case["scores"], case["classes"]
            plain = torchvision.ops.nms(boxes, scores, 0.5)
            self.assertEqual(answer["plain"], plain.tolist())
            self.assertEqual(answer["strict"], torchvision.ops.nms(boxes, scores, 0.1).tolist())
            self.assertEqual(answer["classes"], torchvision.ops.boxes._batched_nms_vanilla(boxes, scores, classes, 0.5).tolist())
            if whole:  # the offsets of batched_nms round nothing
                self.assertEqual(answer["classes"], torchvision.ops.batched_nms(boxes, scores, classes, 0.5).tolist())
            self.assertEqual(answer["smaller"], by_smaller_area(boxes, scores, 0.5))
            self.assertEqual(answer["few"], [i for i in plain.tolist() if scores[i] > 0.25][:7])
            values, ids = torch.topk(scores, min(5, len(scores)))
            self.assertEqual([entry["id"] for entry in answer["best"]], ids.tolist())
            self.assertEqual([torch.tensor(entry["score"], dtype=scores.dtype) for entry in answer["best"]], list(values))

    def test_equal_scores_and_nan_rank_as_in_torchvision(self):
        folder = self.bundle("tensor", preprocess="""
local decode = require "decode"
return function(x) return decode.nms(x.boxes, x.scores, 0.5) end
""")
        case = sample(1, 300, torch.float32, False)
        case["scores"] = (case["scores"] * 10).round() / 10
        case["scores"][[3, 77]] = float("nan")
        path = self.dir / "x.safetensors"
        path.write_bytes(safetensors(case))
        self.assertEqual(self.answer(folder, path), torchvision.ops.nms(case["boxes"], case["scores"], 0.5).tolist())

    def test_labels(self):
        folder = self.bundle("tensor", files={"assets/labels.txt": "a\nb\nc\n"}, preprocess="""
local decode, bundle = require "decode", require "bundle"
local labels = bundle.lines "labels.txt"
return function(x) return decode.topk(x.scores, 2, labels) end
""")
        path = self.dir / "x.safetensors"
        path.write_bytes(safetensors({"scores": torch.tensor([0.25, 0.125, 0.5])}))
        self.assertEqual(self.answer(folder, path), [{"label": "c", "score": 0.5}, {"label": "a", "score": 0.25}])
        path.write_bytes(safetensors({"scores": torch.tensor([0.25, 0.125, 0.5, 1])}))
        self.item_error("SCRIPT", "preprocess", folder, path, contains=["decode.topk: labels", "3 for 4 scores"])

    def test_wrong_arguments_are_named(self):
        path = self.dir / "x.safetensors"
        path.write_bytes(safetensors({"boxes": torch.zeros(2, 5), "scores": torch.zeros(3), "ok": torch.zeros(2, 4)}))
        for call, words in [("nms(x.boxes, x.scores, 0.5)", ["decode.nms: boxes", "[2, 5]"]),
                            ("nms(x.ok, x.scores, 0.5)", ["decode.nms: scores", "[2]", "[3]"]),
                            ("nms(x.ok, x.scores, 0.5, {clases = 1})", ["decode.nms", "clases"]),
                            ("topk(x.ok, 2)", ["decode.topk: scores", "[2, 4]"]),
                            ("topk(x.scores, -1)", ["decode.topk: k", "-1"])]:
            folder = self.bundle("tensor", preprocess=f'local decode = require "decode"\nreturn function(x) return decode.{call} end\n')
            self.item_error("ARGUMENT", "preprocess", folder, path, contains=words)


if __name__ == "__main__":
    unittest.main()
