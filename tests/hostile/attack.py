"""What the tests of hostile scripts share: a bundle that attacks where its input says so, run in both isolations, and what is left of it."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "command"))
import command  # noqa: E402

ISOLATIONS = ("none", "process")
TIME = "1"  # seconds an item may take
MEMORY = "64M"  # bytes its scripts and tensors may hold
RESIDENT = 1000 << 10  # KiB that the host or its worker may ever have used: libtorch alone takes some 300 MB
WELL = "well"


PARENT, SESSION = 1, 3  # where /proc/N/stat says so, behind the name


def processes(field, number):
    """The processes whose `field` is this number: those of a parent, or of a session; zombies among them."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[field]) == number:
            found.append(int(stat.parent.name))
    return found


class Case(command.Case):
    def ran(self, *args, resident=RESIDENT, seconds=60):
        """Status, standard output and error of a run that leaves no process behind and keeps to its memory."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            host = subprocess.Popen(["/usr/bin/timeout", "-s", "KILL", str(seconds), command.MRUN, *map(str, args)], stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=err, start_new_session=True)
            _, status, usage = os.wait4(host.pid, 0)
            host.returncode = os.waitstatus_to_exitcode(status)
            texts = [(file.seek(0), file.read())[1] for file in (out, err)]
        self.assertEqual(processes(SESSION, host.pid), [], "processes are left")
        self.assertIn(host.returncode, range(6), f"ended by a signal, or not at all: {texts}")
        self.assertLess(usage.ru_maxrss, resident)
        return (host.returncode, *texts)

    def attacker(self, body, head="", files=None, **more):
        """A bundle that answers WELL to false and runs `body` for anything else."""
        script = f"{head}\nreturn function(bad)\nif not bad then return {json.dumps(WELL)} end\n{body}\nend\n"
        return self.bundle(kind="json", files=files, preprocess=script, **more)

    def answers_of(self, folder, isolation, *args, time=TIME, memory=MEMORY, attacks=("true",), **more):
        """The answers to a good item, the attacks and a good item; the good ones must be right."""
        inputs = self.dir / "inputs"
        inputs.write_text("\n".join(["false", *attacks, "false"]) + "\n")
        _, out, err = self.ran(folder, "--jsonl", inputs, "--isolation", isolation, "--workers", "1", "--timeout", time, "--memory", memory, *args, **more)
        answers = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((len(answers), answers[0], answers[-1]), (len(attacks) + 2, WELL, WELL), (out[:2000], err[:2000]))
        return answers[1:-1]

    def held(self, codes, body, head="", contains="", isolations=ISOLATIONS, files=None, **more):
        """The attack ends with one of these codes, in each isolation, and the items beside it are answered."""
        folder = self.attacker(body, head, files)
        for isolation in isolations:
            with self.subTest(isolation=isolation):
                for answer in self.answers_of(folder, isolation, **more):
                    self.assertIsInstance(answer, dict, body)
                    self.assertIn(answer.get("error", {}).get("code"), codes, answer)
                    self.assertIn(contains, answer["error"]["message"])

    def gives(self, value, body, head="", isolations=ISOLATIONS, files=None, **more):
        """The attack gets this answer, in each isolation, and the items beside it are answered."""
        folder = self.attacker(body, head, files)
        for isolation in isolations:
            with self.subTest(isolation=isolation):
                self.assertEqual(self.answers_of(folder, isolation, **more), [value] * len(more.get("attacks", ("true",))))

    def refused_source(self, source, contains):
        """A script that is refused before any of it runs; and after it a good bundle answers."""
        folder = self.bundle(kind="json", files={"preprocess.lua": source})
        for isolation in ISOLATIONS:
            with self.subTest(isolation=isolation, source=source[:40]):
                status, out, err = self.ran(folder, "true", "--isolation", isolation)
                self.assertEqual((status, out), (3, ""), err)
                self.assertIn(contains, err)
                self.assertEqual(self.answer(self.attacker("", name="good"), "false", "--isolation", isolation), WELL)
