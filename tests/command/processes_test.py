"""Several worker processes for one bundle: the same answers and bits as of one, one copy of the weights, and one that dies costs no other."""
import json
import math
import os
import pathlib
import random
import re
import subprocess
import time
import unittest

import command
from command import mrun

PLUGINS = [a for name in ("company", "intruder") for a in ("--plugin", command.BUILD / f"tests/plugins/{name}.so")]
JOINED = '[batch]\nmax_size = 4\n[models.main]\nfile = "m.company"\n'
PREPROCESS = """
local bundle, company, intruder = require "bundle", require "company", require "intruder"
local made = bundle.shared("made", function() return {math.random(), math.random()} end)
return function(x)
  if x == -1 then intruder.crash() end
  return company.tensor(x, 1 + x % 3), {x = x}
end"""
POSTPROCESS = """
local bundle, company = require "bundle", require "company"
return function(y, params, context)
  emit {context.x, "partial"}
  local made = bundle.shared("made", function() return {} end)
  local answer = {context.x, y:tolist(), math.random(), made[1], made[2]}
  if params.who then answer[6] = company.process() end
  return answer
end"""


def children(pid):
    return [int(c) for t in pathlib.Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]


class Processes(command.Case):
    def setUp(self):
        super().setUp()
        self.folder = self.bundle(kind="json", toml="[params]\nwho = false\n" + JOINED, files={"m.company": "a model"},
                                  preprocess=PREPROCESS, postprocess=POSTPROCESS)

    def inputs(self, numbers):
        file = self.dir / "inputs"
        file.write_text("".join(f"{n}\n" for n in numbers))
        return file

    def run_on(self, processes, *args, isolation="process"):
        return mrun(self.folder, *args, "--isolation", isolation, *PLUGINS, *(["--processes", processes] if processes else []))

    def test_answers_bits_and_order_do_not_depend_on_how_many(self):
        numbers = random.Random(3)
        file = self.inputs(numbers.randrange(1000) for _ in range(1500))
        first = self.run_on(0, "--jsonl", file, "--stream", "--seed", "5", isolation="none")
        self.assertEqual((first.returncode, len(first.stdout.splitlines())), (0, 3000), first.stderr)
        answers = [a for a in first.stdout.splitlines() if "partial" not in a]
        for processes, more in ((1, []), (2, []), (3, ["--workers", "5"]), (2, ["--workers", "1"])):
            result = self.run_on(processes, "--jsonl", file, "--seed", "5", *more)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(result.stdout.splitlines(), answers, (processes, more))

    def test_every_process_has_its_part_of_a_list_and_of_a_pipe(self):
        numbers = "".join(f"{n}\n" for n in range(2000))
        for source in ("-", self.inputs(range(2000))):
            result = mrun(self.folder, "--jsonl", source, "--param", "who=true", "--processes", "3", "--isolation", "process", *PLUGINS,
                          stdin=numbers)
            answers = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertEqual([a[0] for a in answers], list(range(2000)))
            items = [[a[5] for a in answers].count(p) for p in {a[5] for a in answers}]
            self.assertEqual(len(items), 3, items)
            self.assertGreater(min(items), 100)

    def test_one_that_dies_is_replaced_and_costs_its_item(self):
        numbers = [-1 if n in (7, 700, 1400) else n for n in range(1500)]
        result = self.run_on(2, "--jsonl", self.inputs(numbers), "--timings")
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([n if isinstance(a, list) else -1 for n, a in enumerate(answers)], numbers)
        self.assertEqual({answers[n]["error"]["code"] for n in (7, 700, 1400)}, {"CRASH"})
        self.assertIn("1500 items, 3 failed", result.stderr)

    def test_the_trace_has_a_place_for_each(self):
        trace = self.dir / "trace.json"
        self.assertEqual(self.run_on(2, "--jsonl", self.inputs(range(1200)), "--trace", trace).returncode, 0)
        events = json.loads(trace.read_text())
        events = events["traceEvents"] if isinstance(events, dict) else events
        names = {e["args"]["name"] for e in events if e["name"] == "process_name"}
        self.assertEqual(names, {"mrun", "mrun, process 2"})
        self.assertEqual({e["args"]["item"] for e in events if "item" in e["args"]}, set(range(1200)))
        self.assertEqual({e["pid"] for e in events}, {1, 2})

    def test_only_worker_processes_can_be_several(self):
        self.refused(2, self.folder, "--isolation", "none", "--processes", "2", "1", *PLUGINS, contains="isolation process")
        self.refused(2, self.folder, "--processes", "0", "1", contains="want a whole number from 1 to 256")
        one = self.run_on(1, "1", isolation="none")
        self.assertEqual(one.returncode, 0, one.stderr)

    @unittest.skipIf(os.environ["MRUN_PRESET"] in ("asan", "tsan"), "a sanitizer's own memory is counted with them")
    def test_they_share_one_copy_of_the_weights(self):
        megabytes = 100
        weights = self.folder / "model/main/weights"
        weights.parent.mkdir(parents=True)
        weights.write_bytes(random.Random(1).randbytes(megabytes << 20))
        packed = self.dir / "packed.mb"
        self.assertEqual(mrun("pack", self.folder, "-o", packed, *PLUGINS).returncode, 0)
        file = self.inputs(range(3))
        for bundle in (self.folder, packed):
            command_line = [command.MRUN, bundle, "--jsonl", "-", "--isolation", "process", "--processes", "4", *PLUGINS]
            with subprocess.Popen([*map(str, command_line)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
                host.stdin.write(file.read_text())
                host.stdin.flush()
                for _ in range(3):
                    self.assertTrue(host.stdout.readline())
                workers = children(host.pid)
                held = [(self.own_memory_of(w), self.weights_held_by(w)) for w in workers]
                host.stdin.close()
            self.assertEqual(len(held), 4)
            for own, weights in held:
                self.assertLess(own, 0.8 * megabytes)
                self.assertGreater(weights["Rss:"], 0.99 * megabytes)
            self.assertLess(sum(weights["Pss:"] for _, weights in held), 1.1 * megabytes)

    @staticmethod
    def own_memory_of(pid):
        """Megabytes that no file and no other process has."""
        return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024

    @staticmethod
    def weights_held_by(pid):
        """Megabytes of its largest mapping: Rss all, Pss its part where others have the same pages. A locked worker shows them to root alone;
        where sudo would ask for a password, its own memory has to do."""
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        shown = subprocess.run([*as_root, "cat", f"/proc/{pid}/smaps"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if as_root and shown.returncode != 0:
            return {"Rss:": math.inf, "Pss:": 0}
        mappings, mapping = [], {}
        for line in shown.stdout.splitlines():
            key, value = line.split()[:2]
            if key in ("Rss:", "Pss:"):
                mapping[key] = int(value) / 1024
            if key == "VmFlags:":
                mappings.append(dict(mapping))
        return max(mappings, key=lambda m: m["Rss:"])

    def test_none_is_left_behind(self):
        with subprocess.Popen([*map(str, [command.MRUN, self.folder, "--jsonl", "-", "--processes", "3", "--isolation", "process", *PLUGINS])],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
            host.stdin.write("1\n")
            host.stdin.flush()
            host.stdout.readline()
            workers = children(host.pid)
            host.kill()
        self.assertEqual(len(workers), 3)
        deadline = time.monotonic() + 30
        while any(command.is_alive(w) for w in workers) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual([w for w in workers if command.is_alive(w)], [])


if __name__ == "__main__":
    unittest.main()
