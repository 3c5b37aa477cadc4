"""What the tests of this folder share: an install of the build in a place of its own, and the environment of who uses it."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE, BUILD = pathlib.Path(os.environ["MRUN_SOURCE"]), pathlib.Path(os.environ["MRUN_BUILD"])
BUNDLES = SOURCE / "bundles"


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, stdin=subprocess.DEVNULL if "input" not in more else None,
                          timeout=900, **more)


class Installed(unittest.TestCase):
    """`prefix` has the whole install, moved after it was made; nothing of the build or the repository is in the environment."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        done = run("cmake", "--install", BUILD, "--prefix", cls.root / "first")
        assert done.returncode == 0, done.stdout + done.stderr
        cls.prefix = cls.root / "moved here"
        shutil.move(cls.root / "first", cls.prefix)
        cls.libdir = next(cls.prefix.rglob("libmrun.so")).parent
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MRUN", "LD_"))}
        cls.env = {**clean, "PATH": f"{cls.prefix}/bin:{os.environ['PATH']}", "PKG_CONFIG_PATH": str(cls.libdir / "pkgconfig")}

    def ok(self, *command, **more):
        done = run(*command, env=self.env, **more)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    def build(self, source, *targets):
        """Configures and builds a project against the install; returns its build folder."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.ok("cmake", "-G", "Ninja", "-S", source, "-B", folder, "-D", f"CMAKE_PREFIX_PATH={self.prefix}")
        self.ok("cmake", "--build", folder, "--target", *(targets or ["all"]))
        return folder
