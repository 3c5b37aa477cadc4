"""tools/bench decode: what a beam search costs beyond its step's own forward, here and in the same loop in Python.

Times are processor time of one thread, so that other work on the machine disturbs them little.
"""
import ctypes
import json
import os
import pathlib
import resource
import time

import sentencepiece
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


class Ready(torch.nn.Module):
    """A step that costs next to nothing: the same scores each time."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.register_buffer("scores", torch.randn(8 * BEAM, VOCABULARY))

    def forward(self, x):
        return x

    @torch.jit.export
    def step(self, tokens, h):
        return self.scores[:tokens.size(0)].clone(), h


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


def one_thread():
    """For torch's own work and for OpenBLAS's, which torch.set_num_threads does not reach."""
    torch.set_num_threads(1)
    ctypes.CDLL("libopenblas.so.0").openblas_set_num_threads(1)


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


def sides(build, work, step, items, steps):
    """Microseconds a step of the search and of its step alone, here and in Python; steps: how many here."""
    folder = work / "search" / step.__name__
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.toml").write_text(TOML)
    (folder / "forward.lua").write_text(FORWARD)
    torch.jit.script(step()).save(str(folder / "model.pt"))
    model = torch.jit.load(str(folder / "model.pt"))
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def once(search, steps):
        path = work / "search.jsonl"
        path.write_text((json.dumps({"search": search, "steps": steps}) + "\n") * items)
        return processor(build / "bin/mrun", folder, "--jsonl", path, "--workers", "1", "--threads", "1", "--isolation", "none", env=env)

    def mrun(search):
        """Many steps less few, so that starting the process does not count."""
        return (once(search, steps) - once(search, 50)) / (steps - 50)

    return {"search": lambda: mrun(True), "the step alone": lambda: mrun(False),
            "Python, search": lambda: timed(python_search, model, items, 100),
            "Python, the step alone": lambda: timed(python_forward, model, items, 100)}


def searches(build, work, report, rounds, items):
    chosen = sides(build, work, Step, items, 250)
    times = interleaved({k: chosen[k] for k in ("search", "the step alone")}, rounds)
    report.add(f"a step of a beam of {BEAM}, vocabulary {VOCABULARY}, {items} at once", "us", times, "search",
               [("the step alone", "ratio", 1.05 if items == 1 else 1.08)])


def added(build, work, report, rounds, items):
    """What a search adds to its step: beside a step that costs next to nothing, since it would be lost in the noise of another."""
    times = interleaved(sides(build, work, Ready, items, 1050), rounds)
    times = {"beyond the step": [a - b for a, b in zip(times["search"], times["the step alone"])],
             "Python, beyond the step": [a - b for a, b in zip(times["Python, search"], times["Python, the step alone"])]}
    report.add(f"  what the search adds to a step of {items} at once", "us", times, "beyond the step", [("Python, beyond the step", "ratio", 1 / 3)])


CONSTRAINED = """
local decode, torch = require "decode", require "torch"
return function(model, x)
  local scores = torch.rand({ 1, x.vocabulary })
  local options = { bos = 0, eos = 0, max_new = x.steps, min_new = x.steps }
  if x.constrained then options.constrain = { regex = "[a-z ]*", tokenizer = x.pieces } end
  return #decode.greedy(function() return scores end, options)
