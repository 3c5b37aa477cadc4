"""Running: output, parameters, limits, several stages, exit statuses."""
import json
import os
import pathlib
import pty
import signal
import subprocess
import unittest

from command import ENDLESS, GOOD_BAD_UGLY, MRUN, Case, mrun, until_it_says

ECHO = "return function(x) return x end\n"


class Hints(Case):
    def test_the_next_command_can_be_typed_as_it_stands(self):
        for name in "plain", "my model", "pack", "it's", "-x":
            made = mrun("new", "--kind", "text", "--", name, cwd=self.dir)
            command = made.stdout.strip().rsplit("then run  ", 1)[1].replace("INPUT", "words")
            run = subprocess.run(["sh", "-c", command.replace("mrun", f"'{MRUN}'", 1)], cwd=self.dir, capture_output=True, text=True, timeout=300)
            self.assertEqual((run.returncode, json.loads(run.stdout or "{}").get("words")), (0, 1), command + run.stderr)


class Output(Case):
    def test_o_writes_a_whole_file_and_nothing_else(self):
        out = self.dir / "answers.jsonl"
        self.assertEqual(self.answers(self.bundle(preprocess=ECHO), "a", "b", "-o", out), [])
        self.assertEqual(out.read_text(), '"a"\n"b"\n')
        self.assertEqual([p.name for p in self.dir.iterdir() if "tmp" in p.name], [])

    def test_unwritable_output(self):
        folder = self.bundle(preprocess=ECHO)
        self.refused(5, folder, "a", "-o", self.dir / "no/such/folder/x", contains="cannot write")
        self.refused(5, folder, "a", "-o", self.dir, contains="folder")

    def test_full_disk(self):
        result = subprocess.run([MRUN, self.bundle(preprocess=ECHO), "a"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("No space left", result.stderr)

    def test_closed_pipe_ends_the_run(self):
        folder = self.bundle(preprocess=ECHO)
        command = f"yes line | head -n 100000 | '{MRUN}' '{folder}' --lines - | head -n 1"
        result = subprocess.run(["bash", "-c", command + "; echo ${PIPESTATUS[2]}"], capture_output=True, text=True, timeout=300)
        self.assertEqual(result.stdout.splitlines(), ['"line"', "5"])

    def test_save_puts_bytes_and_large_tensors_into_files(self):
        import numpy
        folder = self.bundle("tensor", preprocess=ECHO)
        numpy.save(self.dir / "x.npy", numpy.arange(20000, dtype="float32"))
        answer = self.answer(folder, self.dir / "x.npy", "--save", self.dir / "out")
        self.assertTrue(numpy.array_equal(numpy.load(answer["$file"]), numpy.arange(20000, dtype="float32")))
        self.item_error("SCRIPT", "postprocess", folder, self.dir / "x.npy", contains="--save")

    def test_emit_and_stream(self):
        folder = self.bundle(postprocess="return function(x)\n  for i = 1, 3 do emit(i) end\n  return x\nend\n")
        self.assertEqual(self.answers(folder, "a", "--stream"), [{"item": 0, "partial": i} for i in (1, 2, 3)] + ["a"])
        self.assertEqual(self.answers(folder, "a"), ["a"])


class Parameters(Case):
    TOML = '[params]\ntop_k = 5\nname = "x"\nnested = {a = 1.5}\n'
    SCRIPT = "return function(_, params) return { params.top_k, params.name, params.nested.a } end\n"

    def test_overrides(self):
        folder = self.bundle(toml=self.TOML, preprocess=self.SCRIPT)
        self.assertEqual(self.answer(folder, ""), [5, "x", 1.5])
        self.assertEqual(self.answer(folder, "", "--param", "top_k=3", "--param", "name=7", "--param", "nested.a=2"), [3, "7", 2])

    def test_undeclared_and_wrong_type(self):
        folder = self.bundle(toml=self.TOML, preprocess=self.SCRIPT)
        self.refused(2, folder, "", "--param", "topk=3", contains=["topk", "top_k"])
        self.refused(2, folder, "", "--param", "top_k=many", contains=["top_k", "integer"])
        self.refused(2, folder, "", "--param", "top_k", contains="NAME=VALUE")

    def test_what_one_item_writes_no_other_sees(self):
        folder = self.bundle(toml=self.TOML, preprocess="""
return function(x, params)
  pcall(function() params.top_k = 100 end)
  pcall(function() params.nested.a = 100 end)
  return params.top_k + params.nested.a
end
""")
        first, second = self.answers(folder, "a", "b", "--workers", 1)
        self.assertEqual(second, 6.5)


class Limits(Case):
    def test_an_endless_script_ends_and_the_next_item_runs(self):
        folder = self.bundle(preprocess='return function(x)\n  while x == "loop" do end\n  return x\nend\n')
        first, second = self.answers(folder, "loop", "go", "--timeout", 0.3, status=1)
        self.assertEqual(first["error"]["code"], "TIMEOUT")
        self.assertEqual(second, "go")

    def test_too_much_memory_ends_and_the_next_item_runs(self):
        folder = self.bundle(preprocess="""
return function(x)
  local t = {}
  while x == "grow" do t[#t + 1] = ("x"):rep(1e5) .. #t end
  return x
end
""")
        first, second = self.answers(folder, "grow", "go", "--memory", "64M", "--workers", 1, status=1)
        self.assertEqual(first["error"]["code"], "MEMORY")
        self.assertEqual(second, "go")


class Random(Case):
    def test_numbers_depend_on_seed_and_item_alone(self):
        folder = self.bundle(preprocess="return function() return { math.random(), math.random(1, 1000) } end\n")
        lines = "\n" * 40
        one = self.answers(folder, "--lines", "-", "--workers", 1, stdin=lines)
        self.assertEqual(one, self.answers(folder, "--lines", "-", "--workers", 4, stdin=lines))
        self.assertEqual(len({json.dumps(a) for a in one}), 40)
        self.assertNotEqual(one, self.answers(folder, "--lines", "-", "--seed", 1, stdin=lines))


class Command(Case):
    def test_version_and_help(self):
        self.assertRegex(mrun("--version").stdout, r"^mrun \d+\.\d+\.\d+\n$")
        text = mrun("--help").stdout
        for word in ["new", "pack", "unpack", "inspect", "record", "verify", "ops", "plugins", "Exit status"]:
            self.assertIn(word, text)
        for name in ["run", "new", "pack", "unpack", "inspect", "record", "verify", "ops", "plugins"]:
            result = mrun(name, "--help")
            self.assertEqual(result.returncode, 0, name)
            self.assertIn("--help", result.stdout)

    def test_usage_errors(self):
        folder = self.bundle(preprocess=ECHO)
        self.refused(2, contains="bundle")
        self.refused(2, folder, "a", "--no-such-option", contains="--no-such-option")
        self.refused(2, folder, "a", "--lines", "-", contains="--lines")
        self.refused(2, folder, "a", "--isolation", "jail", contains="want none or process")
        self.refused(2, folder, "a", "--memory", "lots", contains="lots")
        self.refused(2, "new", "x", "--kind", "sculpture", contains="sculpture")

    def test_a_subcommand_wins_over_a_folder_of_that_name(self):
        self.bundle(name="pack", preprocess=ECHO)
        self.assertEqual(mrun("pack", cwd=self.dir).returncode, 2)
        self.assertEqual(self.answer("./pack", "a", cwd=self.dir), "a")

    def test_timings_are_on_standard_error(self):
        result = mrun(self.bundle(preprocess=ECHO), "a", "--timings")
        self.assertEqual(result.stdout, '"a"\n')
        for stage in ["preprocess", "forward", "postprocess"]:
            self.assertIn(stage, result.stderr)

    def test_timings_of_many(self):
        lines = self.dir / "lines.txt"
        lines.write_text("".join("wisdom " * (i % 7 + 1) + "\n" for i in range(100)) + "\n")
        said = mrun(GOOD_BAD_UGLY, "--lines", lines, "--timings", "--workers", 2, "--batch-size", 16).stderr
        rows = {row[0]: row[1:] for row in map(str.split, said.splitlines())}
        self.assertIn("101 items, 1 failed", said)
        self.assertEqual((rows["preprocess"][0], rows["postprocess"][0]), ("101", "100"))  # the empty line fails in preprocess
        shares = [float(rows[stage][-2]) for stage in ("preprocess", "forward", "postprocess")]
        self.assertAlmostEqual(sum(shares), 100, delta=0.3)
        for stage in rows["preprocess"], rows["forward"]:
            self.assertLessEqual(float(stage[2]), float(stage[4]))  # p50, p99
        self.assertRegex(said, r"\n\d+ batches of \d+\.\d calls on average, at most 16; \d+\.\d % of what models got was filling\n")
        self.assertNotIn(" 0.0 % of what", said)
        self.assertRegex(said, r"\n2 workers, busy \d+ % of the time\n")

    def test_interrupt(self):
        folder = self.bundle(preprocess=ENDLESS)
        process = subprocess.Popen([MRUN, folder, "--lines", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b"a\nb\n")
        process.stdin.flush()
        until_it_says(b"it runs", process.stderr)
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        self.assertEqual(process.wait(60), 130)
        process.stdout.close()
        process.stderr.close()

    def test_order_is_the_inputs_whatever_takes_longer(self):
        folder = self.bundle(preprocess="return function(x)\n  local n = 0\n  for i = 1, (tonumber(x) % 7) * 20000 do n = n + i end\n  return x\nend\n")
        numbers = [str(i) for i in range(200)]
        self.assertEqual(self.answers(folder, "--lines", "-", "--workers", 4, stdin="\n".join(numbers)), numbers)

    def test_many_items_through_the_example(self):
        verses = (GOOD_BAD_UGLY.parent / "text.txt").read_text().splitlines()[:300]
        answers = self.answers(GOOD_BAD_UGLY, "--lines", "-", stdin="\n".join(verses))
        self.assertEqual(len(answers), 300)
        one = self.answer(GOOD_BAD_UGLY, verses[17])  # other threads, so other last bits
        self.assertEqual(answers[17]["decision"], one["decision"])
        for a, b in zip(answers[17]["prediction"], one["prediction"]):
            self.assertAlmostEqual(a, b, delta=1e-5)

    def test_an_answer_whose_files_cannot_be_written(self):
        import numpy
        folder = self.bundle("tensor", preprocess=ECHO)
        numpy.save(self.dir / "x.npy", numpy.arange(20000, dtype="float32"))
        (self.dir / "file").write_text("")
        (answer,) = self.answers(folder, self.dir / "x.npy", "--save", self.dir / "file/out", status=5)
        self.assertEqual(answer["error"]["code"], "IO")
        self.assertIn("file/out", answer["error"]["message"])


class Terminal(Case):
    """What a person sees at a terminal, besides the answer."""

    def at_terminal(self, *args):
        """Standard error of a run whose standard error is a terminal."""
        ours, theirs = pty.openpty()
        subprocess.run([MRUN, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, timeout=300)
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 4096):
                text += part
        except OSError:  # nothing is left, and the other end is closed
            pass
        os.close(ours)
        return text.decode().replace("\r\n", "\n")

    def test_the_line_that_failed_is_shown(self):
        folder = self.bundle(preprocess="return function(x)\n  local y = nil\n  return y.z\nend\n")
        self.assertEqual(self.at_terminal(folder, "a"), "preprocess.lua:3: return y.z\n")

    def test_and_cannot_control_the_terminal(self):
        folder = self.bundle(preprocess='return function(x)\n  local y = nil\n  return y.z --\x1b[2J\nend\n')
        self.assertNotIn("\x1b", self.at_terminal(folder, "a"))


class Bench(Case):
    def test_counts_and_orders_its_quantiles(self):
        result = mrun("bench", self.bundle(preprocess=ECHO), "a", "b", "--seconds", 0.2, "--json", "--workers", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertGreater(report["items"], 10)
        self.assertEqual((report["failed"], report["workers"]), (0, 2))
        self.assertAlmostEqual(report["items"] / report["seconds"], report["items_per_second"], delta=report["items_per_second"] / 100)
        self.assertEqual(list(report["stages"]), ["preprocess", "batch", "forward", "postprocess", "all"])
        for stage in report["stages"].values():
            self.assertLessEqual(stage["p50"], stage["p95"])
            self.assertLessEqual(stage["p95"], stage["p99"])
        self.assertGreater(report["stages"]["all"]["p50"], 0)

    def test_tries_settings_and_says_which_to_use(self):
        for bundle, sizes in [(self.bundle(preprocess=ECHO), [1]), (GOOD_BAD_UGLY, [1, 4, 16, 64])]:
            report = json.loads(mrun("bench", bundle, "wisdom", "folly", "--seconds", 0.4, "--workers", 1, "--json").stdout)
            self.assertEqual([s["batch_size"] for s in report["settings"]], sizes)
            best = max(s["items_per_second"] for s in report["settings"])
            (used,) = [s for s in report["settings"] if s["batch_size"] == report["batch_size"]]
            self.assertGreaterEqual(used["items_per_second"], 0.97 * best)
            self.assertEqual(report["options"], "--workers 1" + (f" --batch-size {used['batch_size']}" if len(sizes) > 1 else ""))
        self.assertEqual(report["settings"][0]["joined"], 1)
        self.assertGreater(report["settings"][-1]["joined"], 16)
        table = mrun("bench", self.bundle(preprocess=ECHO), "a", "--seconds", 0.1).stdout.splitlines()
        workers = [int(line.split()[0]) for line in table[1:table.index("")]]
        self.assertEqual(workers[0], 1)
        self.assertEqual(workers, sorted(set(workers)))
        self.assertRegex(table[len(workers) + 2], r"^use --workers \d+: \d+ items, 0 failed, in ")

    def test_output_that_cannot_be_written(self):
        for form in [[], ["--json"]]:
            with open("/dev/full", "w") as full:
                result = subprocess.run([MRUN, "bench", self.bundle(preprocess=ECHO), "a", "--seconds", "0.05", *form], stdout=full,
                                        stderr=subprocess.PIPE, text=True, timeout=300)
            self.assertEqual(result.returncode, 5, result.stderr)
            closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", MRUN, "bench", self.dir / "bundle", "a", "--seconds", "0.05", *form],
                                    capture_output=True, text=True, timeout=300)
            self.assertEqual((closed.returncode, closed.stderr), (5, "mrun: standard output: cannot write: Bad file descriptor\n"))

    def test_a_delay_that_no_item_would_wait(self):
        self.refused(2, "bench", self.bundle(preprocess=ECHO), "a", "--max-delay", "5", contains="--max-delay")

    def test_an_item_that_fails_ends_it(self):
        folder = self.bundle(preprocess='return function(x) error("no " .. x) end\n')
        self.refused(1, "bench", folder, "a", contains="no a")
        folder = self.bundle(preprocess='return function(x) if x ~= "good" then error("no " .. x) end end\n')
        self.refused(1, "bench", folder, "good", "b", "c", "good", contains=["input 2 of 4 fails", "no b"])
        self.refused(1, "bench", self.bundle(preprocess=ECHO), "@" + str(self.dir / "none"), contains="none")


if __name__ == "__main__":
    unittest.main()
