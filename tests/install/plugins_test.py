"""Plugins built out of tree against the install: the examples, what `mrun new-plugin` makes, and what `mrun plugins --check` finds."""
import json
import math
import pathlib
import struct
import tempfile
import unittest

from installed import BUNDLES, SOURCE, Installed, run

# A plugin whose one operation, and one whose backend, breaks one rule.
BROKEN = r"""
#define _GNU_SOURCE
#include <mrun/plugin.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#define FLUSH_TO_ZERO _mm_setcsr(_mm_getcsr() | 0x8000)
#else
#define FLUSH_TO_ZERO fesetround(FE_UPWARD)
#endif
static const mrun_host *host;
static void *forever(void *unused) { for (;;) sleep(1000); return unused; }
static int broken(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  const int64_t n = args[0].as.integer;
  static int64_t calls;
  void *volatile lost = 0;
  void *memory = 0;
  sigset_t set;
  pthread_t thread;
  (void)set, (void)thread, (void)forever, (void)user, (void)lost, (void)n, (void)calls, (void)memory, (void)call;
  results[0].kind = MRUN_INT;
  BODY
  return MRUN_OK;
}
static const mrun_op op = {sizeof(mrun_op), 0, "broken.op@1(int n) -> RESULT", DOC, 0, broken, 0};
MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *p) {
  host = h, p->size = sizeof *p, p->abi = MRUN_ABI, p->name = "broken", p->version = "1", p->doc = "Breaks rules.";
  return h->add_op(p->registry, &op);
}
"""
LIES = {
    "": ([], ""),
    "lost = malloc(100);": ("bytes a call", "a leak"),
    "return MRUN_INTERNAL;": ("INTERNAL", "no message"),
    "results[0].kind = MRUN_BOOL;": ("its schema says int", "another type"),
    "if (n == 2) sleep(7);": ("poll host->stopped", "no poll"),
    "if (n < 0) abort();": ("ends the process (Aborted)", "a crash"),
    "if (n < 0) exit(0);": ("ends the process (exit)", "exit"),
    "while (n < 0) sleep(1);": ("does not return", "a loop"),
    'if (n < 0) return host->fail(call, MRUN_ARGUMENT, "%p", call);': ("an address", "an address"),
    "if (n < 0) return host->alloc(call, 10, &memory), host->fail(call, MRUN_ARGUMENT, \"n: want 0\");": ("memory charged", "memory kept"),
    "results[0].as.integer = __sync_add_and_fetch(&calls, 1) > 40 ? calls : 0;": ("several threads", "state that threads share"),
}
# What an operation does to the process that it runs in.
PROCESS_LIES = {
    "static int once; if (!once++) { open(\"/dev/null\", O_RDONLY); pthread_create(&thread, 0, forever, 0); }": "",  # made at the first call
    'open("/dev/null", O_RDONLY);': "leaves a file open, each time",
    "pthread_create(&thread, 0, forever, 0);": "leaves a thread running, each time",
    "mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);": "8192 bytes mapped a call",
    "close(1);": "closes file descriptor 1, which is not its own",
    "dup2(open(\"/dev/zero\", O_RDWR | O_CLOEXEC), 0);": "puts another file in the place of file descriptor 0",
    "for (int fd = 3; fd < 50; ++fd) close(fd);": ", which is not its own",
    "for (int fd = 0; fd < 1000; ++fd) close(fd);": "closes all files",
    'if (chdir("/")) return MRUN_IO;': "changes the working directory",
    "umask(0077);": "changes the umask",
    'setlocale(LC_ALL, "C.UTF-8");': "changes the locale",
    'uselocale(newlocale(LC_ALL_MASK, "C.UTF-8", 0));': "changes the thread's locale",
    'setenv("BROKEN_BY", "it", 1);': "sets the environment variable BROKEN_BY",
    'unsetenv("PATH");': "changes the environment variable PATH",
    "signal(SIGPIPE, SIG_IGN);": "changes what signal 13 does",
    "struct sigaction as_it_is; sigaction(SIGUSR2, 0, &as_it_is), sigaction(SIGUSR2, &as_it_is, 0);": "",
    "fesetround(FE_UPWARD);": "changes the thread's floating-point mode",
    "fesetround(FE_UPWARD), feraiseexcept(FE_INEXACT), fesetround(FE_TONEAREST);": "",  # a flag is no mode
    "FLUSH_TO_ZERO;": "changes the thread's floating-point mode",
    "sigfillset(&set), pthread_sigmask(SIG_BLOCK, &set, 0);": "changes the thread's signal mask",
}
RESULT_LIES = {
    'results[0].kind = MRUN_STRING, results[0].as.string.data = "\\xff", results[0].as.string.size = 1;': "gives a text that is not UTF-8",
    """static mrun_entry twice[2]; twice[0].key.data = twice[1].key.data = "a", twice[0].key.size = twice[1].key.size = 1;
       results[0].kind = MRUN_MAP, results[0].as.map.items = twice, results[0].as.map.size = 2;""": "gives a map with a key twice",
}
LENT = r"""
#include <mrun/plugin.h>
static const mrun_host *host;
static int run(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  float *x = (float *)args[0].as.tensor.dl->dl_tensor.data;
  (void)x, (void)user;
  BODY
  return host->value_copy(call, &args[1], &results[0]);
}
static const mrun_op op = {sizeof(mrun_op), 0, "broken.op@1(Tensor x, Any y, str[] z) -> Any", "One.", NULL, run, NULL};
MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *p) {
  host = h, p->size = sizeof *p, p->abi = MRUN_ABI, p->name = "broken", p->version = "1", p->doc = "Breaks rules.";
  return h->add_op(p->registry, &op);
}
"""
LENT_LIES = {
    "": None,
    "if (args[0].as.tensor.dl->dl_tensor.dtype.code == kDLFloat) x[0] = 0;": "writes to x, which is no Tensor(a!)",
    "host->value_free((mrun_value *)&args[0]);": "frees x, or gives it away",
    "results[0] = args[1]; return MRUN_OK;": "frees y, or gives it away",
    "if (args[2].as.list.size) { results[0] = args[2].as.list.items[0]; return MRUN_OK; }": "frees z, or gives it away",
}
BACKEND = r"""
#include <mrun/plugin.h>
#include <stdlib.h>
#include <string.h>
static const mrun_host *host;
static int open_model(mrun_call *call, const mrun_model_source *source, void **model) {
  if (source->graph.size < 5 || memcmp(source->graph.data, "model", 5) != 0) { BAD_FILE }
  return (*model = malloc(1000)) ? MRUN_OK : MRUN_MEMORY;
}
static void close_model(void *model) { CLOSE }
static const char *method(void *model, size_t index) { return (void)model, index == 0 ? "forward(Tensor x) -> Tensor" : NULL; }
static int run(mrun_call *call, void *model, size_t index, const mrun_value *args, mrun_value *results) {
  const DLTensor *x = &args[0].as.tensor.dl->dl_tensor;
  int code = host->stopped(call);
  (void)model, (void)index;
  if (code) { STOPPED }
  if (x->ndim > 1 && x->shape[0] > 1) { JOINED }
  return host->value_copy(call, &args[0], &results[0]);
}
static mrun_backend backend;
MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *p) {
  host = h, p->size = sizeof *p, p->abi = MRUN_ABI, p->name = "broken", p->version = "1", p->doc = "Breaks rules.";
  backend.size = sizeof backend, backend.name = "broken", backend.suffixes = ".broken", backend.parallel = 1;
  backend.open = open_model, backend.close = close_model, backend.method = method, backend.call = run;
  return h->add_backend(p->registry, &backend);
}
"""
RIGHT = {"BAD_FILE": 'return host->fail(call, MRUN_MODEL, "no model");', "CLOSE": "free(model);", "STOPPED": "return code;", "JOINED": ""}
BACKEND_LIES = [
    ({}, None),
    ({"BAD_FILE": ""}, "opens an empty file"),
    ({"BAD_FILE": "abort();"}, "ends the process (Aborted)"),
    ({"CLOSE": "(void)model;"}, "bytes a call"),
    ({"STOPPED": 'return host->fail(call, MRUN_MODEL, "no");'}, "return host->stopped's code"),
    ({"JOINED": 'return host->fail(call, MRUN_MODEL, "one row alone");'}, "not two joined"),
]


