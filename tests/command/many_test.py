"""Many inputs: shards, interrupted runs that go on, pipes that stay open, traces, wrong numbers."""
import json
import os
import pathlib
import random
import resource
import select
import signal
import subprocess
import time
import unittest

from command import BUILD, GOOD_BAD_UGLY, MRUN, Case, mrun

# Its answers depend on the item's number: random numbers do.
SCRIPT = "return function(s) return { s, math.random(1000000) } end\n"
SLOW = "return function(s)\n  local n = 0\n  for i = 1, 20000 do n = n + i % 7 end\n  return { s, n, math.random(1000000) }\nend\n"


class Many(Case):
    def lines(self, count):
        path = self.dir / "lines.txt"
        path.write_text("".join(f"line {i}\n" for i in range(count)))
        return path

    def run_lines(self, *args, **more):
        return [json.loads(line) for line in mrun(*args, **more).stdout.splitlines()]

    def test_answers_are_the_same_for_any_number_of_workers(self):
        folder, lines = self.bundle(preprocess=SCRIPT), self.lines(500)
        one = self.run_lines(folder, "--lines", lines, "--workers", 1)
        self.assertEqual([a[0] for a in one], [f"line {i}" for i in range(500)])
        for workers in (2, 5):
            self.assertEqual(self.run_lines(folder, "--lines", lines, "--workers", workers), one)

    def test_shards_are_parts_of_the_whole(self):
        folder, lines = self.bundle(preprocess=SCRIPT), self.lines(50)
        whole = self.run_lines(folder, "--lines", lines)
        for count in (1, 3, 60):
            for i in range(count):
                self.assertEqual(self.run_lines(folder, "--lines", lines, "--shard", f"{i + 1}/{count}"), whole[i::count])
        kubernetes = dict(os.environ, JOB_COMPLETION_INDEX="2", JOB_COMPLETIONS="3")
        self.assertEqual(self.run_lines(folder, "--lines", lines, "--shard", "auto", env=kubernetes), whole[2::3])
        slurm = dict(os.environ, SLURM_ARRAY_TASK_ID="7", SLURM_ARRAY_TASK_MIN="5", SLURM_ARRAY_TASK_STEP="2", SLURM_ARRAY_TASK_COUNT="3",
                     SLURM_ARRAY_TASK_MAX="10")  # --array=5-10:2
        self.assertEqual(self.run_lines(folder, "--lines", lines, "--shard", "auto", env=slurm), whole[1::3])

    def test_a_single_input_is_the_first_shards(self):
        folder = self.bundle(preprocess=SCRIPT)
        self.assertEqual([len(self.run_lines(folder, "x", "--shard", f"{i}/2")) for i in (1, 2)], [1, 0])

    def test_wrong_shards_and_sizes(self):
        folder, lines = self.bundle(preprocess=SCRIPT), self.lines(3)
        for shard in ("3/2", "0/2", "1", "a/b", "1/", "-1/2"):
            self.refused(2, folder, "--lines", lines, "--shard", shard, contains=["--shard", "I/N"])
        for variables, said in [({"SLURM_ARRAY_TASK_ID": "2", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, ["SLURM_ARRAY_TASK_ID is set", "SLURM_ARRAY_TASK_COUNT"]),
                                ({"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "3"}, ["SLURM_ARRAY_TASK_ID is x", "want a number"]),
                                ({"JOB_COMPLETION_INDEX": "1"}, ["JOB_COMPLETIONS", "--shard I/N"]),
                                # --array=1,3,7: every task says so, also those whose index would fit
                                *[({"SLURM_ARRAY_TASK_ID": i, "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "7"},
                                   ["SLURM_ARRAY_TASK_COUNT is 3", "1 to 7, an array with gaps", "--shard I/N"]) for i in "137"]]:
            self.refused(2, folder, "--lines", lines, "--shard", "auto", env={**os.environ, **variables}, contains=said)
        for option in "--shard", "--device", "--isolation", "--memory":  # a script's unset variable
            self.refused(2, folder, "--lines", lines, option, "", contains=[option, "empty"])
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "JOB_"))}
        self.assertIn("SLURM_ARRAY_TASK_ID", mrun(folder, "--lines", lines, "--shard", "auto", env=bare).stderr)
        for size in ("0", "1000000000", "x"):
            self.refused(2, folder, "--lines", lines, "--batch-size", size, contains="--batch-size")

    def test_a_killed_run_goes_on_with_nothing_lost_or_doubled(self):
        folder, lines, out = self.bundle(preprocess=SLOW), self.lines(60000), self.dir / "out.jsonl"
        command = [folder, "--lines", lines, "-o", out, "--resume"]
        wanted = mrun(folder, "--lines", lines).stdout
        draw = random.Random(5)
        for _ in range(8):
            run = subprocess.Popen([MRUN, *map(str, command)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.02, 0.25))
            run.send_signal(signal.SIGKILL)
            run.wait()
            if out.exists():  # a fast machine was done before it was killed: there is nothing to resume any more
                break
        else:
            self.assertEqual(mrun(*command).returncode, 0)
        self.assertEqual(out.read_text(), wanted)
        self.assertEqual([p.name for p in self.dir.iterdir() if ".part" in p.name], [])

    def test_an_interrupted_run_keeps_what_was_answered(self):
        folder, lines, out = self.bundle(preprocess=SLOW), self.lines(200000), self.dir / "out.jsonl"
        run = subprocess.Popen([MRUN, folder, "--lines", lines, "-o", out], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.wait_for_answers(self.dir / ".out.jsonl.part")
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130)
        self.assertIn("--resume", said)
        kept = (self.dir / ".out.jsonl.part").read_text().splitlines()
        self.assertTrue(all(json.loads(line)[0] == f"line {i}" for i, line in enumerate(kept)))

    def test_only_the_same_run_is_resumed(self):
        folder, lines, out = self.bundle(preprocess=SLOW), self.lines(200000), self.dir / "out.jsonl"
        self.kept(folder, lines, out)
        self.refused(2, folder, "--lines", lines, "-o", out, "--resume", "--seed", 1, contains=["--resume", "same bundle"])
        lines.write_text("other\n")
        self.refused(2, folder, "--lines", lines, "-o", out, "--resume", contains="same bundle")
        finished = self.dir / "finished"
        finished.write_text("something else\n")
        self.refused(2, folder, "--lines", lines, "-o", finished, "--resume", contains="no interrupted run")
        self.assertEqual(finished.read_text(), "something else\n")
        self.refused(2, folder, "--lines", lines, "--resume", contains="-o FILE")

    def wait_for_answers(self, part):
        while not (part.exists() and part.read_bytes().count(b"\n") > 100):
            time.sleep(0.01)

    def kept(self, folder, lines, out, *options):
        """A run that was killed when some of its answers were there: its arguments, and how many are kept."""
        command, part = [folder, "--lines", lines, "-o", out], out.with_name(f".{out.name}.part")
        run = subprocess.Popen([MRUN, *map(str, [*command, *options])], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for_answers(part)
        run.kill()
        run.wait()
        return command, part.read_bytes().count(b"\n")

    def test_parameters_resume_in_any_order(self):
        folder, lines, out = self.bundle(toml="[params]\na = 1\nb = 1\n", preprocess=SLOW), self.lines(12000), self.dir / "out.jsonl"
        command, _ = self.kept(folder, lines, out, "--param", "a=2", "--param", "b=3")
        self.refused(2, *command, "--resume", "--param", "b=2", "--param", "a=3", contains="parameters")
        self.assertEqual(mrun(*command, "--resume", "--param", "b=3", "--param", "a=2").returncode, 0)

    def test_a_run_that_ends_by_an_error_loses_no_answers(self):
        folder, lines, out = self.bundle(preprocess=SLOW), self.lines(12000), self.dir / "out.jsonl"
        part = self.dir / ".out.jsonl.part"
        command, before = self.kept(folder, lines, out)
        self.refused(3, *command, "--resume", "--isolation", "process", env={**os.environ, "MRUN_WORKER": "/nonexistent"}, contains="/nonexistent")
        self.assertEqual(part.read_bytes().count(b"\n"), before)
        limit = part.stat().st_size + 1000
        self.refused(5, *command, "--resume", contains="--resume goes on", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertGreater(part.read_bytes().count(b"\n"), before)
        self.assertEqual(mrun(*command, "--resume").returncode, 0)
        self.assertEqual(out.read_text(), mrun(folder, "--lines", lines).stdout)
        self.assertEqual([p.name for p in self.dir.iterdir() if ".part" in p.name], [])

    def test_what_is_kept_must_fit_the_inputs_and_the_options(self):
        folder, lines, out = self.bundle(preprocess=SLOW), self.lines(12000), self.dir / "out.jsonl"
        command, _ = self.kept(folder, lines, out)
        for changed in (["--threads", 2], ["--batch-size", 3], ["--exact"], ["--plugin", BUILD / "tests/plugins/intruder.so"]):
            self.refused(2, *command, "--resume", *changed, contains="options")
        with (self.dir / ".out.jsonl.part").open("a") as part:
            part.write("[]\n" * 12000)
        self.refused(2, *command, "--resume", contains=["12000", "something else"])
        self.assertFalse(out.exists())

    def test_a_run_that_goes_on_counts_the_failures_that_are_kept(self):
        folder = self.bundle(preprocess=SLOW.replace("  local n", "  if s == 'line 3' then error('odd') end\n  local n", 1))
        lines, out = self.lines(12000), self.dir / "out.jsonl"
        command, _ = self.kept(folder, lines, out)
        self.assertEqual(mrun(*command, "--resume", "--fail-fast").returncode, 1)  # which they do not stop
        answers = out.read_text().splitlines()
        self.assertEqual(len(answers), 12000)
        self.assertIn("error", json.loads(answers[3]))

    def test_a_stage_s_times_are_those_of_the_items_that_came_to_it(self):
        folder = self.bundle(preprocess="return function(s)\n  if s:find('[1-9]$') then error('odd') end\n  return s\nend\n",
                             postprocess="return function(s)\n  for i = 1, 300000 do s = i end\n  return s\nend\n")
        result = mrun(folder, "--lines", self.lines(50), "--timings")
        (row,) = [line.split() for line in result.stderr.splitlines() if line.startswith("postprocess")]
        self.assertEqual(row[1], "5")
        self.assertGreater(float(row[3]), 0)  # the median

    def test_inputs_that_could_not_be_read_are_told(self):
        folder = self.bundle(kind="bytes", preprocess="return function(s) return 1 end\n")
        (self.dir / "there").write_text("x")
        result = mrun(folder, self.dir / "there", self.dir / "gone", "--timings")
        self.assertIn("1 item, 0 failed, 1 input could not be read", result.stderr)

    def test_a_pipe_that_stays_open_is_answered_line_by_line(self):
        run = subprocess.Popen([MRUN, self.bundle(preprocess=SCRIPT), "--lines", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for i in range(5):
            run.stdin.write(f"{i}\n")
            run.stdin.flush()
            self.assertTrue(select.select([run.stdout], [], [], 30)[0], "no answer while the pipe is open")
            self.assertEqual(json.loads(run.stdout.readline())[0], str(i))
        run.stdin.close()
        run.stdout.close()
        self.assertEqual(run.wait(timeout=30), 0)

    def test_one_interrupt_ends_a_run_that_waits_for_its_input(self):
        run = subprocess.Popen([MRUN, self.bundle(preprocess=SCRIPT), "--lines", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        run.stdin.write("a\n")
        run.stdin.flush()
        self.assertEqual(json.loads(run.stdout.readline())[0], "a")
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=30), 130)
        run.stdin.close()
        run.stdout.close()

    def test_a_trace_has_a_row_a_worker_and_slices_of_items_and_batches(self):
        lines, trace = self.lines(40), self.dir / "trace.json"
        mrun(GOOD_BAD_UGLY, "--lines", lines, "--trace", trace, "--workers", 2, "--batch-size", 8)
        events = json.loads(trace.read_text())["traceEvents"]
        rows = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
        self.assertEqual(rows, {1: "worker 1", 2: "worker 2"})
        ran = [e for e in events if e["ph"] == "X"]
        self.assertEqual([e["ts"] for e in ran], sorted(e["ts"] for e in ran))
        self.assertTrue(all(e["pid"] == 1 and e["tid"] in rows and e["ts"] >= 0 and e["dur"] >= 0 for e in ran))
        slices, batches = [e for e in ran if "item" in e["args"]], [e for e in ran if "calls" in e["args"]]
        self.assertEqual({e["args"]["item"] for e in slices}, set(range(40)))
        self.assertEqual(sum(e["args"]["calls"] for e in batches), 40)
        self.assertEqual({e["name"] for e in slices}, {"input to forward", "forward to answer"})
        for row in rows:  # a worker does one thing at a time
            times = sorted((e["ts"], e["ts"] + e["dur"]) for e in ran if e["tid"] == row)
            self.assertTrue(all(a[1] <= b[0] + 0.01 for a, b in zip(times, times[1:])))

    def test_a_trace_appears_when_it_is_whole(self):
        folder, trace, lines = self.bundle(preprocess=SCRIPT), self.dir / "trace.json", self.lines(3)
        trace.write_text("old")
        for wrong in (["--param", "none=1"], ["--isolation", "none such"]):
            self.refused(2, folder, "a", "--trace", trace, *wrong)
            self.assertEqual(trace.read_text(), "old")
        (self.dir / "link").symlink_to("trace.json")
        self.assertEqual(mrun(folder, "a", "--trace", self.dir / "link").returncode, 0)
        self.assertTrue((self.dir / "link").is_symlink())
        self.assertIn("traceEvents", json.loads(trace.read_text()))
        for same in (self.dir / "out", self.dir / "bundle/../out"):
            self.refused(2, folder, "--lines", lines, "-o", self.dir / "out", "--trace", same, contains="is the output")
        self.assertEqual(sorted(f.name for f in self.dir.iterdir()), sorted(["bundle", "link", "trace.json", pathlib.Path(lines).name]))


if __name__ == "__main__":
    unittest.main()
