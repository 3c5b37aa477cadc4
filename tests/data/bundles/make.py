#!/usr/bin/env python3
"""Makes the bundles of one release: make.py MRUN FOLDER, as `make.py .build/release/bin/mrun tests/data/bundles/1.0.0`.

What is there already stays as it is; what is missing is made (see README.md). Each bundle holds recorded examples; NAME.json beside
it keeps runs with their answers: [{"args": [...], "answer": ...}]. "{bundle}" in args stands for NAME.mb, "{inputs}" for the
release's folder of inputs.
"""
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import wave
from typing import Dict, List, Tuple

import numpy
import PIL.Image
import torch

MRUN, OUT = sys.argv[1], pathlib.Path(sys.argv[2])
INPUTS = OUT / "inputs"


def mrun(*args):
    done = subprocess.run([MRUN, *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"mrun {' '.join(map(str, args))}: {done.stdout}{done.stderr}")
    return done.stdout


def manifest(name, kind, more=""):
    return f'[bundle]\nname = "{name}"\nversion = "1.0.0"\n\n[input]\nkind = "{kind}"\n{more}'


def write(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())


def keep(name, *runs):
    """Asks the packed bundle and keeps what it answers."""
    answers = []
    for args in runs:
        given = [a.format(bundle=OUT / f"{name}.mb", inputs=INPUTS) for a in args]
        answers.append({"args": args, "answer": json.loads(mrun(*given))})
    (OUT / f"{name}.json").write_text(json.dumps(answers, indent=1) + "\n")


def make_inputs():
    INPUTS.mkdir(parents=True)
    y, x = numpy.mgrid[0:48, 0:64]
    pixels = numpy.stack([x * 4, y * 5, (x * y) % 256], -1).astype("uint8")
    PIL.Image.fromarray(pixels).save(INPUTS / "photo.png")
    PIL.Image.fromarray(pixels).save(INPUTS / "photo.jpg", quality=85)
    with wave.open(str(INPUTS / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "none"))
        samples = [int(9000 * math.sin(2 * math.pi * 440 * t / 8000) * (1 - t / 8000)) for t in range(8000)]
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


class Words(torch.nn.Module):
    """ids [n] -> scores [3]: the mean of the words' rows, then a layer."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(12, 4)
        self.head = torch.nn.Linear(4, 3)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.arange(48).reshape(12, 4).sin())
            self.head.weight.copy_(torch.arange(12).reshape(3, 4).cos())
            self.head.bias.copy_(torch.tensor([0.5, -0.25, 0.0]))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(ids).mean(-2))


def text(folder):
    """A TorchScript model, a tokenizer, labels, a module of its own, padding and all three stages."""
    words = ["[UNK]", "[PAD]", "the", "quick", "brown", "fox", "jump", "##s", "over", "lazy", "dog", "##gy"]
    tokenizer = {"version": "1.0", "added_tokens": [], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
                 "post_processor": None, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 40,
                           "vocab": {w: i for i, w in enumerate(words)}}}
    write(folder, {
        "bundle.toml": manifest("text", "text", "\n[params]\ntop_k = 2\n"),
        "assets/tokenizer.json": json.dumps(tokenizer),
        "assets/labels.txt": "animal\nplace\nother\n",
        "lib/words.lua": 'local text = require "text"\nlocal words = text.regex [[\\w+]]\n'
                         "return { count = function(s)\n  local n = 0\n  for _ in words:gmatch(s) do n = n + 1 end\n  return n\nend }\n",
        "preprocess.lua": 'local bundle, text, words = require "bundle", require "text", require "lib.words"\n'
                          'local tokenizer = text.tokenizer_json(bundle.asset "tokenizer.json")\n'
                          "return function(s)\n  return tokenizer:encode(text.nfc(s)), { words = words.count(s) }\nend\n",
        "forward.lua": "return function(model, ids) return model(ids) end\n",
        "postprocess.lua": 'local bundle, torch, decode = require "bundle", require "torch", require "decode"\n'
                           "return function(scores, params, context)\n"
                           "  return { words = context.words,\n"
                           '    best = decode.topk(torch.softmax(scores, -1), params.top_k, bundle.lines "labels.txt") }\nend\n'})
    torch.jit.script(Words().eval()).save(str(folder / "model.pt"))
    mrun("record", folder, "fox", "The quick brown fox jumps over the lazy doggy")
    mrun("record", folder, "unknown", "Zweiundzwanzig, the dog!")
    mrun("pack", folder, "-o", OUT / "text.mb")
    keep("text", ["{bundle}", "the brown dog jumps"], ["{bundle}", "The FOX", "--param", "top_k=3"])


def image(folder):
    """No model: every kind of step on pixels."""
    write(folder, {
        "bundle.toml": manifest("image", "image", "\n[params]\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n"),
        "preprocess.lua": 'local image = require "image"\nreturn function(input, params)\n'
                          "  local img = image.decode(input)\n"
                          "  local small = image.center_crop(image.resize(img, 12), 8)\n"
                          "  return { x = image.normalize(small, params.mean, params.std), small = small,\n"
                          "    lanczos = image.resize(img, { 5, 4 }, { filter = 'lanczos' }),\n"
                          "    turned = image.rotate(image.resize(img, 10), 30, { filter = 'bilinear' }),\n"
                          "    hsv = image.convert(image.crop(img, 10, 20, 2, 3), 'HSV'),\n"
                          "    boxes = image.crop_resize(img, { { 1, 2, 30.5, 40 }, { 0, 0, 64, 48 } }, { 2, 2 }) }\nend\n",
        "postprocess.lua": 'local torch = require "torch"\nreturn function(out)\n'
                           "  return { shape = { out.x:shape() }, mean = torch.mean(out.x):item(), first = out.x[0][0],\n"
                           "    small = out.small[3], lanczos = out.lanczos, turned = out.turned[4], hsv = out.hsv, boxes = out.boxes }\nend\n"})
    mrun("record", folder, "png", INPUTS / "photo.png")
    mrun("record", folder, "jpeg", INPUTS / "photo.jpg")
    mrun("pack", folder, "-o", OUT / "image.mb")
    keep("image", ["{bundle}", "{inputs}/photo.png"], ["{bundle}", "{inputs}/photo.jpg", "--param", "mean=[0, 0, 0]"])


def sound(folder):
    """Audio and decode: features, the best frames, boxes without their doubles."""
    write(folder, {
        "bundle.toml": manifest("sound", "audio", "\n[params]\nframes = 3\n"),
        "preprocess.lua": 'local audio = require "audio"\nreturn function(input)\n  local x, rate = audio.decode(input)\n'
                          "  x = audio.resample(x, rate, 16000)\n"
                          "  return { mel = audio.log_mel(x[0]), power = audio.mel_spectrogram(x[0], 16000, { n_mels = 8 }) }\nend\n",
        "postprocess.lua": 'local decode, torch = require "decode", require "torch"\nreturn function(x, params)\n'
                           "  local loud = x.mel:sum(0)\n"
                           "  local boxes = torch.tensor { { 0, 0, 4, 4 }, { 0, 0, 4, 5 }, { 8, 8, 9, 9 } }\n"
                           "  return { shape = { x.mel:shape() }, loudest = decode.topk(loud, params.frames), power = x.power:mean(1),\n"
                           "    boxes = decode.nms(boxes, torch.tensor { 0.5, 0.9, 0.1 }, 0.5) }\nend\n"})
    mrun("record", folder, "tone", INPUTS / "tone.wav")
    mrun("pack", folder, "-o", OUT / "sound.mb")
    keep("sound", ["{bundle}", "{inputs}/tone.wav"], ["{bundle}", "{inputs}/tone.wav", "--param", "frames=1"])


def revisions(folder):
    """Three revisions of a bundle without native code: json, log, random numbers, a module that changes and one that goes."""
    write(folder, {
        "bundle.toml": manifest("revisions", "json", '\n[params]\nscale = 2\n[params.names]\none = "eins"\n'),
        "assets/table.json": '{"a": 1, "b": [2, 3]}\n',
        "lib/rule.lua": "return function(x, scale) return x * scale end\n",
        "lib/old.lua": "return 100\n",
        "preprocess.lua": 'local bundle, rule, old = require "bundle", require "lib.rule", require "lib.old"\n'
                          'local table_ = bundle.json "table.json"\n'
                          "return function(x, params)\n"
                          "  return { value = rule(x, params.scale) + old, names = params.names, table = table_, draw = math.random(1, 1000000) }\n"
                          "end\n"})
    bundle = OUT / "revisions.mb"
    mrun("record", folder, "four", "4")
    mrun("pack", folder, "-o", bundle, "-m", "first")
    write(folder, {"lib/rule.lua": "return function(x, scale) return x ^ scale end\n"})
    mrun("record", folder, "four", "4", "--replace")
    mrun("commit", bundle, folder, "-m", "a power instead of a product", "--author", "Ada", "--time", "2026-01-31T12:00:00Z")
    (folder / "lib/old.lua").unlink()
    write(folder, {"bundle.toml": (folder / "bundle.toml").read_text().replace("scale = 2", "scale = 3"),
                   "preprocess.lua": 'local json, rule = require "json", require "lib.rule"\n'
                                     "return function(x, params)\n"
                                     "  return { value = rule(x, params.scale), text = json.encode { x, json.null, json.object {} },\n"
                                     '    match = ("key=value"):match "(%w+)=(%w+)", sorted = table.concat({ 3, 1, 2 }, "-") }\nend\n'})
    mrun("record", folder, "four", "4", "--replace")
    mrun("commit", bundle, folder, "-m", "without the old constant")
    keep("revisions", ["{bundle}", "5"], ["{bundle}@1", "5"], ["{bundle}@2", "5", "--seed", "7"], ["{bundle}@3", "5", "--param", "scale=2"])


def differences(folder):
    """Three revisions whose earlier locks are kept as differences from the next: texts and operations that came and went."""
    write(folder, {
        "bundle.toml": manifest("differences", "text"),
        "assets/greeting.txt": "hello\n",
        "preprocess.lua": 'local bundle = require "bundle"\nlocal greeting = bundle.lines("greeting.txt")[1]\n'
                          "return function(name) return greeting .. \" \" .. name end\n"})
    bundle = OUT / "differences.mb"
    mrun("record", folder, "ada", "Ada")
    mrun("pack", folder, "-o", bundle)
    write(folder, {"preprocess.lua": 'local bundle, text = require "bundle", require "text"\n'
                                     'local greeting = bundle.lines("greeting.txt")[1]\n'
                                     "return function(name) return greeting .. \" \" .. text.lower(name) end\n"})
    mrun("record", folder, "ada", "Ada", "--replace")
    mrun("commit", bundle, folder, "-m", "small letters")
    (folder / "assets/greeting.txt").unlink()
    write(folder, {"preprocess.lua": "return function(name) return #name end\n"})
    mrun("record", folder, "ada", "Ada", "--replace")
    mrun("commit", bundle, folder, "-m", "only its length")
    keep("differences", *[["{bundle}" + revision, "Grace"] for revision in ("", "@1", "@2")])


class Steps(torch.nn.Module):
    """Methods beside forward, several results, a list and a dictionary."""

    def __init__(self, scale: float):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([scale, -scale]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale

    @torch.jit.export
    def step(self, x: torch.Tensor, bias: float = 0.5) -> Tuple[torch.Tensor, List[torch.Tensor], Dict[str, torch.Tensor]]:
        y = x + bias
        return y, [y.sum(-1), y.prod(-1)], {"largest": y.amax(-1)}


def models(folder):
    """Two models, methods by name, a loop of one's own; the lock describes the models."""
    write(folder, {
        "bundle.toml": manifest("models", "json", '\n[models.coarse]\nfile = "coarse.pt"\n[models.fine]\nfile = "fine.pt"\n'
                                "\n[params]\nsteps = 3\n\n[provenance]\nscript = \"make.py\"\n"),
        "forward.lua": 'local torch = require "torch"\nreturn function(model, x, params)\n'
                       "  local y, trace = torch.tensor(x), {}\n"
                       "  for i = 1, params.steps do\n"
                       "    local list, named\n    y, list, named = model.fine:step(model.coarse(y), { bias = i / 4 })\n"
                       "    trace[i] = { y = y, sum = list[1]:item(), product = list[2]:item(), largest = named.largest:item() }\n"
                       "  end\n  return trace\nend\n"})
    torch.jit.script(Steps(0.5)).save(str(folder / "coarse.pt"))
    torch.jit.script(Steps(2.0)).save(str(folder / "fine.pt"))
    mrun("record", folder, "pair", "[1, 2]")
    mrun("pack", folder, "-o", OUT / "models.mb")
    keep("models", ["{bundle}", "[0.25, -3]"], ["{bundle}", "[1e3, 7]", "--param", "steps=1"])


def main():
    if not INPUTS.exists():
        make_inputs()
    for make in (text, image, sound, revisions, differences, models):
        if (OUT / f"{make.__name__}.mb").exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            make(pathlib.Path(folder))


main()