THROWS = """
#include <mrun/plugin.hpp>
namespace {
struct Thing {
  ~Thing() noexcept(false) { throw 5; }
};
std::unique_ptr<Thing> make() { return std::make_unique<Thing>(); }
}
template <>
struct mrun::type_of<Thing> {
  static inline const mrun_type info{sizeof(mrun_type), 0, "throws.Thing", "", [](void *self) { delete static_cast<Thing *>(self); }, nullptr};
};
MRUN_PLUGIN("throws", "1.0.0", "Breaks a rule.", nullptr, "Apache-2.0") {
  type<Thing>();
  op<make>("throws.make@1() -> throws.Thing", "Makes one.");
}
"""


def broken(body, doc="One.", result="int"):
    return BROKEN.replace("BODY", body).replace("DOC", f'"{doc}"').replace("RESULT", result)


class Plugins(Installed):
    def folder(self, **files):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, content in files.items():
            path = folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def check(self, plugin, *more):
        done = run("mrun", "plugins", "--check", plugin, "--json", *more, env=self.env)
        self.assertTrue(done.stdout, done.stderr)
        return json.loads(done.stdout)

    def test_examples(self):
        built = self.build(SOURCE / "core/plugin/examples")
        for name, operations in [("tally", 1), ("deflate", 2), ("affine", 0), ("orbit", 1), ("edits", 1)]:
            report = self.check(built / f"{name}.so")
            self.assertEqual((report["problems"], report["operations"]), ([], operations), name)
        text = self.folder(bundle_toml='[input]\nkind = "text"\n', preprocess_lua="""
local tally, deflate = require "tally", require "deflate"
return function(text)
  assert(#text == deflate.unpack(deflate.pack(text)):size(0))
  return tally.count(text, "o")
end
""")
        self.assertEqual(self.ok("mrun", text, "to be or not to be", "--plugin", built / "tally.so", "--plugin", built / "deflate.so"), "4\n")
        orbit = self.folder(bundle_toml='[input]\nkind = "json"\n', preprocess_lua='return function(e) return require("orbit").kepler({0, 1, 2}, e) end\n')
        for mean, anomaly in enumerate(json.loads(self.ok("mrun", orbit, "0.5", "--plugin", built / "orbit.so"))):
            self.assertAlmostEqual(anomaly - 0.5 * math.sin(anomaly), mean, delta=1e-12)
        wrong = run("mrun", orbit, "1.5", "--plugin", built / "orbit.so", env=self.env)
        self.assertIn("eccentricity: want 0 to less than 1", wrong.stdout)
        for a, b, apart in [("kitten", "sitting", 3), ("", "äöü", 3), ("naïve", "naive", 1), ("\0", "", 1), ("same", "same", 0)]:
            told = self.ok("mrun", "plugins", "--plugin", built / "edits.so", "--call", "edits.distance@1", json.dumps(a), json.dumps(b))
            self.assertEqual(told, f"{apart}\n", (a, b))
        edits = self.folder(bundle_toml='[input]\nkind = "json"\n', preprocess_lua='return function(n) return require("edits").distance(("a"):rep(n), ("b"):rep(n)) end\n')
        here = {**self.env, "MRUN_PLUGIN_PATH": str(built)}
        for n, more, said in [("2000", [], "2000"), ("1e6", ["--timeout", "1"], "TIMEOUT")]:
            self.assertIn(said, run("mrun", edits, n, *more, env=here).stdout)
        self.backend(built / "affine.so")

    def backend(self, plugin):
        """A model of the plugin's own format, packed, answered alone and joined, and damaged ones."""
        matrix, vector = [[1, 2, 3], [0.5, -1, 0]], [10, 20]
        weights = struct.pack("<8f", *matrix[0], *matrix[1], *vector)
        parts = {"bundle_toml": '[input]\nkind = "json"\n[models.main]\nfile = "model.affine"\n', "model_affine": "affine 2 3\n",
                 "preprocess_lua": 'local torch = require "torch"\nreturn function(x) return torch.tensor(x) end\n'}
        folder = self.folder(**parts, **{"model__main__weights_f32": weights})
        inputs = [[1, 1, 1], [1, 2, 3], [0, 0, -1]]
        wanted = [[sum(m * x for m, x in zip(row, v)) + b for row, b in zip(matrix, vector)] for v in inputs]
        packed = folder.parent / (folder.name + ".mb")
        self.addCleanup(packed.unlink)
        self.ok("mrun", "pack", folder, "-o", packed, "--plugin", plugin)
        for bundle in (folder, packed):
            report = self.check(plugin, "--models", bundle)
            self.assertEqual((report["problems"], report["models"], report["answered"]), ([], 1, 1))
        for more in [(), ("--exact",), ("--batch-size", 1), ("--workers", 3)]:
            got = self.ok("mrun", packed, "--jsonl", "-", "--plugin", plugin, *more, input="\n".join(map(json.dumps, inputs)))
            self.assertEqual([json.loads(line) for line in got.splitlines()], wanted, more)
        wrong = run("mrun", packed, "[1, 2]", "--plugin", plugin, env=self.env)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("float32 [3]", wrong.stdout)
        for name, content, said in [("model_affine", "affine 0 3", "affine ROWS COLUMNS"), ("model__main__weights_f32", weights[:-4], "32 bytes")]:
            damaged = self.folder(**{**parts, "model__main__weights_f32": weights, name: content})
            done = run("mrun", damaged, "[1, 1, 1]", "--plugin", plugin, env=self.env)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stdout + done.stderr)
        without = run("mrun", packed, "[1, 1, 1]", env=self.env)
        self.assertNotEqual(without.returncode, 0)
        self.assertIn(".affine", without.stderr)

    def test_a_new_plugin_builds_and_passes_its_tests(self):
        folder = self.folder() / "mine"
        self.ok("mrun", "new-plugin", folder)
        built = self.build(folder)
        self.ok("ctest", "--test-dir", built, "--output-on-failure", "--no-tests=error")
        report = self.check(built / "mine.so")
        self.assertEqual((report["problems"], report["operations"], report["answered"]), ([], 3, 3))
        self.ok("cmake", "--install", built)
        self.assertIn("mine.scale", self.ok("mrun", "ops", "mine"))
        for path in (self.libdir / "mrun/plugins").glob("mine.*"):
            path.unlink()
        self.assertEqual(run("mrun", "new-plugin", folder, env=self.env).returncode, 2)
        for name in ["torch", "My", "a-b", ""]:
            self.assertEqual(run("mrun", "new-plugin", folder.parent / name if name else "", env=self.env).returncode, 2, name)

    def test_a_new_plugin_called_as_what_its_test_uses(self):
        for name in ["x", "assert", "known"]:
            folder = self.folder() / name
            self.ok("mrun", "new-plugin", folder)
            self.ok("ctest", "--test-dir", self.build(folder), "--output-on-failure", "--no-tests=error")
        self.assertIn("at most 64 long", run("mrun", "new-plugin", "a" * 65, env=self.env).stderr)

    def test_a_project_may_lie_in_any_folder(self):
        project = self.folder() / "it's $HOME (new)"
        project.mkdir()
        (project / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.16)