end
"""


def pieces_of(count):
    letters = "abcdefghijklmnopqrstuvwxyz0123456789 .,-"
    return [""] + ["".join(letters[(i * 7 + k * k * (i % 89)) % len(letters)] for k in range(1 + i % 6)) for i in range(1, count)]


def constraint(build, work, report, rounds):
    """What a constraint adds to a step of one row; nothing costs much else."""
    folder, vocabulary, steps = work / "constraint", 32000, 2000
    folder.mkdir(exist_ok=True)
    (folder / "bundle.toml").write_text('[bundle]\nname = "constraint"\n[input]\nkind = "json"\n')
    (folder / "forward.lua").write_text(CONSTRAINED)
    torch.jit.script(torch.nn.Identity()).save(str(folder / "model.pt"))
    pieces = pieces_of(vocabulary)

    def once(constrained, steps):
        path = work / "constraint.json"
        path.write_text(json.dumps({"constrained": constrained, "steps": steps, "vocabulary": vocabulary, "pieces": pieces}))
        return processor(build / "bin/mrun", folder, "--jsonl", path, "--workers", "1", "--threads", "1", "--isolation", "none")

    def each(constrained):
        return (once(constrained, steps) - once(constrained, 100)) / (steps - 100)

    times = interleaved({"constrained": lambda: each(True), "free": lambda: each(False)}, rounds)
    report.add(f"a step of one row, vocabulary {vocabulary}, held to a pattern", "us", times, "constrained", [("free", "beyond", 50.0)])


DENSE = """
local decode = require "decode"
return function(x) return decode.constraint({ regex = x.regex, tokenizer = x.pieces }):accepts({}) end
"""


def compiling(build, work, report, rounds):
    """Making a constraint of a pattern that lets nearly everything follow in each of its states, beside one of a single state."""
    folder = work / "dense"
    folder.mkdir(exist_ok=True)
    (folder / "bundle.toml").write_text('[bundle]\nname = "dense"\n[input]\nkind = "json"\n')
    (folder / "preprocess.lua").write_text(DENSE)

    def once(regex):
        path = work / "dense.json"
        path.write_text(json.dumps({"regex": regex, "pieces": pieces_of(32000)}))
        return processor(build / "bin/mrun", folder, "--jsonl", path, "--workers", "1", "--isolation", "none") / 1e3

    times = interleaved({"500 characters": lambda: once("[^x]{0,500}"), "any number": lambda: once("[^x]*")}, rounds)
    report.add("making a constraint, vocabulary 32000, whole process", "ms", times, "500 characters", [("any number", "beyond", 1000.0)])


SENTENCES = [f"{verb} the {noun}" for verb in ("Open", "Close", "Save", "Delete", "Print", "Rename", "Copy", "Select")
             for noun in ("file", "folder", "selected messages", "current document", "window", "search results", "list of users", "password")]
# As programs have them, of one word to 28.
MESSAGES = (pathlib.Path(__file__).parent / "messages.txt").read_text().splitlines()


class Translation:
    """bundles/translate-en-de here, and the same search in Python on the same model: all items stay until the last has ended."""

    def __init__(self, build, work):
        self.mrun, self.work, self.folder = build / "bin/mrun", work, build.parents[1] / "bundles/translate-en-de/bundle"
        self.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(self.folder / "assets/tokenizer.model"))
        self.model = torch.jit.load(str(self.folder / "model.pt")).eval()

    def native(self, sentences, items):
        path = self.work / "sentences.txt"
        path.write_text("".join(s + "\n" for s in sentences))
        return processor(self.mrun, self.folder, "--lines", path, "--workers", "1", "--threads", "1", "--batch-size", items * BEAM,
                         "--param", "no_repeat_ngram=0", "--isolation", "none", env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})

    def native_each(self, sentences, items):
        """Milliseconds a sentence, starting the process left out."""
        return (self.native(sentences, items) - self.native(sentences[:1], items)) / 1e3 / (len(sentences) - 1)

    def python_each(self, sentences, items):
        begin = time.process_time()
        with torch.inference_mode():
            for at in range(0, len(sentences), items):
                self.python(sentences[at:at + items])
        return (time.process_time() - begin) * 1e3 / len(sentences)

    def python(self, sentences, most=80):
        rows = self.tokenizer.encode(sentences, add_eos=True)
        n, width, end = len(rows), max(map(len, rows)), self.tokenizer.eos_id()
        source = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        memory = self.model.encode(source).repeat_interleave(BEAM, 0)
        padding = ((source == 0) * -1e9).repeat_interleave(BEAM, 0)
        sums = torch.full((n, BEAM), -1e9)
        sums[:, 0] = 0
        tokens, past, place = torch.full((n * BEAM,), self.tokenizer.bos_id()), torch.zeros(n * BEAM, 0, memory.size(2)), torch.zeros(n * BEAM, dtype=torch.int64)
        history, first = torch.empty(n * BEAM, 0, dtype=torch.int64), (torch.arange(n) * BEAM).unsqueeze(1)
        kept, over = [[] for _ in range(n)], [False] * n
        for t in range(1, most + 1):
            scores, past, place = self.model.step(tokens, past, place, memory, padding)
            scores[:, :3] = -1e9
            totals = (torch.log_softmax(scores, -1).view(n, BEAM, -1) + sums.unsqueeze(2)).view(n, -1)
            best, places = totals.topk(2 * BEAM)
            token, origin = places % scores.size(1), first + torch.div(places, scores.size(1), rounding_mode="floor")
            ended = token == end
            for item, rank in ended[:, :BEAM].nonzero().tolist():
                kept[item] = sorted([*kept[item], (float(best[item, rank]) / t, history[origin[item, rank]])], key=lambda h: -h[0])[:BEAM]
            sums, order = best.masked_fill(ended, -1e9).topk(BEAM)
            for item in range(n):
                over[item] = over[item] or (len(kept[item]) == BEAM and kept[item][-1][0] >= float(sums[item, 0]) / t)
            if all(over):
                break
            tokens, origin = token.gather(1, order).reshape(-1), origin.gather(1, order).reshape(-1)
            past, place = past.index_select(0, origin), place.index_select(0, origin)
            history = torch.cat([history.index_select(0, origin), tokens.unsqueeze(1)], 1)
        return [self.tokenizer.decode(hypotheses[0][1].tolist()) if hypotheses else "" for hypotheses in kept]


def translations(build, work, report, rounds, what, sentences):
    both = Translation(build, work)
    sides = {}
    for items in (1, 16, 64):
        sides[f"{items} at once"] = lambda items=items: both.native_each(sentences, items)
        sides[f"Python, {items} at once"] = lambda items=items: both.python_each(sentences, items)
    times = interleaved(sides, rounds)
    for items in (1, 16, 64):
        here, there = f"{items} at once", f"Python, {items} at once"
        goals = [(there, "speedup", 3.0)] + ([("1 at once", "speedup", 3.0)] if items == 64 else [])
        chosen = {side: times[side] for side in dict.fromkeys([here, there, "1 at once"])}
        report.add(f"translate-en-de, beam {BEAM}, {what}", "ms", chosen, here, goals)


def main(build, work, as_json, rounds):
    one_thread()
    report = Report("decode: searches beside the same loop in Python, one thread")
    for items in (1, 8):
        searches(build, work, report, rounds, items)
        added(build, work, report, rounds, items)
    constraint(build, work, report, rounds)
    compiling(build, work, report, rounds)
    translations(build, work, report, rounds, "a sentence of 4 words", SENTENCES)
    translations(build, work, report, rounds, "a message of 1 to 28 words", MESSAGES)
    report.print(as_json)
