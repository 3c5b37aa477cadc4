"""What a bundle whose native code was taken over does to the worker that runs it, and to the mrun that started that. Numbers 52 to 63 of
core/SECURITY.md: the outcome is asserted, the host goes on, and the next good bundle answers."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "command"))
import attack  # noqa: E402
import command  # noqa: E402

INTRUDER = command.BUILD / "tests/plugins/intruder.so"
LIMIT = 1.0  # seconds an item may take, where it is to be ended
KILLS = int(os.environ.get("MRUN_KILLS", "15"))  # of the test that kills at any moment; 1,000 take some minutes
CALLS = ["open", "socket", "fork", "exec", "ptrace", "mmap", "kill", "io_uring", "memfd", "userfaultfd"]
MORE_CALLS = ["create", "clone", "mprotect", "kill the parent", "truncate", "seccomp", "limits"]


def children(pid):
    return attack.processes(attack.PARENT, pid)


def threads_of(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


class Case(command.Case):
    def setUp(self):
        super().setUp()
        self.enterContext(unittest.mock.patch.dict(os.environ))

    def run_isolated(self, *args, **more):
        plugin = [] if str(args[0]).endswith(".mb") else ["--plugin", INTRUDER]
        return command.mrun(*args, "--isolation", "process", *plugin, **more)

    def intruder(self, body, name="bundle", **more):
        return self.bundle(kind="json", name=name, preprocess=f'local intruder = require "intruder"\nreturn function(input)\n{body}\nend\n', **more)

    def packed(self, folder):
        """The folder as a file, whose worker loads the plugin that it needs and no other: what makes native code is not allowed there."""
        place = self.dir / "plugins"
        place.mkdir(exist_ok=True)
        shutil.copy(INTRUDER, place)
        os.environ["MRUN_PLUGIN_PATH"] = str(place)
        file = folder.with_suffix(".mb")
        result = command.mrun("pack", folder, "-o", file)
        self.assertEqual(result.returncode, 0, result.stderr)
        return file

    def error_of(self, folder, given="null", *args, **more):
        result = self.run_isolated(folder, given, *args, **more)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        return json.loads(result.stdout)["error"]

    def ended(self, folder, given="null", *args):
        """An item whose worker dies of what it does: CRASH; and after it the others answer."""
        error = self.error_of(folder, given, *args)
        self.assertEqual(error["code"], "CRASH", error)
        return error["message"]

    def good_bundle_answers(self):
        folder = self.bundle(name="good", preprocess="return function(s) return #s end")
        self.assertEqual(self.answer(folder, "four", "--isolation", "process"), 4)

    def model(self, source, name="bundle"):
        """A bundle of a TorchScript module, made by a Python that has PyTorch."""
        folder = self.bundle(kind="json", name=name, preprocess='local torch = require "torch"\nreturn function(n) return torch.ones({n}) end\n')
        script = f"import torch\nfrom torch import nn, Tensor\n{source}\ntorch.jit.script(M()).save({str(folder / 'model.pt')!r})\n"
        (self.dir / f"{name}.py").write_text(script)
        subprocess.run(["/usr/bin/python3", self.dir / f"{name}.py"], check=True, timeout=300)
        return folder

    def test_52_setstate_that_writes(self):
        there = self.dir / "written"
        folder = self.model(f"""
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.zeros(1)
    @torch.jit.export
    def __getstate__(self):
        return (self.a, self.training)
    @torch.jit.export
    def __setstate__(self, state: "tuple[Tensor, bool]"):
        self.a = state[0]
        self.training = state[1]
        torch.save(state[0], {str(there)!r})
    def forward(self, x: Tensor):
        return x
""".replace('"tuple[Tensor, bool]"', "Tuple[Tensor, bool]").replace("class M", "from typing import Tuple\nclass M"))
        result = self.run_isolated(folder, "3")
        self.assertIn(result.returncode, (1, 3), result.stdout + result.stderr)
        self.assertFalse(there.exists())
        self.good_bundle_answers()

    def test_53_from_file_of_a_system_file(self):
        folder = self.model("""
