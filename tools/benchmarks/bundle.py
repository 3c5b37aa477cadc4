"""tools/bench bundle: commits, differences and views of bundles with little and with much in them, beside copying and reading."""
import shutil
import subprocess
import sys
import time

from measure import Report, interleaved, run, wall

MAKE = """
import sys, torch
class Weights(torch.nn.Module):
    def __init__(self, count, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(torch.randn(512, 2560)) for _ in range(count)])
        self.head = torch.nn.Linear(4, 2)
    def forward(self, x):
        return self.head(x)
torch.jit.trace(Weights(int(sys.argv[2]), int(sys.argv[3])), torch.ones(1, 4)).save(sys.argv[1])
"""
SIZES = {"5 MB": 1, "500 MB": 100}  # tensors of 5.2 MB


class Bundle:
    """The author's folder with a model's file, the packed file with a second revision, and the folder that unpack makes of it."""

    def __init__(self, build, work, size, seed=0):
        self.mrun = build / "bin/mrun"
        self.path = work / f"weights-{SIZES[size]}-{seed}.mb"
        self.folder = self.path.with_suffix("")
        self.edits = 0
        self.source = self.path.with_suffix(".source")
        for old in (self.source, self.folder):
            shutil.rmtree(old, ignore_errors=True)
        source = self.source
        source.mkdir()
        (source / "bundle.toml").write_text('[bundle]\nname = "weights"\n[input]\nkind = "tensor"\n')
        (source / "preprocess.lua").write_text("return function(x) return x end\n")
        run(sys.executable, "-c", MAKE, source / "model.pt", SIZES[size], seed)
        run(self.mrun, "pack", source, "-o", self.path)
        run(self.mrun, "unpack", self.path, "-C", self.folder)
        self.first = self.path.with_suffix(".first")  # a commit starts from the same file each time
        self.path.rename(self.first)
        self.restore()
        self.commit(self.folder)

    def restore(self):
        shutil.copyfile(self.first, self.path)
        run("sync")  # all of it: what was freed before is a later fsync's work too

    def commit(self, folder):
        self.edits += 1
        (folder / "preprocess.lua").write_text(f"return function(x) return x end -- {self.edits}\n")
        return wall(self.mrun, "commit", self.path, folder, "-m", "one line")

    def remove(self):
        for folder in (self.folder, self.source):
            shutil.rmtree(folder)
        for file in (self.path, self.first):
            file.unlink()


def commits(work, large, report, rounds):
    copy, grown = work / "copy.mb", []

    def commit(folder):
        large.restore()
        before = large.path.stat().st_size
        took = large.commit(folder)
        grown.append((large.path.stat().st_size - before) / 1000)
        return took

    def cp():
        # Over an old file, as a commit replaces one.
        shutil.copyfile(large.first, copy)
        run("sync")
        return wall("sh", "-c", f"cp --reflink=auto '{large.first}' '{copy}.new' && sync '{copy}.new' && mv '{copy}.new' '{copy}'")

    sides = {"mrun commit": lambda: commit(large.folder), "from model.pt": lambda: commit(large.source), "cp and fsync": cp}
    times = interleaved(sides, rounds)
    for side in ("mrun commit", "from model.pt"):
        report.add(f"one line changed beside 500 MB of weights, whole process: {side}", "ms",
                   {name: times[name] for name in (side, "cp and fsync")}, side, [("cp and fsync", "ratio", 1.2)])
    report.add("what such a commit adds to the file", "kB", {"mrun commit": grown}, "mrun commit")
    copy.unlink()


def views(bundles, report, rounds):
    commands = {
        "log --stat": lambda b: ["log", b.path, "--stat"],
        "inspect": lambda b: ["inspect", b.path],
        "inspect of one text": lambda b: ["inspect", b.path, "preprocess.lua"],
    }
    for name, command in commands.items():
        times = interleaved({size: lambda b=b: wall(b.mrun, *command(b)) for size, b in bundles.items()}, rounds)
        report.add(f"{name}, whole process", "ms", times, "500 MB", [("5 MB", "ratio", 1.2)])

    def diff(bundle):
        def measure():
            took, status = timed_status(bundle.mrun, "diff", f"{bundle.path}@1", bundle.path)
            assert status == 1, "the texts differ"
            return took
        return measure

    times = interleaved({size: diff(b) for size, b in bundles.items()}, rounds)
    report.add("diff of two revisions' texts, whole process", "ms", times, "500 MB", [("5 MB", "ratio", 1.2)])


def timed_status(*command):
    """Milliseconds and exit status of a process that may say that things differ."""
    begin = time.perf_counter()
    done = subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1e3, done.returncode


def tensors(build, large, other, report, rounds):
    def diff():
        took, status = timed_status(large.mrun, "diff", large.path, other.path)
        assert status == 1, "every tensor differs"
        return took

    read = [str(p / "model/main.safetensors") for p in (large.folder, other.folder)]
    times = interleaved({"mrun diff": diff, "reading both": lambda: float(run(build / "bench/bench_host", "read", *read))}, rounds)
    report.add("every tensor of 500 MB differs, whole process", "ms", times, "mrun diff", [("reading both", "ratio", 2.0)])


def main(build, work, as_json, rounds):
    subprocess.run(["ninja", "-C", build, "bench_host"], check=True, stdout=subprocess.DEVNULL)
    report = Report("bundle: revisions and differences")
    bundles = {size: Bundle(build, work, size) for size in SIZES}
    large, other = bundles["500 MB"], Bundle(build, work, "500 MB", seed=1)
    commits(work, large, report, rounds)
    views(bundles, report, rounds)
    tensors(build, large, other, report, rounds)
    report.print(as_json)
    for bundle in (*bundles.values(), other):
        bundle.remove()
