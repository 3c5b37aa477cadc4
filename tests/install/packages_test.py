"""The tarball and the Debian packages that cpack makes: what is in them, what they say of themselves, and that what they unpack runs."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from installed import BUILD, BUNDLES, SOURCE, run

TEXT, DIGITS = BUNDLES / "good-bad-ugly/bundle", BUNDLES / "digits/bundle"
VERSION = subprocess.run([os.environ["MRUN"], "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
PACKAGES = {"libmrun1", "libmrun-dev", "mrun", "mrun-plugins"}
PLUGINS = {"torch", "text", "image", "audio", "decode"}


def fields(package):
    """The fields of the control file; continuation lines are kept."""
    text = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^(\S+): (.*(?:\n .*)*)", text, re.M))


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        os.umask(0o022)
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
        done = run("cpack", "-G", "TGZ;DEB", "-B", cls.root / "out", cwd=BUILD, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.debs = {p.name.split("_")[0]: p for p in (cls.root / "out").glob("*.deb")}
        cls.env = {k: v for k, v in os.environ.items() if not k.startswith(("MRUN", "LD_"))}

    def contents(self, package):
        listed = run("dpkg-deb", "-c", self.debs[package]).stdout.splitlines()
        rows = [re.match(r"(\S{10}) (\S+) +\d+ \S+ \S+ \./(.*?)(?: -> (\S+))?$", line).groups() for line in listed]
        self.assertEqual({owner for _, owner, _, _ in rows}, {"root/root"})
        self.assertLessEqual({mode for mode, _, _, _ in rows}, {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"})
        return {name for mode, _, name, _ in rows if mode[0] != "d"}

    def answers(self, command, env):
        """A folder, and the same packed, which runs in a worker process."""
        packed = self.root / "packed.mb"
        packed.unlink(missing_ok=True)
        for arguments, said in [(["pack", TEXT, "-o", packed], ""), ([TEXT, "praise and joy"], '"good"'), ([packed, "praise and joy"], '"good"'),
                                (["verify", DIGITS], "")]:
            done = run(command, *arguments, env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(said, done.stdout)

    def test_the_set(self):
        self.assertEqual(set(self.debs), PACKAGES)

    def test_every_file_is_in_its_package(self):
        doc = {p: {f"usr/share/doc/{p}/copyright", f"usr/share/doc/{p}/changelog.gz"} for p in PACKAGES}
        self.assertEqual(self.contents("libmrun1") - doc["libmrun1"], {"usr/lib/libmrun.so.1", f"usr/lib/libmrun.so.{VERSION}", "usr/lib/mrun/mrun-worker"})
        self.assertEqual(self.contents("mrun-plugins") - doc["mrun-plugins"],
                         {f"usr/lib/mrun/plugins/{p}.{suffix}" for p in PLUGINS for suffix in ("so", "json")})
        headers = {f"usr/include/mrun/{p.name}" for p in (SOURCE / "core/include/mrun").iterdir()}
        self.assertLessEqual(headers | {"usr/lib/libmrun.so", "usr/lib/cmake/mrun/mrunConfig.cmake", "usr/lib/pkgconfig/mrun.pc",
                                        "usr/share/man/man3/mrun.3.gz"} | doc["libmrun-dev"], self.contents("libmrun-dev"))
        command = self.contents("mrun")
        self.assertLessEqual({"usr/bin/mrun", "usr/share/man/man1/mrun.1.gz", "usr/share/man/man1/mrun-pack.1.gz", "usr/share/man/man5/mrun-bundle.5.gz",
                              "usr/share/bash-completion/completions/mrun", "usr/share/zsh/vendor-completions/_mrun",
                              "usr/share/fish/vendor_completions.d/mrun.fish", "usr/share/doc/mrun/core/bundle/MANIFEST.md"} | doc["mrun"], command)
        self.assertNotIn("usr/share/doc/mrun/LICENSE", command)  # the system has its text
        self.assertEqual({n for n in command if n.startswith(("usr/bin", "usr/lib", "etc"))}, {"usr/bin/mrun"})

    def test_what_they_say_of_themselves(self):
        said = {name: fields(path) for name, path in self.debs.items()}
        arch = run("dpkg", "--print-architecture").stdout.strip()
        for name, f in said.items():
            self.assertEqual((f["Package"], f["Architecture"], f["Version"]), (name, arch, VERSION))
            self.assertRegex(f["Description"], r"^models with their code in one file - .*\n .+")
        for name in PACKAGES - {"libmrun1"}:
            self.assertIn(f"libmrun1 (= {VERSION})", said[name]["Depends"])
        self.assertIn("libdlpack-dev", said["libmrun-dev"]["Depends"])
        for depends in ["libluajit-5.1-2", "libc6 (>=", "libstdc++6 (>="]:  # opened at run time, found in the files
            self.assertIn(depends, said["libmrun1"]["Depends"])
        for depends in [r"libtorch[\d.]+ ", r"libsentencepiece0", r"libopencv-core\w+ ", r"libopenblas0"]:
            self.assertRegex(said["mrun-plugins"]["Depends"], depends)
        self.assertNotIn("libtorch", said["libmrun1"]["Depends"] + said["mrun"]["Depends"])

    def test_lintian_finds_no_error(self):
        done = run("lintian", "--fail-on", "error", *self.debs.values())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_the_packages_unpack_runs(self):
        system = self.root / "system"
        for path in self.debs.values():
            subprocess.run(["dpkg-deb", "-x", path, system], check=True)
        for path in [system / "usr/bin/mrun", *system.rglob("*.so"), system / "usr/lib/mrun/mrun-worker"]:
            self.assertNotRegex(run("objdump", "-p", path).stdout, "R(UN)?PATH", path)
            self.assertNotIn(".symtab", run("objdump", "-h", path).stdout, path)
        # As the loader would find the library in /usr/lib.
        self.answers(system / "usr/bin/mrun", {**self.env, "LD_LIBRARY_PATH": str(system / "usr/lib")})

    def test_the_tarball_runs_where_it_is_unpacked(self):
        place = self.root / "some place"
        place.mkdir()
        tarball, = (self.root / "out").glob(f"mrun-{VERSION}-*.tar.gz")
        subprocess.run(["tar", "-C", place, "-xf", tarball], check=True)
        top, = place.iterdir()
        self.assertEqual(top.name + ".tar.gz", tarball.name)
        self.answers(top / "bin/mrun", self.env)
        self.assertTrue((top / "share/man/man1/mrun.1").is_file())
        self.assertTrue((top / "share/doc/mrun/LICENSE").is_file())
        self.assertTrue((top / "include/mrun/mrun.h").is_file())


if __name__ == "__main__":
    unittest.main()
