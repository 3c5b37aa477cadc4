"""tools/bench isolation: what a worker process costs beside the same in one process."""
import os
import statistics
import subprocess

from measure import Report, interleaved, run, wall

SENTENCES = ["The fear of the LORD is the beginning of wisdom.", "The sword, the pit and the shadow of death are before me."]
MEGABYTES = 64


def env(isolation):
    return {**os.environ, "MRUN_ISOLATION": isolation}


def both(measure):
    return {"process": lambda: measure(env("process")), "none": lambda: measure(env("none"))}


def one_shot(build, work, report, rounds):
    for name, given in (("good-bad-ugly", [SENTENCES[0]]), ("digits", ["bundles/digits/bundle/examples/seven/input.jpg"])):
        bundle = work / f"{name}.mb"
        run(build / "bin/mrun", "pack", build.parent.parent / "bundles" / name / "bundle", "-o", bundle)
        times = interleaved(both(lambda e: wall(build / "bin/mrun", bundle, *given, env=e, cwd=build.parent.parent)), rounds)
        report.add(f"one input of {name}, whole process", "ms", times, "process", [("none", "ratio", 1.05)])


def per_item(build, work, report, rounds):
    lines = work / "sentences.txt"
    lines.write_text("".join(s + "\n" for s in SENTENCES * 100))
    host = build / "bench/bench_host"
    times = interleaved(both(lambda e: float(run(host, "text", work / "good-bad-ugly.mb", lines, 5, env=e))), rounds)
    report.add("an item by itself, good-bad-ugly", "us", times, "process", [("none", "beyond", 100)])
    as_long = statistics.median(times["none"])
    hops = interleaved({"a byte there and back": lambda: float(run(host, "hop", as_long, 200))}, rounds)
    report.add("of it two processes that tell each other a byte, the one working as long", "us", hops, "a byte there and back")


def many(build, work, report, rounds):
    lines = work / "many.txt"
    lines.write_text("".join(s + "\n" for s in SENTENCES * 15000))
    command = [build / "bin/mrun", work / "good-bad-ugly.mb", "--lines", lines, "-o", work / "answers.jsonl"]
    times = interleaved(both(lambda e: wall(*command, env=e)), rounds)
    report.add("30,000 sentences of good-bad-ugly, whole process", "ms", times, "process", [("none", "ratio", 1 / 0.97)])


def processes(build, work, report, rounds):
    command = [build / "bin/mrun", work / "good-bad-ugly.mb", "--lines", work / "many.txt", "-o", work / "answers.jsonl"]
    sides = {f"{n} processes": lambda n=n: wall(*command, "--processes", n, env=env("process")) for n in (1, 2)}
    report.add("the same in two worker processes, libtorch loaded twice", "ms", interleaved(sides, rounds), "2 processes")


def large(build, work, report, rounds):
    folder = work / "bytes"
    folder.mkdir(exist_ok=True)
    (folder / "bundle.toml").write_text('[bundle]\nname = "bytes"\n[input]\nkind = "bytes"\n')
    for stage, text in (("in", "return function(x) return 1 end"), ("both ways", "return function(x) return x end")):
        (folder / "preprocess.lua").write_text(text + "\n")
        host = [build / "bench/bench_host", "tensor", folder, MEGABYTES, 5]
        times = interleaved(both(lambda e: float(run(*host, env=e))), rounds)
        report.add(f"{MEGABYTES} MB {stage}", "ms", times, "process")
    data = work / "large.bin"
    data.write_bytes(bytes(MEGABYTES * 1_000_000))
    (folder / "preprocess.lua").write_text("return function(x) return 1 end\n")
    host = [build / "bench/bench_host", "file", folder, data, 5]
    times = interleaved(both(lambda e: float(run(*host, env=e))), rounds)
    report.add(f"a file of {MEGABYTES} MB, read and answered", "ms", times, "process")


def main(build, work, as_json, rounds):
    subprocess.run(["ninja", "-C", build, "bench_host"], check=True, stdout=subprocess.DEVNULL)
    report = Report("isolation: a worker process beside the same in one process")
    for part in (one_shot, per_item, many, processes, large):
        part(build, work, report, rounds)
    report.print(as_json)
