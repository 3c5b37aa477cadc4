"""Disks that are full or read-only, and writers at once: a clear error, and every file as it was."""
import json
import os
import resource
import shutil
import subprocess
import sys
import unittest

from command import GOOD_BAD_UGLY, MRUN, SOURCE, Case, mrun

sys.path.append(str(SOURCE / "tests/format"))
import mbzip  # noqa: E402  the format's other reader and writer


def full_disk(limit):
    """Stands for a full disk: no file may grow beyond `limit` bytes."""
    def begin():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return begin


class Disks(Case):
    TEXT = "return function(x) return x .. '!' end\n"

    def setUp(self):
        super().setUp()
        self.folder = self.bundle(preprocess=self.TEXT, files={"assets/large.bin": os.urandom(200_000)})
        self.path = self.dir / "x.mb"
        self.assertEqual(mrun("pack", self.folder, "-o", self.path).returncode, 0)

    def tree(self):
        return {str(p.relative_to(self.dir)): p.read_bytes() if p.is_file() else None for p in self.dir.rglob("*")}

    def test_a_full_disk_leaves_everything_as_it_was(self):
        (self.folder / "preprocess.lua").write_text(self.TEXT + "-- changed\n")
        before = self.tree()
        for limit in [0, 100, 4096, 150_000]:
            for args in [("commit", self.path, self.folder, "-m", "more"), ("pack", self.folder, "-o", self.path), ("pack", self.folder, "-o", self.dir / "new.mb"),
                         ("unpack", self.path, "-C", self.dir / "out")]:
                self.refused(5, *args, preexec_fn=full_disk(limit), contains="too large")
                self.assertEqual(self.tree(), before, (args, limit))
        for args in [("record", self.folder, "one", "x"), ("verify", self.folder, "--junit", self.dir / "report.xml"),
                     (self.path, "x", "-o", self.dir / "answers"), (self.path, "x", "--trace", self.dir / "trace.json"), ("new-plugin", self.dir / "mine"),
                     ("new", self.dir / "mine", "--kind", "text")]:
            result = mrun(*args, preexec_fn=full_disk(0))
            self.assertEqual(result.returncode, 5, result.stderr)
            self.assertEqual(self.tree(), before, args)

    def test_a_full_device(self):
        with open("/dev/full", "w") as full:
            for args in [(self.path, "x"), ("inspect", self.path), ("inspect", self.path, "--json"), ("log", self.path), ("verify", self.path)]:
                result = subprocess.run([MRUN, *map(str, args)], stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(result.returncode, 5, args)
                self.assertIn("No space left on device", result.stderr)

    def test_a_read_only_folder(self):
        here, command = self.public()
        self.dir, self.folder, self.path = here, *[shutil.move(p, here / p.name) for p in [self.folder, self.path]]
        (self.folder / "preprocess.lua").write_text(self.TEXT + "-- changed\n")
        for p in [self.dir, self.folder, *self.folder.rglob("*")]:
            p.chmod(0o555 if p.is_dir() else 0o444)
        self.path.chmod(0o444)
        before = self.tree()
        try:
            for args in [("commit", self.path, self.folder, "-m", "more"), ("pack", self.folder, "-o", self.path), ("record", self.folder, "one", "x"),
                         ("unpack", self.path, "-C", self.dir / "out"), (self.path, "x", "-o", self.dir / "answers"),
                         ("verify", self.path, "--junit", self.dir / "report.xml"), ("new", self.dir / "new", "--kind", "text"),
                         ("new-plugin", self.dir / "mine"), (self.path, "x", "--trace", self.dir / "trace.json")]:
                result = self.as_another(command, *args)
                self.assertEqual(result.returncode, 5, (args, result.stderr))
                self.assertIn("Permission denied", result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1)
                self.assertEqual(self.tree(), before, args)
            self.assertEqual(self.as_another(command, self.path, "x").stdout, '"x!"\n')  # reading and answering go on
        finally:
            for p in [self.dir, self.folder, *self.folder.rglob("*")]:
                p.chmod(0o755)

    def test_writers_at_once_add_one_after_the_other(self):
        writers = []
        for i in range(4):
            folder = self.dir / f"w{i}"
            shutil.copytree(self.folder, folder)
            (folder / "preprocess.lua").write_text(self.TEXT + f"-- {i}\n")
            writers.append(subprocess.Popen([MRUN, "commit", self.path, folder, "-m", f"writer {i}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        for writer in writers:
            _, error = writer.communicate()
            self.assertEqual(writer.returncode, 0, error)
        log = mrun("log", self.path).stdout
        self.assertEqual(log.count("revision "), 5)
        for i in range(4):
            self.assertIn(f"writer {i}", log)
        self.assertEqual(mrun("verify", self.path).returncode, 0)


class Locks(Case):
    def damaged(self, change):
        """A file whose lock was changed and all of whose checksums are right for that."""
        path = self.dir / "x.mb"
        self.assertEqual(mrun("pack", GOOD_BAD_UGLY, "-o", path).returncode, 0)
        entries = mbzip.read(path.read_bytes())
        lock = json.loads(entries.pop("bundle.lock"))
        entries.pop("format")
        change(lock, entries)
        lock.pop("entries")
        (self.dir / "changed.mb").write_bytes(mbzip.write(entries, **lock))
        return self.dir / "changed.mb"

    def test_operations_that_are_not_there_are_all_listed_with_who_would_bring_them(self):
        def change(lock, _):
            lock["operations"] = sorted(lock["operations"] + ["aten.nosuch_a", "aten.nosuch_b", "text.nfc@9", "text.nosuch@1", "zebra.run@3"])
            lock["packed_with"] |= {"text": "7.1.0"}
        path = self.damaged(change)
        library = json.loads(mrun("inspect", path, "--json").stdout)["needs"]["packed_with"]["aten"]
        self.refused(3, path, "x", contains=[f"aten.nosuch_a, aten.nosuch_b ({library})", "text.nfc@9, text.nosuch@1 (plugin text 7.1.0)", "zebra.run@3 (plugin zebra)"])
        result = mrun(path, "x")
        for there in ["aten.softmax", "text.sentencepiece@1"]:
            self.assertNotIn(there, result.stderr)

    def test_operations_of_a_lock_reach_no_terminal_raw(self):
        def change(lock, _):
            lock["operations"] = sorted(lock["operations"] + ["x.\x1b[2J@1"])
        path = self.damaged(change)
        for args in [("diff", self.dir / "x.mb", path), ("diff", path, GOOD_BAD_UGLY), ("inspect", path), (path, "x")]:
            result = mrun(*args)
            self.assertNotIn("\x1b", result.stdout + result.stderr, args)

    def test_methods_that_the_lock_invents_are_shown_and_not_run(self):
        def change(lock, _):
            lock["models"]["main"]["methods"] = ["invented(Tensor x) -> Tensor"]
        path = self.damaged(change)
        self.assertIn("invented(Tensor x) -> Tensor", mrun("inspect", path).stdout)
        self.assertEqual(self.answer(path, "wisdom"), self.answer(GOOD_BAD_UGLY, "wisdom"))

    def test_a_lock_without_models_is_read_as_ever(self):
        def change(lock, _):
            del lock["models"]
        path = self.damaged(change)
        self.assertEqual(self.answer(path, "wisdom"), self.answer(GOOD_BAD_UGLY, "wisdom"))
        self.assertEqual(mrun("inspect", path).returncode, 0)
        # Nothing to commit: what the lock says more of the same files is no change.
        self.refused(2, "commit", path, GOOD_BAD_UGLY, "-m", "again", contains="nothing differs")


if __name__ == "__main__":
    unittest.main()
