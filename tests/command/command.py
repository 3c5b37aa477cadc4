"""What the tests of the command share: bundles made on the spot, runs, answers."""
import fcntl
import json
import os
import pathlib
import pty
import shutil
import signal
import stat
import struct
import subprocess
import tempfile
import termios
import time
import unittest

MRUN = os.environ["MRUN"]
SOURCE = pathlib.Path(os.environ["MRUN_SOURCE"])
BUILD = pathlib.Path(os.environ["MRUN_BUILD"])
GOOD_BAD_UGLY = SOURCE / "bundles/good-bad-ugly/bundle"
NOBODY = 65534
ENDLESS = "local log = require \"log\"\nreturn function(x)\n  log.warn \"it runs\"\n  while true do end\nend\n"
os.umask(0o022)  # another user reads what some tests have made, whatever this one's own is


def preloaded(*libraries):
    """For the environment of a program: libraries that come before its own, and before all the sanitizer's runtime, which insists on it."""
    paths = [os.environ.get("MRUN_SANITIZER_RUNTIME", ""), *map(str, libraries)]
    return {"LD_PRELOAD": " ".join(filter(None, paths))}


def in_python():
    """For the environment of a Python that loads the library: its own leaks are not ours."""
    return preloaded() | {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def open_to_all(folder):
    return all(stat.S_IMODE(f.stat().st_mode) & 0o001 for f in [folder, *folder.parents])


def is_alive(pid):
    """Nor a zombie: a container's first process may look after none that is left to it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(reached, seconds=120):
    """Waits until reached() is true; returns that."""
    end = time.monotonic() + seconds
    while not (got := reached()):
        if time.monotonic() > end:
            raise AssertionError(f"not reached in {seconds} s")
        time.sleep(0.01)
    return got


def sleeping_since(pid):
    """The processor time that a process has taken, in ticks, where it would take an interrupt and all its threads sleep; else None."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
        tasks = [f.read_text().rsplit(")", 1)[1].split() for f in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return None
    if not caught >> (signal.SIGINT - 1) & 1 or any(t[0] != "S" for t in tasks):
        return None
    return sum(int(t[11]) + int(t[12]) for t in tasks)


def until_it_waits(process):
    """Until a command has nothing to do but to wait for something from outside: it sleeps at ten looks, and takes no time between them."""
    looks = []

    def waits():
        looks.append(sleeping_since(process.pid))
        return len(looks) >= 10 and looks[-1] is not None and len(set(looks[-10:])) == 1

    until(waits)


def until_it_says(text, stream):
    """Reads lines of a command's standard error until one has the text."""
    while text not in (line := stream.readline()):
        if not line:
            raise AssertionError(f"it ended without {text!r}")


def mrun(*args, stdin=None, **more):
    """Runs the command; stdout and stderr as text. Never hangs: a limit far above what any case takes."""
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run([MRUN, *map(str, args)], capture_output=True, text=True, timeout=300, **given, **more)


def at_a_terminal(*args, rows=24, columns=80, env=None):
    """What the command writes to a terminal of that size."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen([MRUN, *map(str, args)], stdout=child, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **(env or {})})
    os.close(child)
    data = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
    os.close(parent)
    error = process.stderr.read().decode()
    process.stderr.close()
    return process.wait(), data.decode().replace("\r\n", "\n"), error


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def public(self):
        """An empty folder that any user may enter, and a copy of the command beside it: the build, and the folder for temporary files,
        may be closed to others."""
        place = next(p for p in map(pathlib.Path, [tempfile.gettempdir(), "/tmp", "/var/tmp"]) if open_to_all(p.resolve()))
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir=place)))
        (folder / "build/bin").mkdir(parents=True)
        (folder / "here").mkdir()
        shutil.copy(MRUN, folder / "build/bin/mrun")
        shutil.copytree(pathlib.Path(MRUN).parents[1] / "lib", folder / "build/lib", symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        return folder / "here", folder / "build/bin/mrun"

    def as_another(self, command, *args, **more):
        """Runs a command of the tests' user, or of nobody where that is root, who may do anything."""
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []
        return subprocess.run([*user, *map(str, [command, *args])], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, **more)

    def bundle(self, kind="text", toml="", name="bundle", files=None, **scripts):
        """A bundle's folder: scripts by stage, other files by path."""
        folder = self.dir / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "bundle.toml").write_text(f'[bundle]\nname = "t"\nversion = "1.0.0"\n\n[input]\nkind = "{kind}"\n{toml}')
        for stage, text in scripts.items():
            (folder / f"{stage}.lua").write_text(text)
        for path, content in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def answer(self, *args, **more):
        """The one answer of a run that must succeed."""
        result = mrun(*args, **more)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def answers(self, *args, status=0, **more):
        result = mrun(*args, **more)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def refused(self, status, *args, contains=(), **more):
        """A run that must end with `status` and one line on standard error that contains all of `contains`."""
        result = mrun(*args, **more)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for text in [contains] if isinstance(contains, str) else contains:
            self.assertIn(text, result.stderr)
        self.assertEqual(result.stdout, "")

    def item_error(self, code, stage, *args, contains=(), **more):
        """A run whose item must fail: exit status 1 and the error on its line."""
        (answer,) = self.answers(*args, status=1, **more)
        error = answer["error"]
        self.assertEqual((error["code"], error["stage"]), (code, stage), error["message"])
        self.assertEqual(len(error["message"].splitlines()), 1, error["message"])
        for text in [contains] if isinstance(contains, str) else contains:
            self.assertIn(text, error["message"])
