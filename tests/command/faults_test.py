"""Runs that are interrupted, killed, starved or fed without end. MRUN_FAULTS=1 makes as many attempts as a release wants."""
import json
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from command import ENDLESS, MRUN, SOURCE, Case, mrun, until, until_it_says, until_it_waits

LONG = os.environ.get("MRUN_FAULTS") == "1"
INTERRUPTS, KILLS = (200, 50) if LONG else (12, 6)
WORK = "return function(s)\n  local n = 0\n  for i = 1, 3000 do n = n + i % 7 end\n  return { s, n, math.random(1000000) }\nend\n"


class Faults(Case):
    def lines(self, count):
        path = self.dir / "lines.txt"
        path.write_text("".join(f"line {i}\n" for i in range(count)))
        return path

    def start(self, *args, **more):
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        process = subprocess.Popen([MRUN, *map(str, args)], **given)
        self.addCleanup(process.kill)
        return process

    def ends(self, process, *statuses):
        """What it wrote; it must end by itself."""
        out, said = process.communicate(timeout=300)
        self.assertIn(process.returncode, statuses, said)
        return out, said

    def test_one_interrupt_at_any_moment_ends_a_run_with_whole_lines(self):
        folder, lines, draw = self.bundle(preprocess=WORK), self.lines(30000), random.Random(11)
        for attempt in range(INTERRUPTS):
            waits = attempt % 3 == 2  # for standard input
            run = self.start(folder, "--lines", "-" if waits else lines, stdin=subprocess.PIPE if waits else subprocess.DEVNULL)
            if waits:
                run.stdin.write("a\nb\n")
                run.stdin.flush()
            time.sleep(draw.uniform(0.03, 0.6))
            run.send_signal(signal.SIGINT)
            out, _ = self.ends_open(run) if waits else self.ends(run, 130, 0, -signal.SIGINT)
            for i, line in enumerate(out.splitlines(keepends=True)):
                self.assertTrue(line.endswith("\n"))
                self.assertEqual(json.loads(line)[0], ["a", "b"][i] if waits else f"line {i}")

    def ends_open(self, run):
        """As ends, while its standard input stays open."""
        self.assertIn(run.wait(timeout=300), (130, -signal.SIGINT))
        out = run.stdout.read()
        said = run.stderr.read()
        for pipe in (run.stdin, run.stdout, run.stderr):
            pipe.close()
        return out, said

    def test_kills_at_any_moment_lose_and_double_nothing(self):
        folder, lines, out, draw = self.bundle(preprocess=WORK), self.lines(40000), self.dir / "out.jsonl", random.Random(12)
        wanted, command = mrun(folder, "--lines", lines).stdout, [folder, "--lines", lines, "-o", out, "--resume"]
        kills = 0
        while kills < KILLS:
            run = self.start(*command)
            time.sleep(draw.uniform(0.02, 0.5))
            run.kill()
            run.communicate()
            kills += 1
            if out.exists():  # it was faster: what is there is whole, and the next one begins again
                self.assertEqual(out.read_text(), wanted)
                out.unlink()
        self.assertEqual(mrun(*command).returncode, 0)
        self.assertEqual(out.read_text(), wanted)

    def test_the_reader_of_the_answers_goes_away(self):
        run = self.start(self.bundle(preprocess=WORK), "--lines", self.lines(100000))
        self.assertEqual(json.loads(run.stdout.readline())[0], "line 0")
        run.stdout.close()
        self.assertEqual(run.wait(timeout=300), 5)
        run.stderr.close()

    def test_a_line_without_end_is_refused_where_no_item_could_hold_it(self):
        folder = self.bundle(preprocess=WORK)
        with open("/dev/zero") as zeros:
            for source in ["/dev/zero", "-"]:
                _, said = self.ends(self.start(folder, "--lines", source, "--memory", "3M", stdin=zeros), 1)
                self.assertIn("a line of more than 3.0 MiB, which no item may hold (--memory)", said)

    def test_one_interrupt_ends_a_run_that_waits_for_a_fifo_s_writer(self):
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        run = self.start(self.bundle(preprocess=WORK), "--lines", fifo)
        until_it_waits(run)
        run.send_signal(signal.SIGINT)
        _, said = self.ends(run, 130)
        self.assertIn("nobody writes to it yet", said)

    def test_one_signal_ends_a_single_item(self):
        folder = self.bundle(preprocess=ENDLESS)
        for name, status in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)):
            run = self.start(folder, "x", "--timeout", "-1")
            until_it_says("it runs", run.stderr)
            run.send_signal(name)
            self.assertEqual(self.ends(run, status)[0], "")

    def test_one_signal_ends_a_run_whose_answers_nobody_reads(self):
        folder = self.bundle(preprocess="return function(s) return ('x'):rep(5000) end\n")
        run = self.start(folder, "--lines", self.lines(3000), "--trace", self.dir / "trace.json")
        until(lambda: list(self.dir.glob(".trace.json.tmp-*")))
        until_it_waits(run)
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=300), 130)
        self.assertEqual(list(self.dir.glob(".trace*")), [])
        run.stdout.close()
        run.stderr.close()

    def test_one_signal_ends_a_run_whose_input_does_not_come(self):
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        writer = os.open(fifo, os.O_RDWR)
        self.addCleanup(os.close, writer)
        os.write(writer, b"some")
        run = self.start(self.bundle(kind="bytes", preprocess="return function(s) return 1 end\n"), fifo)
        until_it_waits(run)
        run.send_signal(signal.SIGINT)
        self.ends(run, 130)

    def test_a_signal_to_end_leaves_what_an_interrupt_does(self):
        folder, out = self.bundle(preprocess=WORK), self.dir / "out"
        for name in signal.SIGTERM, signal.SIGHUP:
            run = self.start(folder, "--lines", "-", "-o", out, stdin=subprocess.PIPE)
            run.stdin.write("a\nb\n")
            run.stdin.flush()
            until(lambda: sum(f.read_bytes().count(b"\n") for f in self.dir.glob(".out.tmp-*")) >= 2)
            run.send_signal(name)
            self.assertEqual(run.wait(timeout=300), -name)
            self.assertIn("holds the answers until then", run.stderr.read())
            for pipe in (run.stdin, run.stdout, run.stderr):
                pipe.close()
            self.assertEqual([json.loads(line)[0] for line in out.read_text().splitlines()], ["a", "b"])
            out.unlink()

    def test_a_fifo_is_read_as_it_comes(self):
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        run = self.start(self.bundle(preprocess=WORK), "--lines", fifo)
        with open(fifo, "w") as pipe:
            pipe.write("a\n")
            pipe.flush()
            self.assertEqual(json.loads(run.stdout.readline())[0], "a")
            pipe.write("b")  # no newline at its end
        out, _ = self.ends(run, 0)
        self.assertEqual(json.loads(out)[0], "b")

    def test_a_reader_much_faster_than_the_items_does_not_fill_memory(self):
        script = "return function(s)\n  local n = 0\n  for i = 1, 30000 do n = n + i % 7 end\n  return n\nend\n"
        run = self.start(self.bundle(preprocess=script), "--lines", "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        block, sent, end = "x" * 1000 + "\n", 0, time.monotonic() + 3
        os.set_blocking(run.stdin.fileno(), False)
        while time.monotonic() < end or sent <= 100000:  # on a busy machine the worker is not there yet
            try:
                sent += os.write(run.stdin.fileno(), (block * 60).encode())
            except BlockingIOError:
                time.sleep(0.001)
        with open(f"/proc/{run.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=300), 130)
        self.assertLess(peak, 400 * 1024)
        run.stdin.close()
        run.stderr.close()

    def test_sizes_that_are_none(self):
        folder, lines = self.bundle(preprocess=WORK), self.lines(3)
        for option, value in (("--batch-size", "0"), ("--batch-size", "1000000000"), ("--workers", "-1"), ("--max-delay", "-1"), ("--shard", "3/2")):
            self.refused(2, folder, "--lines", lines, option, value, contains=option)

    def test_options_that_are_no_numbers(self):
        folder = self.bundle(preprocess=WORK)
        for option, value, wanted in (("--timeout", "soon", "want a number"), ("--timeout", "nan", "want a number"),
                                      ("--start-timeout", "", "want a number"), ("--workers", "1.5", "want a whole number from 0"),
                                      ("--workers", "x", "want a whole number from 0"), ("--threads", "2x", "want a whole number from 0"),
                                      ("--batch-size", "1e3", "want a whole number from 1 to 1048576"), ("--seed", "-1", "want a whole number from 0"),
                                      ("--max-delay", "1s", "want a number from 0 to 3600000"), ("--memory", "x", "want bytes"), ("--memory", "0.5", "want bytes")):
            self.refused(2, folder, "1", option, value, contains=f"{option}: {wanted}")
        self.refused(2, "bench", folder, "1", "--seconds", "0", contains="--seconds: want a number from 0.01 to 86400, got 0")

    def test_where_threads_are_refused_a_model_is_an_error_and_no_wait_without_end(self):
        here, command = self.public()
        shutil.copytree(SOURCE / "bundles/good-bad-ugly/bundle", here / "bundle")
        subprocess.run(["chmod", "-R", "a+rX", here], check=True)
        for isolation in "none", "process":
            for most in 1, 2, 3, 4, 5, 6:
                done = self.as_another("prlimit", f"--nproc={most}", command, here / "bundle", "joy", "--isolation", isolation)
                self.assertEqual((done.returncode, done.stdout), (3, ""), (most, done.stderr))
                self.assertRegex(done.stderr, "ulimit -u|a limit of processes|Resource temporarily unavailable")


if __name__ == "__main__":
    unittest.main()