project(any CXX)
find_package(mrun REQUIRED)
mrun_add_plugin(any SOURCES any.cpp LUA any.lua)
""")
        (project / "any.cpp").write_text("""#include <mrun/plugin.hpp>
extern const char mrun_lua_any[];
static int64_t one() { return 1; }
MRUN_PLUGIN("any", "1.0.0", "Any.", mrun_lua_any) { op<one>("any.one@1() -> int", "One."); }
""")
        (project / "any.lua").write_text('return {text = [[a;b]] .. "${x} @y@ (z)", one = native "any.one@1"}\n')
        self.ok("cmake", "-G", "Ninja", "-S", project, "-B", project / "build", "-D", f"CMAKE_PREFIX_PATH={self.prefix}")
        self.ok("cmake", "--build", project / "build")
        text = self.folder(bundle_toml='[input]\nkind = "text"\n', preprocess_lua='return function() return require("any").text end\n')
        self.assertEqual(self.ok("mrun", text, "x", "--plugin", project / "build/any.so"), '"a;b${x} @y@ (z)"\n')

    def compiled(self, source):
        folder = self.folder(broken_c=source)
        self.ok("cc", "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unused", "-I", self.prefix / "include", folder / "broken.c", "-o", folder / "broken.so")
        return folder / "broken.so"

    def test_each_lie_of_an_operation_is_found(self):
        for body, (said, what) in LIES.items():
            problems = [p["text"] for p in self.check(self.compiled(broken(body)))["problems"]]
            if said:
                self.assertTrue(any(said in p for p in problems), (what, problems))
            else:
                self.assertEqual(problems, [])
        problems = [p["text"] for p in self.check(self.compiled(broken("", doc="")))["problems"]]
        self.assertTrue(any("doc" in p for p in problems), problems)

    def test_an_object_whose_destruction_throws_is_found(self):
        folder = self.folder(throws_cpp=THROWS)
        library = folder / "throws.so"
        self.ok("c++", "-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden", "-I", self.prefix / "include", folder / "throws.cpp", "-o", library)
        found = self.check(library)["problems"]
        self.assertEqual([p["text"] for p in found], ["an object's destruction throws an exception"])

    def test_what_is_done_to_the_process_is_found(self):
        for lies, result in [(PROCESS_LIES, "int"), (RESULT_LIES, "Any")]:
            for body, said in lies.items():
                found = self.check(self.compiled(broken(body, result=result)))["problems"]
                if said:
                    self.assertTrue(any(said in p["text"] and p["operation"].startswith("broken.op@1") for p in found), (body, found))
                else:
                    self.assertEqual(found, [], body)

    def test_what_is_done_to_arguments_is_found(self):
        for body, said in LENT_LIES.items():
            problems = [p["text"] for p in self.check(self.compiled(LENT.replace("BODY", body)))["problems"]]
            if said is None:
                self.assertEqual(problems, [])
            else:
                self.assertTrue(any(said in p for p in problems), (body, problems))

    def test_each_lie_of_a_backend_is_found(self):
        models = self.folder(bundle_toml='[input]\nkind = "json"\n[models.main]\nfile = "model.broken"\n', model_broken="model")
        for wrong, said in BACKEND_LIES:
            source = BACKEND
            for name, text in {**RIGHT, **wrong}.items():
                source = source.replace(name, text)
            found = self.check(self.compiled(source), "--models", models)
            problems = [p["text"] for p in found["problems"]]
            if said is None:
                self.assertEqual((problems, found["models"], found["answered"]), ([], 1, 1))
            else:
                self.assertTrue(any(said in p for p in problems), (said, problems))

    def test_what_the_check_says(self):
        done = run("mrun", "plugins", "--check", self.compiled(broken("if (n < 0) abort();")), env=self.env)
        self.assertEqual(done.returncode, 1)
        for words in ["Aborted", "broken.op@1: n = -1", "1 problem"]:
            self.assertIn(words, done.stdout)
        fine = run("mrun", "plugins", "--check", self.compiled(broken("")), env=self.env)
        self.assertEqual(fine.returncode, 0)
        self.assertRegex(fine.stdout, r"^broken 1: 1 operation and 0 models, \d+ calls, 1 answered, 0 problems\n$")
        for wrong in [(SOURCE / "README.md",), ("/nonexistent.so",), (self.libdir / "mrun/plugins/audio.so", "--models", "/nonexistent")]:
            done = run("mrun", "plugins", "--check", *wrong, env=self.env)
            self.assertIn(done.returncode, (2, 3), done.stderr)
            self.assertTrue(done.stderr)

    def test_plugins_of_the_repository_conform(self):
        for plugin in sorted((self.libdir / "mrun/plugins").glob("*.so")):
            report = self.check(plugin)
            self.assertEqual(report["problems"], [], plugin)

    def test_the_torch_backend_conforms(self):
        for bundle in ("good-bad-ugly", "digits"):
            report = self.check(self.libdir / "mrun/plugins/torch.so", "--models", BUNDLES / bundle / "bundle")
            self.assertEqual((report["problems"], report["models"]), ([], 1), bundle)
            self.assertGreaterEqual(report["answered"], 1)


if __name__ == "__main__":
    unittest.main()
