"""A bundle in a worker process: the same answers as in this one, nothing of the bundle's code in the host, and a refusal where a layer
is missing."""
import ctypes
import json
import os
import pathlib
import struct
import subprocess
import time
import unittest
import unittest.mock

import command
from command import GOOD_BAD_UGLY, mrun

SECCOMP, LANDLOCK, UNSHARE = 317, 444, 272  # system calls of x86-64
SENTENCE = "The fear of the LORD is the beginning of wisdom."


def without(*calls):
    """A preexec_fn: these system calls are not permitted, as in many a container."""
    def deny():
        libc = ctypes.CDLL(None, use_errno=True)
        code = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # the number
        for call in calls:
            code += [struct.pack("HBBI", 0x15, 0, 1, call), struct.pack("HBBI", 0x06, 0, 0, 0x00050001)]  # EPERM
        code += [struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)]
        text = b"".join(code)
        buffer = ctypes.create_string_buffer(text)
        program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(buffer))
        libc.prctl(38, 1, 0, 0, 0)
        if libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) != 0:
            os._exit(99)
    return deny


class Isolation(command.Case):
    def setUp(self):
        super().setUp()
        self.enterContext(unittest.mock.patch.dict(os.environ))
        os.environ.pop("MRUN_ISOLATION", None)

    def packed(self, folder=GOOD_BAD_UGLY):
        file = self.dir / "packed.mb"
        self.assertEqual(mrun("pack", folder, "-o", file).returncode, 0)
        return file

    def both(self, *args, **more):
        """Standard output and exit status of a run in both isolations, which must be the same."""
        one, other = (mrun(*args, "--isolation", i, **more) for i in ("process", "none"))
        self.assertEqual((one.stdout, one.returncode), (other.stdout, other.returncode), one.stderr + other.stderr)
        return one

    def test_a_file_runs_in_a_worker_and_a_folder_does_not(self):
        file = self.packed()
        for bundle, mode in ((file, "process"), (GOOD_BAD_UGLY, "none")):
            self.assertEqual(self.answer(bundle, SENTENCE, "--meta")["meta"]["isolation"]["mode"], mode)
        os.environ["MRUN_ISOLATION"] = "none"
        self.assertEqual(self.answer(file, SENTENCE, "--meta")["meta"]["isolation"]["mode"], "none")

    def test_the_host_loads_no_plugin(self):
        lines = self.dir / "lines"
        lines.write_text((SENTENCE + "\n") * 3000)
        with subprocess.Popen([command.MRUN, self.packed(), "--lines", lines], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as host:
            self.assertTrue(host.stdout.readline())
            maps = {line.split()[-1] for line in pathlib.Path(f"/proc/{host.pid}/maps").read_text().splitlines()}
            host.stdout.read()
        self.assertEqual([m for m in maps if "torch" in m or "plugins" in m or "sentencepiece" in m], [])

    def test_inspect_shows_the_layers(self):
        shown = mrun("inspect", self.packed(), "--isolation", "--json")
        levels = json.loads(shown.stdout)
        self.assertEqual((levels["mode"], levels["no_new_privs"], levels["capabilities"]), ("process", "yes", "none"))
        self.assertRegex(levels["seccomp"], r"^\d+ system calls, every thread$")
        text = mrun("inspect", self.packed(), "--isolation").stdout
        for layer, level in levels.items():
            self.assertRegex(text, rf"{layer} +{level}")

    def test_answers_are_the_same(self):
        file = self.packed()
        lines = self.dir / "lines"
        lines.write_text("".join(f"{SENTENCE} {i}\n" for i in range(200)))
        self.both(file, "--lines", lines)
        self.both(file, "--lines", lines, "--workers", "1", "--exact")
        self.both("verify", file)

    def test_errors_emits_seeds_and_contexts_are_the_same(self):
        folder = self.bundle(
            kind="json", preprocess="return function(x) return x, {n = #x} end",
            postprocess="""return function(x, params, context)
              for i = 1, context.n do emit {i, x[i]} end
              if x[1] == "bad" then error {code = "INPUT", message = "this one"} end
              if x[1] == "worse" then return nil + 1 end
              return {context.n, math.random(), params.k}
            end""", toml="[params]\nk = 1\n")
        inputs = self.dir / "inputs"
        inputs.write_text('[1, 2]\n["bad", 2]\n["worse"]\n[]\n[true, null, "\\u00e9", 1e300]\n')
        self.both(folder, "--jsonl", inputs, "--seed", "7", "--param", "k=3")
        self.both(folder, '[1, 2, 3]', "--stream", "--seed", "9")
        self.assertEqual(self.both(folder, '["worse"]').returncode, 1)

    def test_the_first_random_numbers_are_the_same(self):
        for draw in ("rand({2})", "randn({2})", "randperm(5)", "multinomial(torch.ones({4}), 2)", "bernoulli(torch.full({3}, 0.5))"):
            with self.subTest(draw):
                folder = self.bundle(preprocess=f'local torch = require "torch"\nreturn function() return torch.{draw}:tolist() end\n')
                result = self.both(folder, "x", "--seed", 3)
                self.assertEqual(result.returncode, 0, result.stdout)

    def test_an_item_that_ends_the_worker_costs_itself(self):
        folder = self.bundle(kind="json", preprocess='local i = require "intruder"\nreturn function(x) if x == 3 then i.crash() end return x end')
        inputs = self.dir / "inputs"
        inputs.write_text("".join(f"{i}\n" for i in range(20)))
        result = mrun(folder, "--jsonl", inputs, "--isolation", "process", "--plugin", command.BUILD / "tests/plugins/intruder.so")
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([a for a in answers if not isinstance(a, dict)], [i for i in range(20) if i != 3])
        error = answers[3]["error"]
        self.assertEqual((error["code"], error["stage"]), ("CRASH", "preprocess"), error)

    def test_what_a_large_tensor_holds_arrives(self):
        folder = self.bundle(kind="bytes", preprocess='local torch = require "torch"\nreturn function(x) return {x:sum(), x} end')
        data = self.dir / "data"
        data.write_bytes(bytes(range(251)) * 20000)
        for isolation in ("process", "none"):
            saved = self.dir / isolation
            answer = self.answer(folder, data, "--isolation", isolation, "--save", saved)
            self.assertEqual(answer[0], sum(range(251)) * 20000)
        one, other = (next((self.dir / i).iterdir()).read_bytes() for i in ("process", "none"))
        self.assertEqual(one, other)

    def test_no_worker(self):
        file = self.packed()
        self.refused(3, file, SENTENCE, contains="worker", env={**os.environ, "MRUN_WORKER": str(self.dir / "nothing")})
        self.refused(3, file, SENTENCE, contains="the worker process ended with status 1", env={**os.environ, "MRUN_WORKER": "/bin/false"})
        no_program = self.dir / "no_program"
        no_program.write_text("")
        self.refused(3, file, SENTENCE, contains="the worker process cannot be started: Permission denied", env={**os.environ, "MRUN_WORKER": str(no_program)})

    def test_a_worker_that_closes_its_channel_and_stays(self):
        worker = self.dir / "worker"
        worker.write_text("#!/bin/sh\nsleep 0.2\nexec sleep 40 3<&- 4<&- 5<&-\n")
        worker.chmod(0o755)
        begin = time.monotonic()
        self.refused(3, self.packed(), SENTENCE, contains="worker process", env={**os.environ, "MRUN_WORKER": str(worker)})
        self.assertLess(time.monotonic() - begin, 20)

    def test_a_worker_that_ends_while_it_is_given_the_bundle(self):
        """What is sent to it then fails; how it ended, or what it said before, is known all the same."""
        worker = self.dir / "worker"
        for says, wanted in (("", "ended with status 7 while it opened the bundle"), ("send(13, error)", "no room in here"),
                             (r'send(13, b"\5" + integer(0))', "refused without an error")):
            worker.write_text(f"""#!/usr/bin/python3
import os, socket, struct
channel, header = socket.socket(fileno=3), struct.Struct("<IHHQQQQ")
magic, version, *_, size, _, _ = header.unpack(channel.recv(header.size, socket.MSG_WAITALL))
wire = channel.recv(size, socket.MSG_WAITALL)[:8]
channel.shutdown(socket.SHUT_RD)
integer = lambda n: struct.pack("<Bq", 2, n)
text = lambda s: struct.pack("<BQ", 3, len(s)) + s
send = lambda kind, payload: channel.sendall(header.pack(magic, version, kind, 0, len(wire + payload), 0, 0) + wire + payload)
error = b"\\5" + integer(10) + integer(0) + text(b"no room in here") + 6 * text(b"")
send(11, 3 * integer(0))
{says}
os._exit(7)
""")
            worker.chmod(0o755)
            self.refused(3, self.packed(), SENTENCE, contains=wanted, env={**os.environ, "MRUN_WORKER": str(worker)})

    def test_it_fails_closed(self):
        file = self.packed()
        for calls, says in (((SECCOMP,), "seccomp"), ((LANDLOCK, UNSHARE), "Landlock and namespaces")):
            result = mrun(file, SENTENCE, preexec_fn=without(*calls))
            self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
            self.assertIn(says, result.stderr)
            self.assertIn("--isolation none", result.stderr)
            self.assertEqual(mrun(file, SENTENCE, "--isolation", "none", preexec_fn=without(*calls)).returncode, 0)

    def test_one_of_two_layers_is_enough(self):
        file = self.packed()
        for call, missing in ((LANDLOCK, "landlock"), (UNSHARE, "namespaces")):
            result = mrun(file, SENTENCE, "--meta", preexec_fn=without(call))
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(json.loads(result.stdout)["meta"]["isolation"][missing], "^no: ")

    def test_a_host_that_goes_leaves_no_worker(self):
        folder = self.bundle(kind="json", preprocess='local i = require "intruder"\nreturn function(x) i.sleep(600) return x end')
        plugin = command.BUILD / "tests/plugins/intruder.so"
        with subprocess.Popen([command.MRUN, folder, "1", "--isolation", "process", "--plugin", plugin], stdout=subprocess.DEVNULL) as host:
            workers, deadline = [], time.monotonic() + 60
            while not workers and time.monotonic() < deadline:
                workers = pathlib.Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
            time.sleep(1)
            host.kill()
        deadline = time.monotonic() + 30
        while command.is_alive(workers[0]) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(command.is_alive(workers[0]))


if __name__ == "__main__":
    unittest.main()
