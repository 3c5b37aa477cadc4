"""What a person sees at a terminal while many inputs are answered."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import unittest

from command import MRUN, Case, mrun

# Some hundredths of a second in the library's own code, compiled or not: the pattern is tried to the end from each place.
WORK = "return function(s)\n  assert(not ('a'):rep(2500):find('.-b'))\n  if s == '31' then error('odd') end\n  return s\nend\n"


def at_terminal(*args, stdout=None, columns=None, term="xterm"):
    """All that comes to a terminal on standard error, and on standard output where no other is given."""
    parent, child = pty.openpty()
    if columns is not None:
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([MRUN, *map(str, args)], stdin=subprocess.DEVNULL, stdout=stdout or child, stderr=child,
                               env={**os.environ, "TERM": term})
    os.close(child)
    screen = b""
    while True:
        try:
            block = os.read(parent, 1 << 16)
        except OSError:  # the other end was closed
            break
        if not block:
            break
        screen += block
    os.close(parent)
    process.wait(timeout=300)
    return screen.decode()


def seen(screen):
    """The lines that stay: of each what follows the last erasing."""
    return [line.rstrip("\r").split("\x1b[K")[-1] for line in screen.split("\n")]


class Progress(Case):
    def work(self):
        """A bundle and inputs that take some seconds, of which one fails."""
        lines = self.dir / "lines.txt"
        lines.write_text("30\n31\n" + "30\n" * 58)
        return self.bundle(preprocess=WORK), lines

    def test_answers_and_progress_share_a_terminal(self):
        folder, lines = self.work()
        screen = at_terminal(folder, "--lines", lines)
        self.assertRegex(screen, r"\x1b\[K\d+ items, \d+/s(, 1 failed)?")
        answers, ending = seen(screen)[:60], seen(screen)[60:]
        self.assertEqual(len([a for a in answers if json.loads(a) == "30"]), 59)
        self.assertEqual(sum(a.startswith('{"error"') for a in answers), 1)
        self.assertRegex(ending[0], r"^60 items in \d+\.\d s, \d+/s, 1 failed$")
        self.assertEqual(ending[1:], [""])

    def test_a_terminal_without_escape_sequences_gets_the_last_line_alone(self):
        folder, lines = self.work()
        with open(os.devnull, "wb") as nothing:
            screen = at_terminal(folder, "--lines", lines, stdout=nothing, term="dumb")
        self.assertRegex(screen, r"^60 items in \d+\.\d s, \d+/s, 1 failed\r\n$")

    def test_a_narrow_terminal_has_it_on_one_line(self):
        folder, lines = self.work()
        with open(os.devnull, "wb") as nothing:
            screen = at_terminal(folder, "--lines", lines, stdout=nothing, columns=20)
        drawn = re.findall(r"\x1b\[K([^\r\n\x1b]*)", screen)
        self.assertTrue(any(" items" in d for d in drawn), screen)
        self.assertLessEqual(max(map(len, drawn[:-1])), 19, drawn)

    def test_the_number_of_files_and_the_time_left_are_shown(self):
        folder = self.bundle(kind="bytes", preprocess=WORK, postprocess="return function() return 1 end\n")
        inputs = self.dir / "inputs"
        inputs.mkdir()
        for i in range(60):
            (inputs / f"{i:02}").write_text("x")
        out = self.dir / "out.jsonl"
        screen = at_terminal(folder, inputs, "-o", out)
        counts = [int(n) for n in re.findall(r"(\d+) of 60 items, \d+/s", screen)]
        self.assertTrue(counts and counts == sorted(counts), screen)
        self.assertRegex(screen, r"\d+ of 60 items, \d+/s, \d+ s left")
        self.assertEqual(out.read_text(), "1\n" * 60)

    def test_a_shard_counts_its_own_items(self):
        folder = self.bundle(kind="bytes", preprocess=WORK, postprocess="return function() return 1 end\n")
        files = [self.dir / f"{i}" for i in range(120)]
        for file in files:
            file.write_text("x")
        screen = at_terminal(folder, *files, "--shard", "2/2", "-o", self.dir / "out.jsonl")
        self.assertRegex(screen, r"\d+ of 60 items, \d+/s")

    def test_there_is_none_for_files_pipes_and_where_it_is_not_wanted(self):
        folder, lines = self.work()
        self.assertEqual(mrun(folder, "--lines", lines).stderr, "")
        with open(self.dir / "answers", "w", encoding="utf-8") as out:
            self.assertEqual(at_terminal(folder, "--lines", lines, "--no-progress", stdout=out), "")

    def test_what_is_answered_at_once_leaves_no_trace(self):
        folder = self.bundle(preprocess="return function(s) return s end\n")
        self.assertEqual(at_terminal(folder, "a", "b"), '"a"\r\n"b"\r\n')


if __name__ == "__main__":
    unittest.main()
