"""The disk fails at each call in turn: reading a bundle, and writing one. Numbers 64 and 65 of core/SECURITY.md: an error of one line, no
half file, nothing left beside it, and what was there is as it was. Number 87: a key pair whose files are replaced."""
import os
import pathlib
import subprocess
import sys
import unittest

from cryptography.hazmat.primitives import serialization

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "command"))
import command  # noqa: E402

FAULTS = command.BUILD / "tests/hostile/hostile_faults.so"
MOST = 2000  # calls that any of these commands makes, and more


class Case(command.Case):
    def faulty(self, kind, at, *args, more={}):
        """(status, whether the fault came, standard error)"""
        mark = self.dir / "mark"
        mark.unlink(missing_ok=True)
        given = os.environ | command.preloaded(FAULTS) | {"MRUN_FAULT": kind, "MRUN_FAULT_AT": str(at), "MRUN_FAULT_MARK": str(mark)} | more
        result = subprocess.run([command.MRUN, *map(str, args)], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=self.dir, env=given)
        return result, mark.exists()

    def each(self, kind, check, *args):
        """Lets each call fail, until the command is done before the fault; gives how many there were."""
        for at in range(1, MOST):
            result, came = self.faulty(kind, at, *args)
            if not came:
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertGreater(at, 1, "nothing was counted")
                return at - 1
            self.assertGreaterEqual(result.returncode, 0, f"{args} was ended by signal {-result.returncode} at call {at}: {result.stderr}")
            check(result, at)
        self.fail("it never came to an end")

    def refused_or_whole(self, result, at):
        if result.returncode != 0:
            self.assertIn(result.returncode, (1, 2, 3, 4, 5), (at, result.stderr))
            self.assertTrue(result.stderr.startswith("mrun: ") or '"error"' in result.stdout, (at, result.stderr))

    def setUp(self):
        super().setUp()
        self.folder = self.bundle(preprocess="return function(x) return x end\n", files={"assets/a.txt": "a\n" * 100, "lib/b.lua": "return 1\n"})
        self.file = self.dir / "b.mb"
        self.assertEqual(command.mrun("pack", self.folder, "-o", self.file).returncode, 0)

    def test_64_reading_fails_at_each_call(self):
        for args in (("inspect", "b.mb"), ("verify", "b.mb", "--hashes"), ("b.mb", "x", "--isolation", "none"), ("inspect", "bundle")):
            with self.subTest(args):
                self.each("read", self.refused_or_whole, *args)
        self.assertEqual(self.answer(self.file, "x"), "x")

    def test_65_writing_fails_at_each_call(self):
        before = self.file.read_bytes()
        (self.folder / "preprocess.lua").write_text("return function(x) return x .. x end\n")
        self.assertEqual(command.mrun("keygen", self.dir / "key").returncode, 0)

        def as_it_was(result, at):
            self.assertEqual(result.returncode, 5, (at, result.stderr))
            self.assertIn("No space left on device", result.stderr)
            self.assertEqual(self.file.read_bytes(), before)
            self.assertEqual([p.name for p in self.dir.iterdir() if "tmp-" in p.name], [])
            self.assertFalse(made is not None and (self.dir / made).exists())

        for made, *args in (("new.mb", "pack", "bundle", "-o", "new.mb"), ("out", "unpack", "b.mb", "-C", "out"), (None, "sign", "b.mb", "--key", "key"),
                            (None, "commit", "b.mb", "bundle", "-m", "two")):
            with self.subTest(args):
                if args[0] == "commit":
                    before = self.file.read_bytes()  # signed by now
                self.each("write", as_it_was, *args)

    def of_one_pair(self):
        """Whether there are both halves; they are of one pair then, and the private one is there and whole in any case."""
        private = serialization.load_pem_private_key((self.dir / "key").read_bytes(), None)
        public = self.dir / "key.pub"
        if not public.exists():
            return False
        wanted = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.assertEqual(public.read_bytes(), wanted)
        return True

    def test_87_key_pair_replaced_by_halves(self):
        for more in ({}, {"MRUN_FAULT_KILL": "1"}):
            self.assertEqual(command.mrun("keygen", self.dir / "key", "--force").returncode, 0)
            whole = []
            for at in range(1, MOST):
                before = (self.dir / "key").read_bytes()
                result, came = self.faulty("write", at, "keygen", "key", "--force", more=more)
                self.assertEqual(result.returncode, (-9 if more else 5) if came else 0, (at, result.stderr))
                whole.append((self.of_one_pair(), (self.dir / "key").read_bytes() != before))
                if not came:
                    break
                self.assertEqual(command.mrun("keygen", self.dir / "key", "--force").returncode, 0)
            self.assertIn((False, True), whole)  # between the two
            self.assertEqual(whole[-1], (True, True))
            self.assertEqual([p.name for p in self.dir.iterdir() if p.name.startswith(".key")], [])


if __name__ == "__main__":
    unittest.main()
