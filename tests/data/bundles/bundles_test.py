"""Bundles of every release still verify and answer as they did, also where the texts installed with mrun have changed."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE, BUILD, MRUN = (pathlib.Path(os.environ[name]) for name in ("MRUN_SOURCE", "MRUN_BUILD", "MRUN"))
RELEASES = sorted(p for p in HERE.iterdir() if p.is_dir() and p.name[0].isdigit())
BUNDLES = [bundle for release in RELEASES for bundle in sorted(release.glob("*.mb"))]

sys.path.insert(0, str(SOURCE / "tests/format"))
import mbzip  # noqa: E402


def run(command, *args):
    return subprocess.run([command, *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)


def supported_interface():
    return int(re.match(r"# What a script can see: interface (\d+)\n", (SOURCE / "core/script/INTERFACE.md").read_text())[1])


def std_texts():
    """The text of every std and plugin module as it is compiled in, by name."""
    paths = [p for p in SOURCE.glob("lua/*.lua") if not p.stem.endswith("_test")]
    paths += [p for p in SOURCE.glob("plugins/*/*.lua") if p.stem == p.parent.name and p.stem != "torch"]
    return {p.stem: p.read_bytes() for p in [*paths, BUILD / "plugins/torch/torch.lua"]}


class Released(unittest.TestCase):
    maxDiff = None

    def same(self, got, wanted, place="answer"):
        """As [verify]'s defaults: another machine and another libtorch may differ in the last bits of a float."""
        if isinstance(wanted, float) and isinstance(got, (int, float)):
            self.assertAlmostEqual(got, wanted, delta=1e-5 + 1e-4 * abs(wanted), msg=place)
        elif isinstance(wanted, dict) and isinstance(got, dict):
            self.assertEqual(got.keys(), wanted.keys(), place)
            for key, value in wanted.items():
                self.same(got[key], value, f"{place}.{key}")
        elif isinstance(wanted, list) and isinstance(got, list):
            self.assertEqual(len(got), len(wanted), place)
            for i, value in enumerate(wanted):
                self.same(got[i], value, f"{place}[{i}]")
        else:
            self.assertEqual(got, wanted, place)

    def answers(self, bundle, mrun=MRUN):
        runs = json.loads(bundle.with_suffix(".json").read_text())
        self.assertTrue(runs)
        for kept in runs:
            args = [a.format(bundle=bundle, inputs=bundle.parent / "inputs") for a in kept["args"]]
            with self.subTest(bundle=bundle.name, args=kept["args"]):
                done = run(mrun, *args)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.same(json.loads(done.stdout), kept["answer"])

    def test_every_release_is_here(self):
        released = re.findall(r"^## (\d+\.\d+\.\d+)$", (SOURCE / "CHANGES.md").read_text(), re.M)
        self.assertEqual(sorted(released), [p.name for p in RELEASES])
        for release in RELEASES:
            self.assertGreaterEqual(len(list(release.glob("*.mb"))), 4)

    def test_each_verifies(self):
        for bundle in BUNDLES:
            with self.subTest(bundle.name):
                done = run(MRUN, "verify", bundle)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("hashes  ok", done.stdout)
                self.assertIn("ok      ", done.stdout.replace("hashes  ok", ""))

    def test_each_answers_as_it_did(self):
        for bundle in BUNDLES:
            self.answers(bundle)

    def test_each_revision_is_there(self):
        for release in RELEASES:
            for name in ("revisions.mb", "differences.mb"):
                log = json.loads(run(MRUN, "log", release / name, "--json").stdout)
                self.assertEqual([r["number"] for r in log], [3, 2, 1])
                for r in log:
                    self.assertEqual(run(MRUN, "verify", f"{release / name}@{r['number']}").returncode, 0)

    def test_every_interface_is_still_supported(self):
        supported = range(1, supported_interface() + 1)
        seen = set()
        for bundle in BUNDLES:
            with zipfile.ZipFile(bundle) as archive:
                for name in archive.namelist():
                    if name == "bundle.lock" or re.fullmatch(r"history/locks/\d+\.lock", name):
                        lock = json.loads(archive.read(name))
                        if "script" in lock or name == "bundle.lock":  # else the one after it has the same
                            seen.add(lock["script"])
        self.assertEqual(seen, set(supported), "a bundle of every interface version, and none that is not supported")

    def test_a_newer_interface_is_refused(self):
        with zipfile.ZipFile(next(b for b in BUNDLES if b.stem == "image")) as archive:  # one without history
            lock = json.loads(archive.read("bundle.lock"))
            entries = {n: archive.read(n) for n in archive.namelist() if n not in ("format", "bundle.lock")}
        newer = supported_interface() + 1
        rest = {key: value for key, value in lock.items() if key not in ("format", "entries", "script")}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.mb"
            for script, status in ((newer - 1, 0), (newer, 3)):
                path.write_bytes(mbzip.write(entries, script=script, **rest))
                done = run(MRUN, "verify", path)
                self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            self.assertIn(f"script interface {newer}", done.stderr)

    def test_changed_texts_of_mrun_change_no_answer(self):
        """A copy of the build whose std and plugin modules all fail: nothing of them is used."""
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            (copy / "bin").mkdir()
            shutil.copy(MRUN, copy / "bin/mrun")
            shutil.copytree(BUILD / "lib", copy / "lib", symlinks=True)
            broken = set()
            for library in [*copy.glob("lib/libmrun.so.*.*"), *copy.glob("lib/mrun/plugins/*.so")]:
                data = library.read_bytes()
                for name, text in std_texts().items():
                    if text in data:
                        self.assertEqual(data.count(text), 1)
                        data = data.replace(text, b'error "the installed text was used"'.ljust(len(text)))
                        broken.add(name)
                library.write_bytes(data)
            self.assertEqual(broken, set(std_texts()))
            for bundle in BUNDLES:
                self.answers(bundle, copy / "bin/mrun")
                self.assertEqual(run(copy / "bin/mrun", "verify", bundle).returncode, 0)
            # That the copy is broken shows where nothing is pinned.
            (copy / "b").mkdir()
            (copy / "b/bundle.toml").write_text('[bundle]\nname = "b"\n[input]\nkind = "json"\n')
            for name in std_texts():
                (copy / "b/preprocess.lua").write_text(f'require "{name}"\nreturn function(x) return x end\n')
                self.assertIn("the installed text was used", run(copy / "bin/mrun", copy / "b", "1").stderr, name)


if __name__ == "__main__":
    unittest.main()
