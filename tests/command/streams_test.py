"""Where inputs come from and answers go: sockets, descriptors that do not wait, links, devices, names of any length."""
import fcntl
import io
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import unittest

from command import MRUN, Case, mrun, until, until_it_waits

ECHO = "return function(x) return x end\n"
SIZE = "return function(x) return x:size(0) end\n"
LONG = "return function(x)\n  local n = 0\n  for i = 1, 2e7 do n = n + i end\n  return x\nend\n"


class Inputs(Case):
    def of_descriptor(self, descriptor, *args):
        result = subprocess.run([MRUN, *map(str, args)], stdin=descriptor, capture_output=True, text=True, timeout=300)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def test_standard_input_is_a_socket(self):
        for kind, script, wanted in [("text", ECHO, "hello"), ("bytes", SIZE, 5), ("image", SIZE, 5), ("audio", SIZE, 5)]:
            ours, theirs = socket.socketpair()
            ours.sendall(b"hello")
            ours.close()
            with theirs:
                self.assertEqual(self.of_descriptor(theirs, self.bundle(kind, preprocess=script), "-"), wanted, kind)

    def test_a_tensor_comes_through_a_pipe(self):
        import numpy
        file = io.BytesIO()
        numpy.save(file, numpy.arange(6, dtype="int64").reshape(2, 3))
        result = subprocess.run([MRUN, self.bundle("tensor", preprocess=ECHO), "-"], input=file.getvalue(), capture_output=True, timeout=300)
        self.assertEqual(result.stdout, b"[[0,1,2],[3,4,5]]\n", result.stderr)

    def test_standard_input_goes_on_where_it_was_read_to(self):
        (self.dir / "file").write_bytes(b"head\nrest")
        for kind, script, wanted in [("text", ECHO, "rest"), ("bytes", SIZE, 4)]:
            with open(self.dir / "file", "rb", buffering=0) as file:
                file.read(5)
                self.assertEqual(self.of_descriptor(file, self.bundle(kind, preprocess=script), "-"), wanted, kind)

    def test_standard_input_does_not_wait(self):
        read, write = os.pipe()
        os.set_blocking(read, False)
        threading.Timer(1, lambda: (os.write(write, b"late"), os.close(write))).start()
        with open(read, "rb") as pipe:
            self.assertEqual(self.of_descriptor(pipe, self.bundle(preprocess=ECHO), "-"), "late")

    def test_an_interrupt_while_one_input_is_waited_for(self):
        run = subprocess.Popen([MRUN, self.bundle(preprocess=ECHO), "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until_it_waits(run)
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(60), 130)
        run.stdin.close()
        with run.stdout, run.stderr:
            self.assertEqual(run.stdout.read() + run.stderr.read(), b"")

    def test_a_zero_byte_in_a_path_names_no_other_file(self):
        (self.dir / "file").write_text("x")
        (answer,) = self.answers(self.bundle("bytes", preprocess=SIZE), "--paths", "-", status=1, stdin=f"{self.dir}/file\0.txt\n")
        self.assertIn("zero byte", answer["error"]["message"])
        folder = self.bundle("record", '[input.fields]\nf = "bytes"\n', preprocess="return function(x) return x.f:size(0) end\n")
        (answer,) = self.answers(folder, "--paths", "-", status=1, stdin=json.dumps({"f": f"{self.dir}/file\0.txt"}))
        self.assertIn("zero byte", answer["error"]["message"])

    def test_a_field_that_is_given_twice(self):
        folder = self.bundle("record", '[input.fields]\nq = "text"\n', preprocess=ECHO)
        (answer,) = self.answers(folder, "q=a", "q=b", status=1)
        self.assertIn("q is given twice", answer["error"]["message"])


class Outputs(Case):
    def text(self, *args, status=0, **more):
        result = mrun(*args, **more)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout

    def test_standard_output_does_not_wait(self):
        (self.dir / "lines").write_text(("x" * 1000 + "\n") * 2000)
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETFL, os.O_NONBLOCK)
        run = subprocess.Popen([MRUN, self.bundle(preprocess=ECHO), "--lines", self.dir / "lines"], stdin=subprocess.DEVNULL, stdout=write)
        os.close(write)
        until_it_waits(run)  # for the reader
        with open(read) as pipe:
            self.assertEqual(len(pipe.readlines()), 2000)
        self.assertEqual(run.wait(60), 0)

    def test_a_descriptor_by_its_name_is_written_to_as_it_is(self):
        folder, link = self.bundle(preprocess=ECHO), self.dir / "link"
        link.symlink_to("/proc/self/fd/1")
        for name in "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", link:
            self.assertEqual(self.text(folder, "a", "-o", name), '"a"\n', name)
            if name == "/dev/stdout":
                continue  # a command that replaces a link would break the machine's
            with open(self.dir / "log", "w") as log:
                log.write("kept\n")
                log.flush()
                subprocess.run([MRUN, folder, "a", "-o", name], stdin=subprocess.DEVNULL, stdout=log, check=True, timeout=300)
            self.assertEqual((self.dir / "log").read_text(), 'kept\n"a"\n', name)
        self.assertTrue(link.is_symlink())
        with open(self.dir / "other", "w") as other:
            path = f"/dev/fd/{other.fileno()}"
            subprocess.run([MRUN, folder, "a", "-o", path], stdin=subprocess.DEVNULL, pass_fds=[other.fileno()], check=True, timeout=300)
        self.assertEqual((self.dir / "other").read_text(), '"a"\n')
        self.assertIn("traceEvents", self.text(folder, "a", "--trace", "/dev/stdout"))
        self.assertIn("<testsuites", self.text("verify", folder, "--junit", "/dev/stdout"))

    def test_a_file_keeps_its_mode_and_a_link_stays_one(self):
        folder, file, link = self.bundle(preprocess=ECHO), self.dir / "real/file", self.dir / "link"
        file.parent.mkdir()
        file.write_text("secret\n")
        file.chmod(0o600)
        link.symlink_to(file)
        (self.dir / "lines").write_text("a\nb\n")
        for inputs, wanted in [(["a"], '"a"\n'), (["--lines", self.dir / "lines"], '"a"\n"b"\n')]:
            self.text(folder, *inputs, "-o", link)
            self.assertTrue(link.is_symlink())
            self.assertEqual(file.read_text(), wanted)
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)

    def test_what_is_read_is_never_replaced(self):
        folder, lines = self.bundle(preprocess=ECHO), self.dir / "lines.txt"
        lines.write_text("a\nb\n")
        file = self.dir / "b.mb"
        self.assertEqual(mrun("pack", folder, "-o", file).returncode, 0)
        os.link(lines, self.dir / "other name")
        (self.dir / "link").symlink_to("b.mb")
        before = [lines.read_bytes(), file.read_bytes()]
        for args in [(file, "--lines", lines, "-o", lines), (file, f"@{lines}", "-o", self.dir / "other name"), (file, "--lines", lines, "--trace", lines)]:
            self.refused(2, *args, contains="is one of the inputs")
        for args in [(file, "x", "-o", file), (f"{file}@1", "x", "-o", self.dir / "link"), (file, "x", "--trace", file), ("verify", file, "--junit", file)]:
            self.refused(2, *args, contains="is the bundle itself")
        with open(lines) as given:
            result = subprocess.run([MRUN, file, "--lines", "-", "-o", lines], stdin=given, capture_output=True, text=True, timeout=300)
            self.assertIn("is one of the inputs", result.stderr)
        photos = self.dir / "photos"
        photos.mkdir()
        (photos / "a.bin").write_bytes(b"12345")
        size = self.bundle("bytes", name="size", preprocess=SIZE)
        self.assertEqual(mrun(size, photos, "-o", photos / "answers").returncode, 0)
        self.refused(2, size, photos, "-o", photos / "answers", contains="is one of the inputs")
        self.assertEqual((photos / "answers").read_text(), "5\n")
        self.assertEqual([lines.read_bytes(), file.read_bytes()], before)

    def test_a_dash_is_standard_output_and_a_link_to_nothing_leads_to_the_file(self):
        folder = self.bundle(preprocess=ECHO)
        self.assertEqual(mrun(folder, "x", "-o", "-", cwd=self.dir).stdout, '"x"\n')
        self.assertFalse((self.dir / "-").exists())
        (self.dir / "link").symlink_to("further")
        (self.dir / "further").symlink_to(self.dir / "answers")
        self.assertEqual(mrun(folder, "x", "-o", self.dir / "link").returncode, 0)
        self.assertTrue((self.dir / "link").is_symlink())
        self.assertEqual((self.dir / "answers").read_text(), '"x"\n')
        (self.dir / "self").symlink_to("self")
        self.refused(5, folder, "x", "-o", self.dir / "self", contains="link to itself")

    def test_a_dash_is_no_file_s_name(self):
        folder = self.bundle(preprocess=ECHO)
        for option, *args in [("--trace", folder, "x", "--trace", "-"), ("--junit", "verify", folder, "--junit", "-"), ("-o", "pack", folder, "-o", "-")]:
            self.refused(2, *args, contains=[option + " -: want a file", "/dev/stdout"], cwd=self.dir)
            self.assertFalse((self.dir / "-").exists())

    def test_an_interrupt_while_nobody_reads_a_pipe(self):
        os.mkfifo(self.dir / "pipe")
        run = subprocess.Popen([MRUN, self.bundle(preprocess=ECHO), "x", "-o", self.dir / "pipe"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until_it_waits(run)
        run.send_signal(signal.SIGINT)
        self.assertIn(b"nobody reads it", run.communicate(timeout=60)[1])
        self.assertEqual(run.returncode, 130)

    def test_names_of_any_length(self):
        folder = self.bundle(preprocess=ECHO)
        (self.dir / "lines").write_text("a\nb\n")
        for length in 200, 241, 255:
            file = self.dir / ("n" * length)
            self.text(folder, "--lines", self.dir / "lines", "-o", file)
            self.assertEqual(file.read_text(), '"a"\n"b"\n')
            file.unlink()
        self.assertEqual(sorted(p.name for p in self.dir.iterdir()), ["bundle", "lines"])
        long = self.dir / ("n" * 256)
        for command in [[folder, "a", "-o", long], [folder, "a", "--trace", long], ["pack", folder, "-o", long],
                        ["new", long, "--kind", "text"], ["verify", folder, "--junit", long]]:
            self.refused(5, *command, contains="File name too long")

    def test_a_file_in_a_folder_that_may_not_be_entered(self):
        here, command = self.public()
        (here / "closed").mkdir(mode=0)
        (here / "bundle").mkdir()
        (here / "bundle/bundle.toml").write_text('[input]\nkind = "text"\n')
        if os.getuid() != 0:
            self.addCleanup((here / "closed").chmod, 0o700)
        result = self.as_another(command, here / "bundle", "a", "-o", here / "closed/out")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("Permission denied", result.stderr)

    def test_an_interrupt_loses_neither_answers_nor_the_file_that_was_there(self):
        out = self.dir / "out"
        self.interrupt_a_pipe(out, b"a\nb\n", says=b"holds the answers until then")
        self.assertEqual(out.read_text(), '"a"\n"b"\n')
        self.interrupt_a_pipe(out, b"c\n", says=b"not be whole")
        self.assertEqual(out.read_text(), '"a"\n"b"\n')
        self.interrupt_a_pipe(self.dir / "none", b"", says=b"not be whole")
        self.assertFalse((self.dir / "none").exists())

    def interrupt_a_pipe(self, out, lines, says):
        run = subprocess.Popen([MRUN, self.bundle(preprocess=ECHO), "--lines", "-", "-o", out], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdin.write(lines)
        run.stdin.flush()
        answers = 4 * lines.count(b"\n")  # bytes: '"a"\n'
        until(lambda: any(f.stat().st_size >= answers for f in out.parent.glob(f".{out.name}.tmp-*")))
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(60), 130)
        run.stdin.close()
        with run.stderr:
            self.assertIn(says, run.stderr.read())

    def test_a_trace_that_cannot_be_written_costs_no_answers(self):
        out = self.dir / "out"
        self.refused(5, self.bundle(preprocess=ECHO), "a", "-o", out, "--trace", "/dev/full", contains="/dev/full")
        self.assertEqual(out.read_text(), '"a"\n')

    def test_names_that_are_not_utf8(self):
        folder = self.bundle(toml='[params]\ns = "x"\n', postprocess=ECHO)
        self.refused(2, folder, "a", "b", "--meta", "--param", "s=\udcff", contains=["s=\\xff", "not UTF-8"])
        (answer,) = self.answers(folder, "a", "--save", self.dir / "o\udcff", status=1)
        self.assertEqual(answer["error"]["code"], "USAGE")
        self.assertIn("must be UTF-8", answer["error"]["message"])

    def test_each_file_of_an_answer_has_a_name_of_its_own(self):
        keys = ["a b", "a-b", "x-1", "A-B", "\u732b", "\u72ac", "k" * 90 + "1", "k" * 90 + "2", "/".join(["deep"] * 90)]
        table = ", ".join(f"[{json.dumps(k, ensure_ascii=False)}] = part({i})" for i, k in enumerate(keys))
        folder = self.bundle(postprocess=f"""local torch = require "torch"
local function part(n) return torch.full({{10001}}, n, {{dtype = "int64"}}) end
return function() return {{{table}, a = {{b = part(100)}}, x = {{part(101)}}}} end
""")
        answer = self.answer(folder, "go", "--save", self.dir / "out")
        import numpy
        first = lambda file: int(numpy.load(file["$file"])[0])
        self.assertEqual([first(answer[k]) for k in keys], list(range(len(keys))))
        self.assertEqual((first(answer["a"]["b"]), first(answer["x"][0])), (100, 101))


    def test_a_partial_answer_that_json_cannot_hold_is_said(self):
        folder = self.bundle(postprocess="return function(s)\n  emit(0 / 0)\n  emit(1)\n  return s\nend\n")
        result = mrun(folder, "x", "--stream")
        self.assertEqual(result.stdout, '{"item":0,"partial":1}\n"x"\n')
        self.assertIn("item 0: a partial answer is left out: answer is NaN", result.stderr)

    def test_files_of_partial_answers(self):
        folder = self.bundle(postprocess="local torch = require 'torch'\nreturn function(s)\n  emit(torch.zeros(20000))\n  emit(torch.ones(20000))\n  return s\nend\n")
        lines = [json.loads(line) for line in mrun(folder, "x", "--stream", "--save", self.dir / "out").stdout.splitlines()]
        files = [line["partial"]["$file"] for line in lines[:2]]
        import numpy
        self.assertEqual([float(numpy.load(f).sum()) for f in files], [0, 20000])
        self.assertEqual(lines[2], "x")


class Resumed(Case):
    """A kept run is gone on with by the same run alone: with another one's its answers would be mixed."""

    def interrupted(self, *args, **more):
        run = subprocess.Popen([MRUN, *map(str, args), "--workers", "1"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **more)
        part = self.dir / ".out.part"
        until(lambda: part.exists() and b"\n" in part.read_bytes())
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=300)
        self.assertEqual(run.returncode, 130, said)

    def setUp(self):
        super().setUp()
        self.lines = self.dir / "lines"
        self.lines.write_text("".join(f"{i}\n" for i in range(1000)))
        self.out = ["-o", self.dir / "out"]

    def test_another_shard_of_the_scheduler(self):
        folder, shard = self.bundle(preprocess=LONG), [{**os.environ, "SLURM_PROCID": str(i), "SLURM_NTASKS": "2"} for i in range(2)]
        auto = [folder, "--lines", self.lines, "--shard", "auto", *self.out]
        self.interrupted(*auto, env=shard[0])
        self.refused(2, *auto, "--resume", env=shard[1], contains="begun by another run")

    def test_the_same_file_read_in_another_way(self):
        folder = self.bundle(preprocess=LONG)
        self.interrupted(folder, "--lines", self.lines, *self.out)
        self.refused(2, folder, "--jsonl", self.lines, *self.out, "--resume", contains="begun by another run")

    def test_a_folder_that_was_edited_to_the_same_size(self):
        folder = self.bundle(preprocess=LONG)
        self.interrupted(folder, "--lines", self.lines, *self.out)
        (folder / "preprocess.lua").write_text(LONG.replace("return x\n", "return n\n"))
        self.refused(2, folder, "--lines", self.lines, *self.out, "--resume", contains="begun by another run")

    def test_a_plugin_put_into_the_folders_looked_into(self):
        folder, own = self.bundle(preprocess=LONG), self.dir / "own"
        own.mkdir()
        known = {"env": {**os.environ, "MRUN_PLUGIN_PATH": str(own)}}
        self.interrupted(folder, "--lines", self.lines, *self.out, **known)
        (own / "own.so").write_bytes(b"of another build")
        self.refused(2, folder, "--lines", self.lines, *self.out, "--resume", **known, contains="begun by another run")


if __name__ == "__main__":
    unittest.main()
