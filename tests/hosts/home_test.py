"""libmrun at home in any process: hosts that link what libmrun and its plugins might be mistaken for, in either order, answer as the
command does, by a bundle that needs Lua, a tokenizer with a protobuf of its own, and libtorch."""
import os
import pathlib
import shlex
import subprocess
import tempfile
import unittest

SOURCE, BUILD = pathlib.Path(os.environ["MRUN_SOURCE"]), pathlib.Path(os.environ["MRUN_BUILD"])
HERE = pathlib.Path(__file__).parent
MODEL = SOURCE / "bundles/good-bad-ugly/bundle"
TEXTS = ["the way of the wicked", "praise and joy"]


def pkg_config(*arguments):
    run = subprocess.run(["pkg-config", *arguments], capture_output=True, text=True, check=True)
    return shlex.split(run.stdout)


def command_answers():
    run = subprocess.run([os.environ["MRUN"], MODEL, *TEXTS], capture_output=True, text=True, check=True)
    return run.stdout


class Home(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.wanted = command_answers()

    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def build(self, flags, before=(), after=(), sources=()):
        objects = []
        for source in [HERE / "host.c", *(HERE / s for s in sources)]:
            compiler = "cc" if source.suffix == ".c" else "c++"
            out = self.dir / (source.stem + ".o")
            subprocess.run([compiler, "-O1", "-c", *flags, "-I", SOURCE / "core/include", source, "-o", out], check=True)
            objects.append(out)
        host = self.dir / "host"
        linker = "c++" if sources else "cc"
        subprocess.run([linker, *objects, "-o", host, "-Wl,--no-as-needed", *before, "-L", BUILD / "lib", "-lmrun", *after,
                        f"-Wl,-rpath,{BUILD / 'lib'}"], check=True)
        return host

    def check(self, host):
        run = subprocess.run([host, MODEL, *TEXTS], capture_output=True, text=True, timeout=300)
        self.assertEqual((run.returncode, run.stdout), (0, self.wanted), run.stderr)

    def check_orders(self, *libraries, flags=(), sources=()):
        for before, after in [(libraries, ()), ((), libraries)]:
            with self.subTest(libraries=libraries, first=bool(before)):
                self.check(self.build(flags, before, after, sources))

    def test_alone(self):
        self.check(self.build([]))

    def test_every_lua(self):
        for name in ["lua5.1", "lua5.2", "lua5.3", "lua5.4", "luajit"]:
            self.check_orders(*pkg_config("--libs", name), flags=["-DWITH_LUA", *pkg_config("--cflags", name)])

    def test_a_lua_that_the_program_exports(self):
        for name in ["lua5.1", "lua5.4", "luajit-5.1"]:  # linked in whole, as for modules that it loads
            self.check_orders("-rdynamic", "-Wl,--whole-archive", f"-l:lib{name}.a", "-Wl,--no-whole-archive", "-lm", "-ldl")

    def test_another_openmp(self):
        *_, library = sorted(pathlib.Path("/usr/lib").glob("llvm-*/lib/libomp.so"))
        self.check_orders(library, flags=["-DWITH_OPENMP", "-fopenmp"])
        self.check_orders(library, "-ltorch_cpu", "-lc10", flags=["-DWITH_OPENMP", "-fopenmp"])

    def test_grpc(self):
        *_, library = sorted(pathlib.Path("/usr/lib").glob("*/libgrpc.so.*"))
        self.check_orders(library, "-lprotobuf")

    def test_protobuf(self):
        self.check_orders("-lprotobuf")
        self.check_orders("-rdynamic", "-Wl,--whole-archive", "-l:libprotobuf.a", "-Wl,--no-whole-archive", "-lstdc++", "-lz")

    def test_sentencepiece(self):
        self.check_orders("-lsentencepiece")

    def test_libtorch(self):
        self.check_orders("-ltorch_cpu", "-lc10")

    def test_opencv_as_pkg_config_gives_it(self):
        self.check_orders(*pkg_config("--libs", "opencv4"))

    def test_icu(self):
        self.check_orders("-licuuc", "-licui18n")

    def test_logging_libraries(self):
        self.check_orders("-lspdlog", "-lfmt")
        self.check(self.build(["-DSPDLOG_FMT_EXTERNAL"], sources=["logs.cpp"]))

    def test_jemalloc(self):
        self.check_orders("-ljemalloc")

    def test_jemalloc_and_protobuf(self):
        self.check_orders("-ljemalloc", "-lprotobuf")

    def test_operator_new_of_the_hosts_own(self):
        self.check(self.build([], sources=["allocates.cpp"]))

    def test_static_language_library(self):
        self.check_orders("-static-libstdc++", "-static-libgcc", sources=["allocates.cpp"])

    def test_another_libtorch_is_refused(self):
        other = self.dir / "libtorch_cpu.so.9.9"
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", other, "-Wl,-soname,libtorch_cpu.so.9.9"], check=True)
        host = self.build([], before=[other, f"-Wl,-rpath,{self.dir}"])
        run = subprocess.run([host, MODEL, *TEXTS], capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, 3, run.stderr)
        for words in ["torch.so", "libtorch_cpu.so.9.9", "another version", "isolation process"]:
            self.assertIn(words, run.stderr)


if __name__ == "__main__":
    unittest.main()
