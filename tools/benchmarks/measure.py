"""Both sides of a comparison in one run, interleaved: medians, spread, ratios; a table for people and JSON for programs."""
import json
import resource
import statistics
import subprocess
import sys
import time


def run(*command, **more):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if result.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def wall(*command, **more):
    """Milliseconds of a whole process."""
    begin = time.perf_counter()
    run(*command, **more)
    return (time.perf_counter() - begin) * 1e3


def processor(*command, **more):
    """Milliseconds of processor time of a whole process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*command, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def interleaved(sides, rounds):
    """sides: {name: function -> number}. Each round calls every side once, every other one in the reverse order, as machines slow
    down and speed up in between; the first round only warms up."""
    times = {name: [] for name in sides}
    for i in range(rounds + 1):
        for name in list(sides) if i % 2 else reversed(sides):
            value = sides[name]()
            if i > 0:
                times[name].append(value)
    return times


def spread(values):
    """Half the distance between the quartiles, relative to the median."""
    if len(values) < 4:
        return (max(values) - min(values)) / 2 / statistics.median(values)
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / statistics.median(values)


class Report:
    def __init__(self, title):
        self.title, self.rows = title, []

    def add(self, what, unit, times, base, goals=()):
        """times: {side: [numbers]}; base: the side that is measured against the others. goals: (peer, "ratio" | "speedup" | "beyond",
        bound): at most bound times the peer, at least bound times as fast, at most bound more."""
        medians = {side: statistics.median(v) for side, v in times.items()}
        row = {"what": what, "unit": unit, "median": medians, "spread": {s: spread(v) for s, v in times.items()}, "goals": []}
        for peer, kind, bound in goals:
            value = {"ratio": medians[base] / medians[peer], "speedup": medians[peer] / medians[base],
                     "beyond": medians[base] - medians[peer]}[kind]
            row["goals"].append({"peer": peer, "kind": kind, "value": value, "goal": bound,
                                 "reached": value >= bound if kind == "speedup" else value <= bound})
        self.rows.append(row)

    def print(self, as_json):
        if as_json:
            print(json.dumps({"title": self.title, "rows": self.rows}, indent=1))
            return
        print(f"\n{self.title}")
        for row in self.rows:
            print(f"  {row['what']} ({row['unit']}, median and half the quartile range)")
            for side, median in row["median"].items():
                print(f"    {side:<34}{median:12.2f}  ±{row['spread'][side] * 100:4.1f} %")
            for goal in row["goals"]:
                says = {"ratio": "times {peer}, goal at most {goal}", "speedup": "times as fast as {peer}, goal at least {goal}",
                        "beyond": "{unit} beyond {peer}, goal at most {goal}"}[goal["kind"]].format(unit=row["unit"], **goal)
                print(f"    {'reached' if goal['reached'] else 'MISSED ':<8} {goal['value']:.2f} {says}")