class M(nn.Module):
    def forward(self, x: Tensor):
        return torch.from_file("/etc/passwd", size=16, dtype=torch.uint8)
""")
        error = self.error_of(folder, "3")
        self.assertIn(error["code"], ("MODEL", "CRASH"), error)
        self.good_bundle_answers()

    def test_54_endless_forward(self):
        folder = self.model("""
class M(nn.Module):
    def forward(self, x: Tensor):
        n = 0
        while x.size(-1) != 17:
            n += 1
        return x
""")
        begin = time.monotonic()
        error = self.error_of(folder, "3", "--timeout", str(LIMIT))
        self.assertEqual(error["code"], "TIMEOUT", error)
        self.assertLess(time.monotonic() - begin, 60)
        inputs = self.dir / "inputs"
        inputs.write_text("17\n3\n17\n17\n")
        answers = [json.loads(a) for a in self.run_isolated(folder, "--jsonl", inputs, "--timeout", str(LIMIT)).stdout.splitlines()]
        self.assertEqual([isinstance(a, dict) and a["error"]["code"] for a in answers], [False, "TIMEOUT", False, False])

    def test_55_ones_of_a_terabyte(self):
        folder = self.model("""
class M(nn.Module):
    def forward(self, x: Tensor):
        return torch.ones([1 << 38])
""")
        error = self.error_of(folder, "3")
        self.assertIn(error["code"], ("MEMORY", "QUOTA"), error)
        self.good_bundle_answers()

    def test_56_mutated_models(self):
        folder = self.model("""
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(3, 3)
    def forward(self, x: Tensor):
        return self.line(x).sum()
