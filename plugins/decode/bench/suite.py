"""tools/bench decode: what a beam search costs beyond its step's own forward, here and in the same loop in Python.

Times are processor time of one thread, so that other work on the machine disturbs them little.
"""
import json
import os
import resource
import time

import torch

from measure import Report, interleaved, run

VOCABULARY, WIDTH, BEAM = 8000, 512, 4

FORWARD = """
local decode, torch = require "decode", require "torch"
return function(model, x)
  local h = torch.zeros({ 512 })
  if x.search then
    decode.beam_search(model:method "step", { state = { h = h }, bos = 1, beam = 4, max_new = x.steps })
  else
    local tokens, rows = torch.zeros({ 4 }, { dtype = "int64" }), torch.zeros({ 4, 512 })
    for _ = 1, x.steps do model:step(tokens, rows) end
  end
  return x.steps
end
"""

TOML = '[bundle]\nname = "search"\n[input]\nkind = "json"\n[batch]\nmode = "concat"\n'


class Step(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.cell = torch.nn.GRUCell(WIDTH, WIDTH)
        self.head = torch.nn.Linear(WIDTH, VOCABULARY)

    def forward(self, x):
        return x

    @torch.jit.export
    def step(self, tokens, h):
        h = self.cell(self.embedding(tokens), h)
        return self.head(h), h


def python_search(model, items, steps):
    """The loop, vectorized over items and beams with topk and index_select; nothing ends."""
    sums = torch.full((items, BEAM), -1e9)
    sums[:, 0] = 0
    tokens = torch.ones(items * BEAM, dtype=torch.int64)
    h = torch.zeros(items * BEAM, WIDTH)
    first = (torch.arange(items) * BEAM).unsqueeze(1)
    history = torch.empty(items * BEAM, 0, dtype=torch.int64)
    for _ in range(steps):
        scores, h = model.step(tokens, h)
        totals = (torch.log_softmax(scores, -1).view(items, BEAM, -1) + sums.unsqueeze(2)).view(items, -1)
        best, place = totals.topk(2 * BEAM)
        sums, place = best[:, :BEAM], place[:, :BEAM]
        tokens = (place % VOCABULARY).reshape(-1)
        origin = (first + torch.div(place, VOCABULARY, rounding_mode="floor")).reshape(-1)
        h = h.index_select(0, origin)
        history = torch.cat([history.index_select(0, origin), tokens.unsqueeze(1)], 1)
    return history


def python_forward(model, items, steps):
    tokens, h = torch.ones(items * BEAM, dtype=torch.int64), torch.zeros(items * BEAM, WIDTH)
    for _ in range(steps):
        model.step(tokens, h)


def timed(function, *args):
    """Microseconds a step."""
    begin = time.process_time()
    with torch.inference_mode():
        function(*args)
    return (time.process_time() - begin) * 1e6 / args[-1]


def processor(*command, **more):
    """Microseconds of a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*command, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6


def searches(build, work, report, rounds, items):
    folder = work / "search"
    folder.mkdir(exist_ok=True)
    (folder / "bundle.toml").write_text(TOML)
    (folder / "forward.lua").write_text(FORWARD)
    torch.jit.script(Step()).save(str(folder / "model.pt"))
    model = torch.jit.load(str(folder / "model.pt"))
    torch.set_num_threads(1)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def once(search, steps):
        path = work / "search.jsonl"
        path.write_text((json.dumps({"search": search, "steps": steps}) + "\n") * items)
        return processor(build / "bin/mrun", folder, "--jsonl", path, "--workers", "1", "--threads", "1", "--isolation", "none", env=env)

    def mrun(search):
        """Many steps less few, so that starting the process does not count."""
        return (once(search, 250) - once(search, 50)) / 200

    times = interleaved({"search": lambda: mrun(True), "the step alone": lambda: mrun(False),
                         "Python, search": lambda: timed(python_search, model, items, 100),
                         "Python, the step alone": lambda: timed(python_forward, model, items, 100)}, rounds)
    times["beyond the step"] = [a - b for a, b in zip(times["search"], times["the step alone"])]
    times["Python, beyond the step"] = [a - b for a, b in zip(times["Python, search"], times["Python, the step alone"])]
    report.add(f"a step of a beam of {BEAM}, vocabulary {VOCABULARY}, {items} at once", "us",
               {k: times[k] for k in ("search", "the step alone")}, "search", [("the step alone", "ratio", 1.05 if items == 1 else 1.08)])
    report.add("  what the search adds to it", "us", {k: times[k] for k in ("beyond the step", "Python, beyond the step")},
               "beyond the step", [("Python, beyond the step", "ratio", 1 / 3)])


CONSTRAINED = """
local decode, torch = require "decode", require "torch"
return function(model, x)
  local scores = torch.rand({ 1, x.vocabulary })
  local options = { bos = 0, eos = 0, max_new = x.steps, min_new = x.steps }
  if x.constrained then options.constrain = { regex = "[a-z ]*", tokenizer = x.pieces } end
  return #decode.greedy(function() return scores end, options)
end
"""


def constraint(build, work, report, rounds):
    """What a constraint adds to a step of one row; nothing costs much else."""
    folder, vocabulary, steps = work / "constraint", 32000, 2000
    folder.mkdir(exist_ok=True)
    (folder / "bundle.toml").write_text('[bundle]\nname = "constraint"\n[input]\nkind = "json"\n')
    (folder / "forward.lua").write_text(CONSTRAINED)
    torch.jit.script(torch.nn.Identity()).save(str(folder / "model.pt"))
    letters = "abcdefghijklmnopqrstuvwxyz0123456789 .,-"
    pieces = [""] + ["".join(letters[(i * 7 + k * k * (i % 89)) % len(letters)] for k in range(1 + i % 6)) for i in range(1, vocabulary)]

    def once(constrained, steps):
        path = work / "constraint.json"
        path.write_text(json.dumps({"constrained": constrained, "steps": steps, "vocabulary": vocabulary, "pieces": pieces}))
        return processor(build / "bin/mrun", folder, "--jsonl", path, "--workers", "1", "--threads", "1", "--isolation", "none")

    def added(constrained):
        return (once(constrained, steps) - once(constrained, 100)) / (steps - 100)

    times = interleaved({"constrained": lambda: added(True), "free": lambda: added(False)}, rounds)
    report.add(f"a step of one row, vocabulary {vocabulary}, held to a pattern", "us", times, "constrained", [("free", "beyond", 50.0)])


def main(build, work, as_json, rounds):
    report = Report("decode: searches beside the same loop in Python, one thread")
    for items in (1, 8):
        searches(build, work, report, rounds, items)
    constraint(build, work, report, rounds)
    report.print(as_json)
