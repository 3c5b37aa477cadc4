"""`cmake --install` to any place: the command, the library and what belongs to them find each other wherever the tree is moved."""
import pathlib
import re
import shutil
import tempfile
import unittest

from installed import BUNDLES, SOURCE, Installed, run

TEXT = BUNDLES / "good-bad-ugly/bundle"


class Install(Installed):
    def test_all_pieces_are_there(self):
        names = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if not p.is_dir()}
        library = str(self.libdir.relative_to(self.prefix))
        wanted = {"bin/mrun", f"{library}/libmrun.so", f"{library}/libmrun.so.1", f"{library}/cmake/mrun/mrunConfig.cmake",
                  f"{library}/pkgconfig/mrun.pc", f"{library}/mrun/mrun-worker",
                  *(f"include/mrun/{h.name}" for h in (SOURCE / "core/include/mrun").iterdir()),
                  *(f"{library}/mrun/plugins/{p}.so" for p in ["torch", "text", "image", "audio", "decode"])}
        self.assertLessEqual(wanted, names)
        self.assertFalse([n for n in names if "test" in n.lower()])

    def test_nothing_installed_names_the_build(self):
        for path in self.prefix.rglob("*"):
            if path.is_file() and (path.suffix in {".cmake", ".pc", ".json"} or path.name in {"mrun", "libmrun.so.1.0.0"}):
                self.assertNotIn(b".build/", path.read_bytes(), path)

    def test_the_command_answers_and_verifies(self):
        self.assertIn('"good"', self.ok("mrun", TEXT, "praise and joy"))
        self.ok("mrun", "verify", BUNDLES / "digits/bundle")
        listed = self.ok("mrun", "plugins")
        self.assertEqual(set(re.findall(r"^ +(/.*)/mrun/plugins/", listed, re.M)), {str(self.libdir)})

    def test_a_library_in_lib64_takes_its_own_worker_and_plugins_not_those_in_lib(self):
        place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        shutil.copytree(self.libdir, place / "lib64", symlinks=True)
        plugins = place / "lib/mrun/plugins"
        plugins.mkdir(parents=True)
        (place / "lib/mrun/mrun-worker").symlink_to("/bin/false")
        for name in ["torch.so", "older.so"]:
            (plugins / name).write_text("another install's")
        env = {**self.env, "LD_LIBRARY_PATH": str(place / "lib64")}
        for more in [(), ("--isolation", "process")]:
            done = run("mrun", TEXT, "praise and joy", *more, env=env)
            self.assertIn('"good"', done.stdout, done.stderr)
        listed = run("mrun", "plugins", env=env)
        self.assertEqual(listed.stderr, "")
        self.assertEqual(set(re.findall(r"^ +(/.*)/mrun/plugins/", listed.stdout, re.M)), {str(place / "lib64")})

    def test_a_host_by_pkg_config(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        source = SOURCE / "core/api/examples/ask.c"
        self.assertLessEqual(len(source.read_text().splitlines()), 50)
        flags = [re.sub(r"\\ ", " ", f) for f in re.split(r"(?<!\\) ", self.ok("pkg-config", "--cflags", "--libs", "mrun").strip())]
        self.ok("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", source, *flags, f"-Wl,-rpath,{self.libdir}", "-o", folder / "ask")
        self.assertEqual(self.ok(folder / "ask", TEXT, "praise and joy"), self.ok("mrun", TEXT, "praise and joy"))

    def test_a_project_that_asks_for_components_is_told_of_targets(self):
        for asked, code, said in [("", 0, ""), ("1.0.0 EXACT", 0, ""), ("OPTIONAL_COMPONENTS plugin", 0, ""), ("1.1", 1, "version: 1.0"),
                                  ("COMPONENTS plugin", 1, "no components, but targets: mrun::mrun")]:
            project = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
            (project / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.16)\nproject(x NONE)\nfind_package(mrun {asked} REQUIRED)\n")
            done = run("cmake", "-S", project, "-B", project / "build", "-D", f"CMAKE_PREFIX_PATH={self.prefix}", env=self.env)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(said, " ".join(done.stderr.split()))

    def configured(self, *folders):
        """What a build that is told its folders would install: the way from the command to the library, and the .pc file."""
        build = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        done = run("cmake", "-G", "Ninja", "-S", SOURCE, "-B", build, "-D", "MRUN_TESTS=OFF", "-D", "CMAKE_INSTALL_PREFIX=/opt/mrun",
                   *(f"-DCMAKE_INSTALL_{f}" for f in folders))
        if done.returncode != 0:
            return None, " ".join(done.stderr.split())
        way = re.search(r'/mrun"\s+RPATH "\\(\$ORIGIN[^"]*)"', (build / "cmake_install.cmake").read_text()).group(1)
        return way, (build / "packaging/mrun.pc").read_text()

    def test_the_folders_of_distributions(self):
        for folders, way, up, library in [
                (["LIBDIR=lib64"], "$ORIGIN/../lib64", "../..", "lib64"),
                (["LIBDIR=lib/x86_64-linux-gnu"], "$ORIGIN/../lib/x86_64-linux-gnu", "../../..", "lib/x86_64-linux-gnu"),
                (["LIBDIR=/opt/mrun/lib64", "INCLUDEDIR=/opt/mrun/include"], "$ORIGIN/../lib64", "../..", "lib64"),
                (["LIBDIR=lib64", "BINDIR=libexec/mrun"], "$ORIGIN/../../lib64", "../..", "lib64")]:
            got, pc = self.configured(*folders)
            self.assertEqual(got, way)
            self.assertIn(f"prefix=${{pcfiledir}}/{up}/\nlibdir=${{prefix}}/{library}\nincludedir=${{prefix}}/include\n", pc)
        refused, said = self.configured("LIBDIR=/usr/lib64")
        self.assertIsNone(refused, said)
        self.assertIn("CMAKE_INSTALL_LIBDIR is not below CMAKE_INSTALL_PREFIX, /opt/mrun", said)

    def test_an_install_without_plugins_says_what_is_missing(self):
        plugins = self.libdir / "mrun/plugins"
        plugins.rename(self.root / "away")
        try:
            done = run("mrun", TEXT, "x", env=self.env)
        finally:
            (self.root / "away").rename(plugins)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no plugin opens model.pt", done.stderr)
        self.assertIn("no plugin was found", done.stderr)


if __name__ == "__main__":
    unittest.main()