""")
        whole = (folder / "model.pt").read_bytes()
        for i in range(25):
            at = (i * 7919 + 13) % len(whole)
            (folder / "model.pt").write_bytes(whole[:at] + bytes([whole[at] ^ (1 + i * 37 % 255)]) + whole[at + 1:])
            result = self.run_isolated(folder, "3", "--timeout", "20")
            self.assertIn(result.returncode, (0, 1, 3), result.stdout + result.stderr)
        self.good_bundle_answers()

    def test_57_raw_system_calls(self):
        folder = self.packed(self.intruder("return intruder.raw(input)"))
        for call in CALLS + MORE_CALLS:
            with self.subTest(call):
                self.assertIn("SIGSYS", self.ended(folder, json.dumps(call)))
        self.good_bundle_answers()

    def test_57_open_by_a_plugin_that_looks_for_files(self):
        """One that says so in its facts is told no, by open as by openat; to write is the end all the same."""
        folder = self.packed(self.intruder("return intruder.raw(input)"))
        (self.dir / "plugins/intruder.json").write_text('{"old_open": true}')
        self.assertEqual(json.loads(self.run_isolated(folder, '"open"').stdout), -1)
        for call in ("open to write", "create", "socket"):
            self.assertIn("SIGSYS", self.ended(folder, json.dumps(call)))
        (self.dir / "plugins/intruder.json").write_text('{"old_open": 1}')
        refused = self.run_isolated(folder, '"open"')
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('"old_open" must be a boolean', refused.stderr + refused.stdout)

    def test_58_raw_system_calls_of_another_thread(self):
        folder = self.packed(self.intruder("return intruder.raw_in_thread(input)"))
        for call in CALLS:
            with self.subTest(call):
                self.assertIn("SIGSYS", self.ended(folder, json.dumps(call)))

    def test_59_every_thread_is_filtered(self):
        folder = self.intruder("intruder.threads(5)\nintruder.sleep(3)\nreturn 1")
        with subprocess.Popen([command.MRUN, folder, "null", "--isolation", "process", "--plugin", INTRUDER], stdout=subprocess.PIPE) as host:
            deadline, threads = time.monotonic() + 60, []
            while len(threads) < 7 and time.monotonic() < deadline:
                workers = children(host.pid)
                threads = list(pathlib.Path(f"/proc/{workers[0]}/task").iterdir()) if workers else []
            for thread in threads:
                status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line)
                self.assertEqual((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), thread)
                self.assertEqual({status[c] for c in ("CapEff", "CapPrm", "CapInh", "CapAmb")}, {"0" * 16})
            self.assertGreaterEqual(len(threads), 7)  # the channel's, the items', the five, and their own
            self.assertEqual(host.wait(timeout=60), 0)

    def test_60_truncated_shared_memory(self):
        # A tensor that is large travels in memory that is sealed; a worker that cuts it is ended by the filter before the seal says no.
        folder = self.intruder('return intruder.raw("truncate")')
        self.assertIn("SIGSYS", self.ended(folder))

    def test_61_nonsense_for_the_parent(self):
        folder = self.intruder("if input ~= false then intruder.say(input) end\nreturn 1")
        for what in ("length", "garbage", "kind", "item", "half", "beside"):
            with self.subTest(what):
                error = self.error_of(folder, json.dumps(what))
                self.assertEqual(error["code"], "PROTOCOL", error)
        inputs = self.dir / "inputs"
        inputs.write_text('false\n"garbage"\nfalse\nfalse\n')
        answers = [json.loads(a) for a in self.run_isolated(folder, "--jsonl", inputs).stdout.splitlines()]
        self.assertEqual([a if a == 1 else a["error"]["code"] for a in answers], [1, "PROTOCOL", 1, 1])

    def test_61_memory_that_is_asked_for_and_not_filled(self):
        """A worker that asks without end gets no more of the host's descriptors than an honest one wants, nor what no item may hold."""
        folder = self.intruder("if input then intruder.want(1000, input[1], input[2]) end\nreturn 1")
        for n, size, most in ((3000, 1 << 20, 80), (40, 1 << 40, 5)):
            with self.subTest(size=size), subprocess.Popen(
                    [command.MRUN, folder, "--jsonl", "-", "--isolation", "process", "--workers", "1", "--plugin", INTRUDER],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
                def ask(given):
                    host.stdin.write(given + "\n")
                    host.stdin.flush()
                    self.assertEqual(host.stdout.readline(), "1\n")
                    return len(os.listdir(f"/proc/{host.pid}/fd"))
                before = ask("false")
                ask(json.dumps([n, size]))
                self.assertLess(ask("false"), before + most)
                host.stdin.close()
                self.assertEqual(host.wait(timeout=60), 0)

    def test_61_memory_of_which_it_names_a_part(self):
        """The rest of it would stay with the host, and be counted nowhere."""
        folder = self.intruder("intruder.want(input[1], 1, 1048576)\nintruder.tell(input[1], input[2])\nreturn 1")
        last = {}
        for named in (1 << 20, 4096):
            result = self.run_isolated(folder, "--jsonl", "-", "--stream", stdin=f"[1, {named}]\n")
            last[named] = json.loads(result.stdout.splitlines()[-1])
        self.assertEqual(last[1 << 20], 1)
        self.assertEqual(last[4096]["error"]["code"], "PROTOCOL", last)

    def test_61_a_message_of_bytes_that_are_values(self):
        """A nil is one byte on the way, and 32 or more in the host."""
        folder = self.intruder("if input then intruder.swell(1, input) end\nreturn 1")
        with subprocess.Popen([command.MRUN, folder, "--jsonl", "-", "--stream", "--isolation", "process", "--workers", "1", "--plugin", INTRUDER],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
            host.stdin.write(f"{1 << 28}\nfalse\n")
            host.stdin.flush()
            answers = [json.loads(host.stdout.readline()) for _ in range(2)]
            peak = int(re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{host.pid}/status").read_text())[1]) * 1024
            host.stdin.close()
            host.wait(timeout=60)
        self.assertEqual(answers[0]["error"]["code"], "PROTOCOL", answers)
        self.assertIn("more values", answers[0]["error"]["message"])
        self.assertEqual(answers[1], 1)
        self.assertLess(peak, 2 << 30)

    def test_62_environment(self):
        folder = self.intruder("return intruder.environment()")
        answer = self.run_isolated(folder, "null", env={**os.environ, "SECRET_OF_THE_HOST": "tell nobody"})
        self.assertEqual(answer.returncode, 0, answer.stderr + answer.stdout)
        names = {line.partition("=")[0] for line in json.loads(answer.stdout).splitlines()}
        self.assertEqual({n for n in names if not re.match(r"(OMP|OPENBLAS|MKL|KMP|GOMP|DNNL|ONEDNN|ATEN)_", n)}, set())

    def test_62_files_and_links(self):
        folder = self.intruder("return intruder.look(input)")
        for path in ("/etc/passwd", "/proc/self/maps", "/proc/self/environ", str(self.dir), "/"):
            answer = self.run_isolated(folder, json.dumps(path))
            self.assertEqual(json.loads(answer.stdout), 1, answer.stdout)  # EPERM

    def test_62_the_files_of_inputs(self):
        """A large file's bytes come as a descriptor: of a copy that nobody can write to, which leads to no file."""
        folder = self.intruder("return {intruder.grasp(), #input}", name="grasp")
        (folder / "bundle.toml").write_text('[bundle]\nname = "t"\n[input]\nkind = "bytes"\n')
        (folder / "preprocess.lua").write_text('local i = require "intruder"\nreturn function(x) return {i.grasp(), x:size(0), x[0], i.grasp()} end')
        data = self.dir / "data"
        content = bytes(range(7, 250)) * 12000
        data.write_bytes(content)
        result = self.run_isolated(folder, data, data, data)
        self.assertEqual([json.loads(a) for a in result.stdout.splitlines()], [[0, len(content), 7, 0]] * 3, result.stderr)
        self.assertEqual(data.read_bytes(), content)

    def test_63_killed_in_mid_call(self):
        folder = self.intruder("if input > 0 then intruder.sleep(30) end\nreturn input")
        inputs = self.dir / "inputs"
        kills = 30
        inputs.write_text("1\n" * kills + "0\n")
        with subprocess.Popen([command.MRUN, folder, "--jsonl", inputs, "--isolation", "process", "--workers", "1", "--plugin", INTRUDER],
                              stdout=subprocess.PIPE, text=True) as host:
            sizes, killed = [], set()
            while host.poll() is None and len(killed) < 3 * kills:
                for worker in children(host.pid):
                    if worker not in killed and threads_of(worker) >= 3:  # the channel's, the items' and the engine's: it answers
                        time.sleep(0.1)
                        killed.add(worker)
                        try:
                            os.kill(worker, signal.SIGKILL)
                        except ProcessLookupError:
                            continue  # its session ended it meanwhile
                        sizes.append((len(os.listdir(f"/proc/{host.pid}/fd")), len(children(host.pid))))
                time.sleep(0.01)
            lines = host.stdout.read().splitlines()
        self.assertEqual(len(lines), kills + 1)
        self.assertLessEqual(max(fds for fds, _ in sizes), sizes[0][0] + 6, sizes)
        self.assertLessEqual(max(workers for _, workers in sizes), 2, sizes)

    def test_63_late_in_native_code(self):
        """An item with a deadline, by the host API: what ended it is named, though the limit of its time is longer."""
        late = pathlib.Path(__file__).with_name("late.py")
        run = subprocess.run([sys.executable, late, command.BUILD / "lib/libmrun.so", INTRUDER, self.intruder("intruder.spin()")], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=60, env=os.environ | command.in_python())
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("was not answered before its deadline; the worker process was ended", run.stdout)

    def test_63_a_host_that_stood_still(self):
        """Stopped at a terminal for longer than a worker may be silent: it has answered, and neither that nor what comes next is late."""
        file = self.packed(self.intruder("intruder.sleep(input)\nreturn input"))
        with subprocess.Popen([command.MRUN, file, "--jsonl", "-", "--isolation", "process", "--workers", "1", "--timeout", "1"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as host:
            def ask(given):
                host.stdin.write(given + "\n")
                host.stdin.flush()
            ask("0")
            self.assertEqual(host.stdout.readline(), "0\n")
            ask("0.5")
            time.sleep(0.2)
            host.send_signal(signal.SIGSTOP)
            time.sleep(32)
            host.send_signal(signal.SIGCONT)
            ask("0")
            self.assertEqual(host.communicate(timeout=60)[0], "0.5\n0\n")

    def test_63_killed_at_any_moment(self):
        """While many items are in flight: each is answered once, in order, by its value or by CRASH, and nothing is left."""
        file = self.packed(self.intruder("intruder.sleep(input % 7 / 2000)\nreturn input"))
        given, killed = [0], set()
        with subprocess.Popen([command.MRUN, file, "--jsonl", "-", "--isolation", "process", "--workers", "2", "--seed", "1"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as host:
            lines = []
            reader = threading.Thread(target=lambda: lines.extend(host.stdout))
            feeder = threading.Thread(target=self.feed, args=(host, killed, given))
            for thread in (reader, feeder):
                thread.start()
            sizes = self.kill_at_random(host, killed, lines)
            for thread in (feeder, reader):
                thread.join(timeout=300)
            self.assertIn(host.wait(timeout=60), (0, 1))
        answers = [json.loads(line) for line in lines]
        self.assertEqual(len(answers), given[0])
        crashed = [i for i, answer in enumerate(answers) if answer != i]
        self.assertEqual({answers[i]["error"]["code"] for i in crashed} - {"CRASH"}, set())
        self.assertLessEqual(len(crashed), 3 * KILLS + 100)
        self.assertNotIn(given[0] - 1, crashed, "the last item, after which nobody kills")
        first, last = sizes[len(sizes) // 5], sizes[-1]
        self.assertLessEqual(max(descriptors for descriptors, _, _ in sizes), first[0] + 8, sizes)
        self.assertLessEqual(max(workers for _, workers, _ in sizes), 2, sizes)
        self.assertLess(last[2] - first[2], 20 << 10, f"KiB of the host: {first[2]}, then {last[2]}")
        print(f"{KILLS} kills, {len(answers)} items, {len(crashed)} CRASH, descriptors {first[0]} then {last[0]}, KiB {first[2]} then {last[2]}")

    @staticmethod
    def feed(host, killed, given):
        while len(killed) < KILLS and host.poll() is None:
            host.stdin.write(f"{given[0]}\n")
            given[0] += 1
        for _ in range(50):  # which nobody disturbs any more
            host.stdin.write(f"{given[0]}\n")
            given[0] += 1
        host.stdin.close()

    @staticmethod
    def kill_at_random(host, killed, lines):
        """Sizes of the host at each kill: descriptors, its children, KiB. Not the third in a row that has answered nothing, as on a busy
        machine they would all be: where no worker starts, all that wait end with CRASH."""
        moments, sizes, silent, answered = random.Random(63), [], 0, 0
        while len(killed) < KILLS and host.poll() is None:
            time.sleep(moments.random() * 0.3)
            if len(lines) > answered:
                silent, answered = 0, len(lines)
            if silent == 2:
                continue
            workers = children(host.pid)
            resident = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{host.pid}/status").read_text())
            sizes.append((len(os.listdir(f"/proc/{host.pid}/fd")), len(workers), int(resident[1])))
            for worker in set(workers) - killed:
                try:
                    os.kill(worker, signal.SIGKILL)
                    killed.add(worker)
                    silent += 1
                except ProcessLookupError:
                    pass  # its session ended it meanwhile
        return sizes


if __name__ == "__main__":
    unittest.main()
