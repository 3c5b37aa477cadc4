"""tools/bench engine: many inputs. Joined calls beside the batched call itself, whole runs beside Python, --exact, pipes, memory.

Short measurements are processor time, so that other work on the machine disturbs them little; whole runs are both.
"""
import json
import os
import pathlib
import re
import select
import shutil
import statistics
import subprocess
import sys
import time

import torch

from measure import Report, interleaved, processor, run, wall

HERE = pathlib.Path(__file__).resolve().parent
# In this process: tools/bench isolation says what the other one costs.
ONE_THREAD = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MRUN_ISOLATION="none")
LOOP = """
local torch = require "torch"
return function(model, steps)
  local h = torch.zeros({ WIDTH })
  for _ = 1, steps do h = model(h) end
  return steps
end
"""


class Half(torch.nn.Module):
    """The least that a model can do: what is measured beside it is the engine."""

    def forward(self, h):
        return h * 0.5


class Cell(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.cell = torch.nn.GRUCell(64, 512)
        self.register_buffer("x", torch.randn(1, 64))

    def forward(self, h):
        return self.cell(self.x.expand(h.size(0), 64), h)


class Rows(torch.nn.Module):
    """Elementwise: each row by itself."""

    def forward(self, x):
        for _ in range(20):
            x = torch.tanh(x + 0.1)
        return x.select(1, 0)


class Small(torch.nn.Module):
    """One small layer behind an image chain."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(3 * 14 * 14, 10)

    def forward(self, x):
        return self.layer(torch.nn.functional.avg_pool2d(x, 16).flatten(1))


def folder_of(path, kind, model=None, toml="", **scripts):
    path.mkdir(exist_ok=True)
    (path / "bundle.toml").write_text(f'[bundle]\nname = "{path.name}"\n[input]\nkind = "{kind}"\n{toml}')
    for stage, text in scripts.items():
        (path / f"{stage}.lua").write_text(text)
    if model is not None:
        torch.jit.script(model.eval()).save(str(path / "model.pt"))
    return path


def joined_calls(build, work, report, rounds):
    items, program, direct = 32, build / "bench/bench_many", build / "bench/peer_loop"
    for name, model, width, steps in (("a model that does nothing", Half(), 8, 2000), ("GRUCell 64 to 512", Cell(), 512, 100)):
        folder = folder_of(work / f"loop-{width}", "json", model, "[batch]\nmax_size = 32\n", forward=LOOP.replace("WIDTH", str(width)))
        times = interleaved({
            "joined": lambda: float(run(program, "loop", folder, items, steps, "together", env=ONE_THREAD)),
            "the batched call": lambda: float(run(direct, folder / "model.pt", items, width, steps, env=ONE_THREAD)),
            "item by item": lambda: float(run(program, "loop", folder, items, steps // 4, "alone", env=ONE_THREAD)),
        }, rounds)
        goals = [("the batched call", "beyond", 1000.0)] if width == 8 else [("item by item", "speedup", 8.0), ("the batched call", "ratio", 1.1)]
        report.add(f"a loop over 32 items, an item and step, processor: {name}", "ns", times, "joined", goals)


def text_bundle(build, work):
    bundle = work / "good-bad-ugly.mb"
    run(build / "bin/mrun", "pack", build.parent.parent / "bundles/good-bad-ugly/bundle", "-o", bundle)
    return bundle


def some_lines(build, path, count):
    verses = (build.parent.parent / "bundles/good-bad-ugly/text.txt").read_text().splitlines()
    path.write_text("".join(verses[i % len(verses)] + "\n" for i in range(count)))
    return path


def text(build, work, report, rounds, count):
    bundle, lines, out = text_bundle(build, work), some_lines(build, work / "many-lines.txt", count), work / "answers.jsonl"
    folder = build.parent.parent / "bundles/good-bad-ugly/bundle"
    peer = [sys.executable, HERE / "peer_lines.py", folder, lines, out]
    cores = len(os.sched_getaffinity(0))
    commands = {"mrun": [build / "bin/mrun", bundle, "--lines", lines, "-o", out], "Python, one by one": [*peer, "loop"]}
    for size in (64, 256):
        commands[f"Python, by length, batches of {size}"] = [*peer, "bucket", 0, 1, size]
        commands[f"the same, DataLoader of {cores} workers"] = [*peer, "bucket", cores, 1, size]
    for what, clock in (("whole process", wall), ("processor", processor)):
        times = interleaved({name: lambda c=c: clock(*c, env=ONE_THREAD) for name, c in commands.items()}, max(1, rounds // 3))
        best = min((n for n in commands if n.startswith(("Python, by", "the same"))), key=lambda n: statistics.median(times[n]))
        report.add(f"{count} lines through good-bad-ugly, {what}", "ms", times, "mrun", [("Python, one by one", "speedup", 4.0), (best, "speedup", 4.0)])


def slowest_stage(build, work, report, rounds):
    """The whole of an image chain with ResNet-18, and its forward alone on tensors that are there."""
    import numpy
    source, folder = build.parent.parent, work / "resnet18"
    if not (folder / "model.pt").exists():
        run(sys.executable, source / "bundles/resnet18/export.py", "--out", folder)
    photos = photos_of(work / "photos", 32)
    alone = work / "resnet18-alone"
    shutil.rmtree(alone, ignore_errors=True)
    alone.mkdir()
    shutil.copy(folder / "model.pt", alone)
    (alone / "bundle.toml").write_text((folder / "bundle.toml").read_text().replace('"image"', '"tensor"'))
    tensors = work / "tensors"
    tensors.mkdir(exist_ok=True)
    for i in range(32):
        numpy.save(tensors / f"{i:02}.npy", numpy.random.default_rng(i).standard_normal((3, 224, 224), "float32"))
    (alone / "postprocess.lua").write_text("return function(x) return 1 end\n")
    short = folder_of(work / "small", "image", Small(), preprocess=(folder / "preprocess.lua").read_text(),
                      toml=re.search(r"\[params\]\n(.+\n)+", (folder / "bundle.toml").read_text())[0])
    rate = rates(build)
    for name, bundle, goal, script in (("ResNet-18", folder, 1.0, folder / "model.pt"), ("an image chain and a small layer", short, 1.5, short / "model.pt")):
        peer = {f"DataLoader of {n} workers": lambda n=n, s=script: float(run(sys.executable, HERE / "peer_photos.py", s, photos, n, env=ONE_THREAD))
                for n in (0, len(os.sched_getaffinity(0)))}
        sides = {"mrun": lambda b=bundle: rate(b, photos), **peer}
        if bundle is folder:
            sides["its forward alone"] = lambda: rate(alone, tensors)
        times = interleaved(sides, max(1, rounds // 3))
        best = min(peer, key=lambda n: statistics.median(times[n]))
        goals = [(best, "speedup", goal)] + ([("its forward alone", "ratio", 1 / 0.95)] if bundle is folder else [])
        report.add(f"photos through {name}", "ms an item", times, "mrun", goals)


def photos_of(folder, count):
    import sklearn.datasets
    folder.mkdir(exist_ok=True)
    jpegs = sorted((pathlib.Path(sklearn.datasets.__file__).parent / "images").glob("*.jpg"))
    for i in range(count):
        shutil.copy(jpegs[i % len(jpegs)], folder / f"{i:03}.jpg")
    return folder


def rates(build):
    """Milliseconds an item of a bundle over a folder's files, its start not counted."""
    def measure(bundle, inputs):
        made = json.loads(run(build / "bin/mrun", "bench", bundle, inputs, "--seconds", 4, "--workers", len(os.sched_getaffinity(0)), "--batch-size", 8, "--json"))
        return 1e3 / made["items_per_second"]
    return measure


def exact(build, work, report, rounds):
    """Full batches: --exact fills and proves, and must not cost more. With a model whose rows have the same bits anywhere, also where
    the linear algebra's have not."""
    folder = folder_of(work / "rows", "json", Rows(), preprocess='local torch = require "torch"\nreturn function(n) return torch.full({ 1024 }, n % 7 / 7) end\n',
                       postprocess="return function(x) return x:item() end\n")
    numbers = work / "numbers.jsonl"
    numbers.write_text("".join(f"{i}\n" for i in range(4000)))
    command = [build / "bin/mrun", folder, "--jsonl", numbers, "-o", work / "answers.jsonl", "--batch-size", 16]
    times = interleaved({"--exact": lambda: processor(*command, "--exact", env=ONE_THREAD), "without": lambda: processor(*command, env=ONE_THREAD)}, rounds)
    report.add("4,000 items in full batches of 16, processor", "ms", times, "--exact", [("without", "ratio", 1.05)])


def stream(build, work, report, rounds):
    bundle, lines = text_bundle(build, work), some_lines(build, work / "few-lines.txt", 50)
    times = interleaved({"submit to answer": lambda: float(run(build / "bench/bench_many", "stream", bundle, lines, 2, env=ONE_THREAD)),
                         "a line through a pipe": lambda: through_pipe(build, bundle, lines)}, rounds)
    for side in times:
        whole = {side: times[side], "1 ms": [1000.0]}
        report.add(f"the first answer of a stream beyond its compute: {side}", "us", whole, side, [("1 ms", "ratio", 1.0)])


def through_pipe(build, bundle, lines):
    """Microseconds from a line's writing to its answer, less what the stages took: medians."""
    process = subprocess.Popen([build / "bin/mrun", bundle, "--lines", "-", "--timings", "--workers", "1"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ONE_THREAD)
    took = []
    for line in lines.read_text().splitlines():
        begin = time.perf_counter()
        process.stdin.write(line + "\n")
        process.stdin.flush()
        select.select([process.stdout], [], [])
        process.stdout.readline()
        took.append((time.perf_counter() - begin) * 1e6)
    _, said = process.communicate()
    medians = {row.split()[0]: row.split() for row in said.splitlines() if row.startswith(("preprocess", "forward", "postprocess"))}
    header = next(row for row in said.splitlines() if "p50" in row).split()
    column = header.index("p50") - len(header)
    return statistics.median(took) - sum(float(row[column]) for row in medians.values()) * 1e3


def watched(process):
    """A process's usage, and its largest memory in MiB so far as it was seen (what wait4 gives counts the parent's, too)."""
    largest = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage, [largest / 1024]
        for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                largest = max(largest, int(line.split()[1]))
        time.sleep(0.01)


def memory(build, work, report, rounds, counts):
    folder = folder_of(work / "upper", "text", preprocess="return function(s) return s:upper() end\n")
    peak, cost = {}, {}
    for count in counts:
        lines = work / f"lines-{count}.txt"
        with open(lines, "w") as file:
            file.writelines(f"line {i}\n" for i in range(count))
        process = subprocess.Popen([build / "bin/mrun", folder, "--lines", lines, "-o", "/dev/null"])
        usage, peak[f"{count} items"] = watched(process)
        cost[f"{count} items"] = [(usage.ru_utime + usage.ru_stime) * 1e6 / count]
        lines.unlink()
    few, many = f"{counts[0]} items", f"{counts[-1]} items"
    report.add("largest memory of a run", "MiB", peak, many, [(few, "ratio", 1.1)])
    report.add("processor time an item, starting included", "us", cost, many, [(few, "ratio", 1.0)])


def main(build, work, as_json, rounds):
    subprocess.run(["ninja", "-C", build, "bench_peers", "bench_host", "bench_many"], check=True, stdout=subprocess.DEVNULL)
    counts = [10000, int(os.environ.get("BENCH_ITEMS", "1000000"))]
    report = Report("engine: many inputs")
    joined_calls(build, work, report, rounds)
    text(build, work, report, rounds, 10000)
    slowest_stage(build, work, report, rounds)
    exact(build, work, report, rounds)
    stream(build, work, report, rounds)
    memory(build, work, report, rounds, counts)
    report.print(as_json)
