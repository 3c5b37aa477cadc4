"""tools/bench core: the whole process, loading, the cost of scripts and of calls, the default number of threads."""
import os
import pathlib
import statistics
import subprocess
import sys

import numpy
import torch

from measure import Report, interleaved, run, wall

PYTHON_PHOTO = """
import os, sys, torch, torchvision, PIL.Image
t = torchvision.transforms
transform = t.Compose([t.Resize(256), t.CenterCrop(224), t.ToTensor(), t.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
model = torch.jit.load(sys.argv[1])
with torch.inference_mode():
    p, ids = torch.softmax(model(transform(PIL.Image.open(sys.argv[2]).convert("RGB"))[None])[0], -1).topk(5)
print(ids.tolist(), p.tolist(), flush=True)
os._exit(0)
"""

CALLS = """
local torch = require "torch"
return function(x)
  local ten, thousand, times = torch.ones({10}), torch.ones({1000}), x
  local a, softmax = ten, torch.softmax
  for _ = 1, times do
    %s
  end
  return times
end
"""

class Large(torch.nn.Module):
    """500 MB of weights of which one forward uses little."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(1024, 1024)) for _ in range(120)])
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.head(x)

def photo(build, work, report, rounds):
    import sklearn.datasets
    source = build.parent.parent
    folder = work / "resnet18"
    if not (folder / "model.pt").exists():
        run(sys.executable, source / "bundles/resnet18/export.py", "--out", folder)
    bundle = work / "resnet18.mb"
    run(build / "bin/mrun", "pack", folder, "-o", bundle)
    jpeg = pathlib.Path(sklearn.datasets.__file__).parent / "images/china.jpg"
    script = work / "photo.py"
    script.write_text(PYTHON_PHOTO)
    times = interleaved({
        "mrun": lambda: wall(build / "bin/mrun", bundle, jpeg),
        "libtorch, direct": lambda: wall(build / "bench/peer_photo", folder / "model.pt", jpeg),
        "Python": lambda: wall(sys.executable, script, folder / "model.pt", jpeg),
    }, rounds)
    report.add("one photo through ResNet-18, whole process", "ms", times, "mrun",
               [("libtorch, direct", "ratio", 1.15), ("Python", "speedup", 2.0)])

def load(build, work, report, rounds):
    folder = work / "large"
    folder.mkdir(exist_ok=True)
    (folder / "bundle.toml").write_text('[bundle]\nname = "large"\n[input]\nkind = "tensor"\n')
    model = torch.jit.trace(Large(), torch.ones(1, 4))
    model.save(str(folder / "model.pt"))
    bundle, small, x = work / "large.mb", work / "small", work / "x.npy"
    run(build / "bin/mrun", "pack", folder, "-o", bundle)
    small.mkdir(exist_ok=True)
    (small / "bundle.toml").write_text('[bundle]\nname = "small"\n[input]\nkind = "tensor"\n')
    torch.jit.trace(torch.nn.Linear(4, 2), torch.ones(1, 4)).save(str(small / "model.pt"))
    numpy.save(x, numpy.ones(4, "float32"))
    numbers = {"mrun": [], "torch::jit::load": []}

    def side(name, *command):
        def measure():
            numbers[name].append([float(v) for v in run(*command).split()])
            return numbers[name][-1][0]
        return measure

    times = interleaved({"mrun": side("mrun", build / "bench/bench_host", "load", bundle, small, x),
                         "torch::jit::load": side("torch::jit::load", build / "bench/peer_load", folder / "model.pt")}, rounds)
    report.add("loading 500 MB of weights", "ms", times, "mrun", [("torch::jit::load", "speedup", 10.0)])
    weights = 120 * 4 * 1024 * 1024 / 1024
    private = {name: [n[2] for n in rows[1:]] for name, rows in numbers.items()}
    private["15 % of the weights"] = [weights * 0.15] * len(private["mrun"])
    report.add("private memory after the first result", "KiB", private, "mrun", [("15 % of the weights", "ratio", 1.0)])

def text(build, work, report, rounds):
    source = build.parent.parent
    folder = source / "bundles/good-bad-ugly/bundle"
    lines = work / "lines.txt"
    lines.write_text("".join((source / "bundles/good-bad-ugly/text.txt").read_text().splitlines(keepends=True)[:200]))
    bundle = work / "good-bad-ugly.mb"
    run(build / "bin/mrun", "pack", folder, "-o", bundle)
    env = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    times = interleaved({
        "mrun": lambda: float(run(build / "bench/bench_host", "text", bundle, lines, 5, env=env)),
        "C++, direct": lambda: float(run(build / "bench/peer_text", folder, lines, build / "bench/peer_tokenizer.so", 5, env=env)),
    }, rounds)
    report.add("a sentence through good-bad-ugly, one thread", "us", times, "mrun", [("C++, direct", "beyond", 15.0)])

def calls(build, work, report, rounds):
    count = 20000
    folders = {}
    for name, line in {"softmax of 1000": "a = softmax(thousand, -1)", "add of 10": "a = ten + ten", "nothing": ""}.items():
        folder = folders[name] = work / name.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        (folder / "bundle.toml").write_text('[bundle]\nname = "calls"\n[input]\nkind = "json"\n')
        (folder / "preprocess.lua").write_text(CALLS % line)
    program = build / "bench/bench_host"

    def lua(name):
        """Nanoseconds a call: many calls less few, so that starting the process does not count."""
        def once(times):
            return wall(program, "item", folders[name], times, 1)
        return lambda: (once(count * 6) - once(count)) * 1e6 / (count * 5)

    direct = {"softmax of 1000": 0, "add of 10": 1}
    for name, column in direct.items():
        times = interleaved({"Lua": lua(name), "C++, direct": lambda c=column: float(run(build / "bench/peer_operator", count).split()[c])},
                            rounds)
        report.add(f"an ATen call from Lua: {name}", "ns", times, "Lua", [("C++, direct", "beyond", 1000.0)])

def threads(build, work, report, rounds):
    """The default beside fixed numbers of threads, with the machine as it is and with each of its cores taken by another program."""
    bundle, lines = work / "good-bad-ugly.mb", work / "lines.txt"  # of text()
    cores = len(os.sched_getaffinity(0))
    settings = {"default": []} | {f"--threads {n}": ["--threads", str(n)] for n in sorted({1, cores})}
    inputs = {"one sentence": ["wisdom"], "200 sentences": ["--lines", lines]}
    for what, given in inputs.items():
        for state, busy in (("idle", 0), ("loaded", cores)):
            others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
            try:
                times = interleaved({name: lambda o=o, g=given: wall(build / "bin/mrun", bundle, *g, *o) for name, o in settings.items()}, rounds)
            finally:
                for other in others:
                    other.kill()
                    other.wait()
            best = min((name for name in times if name != "default"), key=lambda name: statistics.median(times[name]))
            report.add(f"{what} through good-bad-ugly, whole process, {state} machine", "ms", times, "default", [(best, "ratio", 1.2)])

def main(build, work, as_json, rounds):
    subprocess.run(["ninja", "-C", build, "bench_peers", "bench_host"], check=True, stdout=subprocess.DEVNULL)
    report = Report("core: processes, loading, scripts")
    for part in (photo, load, text, calls, threads):
        part(build, work, report, rounds)
    report.print(as_json)
