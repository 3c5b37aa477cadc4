"""Plugins of one's own, in C and in C++, each built with one compiler line and used by a bundle."""
import json
import os
import shutil
import subprocess
import unittest

from command import SOURCE, Case, at_a_terminal, mrun

PLUGINS = SOURCE / "tests/plugins"


class OwnPlugins(Case):
    def build(self, compiler, source, *flags):
        out = self.dir / (source.split(".")[0] + ".so")
        subprocess.run([compiler, "-shared", "-fPIC", "-fvisibility=hidden", *flags, "-I", SOURCE / "core/include", PLUGINS / source, "-o", out],
                       check=True)
        return out

    def test_c(self):
        plugin = self.build("cc", "hello.c", "-std=c99")
        folder = self.bundle("json", preprocess="""
local hello, torch = require "hello", require "torch"
return function(x)
  local n = hello["until"](function(i) return i * i > x end)
  return { n, hello.negate(torch.tensor({1, 2.5})) }
end
""")
        self.assertEqual(self.answer(folder, "50", "--plugin", plugin), [8, [-1, -2.5]])
        self.item_error("ARGUMENT", "preprocess", self.bundle("json", preprocess="""
local hello, torch = require "hello", require "torch"
return function() return hello.negate(torch.zeros({2, 2})) end
"""), "1", "--plugin", plugin, contains=["hello.negate", "x", "2 dimensions"])

    def test_cpp(self):
        plugin = self.build("c++", "counter.cpp", "-std=c++17")
        folder = self.bundle("json", preprocess="""
local counter, torch = require "counter", require "torch"
local words = counter.vocabulary({"zero", "one", "two"})
return function(x)
  local word, length = words:word(x)
  local shifted = words:word(0, 2)
  return { word, length, shifted, counter.scale(torch.tensor({1, 2})), counter.scale(torch.tensor({1, 2}), {by = 0.5}) }
end
""")
        self.assertEqual(self.answer(folder, "1", "--plugin", plugin), ["one", 3, "two", [2, 4], [0.5, 1]])
        self.item_error("ARGUMENT", "preprocess", folder, "7", "--plugin", plugin, contains=["id", "range"])

    def test_a_library_that_changes_rounding_as_it_is_loaded_changes_no_answer(self):
        # As one linked with -ffast-math does with denormals.
        (self.dir / "round.c").write_text("#include <fenv.h>\n__attribute__((constructor)) static void up(void) { fesetround(FE_UPWARD); }\n")
        plugin = self.build("cc", "hello.c", "-std=c99", self.dir / "round.c", "-lm")
        folder = self.bundle("json", preprocess='require "hello"\nreturn function(x) return {x / 3, -x / 3} end\n')
        self.assertEqual(self.answer(folder, "1", "--plugin", plugin), [1 / 3, -1 / 3])

    def test_a_program_that_never_adds_its_plugin_ends_as_any(self):
        source, program = self.dir / "kept.cpp", self.dir / "kept"
        source.write_text("""#include <mrun/plugin.hpp>
static mrun::tensor kept;
static mrun::tensor keep(const mrun::call &, const mrun::tensor &x) { return kept = x; }
MRUN_PLUGIN("kept", "1.0.0", "For tests.") { op<keep>("kept.keep@1(Tensor x) -> Tensor"); }
int main() { return 0; }
""")
        subprocess.run(["c++", "-std=c++17", "-I", SOURCE / "core/include", source, "-o", program], check=True)
        self.assertEqual(subprocess.run([program]).returncode, 0)

    def test_packed_with_a_plugin_and_refused_without_it(self):
        plugin = self.build("cc", "hello.c", "-std=c99")
        folder = self.bundle("json", preprocess='local hello = require "hello"\nreturn function(x) return hello.negate ~= nil end\n')
        self.assertEqual(mrun("pack", folder, "-o", self.dir / "x.mb", "--plugin", plugin).returncode, 0)
        self.answer(self.dir / "x.mb", "1", "--plugin", plugin)
        self.refused(3, self.dir / "x.mb", "1", contains=["hello.", "@1", "hello"])

    def test_what_a_library_prints_is_not_among_the_answers(self):
        plugin = self.build("cc", "loud.c", "-std=gnu99")
        folder = self.bundle("json", preprocess='local loud = require "loud"\nreturn function(x) return loud.say() end\n')
        for arguments in ([folder, "1"], ["bench", folder, "1", "--seconds", "0.1", "--json"], ["plugins", "--json"]):
            run = mrun(*arguments, "--plugin", plugin)
            self.assertEqual(run.returncode, 0, run.stderr)
            json.loads(run.stdout)  # one document and nothing else
            self.assertIn("loud: loaded", run.stderr)
        self.assertIn("loud: called", mrun(folder, "1", "--plugin", plugin, "--isolation", "none").stderr)

    def test_an_operation_called_by_itself(self):
        kit = self.build("c++", "kit.cpp", "-std=c++17")
        def call(*args):
            done = mrun("plugins", "--plugin", kit, "--call", *args)
            return done.stdout if done.returncode == 0 else (done.returncode, done.stderr)
        self.assertEqual(call("kit.sum@1", "[1, 2.5]"), "3.5\n")
        self.assertEqual(call("kit.sum@1", "[1, 2.5]", '{"bias": 1}'), "4.5\n")
        self.assertEqual(call("kit.split@1", '"a b"'), '"a"\n["a","b"]\n2\n')
        for dtype, size in [("float32", 4), ("float64", 8), ("int64", 8), ("int32", 4), ("uint8", 1), ("bool", 1)]:
            self.assertEqual(call("kit.bytes@1", f"{dtype}[[1, 0, 1], [0, 1, 1]]"), f"{6 * size}\n")
        self.assertEqual(call("kit.same@1", "float32[[1, 2.5], [-3, 4]]"), "[[1,2.5],[-3,4]]\n")
        (self.dir / "file").write_bytes(b"abc")
        self.assertEqual(call("kit.same@1", f"@{self.dir}/file"), call("kit.same@1", "uint8[97, 98, 99]"))
        for args, said in [(("kit.sum@1", '"x"'), "want"), (("kit.summ@1", "1"), "kit.sum"), (("kit.same@1", "float32[[1], [2, 3]]"), "lengths"),
                           (("kit.same@1", "float33[1]"), "dtype"), (("kit.same@1", "{"), "JSON"), (("kit.same@1", "@/nonexistent"), "/nonexistent")]:
            status, error = call(*args)
            self.assertIn(said, error)
            self.assertNotIn(status, (0, 134, 139))
        self.assertEqual(mrun("plugins", "1").returncode, 2)

    def test_a_backend_and_a_namespace_made_with_the_helpers(self):
        plugin = self.build("c++", "helped.cpp", "-std=c++17")
        (self.dir / "helped.json").write_text('{"provides": ["helpedns."], "suffixes": [".helped"]}')
        folder = self.bundle("json", '[models.main]\nfile = "model.helped"\ntimes = 2.0\n',
                             files={"model.helped": "helped 3", "model/main/more.txt": "seven by"},
                             preprocess='local torch = require "torch"\nassert(require("helped").twice(4) == 8)\nreturn function(x) return torch.tensor(x) end\n')
        found = json.loads(mrun("plugins", "--check", plugin, "--models", folder, "--json").stdout)
        self.assertEqual((found["problems"], found["models"]), ([], 1))
        packed = self.dir / "p.mb"
        self.assertEqual(mrun("pack", folder, "-o", packed, "--plugin", plugin).returncode, 0)
        listed = mrun("inspect", packed).stdout
        self.assertIn("model/main.graph.helped", listed)
        for bundle in (folder, packed):
            for more in ((), ("--exact",), ("--batch-size", 1)):
                done = mrun(bundle, "--jsonl", "-", "--plugin", plugin, *more, stdin="[1, 2]\n[3, 4]\n[5]\n")
                self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], [[5, 7], [9, 11], [13]], done.stderr)
        (folder / "model.helped").write_text("helpless")
        self.refused(3, folder, "[1]", "--plugin", plugin, contains=["model.helped", "want \"helped N\""])
        (folder / "model.helped").write_text("helped 3")
        (folder / "bundle.toml").write_text('[input]\nkind = "json"\n[models.main]\nfile = "model.helped"\ntimes = "two"\n')
        self.refused(3, folder, "[1]", "--plugin", plugin, contains=["times", "float"])

    def test_what_a_backend_says_and_lists_while_it_opens(self):
        plugin = self.build("cc", "faulty.c", "-std=c99")
        folder = self.bundle("json", '[models.main]\nfile = "m.faulty"\n', files={"m.faulty": "warns"},
                             preprocess="return function(x) return require('torch').tensor(x) end")
        done = mrun(folder, "[1]", "--plugin", plugin)
        self.assertEqual((json.loads(done.stdout), done.stderr), ([1], "mrun: warn: the model is old\n"))
        for fault, said in [("no schema", "model main: a method that its backend lists: schema \"forward(Tensor x\""),
                            ("two methods", "model main: its backend lists two methods forward"), ("freed", "this model is none")]:
            (folder / "m.faulty").write_text(fault)
            self.refused(3, folder, "[1]", "--plugin", plugin, contains=said)
        (folder / "m.faulty").write_text("silent")
        self.item_error("MODEL", "forward", folder, "[1]", "--plugin", plugin, contains="model main: forward: failed and gave no reason")

    def odd(self, text, *arguments, forward="return function(model, x) return model:forward(x) end"):
        """A bundle with a model of odd.cpp, and that plugin."""
        folder = self.bundle("json", '[models.main]\nfile = "m.odd"\n', files={"m.odd": text}, forward=forward,
                             preprocess="return function(x) return require('torch').tensor(x) end")
        return folder, self.build("c++", "odd.cpp", "-std=c++17")

    def test_what_a_model_in_cpp_throws_is_told(self):
        folder, plugin = self.odd("")
        where = {"open": "m.odd: ", "schema": "model main: a method that its backend lists: schema \"(it threw", "run": "", "clone": ""}
        where["traits"] = where["schema"]
        for place, before in where.items():
            for how, said in [("exception", "thrown on purpose"), ("number", "an exception" if place in ("schema", "traits") else "unknown exception")]:
                (folder / "m.odd").write_text(f"{place} {how}")
                if place in ("run", "clone"):
                    self.item_error("INTERNAL", "forward" if place == "run" else "engine", folder, "[1]", "--plugin", plugin, contains=said)
                else:
                    self.refused(3, folder, "[1]", "--plugin", plugin, contains=[before, said])
        (folder / "m.odd").write_text("clone nothing")
        self.item_error("INTERNAL", "engine", folder, "[1]", "--plugin", plugin, contains="clone gave no model")

    def test_a_method_is_listed_without_version_overload_and_dots(self):
        folder, plugin = self.odd("")
        for name in ("forward@1", "forward:a", "forward.a"):
            (folder / "m.odd").write_text(f"named {name}(Tensor x) -> Tensor")
            self.refused(3, folder, "[1]", "--plugin", plugin, contains=["model main", name, "want a plain name"])

    def test_each_item_has_its_own_of_a_model_that_says_it_keeps_state(self):
        folder, plugin = self.odd("keeps", forward="return function(model, x)\n  model:forward(x)\n  return {model:forward(x), model:count(x)}\nend\n")
        for workers in (1, 4):
            done = mrun(folder, "--jsonl", "-", "--plugin", plugin, "--workers", workers, stdin="[1]\n[2]\n[3]\n")
            self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], [[[n], 2] for n in (1, 2, 3)], done.stderr)
        (folder / "forward.lua").write_text("return function(model) model:add(1) model:add(2.5) return model:total() end")
        (folder / "bundle.toml").write_text('[input]\nkind = "json"\n[models.main]\nfile = "m.adder"\n')
        (folder / "m.adder").touch()
        done = mrun(folder, "--jsonl", "-", "--plugin", plugin, stdin="[1]\n[2]\n")
        self.assertEqual(done.stdout, "3.5\n3.5\n", done.stderr)
        faulty = self.build("cc", "faulty.c", "-std=c99")
        other = self.bundle("json", '[models.main]\nfile = "m.faulty"\nstateful = true\n', files={"m.faulty": ""}, preprocess="return function(x) return x end")
        self.refused(3, other, "[1]", "--plugin", faulty, contains=["[models.main] stateful", "the backend faulty makes no copies"])

    def test_what_a_split_gives_is_checked(self):
        folder, plugin = self.odd("")
        packed = self.dir / "p.mb"
        for text, said in [("split exception", "m.odd: thrown on purpose"), ("split into nothing", "m.odd: the backend odd split it: the graph is nil"),
                           ("split into numbers", "the graph is a float32 tensor [4], want a 1-D uint8 tensor"),
                           ("split what it found", "m.odd: it found an operation"),
                           ("split without weights", "the weights: want a map, got the integer 3")]:
            (folder / "m.odd").write_text(text)
            done = mrun("pack", folder, "-o", packed, "--plugin", plugin)
            self.assertEqual((done.returncode, packed.exists()), (3, False))
            self.assertIn(said, done.stderr)
        for text, kept in [("split with complex", "tensor 'w' is of dtype complex64, which the format cannot hold"), ("as it is", "there is nothing to take out")]:
            (folder / "m.odd").write_text(text)
            done = mrun("pack", folder, "-o", packed, "--plugin", plugin)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.splitlines()[0], "mrun: warn: an old format")
            self.assertIn(f"model main is kept whole: {kept}", done.stderr.replace("safetensors: ", ""))
            self.assertEqual(self.answer(packed, "[1]", "--plugin", plugin), [1])

    def test_forms_of_a_namespace_that_await(self):
        plugin = self.build("cc", "space.c", "-std=c99")
        (self.dir / "space.json").write_text('{"provides": ["spacens."]}')
        folder = self.bundle("json", preprocess="""
local space = require "space"
return function(x)
  if not x then return space.versioned() end
  return {space.count(function() return 0 end, x)}
end
""")
        self.assertEqual(self.answer(folder, "1", "--plugin", plugin), [0])
        self.assertEqual(self.answer(folder, '"three"', "--plugin", plugin), [0, 1, 2])
        self.item_error("INTERNAL", "preprocess", folder, "false", "--plugin", plugin, contains="spacens.versioned@2: a namespace's have no version")

    def test_a_backend_whose_models_have_methods_of_their_own(self):
        plugin = self.build("c++", "helped.cpp", "-std=c++17")
        for text, forward in [("listed 1 once", "return {model:once(x)}"), ("listed 3 thrice", "return {model:thrice(x)}")]:
            folder = self.bundle("json", '[models.main]\nfile = "model.listed"\n', files={"model.listed": text},
                                 preprocess="return function(x) return require('torch').tensor(x) end",
                                 forward=f"return function(model, x) {forward} end")
            found = json.loads(mrun("plugins", "--check", plugin, "--models", folder, "--json").stdout)
            self.assertEqual((found["problems"], found["models"]), ([], 1))
            self.assertEqual(self.answer(folder, "[1, 2]", "--plugin", plugin), [[1, 2]] * int(text.split()[1]))
        (folder / "forward.lua").write_text("return function(model, x) return model:threads(x) end")
        self.assertEqual([self.answer(folder, "[1]", "--plugin", plugin, "--threads", n) for n in (1, 3)], [1, 3])
        (folder / "model.listed").write_text("listed 2 liar")
        (folder / "forward.lua").write_text("return function(model, x) return model:liar(x) end")
        done = mrun(folder, "[1]", "--plugin", plugin)
        self.assertIn("gave 100 results, more than its schema says", done.stdout + done.stderr)
        (folder / "model.listed").write_text("listed 0 never")
        self.refused(3, folder, "[1]", "--plugin", plugin, contains="listed N NAME")

    def test_what_a_plugin_gives_is_checked(self):
        plugin = self.build("c++", "lies.cpp", "-std=c++17")
        for call, said in [(("lies.wrong@1", 0), "no dtype has code"), (("lies.wrong@1", 1), "at no multiple of 4 bytes"), (("lies.wrong@1", 2), "want a tensor on the CPU"),
                           (("lies.none@1",), "NULL was given for the object"), (("lies.silent@1",), "gave no reason"),
                           (("liesns.more",), "gave 3 results, more than its schema says"),
                           (("lies.raw@1",), "lies.raw: plugin lies: result 1: a tensor has no owner: tensor_new and tensor_give"),
                           (("lies.raw_failure@1",), "failed after it wrote"), (("lies.raw_throw@1",), "thrown after it wrote"),
                           (("lies.unmade@1", 0), "a tensor has no owner"), (("lies.unmade@1", 1), "an object is NULL"),
                           (("lies.unmade@1", 2), "a string's data is NULL"), (("lies.unmade@1", 3), "a list's items are NULL"),
                           (("lies.unmade@1", 4), "a tensor has no owner"), (("lies.unmade@1", 5), "a map's items are NULL"),
                           (("lieszz.none",), "lieszz.none: plugin lies found 1 forms and gave none"),
                           (("lieszz.some",), "lieszz.some: plugin lies was asked for it: it gave lieszz.other")]:
            done = mrun("plugins", "--plugin", plugin, "--call", *call)
            self.assertNotIn(done.returncode, (0, -6, -11), done.stdout)
            self.assertIn(said, done.stderr)

    def test_what_a_plugin_asks_of_the_host_is_checked(self):
        plugin = self.build("c++", "lies.cpp", "-std=c++17")
        done = mrun("plugins", "--plugin", plugin, "--call", "lies.nulls@1")
        self.assertEqual((done.returncode, done.stdout), (0, "0\n"), done.stderr)

    def test_an_object_that_gives_no_tensor_is_named(self):
        plugin = self.build("c++", "lies.cpp", "-std=c++17")
        folder = self.bundle("json", preprocess='local lies = require "lies"\nreturn function(x) return lies.dimensions(lies.number()) end\n')
        self.item_error("MODEL", "preprocess", folder, "1", "--plugin", plugin, contains="lies.Number: to_tensor: failed and gave no reason")

    def test_an_object_may_call_operations_for_its_tensor(self):
        plugin = self.build("c++", "lies.cpp", "-std=c++17")
        folder = self.bundle("json", preprocess="""
local lies, torch = require "lies", require "torch"
return function(x) return {lies.found():item(), lies.dimensions(lies.found()), lies.found() + x, torch.sum(lies.found()):item()} end
""")
        self.assertEqual(self.answers(folder, "1", "--plugin", plugin), [[7, 0, 8, 7]])

    def test_a_task_gives_what_its_schema_says(self):
        plugin = self.build("c++", "lies.cpp", "-std=c++17")
        folder = self.bundle("json", preprocess='local lies = require "lies"\nreturn function(x) return lies.task(function() return 1 end) end\n')
        self.item_error("INTERNAL", "preprocess", folder, "1", "--plugin", plugin,
                        contains="lies.task: plugin lies gave a string of 9 bytes as result 1, its schema says int")
        for given, said in [("nil", "lies.task: returned MRUN_PENDING without awaiting anything"), ("true", "lies.task: unknown exception")]:
            folder = self.bundle("json", preprocess=f'local lies = require "lies"\nreturn function(x) return lies.task(function() return {given} end) end\n')
            self.item_error("INTERNAL", "preprocess", folder, "1", "--plugin", plugin, contains=said)

    def test_a_destructor_that_throws_ends_nothing(self):
        plugin = self.build("c++", "lies.cpp", "-std=c++17")
        folder = self.bundle("json", preprocess='local lies = require "lies"\nreturn function(x) for _ = 1, 3000 do lies.thrower() end return x end\n')
        done = mrun(folder, "1", "--plugin", plugin)
        self.assertEqual((done.returncode, done.stdout), (0, "1\n"), done.stderr)
        self.assertIn("lies.Thrower: its destruction threw an exception", done.stderr)

    def test_functions_inside_a_list_arrive_as_functions(self):
        plugin = self.build("c++", "helped.cpp", "-std=c++17")
        folder = self.bundle("json", preprocess="""
local helped = require "helped"
local function double(x) return 2 * x end
return function(x)
  return {helped.functions({1, double, "a", double}), helped.functions(double), helped.call_each({double, 0, double}, x)}
end
""")
        self.assertEqual(self.answer(folder, "5", "--plugin", plugin), [2, 1, 20])

    def test_ops_and_plugins_list_them(self):
        plugin = self.build("cc", "hello.c", "-std=c99")
        listed = json.loads(mrun("plugins", "--plugin", plugin, "--json").stdout)
        self.assertEqual([p["version"] for p in listed if p["name"] == "hello"], ["1.0.0"])
        self.assertLessEqual({"torch", "image", "text", "decode"}, {p["name"] for p in listed})
        self.assertIn("hello.negate@1(Tensor x) -> Tensor", mrun("ops", "hello.negate", "--plugin", plugin).stdout)
        self.refused(3, "ops", "image.resise", contains="image.resize")

    def test_a_terminal_has_whole_words_on_each_line(self):
        for columns in 40, 60, 80:
            for args, words in [(["ops", "image"], "image.center_crop@1 The middle, by torchvision's rule; zeros where the image is smaller."),
                                (["plugins"], "5 operations")]:
                status, shown, _ = at_a_terminal(*args, columns=columns)
                self.assertEqual(status, 0)
                self.assertLessEqual(max(len(line) for line in shown.splitlines() if "/" not in line), columns, shown)
                self.assertIn(words, " ".join(shown.split()))
        self.assertRegex(mrun("ops", "image").stdout, r"(?m)^image.center_crop@1 +The middle, .* is smaller\.$")

    def test_a_folder_that_is_none_is_said_where_plugins_are_listed(self):
        env = {**os.environ, "MRUN_PLUGIN_PATH": f"{self.dir}:{self.dir / 'none'}:"}
        for args in [["plugins"], ["ops", "image"]]:
            result = mrun(*args, env=env)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stderr, f"mrun: {self.dir / 'none'}: is no folder; MRUN_PLUGIN_PATH names folders of plugins\n")

    def test_a_broken_file_in_the_folder_does_not_keep_the_others_out(self):
        plugin = self.build("cc", "hello.c", "-std=c99")
        (self.dir / "wrong.so").write_text("no library")
        shutil.copy(plugin, self.dir / "facts.so")
        (self.dir / "facts.json").write_text('{"provides": [1]}')
        env = {**os.environ, "MRUN_PLUGIN_PATH": str(self.dir)}
        result = mrun("plugins", env=env)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(mrun("plugins", "--json", env=env).returncode, 1)
        for words in [r"hello +1\.0\.0", r"torch +\d", r"wrong +broken +.*wrong\.so: cannot be loaded", r"facts +broken +.*facts\.json: \"provides\" must be"]:
            self.assertRegex(result.stdout, words)
        rows = {p["name"]: p for p in json.loads(mrun("plugins", "--json", env=env).stdout)}
        self.assertIsNone(rows["hello"]["error"])
        self.assertIn("wrong.so", rows["wrong"]["error"])
        result = mrun("ops", env=env)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("hello.negate", result.stdout)
        self.assertIn("plugin wrong is left out", result.stderr)
        # Bundles that do not need it run; one that does says why it cannot.
        self.assertEqual(self.answer(self.bundle(preprocess="return function(x) return x end\n"), "x", env=env), "x")
        self.refused(2, self.bundle(preprocess='require "wrong"\nreturn function(x) return x end\n'), "x", env=env, contains="wrong.so")

    def test_files_that_are_no_plugin(self):
        folder = self.bundle(preprocess="return function(x) return x end\n")
        (self.dir / "x.so").write_text("no")
        for path, word in [(self.dir / "none.so", "none.so"), (self.dir / "x.so", "x.so")]:
            result = mrun(folder, "x", "--plugin", path)
            self.assertIn(result.returncode, (2, 3))
            self.assertIn(word, result.stderr)


if __name__ == "__main__":
    unittest.main()
