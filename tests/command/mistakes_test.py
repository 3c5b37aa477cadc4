"""Mistakes of people who come from Python: what is silently wrong is said, and an error leads to the repair."""
import io
import json
import pathlib
import subprocess
import tempfile
import unittest
import zipfile

from command import Case, mrun

ECHO = "return function(x) return x end\n"
MODULES = ('local torch, image, text, json, bundle = require "torch", require "image", require "text", require "json", '
           'require "bundle"\n')


def scripted():
    """The bytes of a TorchScript file."""
    with tempfile.NamedTemporaryFile(suffix=".pt") as f:
        subprocess.run(["/usr/bin/python3", "-c", "import sys, torch\ntorch.jit.script(torch.nn.Linear(10, 2).eval()).save(sys.argv[1])", f.name],
                       check=True, capture_output=True)
        return pathlib.Path(f.name).read_bytes()


def stage(body):
    return "return function(x, params)\n  " + body + "\nend\n"


class SilentlyWrong(Case):
    def told(self, *sentences, status=0, **more):
        result = mrun(self.bundle(**more), "x")
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        for sentence in sentences:
            self.assertIn(sentence, result.stderr)

    def test_names_that_nothing_sets(self):
        for body, sentence in [("return None", "preprocess.lua:2: None is nil: nothing sets it; nil is Lua's word for it"),
                               ("return {sorted = True}", "True is nil: nothing sets it; true is written small"),
                               ("local label = x return lable", "lable is nil: nothing sets it; did you mean 'label'"),
                               ("return “x”", "a text wants plain quotes"),
                               ("return x .. None", "None is nil")]:
            with self.subTest(body):
                self.told(sentence, status=1 if ".." in body else 0, preprocess=stage(body))

    def test_a_function_without_an_answer(self):
        self.told("preprocess.lua:1: the function returns nothing, so x is null", preprocess='return function(x) x = x .. "!" end\n')
        self.told("postprocess.lua:1: the function returns nothing, so the answer is null",
                  postprocess="return function(x)\n  local f = function() return 1 end\nend\n")

    def test_a_context_that_comes_too_early(self):
        self.told("postprocess.lua:1: the function's arguments are (output, params, context): ctx is the second of these",
                  postprocess="return function(y, ctx) return ctx.len end\n")
        for body in ["return function(y, params, ctx) return 1 end\n", "return function(y, params) return 1 end\n"]:
            self.assertEqual(mrun(self.bundle(postprocess=body), "x").stderr, "")

    def test_parameters_that_there_are_not(self):
        self.told("preprocess.lua:2: params.topk is nil: bundle.toml has no such parameter", preprocess=stage('return params["topk"]'))

    def test_what_is_true_false_or_the_text_itself_whatever_comes(self):
        for body, sentence in [('return ("{} is {}"):format(x, 2)', "braces mean nothing"), ('return string.format("{:.2f}", 2)', "braces mean nothing"),
                               ('return (x:gsub("\\\\s+", " "))', "a pattern of Lua's writes \\s as %s"), ('return x:match("^\\\\d$") or "no"', "writes \\d as %d"),
                               ("local list = {} if #list then return 1 end return 2", "a number is true, 0 too"),
                               ("local list = {} if list == {} then return 1 end return 2", "a table is equal to nothing but itself"),
                               ('return {n = tonumber(("1,2,3"):gsub(",", ""))}', "tonumber((s:gsub(…)))")]:
            with self.subTest(body):
                self.told("preprocess.lua:", sentence, preprocess=MODULES + stage(body))
        for expression in "torch.ones(2, 3):max(1)", "torch.sort(torch.ones(2), 0)", "torch.ones(2, 3)[1]:topk(2)":
            self.told("preprocess.lua:3: ", "a second result is the context", preprocess=MODULES + stage("return " + expression))
        for expression in "(torch.ones(2, 3):max(1))", "torch.ones(2):max()", "torch.ones(2, 3):max(1):size(0)", "math.max(1, 2)":
            result = mrun(self.bundle(preprocess=MODULES + stage("return " + expression)), "x")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.told("the function's arguments are (input, params): self is the first", preprocess="return function(self, x) return 1 end\n")
        self.told("the function's arguments are (model, x, params, context)", preprocess=ECHO, forward="return function(x, model) return 1 end\n")

    def test_tensors_where_lua_would_be_silent(self):
        key, condition, equal = "a tensor is no key", "a tensor in a condition is true", "a tensor is never equal to a number"
        for body, sentence in [("if torch.zeros(3):argmax() == 0 then return 1 end", equal),
                               ("local best = torch.argmax(torch.zeros(3)) if best ~= 0 then return 1 end", equal),
                               ("if torch.zeros(3):sum():gt(1) == true then return 1 end", equal),
                               ("if 0 == torch.zeros(3, 2)[1]:sum() then return 1 end", equal),
                               ("if (torch.zeros(3):gt(2)) == true then return 1 end", equal), ("if 0 == ((torch.zeros(3))):sum() then return 1 end", equal),
                               ("if false == (torch.zeros(3):gt(2)) then return 1 end", equal), ("if ((torch.zeros(3):sum() + 1)) == 1 then return 1 end", equal),
                               ("if (x and torch.zeros(3):sum() or 0) == 0 then return 1 end", equal),
                               ('local names = {"a", "b"} return names[torch.argmax(torch.zeros(2)) + 1] or 1', key),
                               ('local best = torch.zeros(2):argmax() local names = {"a", "b"} return names[best + 1] or 1', key),
                               ('local best = torch.zeros(2):argmax() + 1 local names = {"a", "b"} return names[best] or 1', key),
                               ('local function name(i) return ({"a", "b"})[i] end return name(torch.ones(1))', key),
                               ('local M = {names = {cat = 1}} return M.names[torch.ones(1):sum()]', key),
                               ("if torch.zeros(2):max():gt(1) then return 1 end", condition),
                               ("local big = torch.zeros(2):gt(1) if big then return 1 end", condition),
                               ("return not torch.zeros(2):max():lt(1)", condition),
                               ("return torch.isnan(torch.zeros(2)) and 1 or 2", condition),
                               ("local function big(t) return t:max():gt(1) end if big(torch.zeros(2)) then return 1 end", condition),
                               ("assert(torch.zeros(2):gt(1))", condition)]:
            with self.subTest(body):
                result = mrun(self.bundle(preprocess=MODULES + stage("\n" + body)), "x")
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                message = json.loads(result.stdout)["error"]["message"]
                self.assertTrue(message.startswith("preprocess.lua:4: " + sentence), message)
                self.assertIn(":item()", message)

    def test_tensors_that_may_be_absent_or_keys_are_right(self):
        body = ("local seen, mask = {}, torch.zeros(2):ge(0)\n  local function optional(given) return given and mask or nil end\n"
                "  if not optional(true) or optional(false) then return 1 end\n  if seen[mask] then return 2 end\n  seen[mask] = 1\n"
                "  local rows = torch.ones(2, 2)[mask]\n  if rows:eq(1):all() and seen[mask] == 1 then return rows:size(0) end\n  return 3")
        result = mrun(self.bundle(preprocess=MODULES + stage(body)), "x")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "2\n", ""))

    def test_what_is_right_is_not_doubted(self):
        script = ("local json = require 'json'\nlocal a, b = 1\nlocal function help(c, ...) return c, ... end\nlimit = 3\n"
                  "return function(x, params)\n  for i, v in ipairs {1} do b = i end\n  local t = {key = a, [1] = b, other = limit}\n"
                  "  if params.some then t = nil end\n  goto done\n  ::done::\n  local k = params.k or 3\n"
                  "  return help(t and json.encode(x .. k) or 'None', 1) -- None\nend\n")
        result = mrun(self.bundle(preprocess=script, files={"lib/a.lua": "if jit then return 1 end return {}"}), "x")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)

    def test_names_that_may_be_something_else_are_not_doubted(self):
        for body in ["local big = torch.zeros(2):gt(1):any()\n  return big and 1 or 2", "local big = torch.zeros(2):gt(1)\n  return #{big} > 0 and big:any() and 1 or 2",
                     "local big = x == 1 and torch.zeros(2):gt(1)\n  return big and 1 or 2", "local at = torch.zeros(2):argmax()\n  return torch.ones(2)[at]",
                     "local big = torch.zeros(2):gt(1)\n  local function f(big) return big and 1 or 2 end\n  return f(false)",
                     "local a = torch.zeros(2)\n  local b = a:clone()\n  return (a == b) == false and (#a:tolist()) == 2 and not (a:any()) == true and 1 or 2"]:
            result = mrun(self.bundle(preprocess=MODULES + stage(body)), "x")
            self.assertEqual((result.returncode, result.stderr), (0, ""), body)

    def test_coroutines_of_what_is_no_function(self):
        for body, told in [("return coroutine.wrap(5)", "coroutine.wrap: want a function, got the number 5"),
                           ("return coroutine.wrap(setmetatable({}, {__call = tostring}))", "coroutine.wrap: want a function, got a table; function(...) return f(...) end is one that calls it"),
                           ("return coroutine.resume({})", "coroutine.resume: want a coroutine, got a table")]:
            with self.subTest(body):
                result = mrun(self.bundle(preprocess=stage("\n" + body)), "x")
                self.assertEqual(result.returncode, 1)
                self.assertIn("preprocess.lua:3: " + told, result.stdout)

    def test_what_gives_nothing_or_another_thing_is_doubted(self):
        for body, told in [("local t = {2, 1}\n  local s = table.sort(t)\n  return s", "table.sort changes the list"),
                           ("local t = {2, 1}\n  for i in ipairs(table.sort(t)) do return i end\n  return 1", "table.sort changes the list"),
                           ("return table.insert({}, 1)", "table.insert changes the list"), ("return torch.ones(2):tolist()[0]", "list[1] is the first"),
                           ("local p = torch.ones(2):tolist()\n  return {p[0]}", "list[1] is the first"),
                           ("return ({})[tostring(torch.ones(2):argmax())]", "tostring(x:argmax(…):item())")]:
            with self.subTest(body):
                result = mrun(self.bundle(preprocess=MODULES + stage(body)), "x")
                self.assertRegex(result.stderr, "mrun: preprocess.lua:[34]: ")
                self.assertIn(told, result.stderr)

    def test_what_may_be_meant_is_not_doubted(self):
        body = ("local t = {2, 1}\n  table.sort(t)\n  local function add(v) return table.insert(t, v) end\n  add(3)\n"
                "  local ids = torch.ones(3):tolist()\n  for i = 1, #ids do if ids[i] ~= ids[i - 1] then add(ids[i]) end end\n"
                "  local from_0 = torch.ones(3):tolist()\n  from_0[0] = 5\n  local first = from_0[0]\n"
                "  return {#t, first, tostring(torch.ones(2):sum():item()), params.k and t == table.sort}")
        result = mrun(self.bundle(preprocess=MODULES + stage(body)), "x")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        own = "return {new = function() return {sum = function(self) return 3 end} end}\n"
        for script in ("local Stats = {}\nStats.__index = Stats\nfunction Stats:sum() return 3 end\nreturn function(x) return tostring(setmetatable({}, Stats):sum()) end\n",
                       "local s = {mean = function() return 3 end}\nreturn function(x) return tostring(s:mean()) end\n",
                       'local stats = require "lib.stats"\nlocal s = stats.new()\nreturn function(x) return tostring(s:sum()) end\n',
                       "return function(x) local t = {2, 1}\n  local s = table.sort(t) or t\n  return tostring(s[1] + 2) end\n"):
            result = mrun(self.bundle(preprocess=script, files={"lib/stats.lua": own}), "x")
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, '"3"\n', ""), script)

    def test_params_of_a_librarys_own_are_not_doubted(self):
        library = "return function(params) return params.limit or params.by, params.treshold end\n"
        result = mrun(self.bundle(preprocess='local f = require "lib.a"\nreturn function(x) return f {} or x end\n', files={"lib/a.lua": library},
                                  toml="[params]\nthreshold = 1\n"), "x")
        self.assertEqual((result.returncode, result.stderr),
                         (0, "mrun: lib/a.lua:1: params.treshold is nil: bundle.toml has no such parameter; did you mean 'threshold'?\n"), result.stdout)

    def test_a_number_asked_of_an_object_whose_keys_are_texts(self):
        for ask, answer in [("labels[1]", None), ("labels[1] or labels[tostring(1)]", "b")]:
            folder = self.bundle(preprocess=MODULES + 'local labels = bundle.json "l.json"\n' + stage(f"return {ask}"), files={"assets/l.json": '{"0": "a", "1": "b"}'})
            result = mrun(folder, "x", "y", "--workers", "1")
            self.assertEqual((result.returncode, [json.loads(line) for line in result.stdout.splitlines()]), (0, [answer, answer]))
            self.assertEqual(result.stderr.count('preprocess.lua:4: t[1] is nil: the keys are texts, as t["1"]; t[tostring(n)] asks for one'), 1, result.stderr)
        folder = self.bundle("json", preprocess=stage("return x[2] == nil and x[1.5] == nil and #x == 0"))
        result = mrun(folder, '{"1": 2}')
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "true\n", ""))

    def test_a_key_that_a_table_lacks_and_the_script_did_not_make(self):
        for value, body, told in [
                ('{"value": [1]}', "return x.values", "x.values is nil; did you mean 'value'?"),
                ('{"value": [1]}', 'return {x["valeu"]}', "x.valeu is nil; did you mean 'value'?"),
                ("[1, 2]", "return {x[math.max(#x, 1) + 1]}", "t[3] is nil: the list has 2 items"),
                ('[{"tokens": 1}]', "return x.tokens", "x.tokens is nil: x is a list of 1; x[1].tokens is the first's"),
                ('{"a": {"b": 1, "c": 2}}', "local y = x.a return y[1]", "y[1] is nil: the keys are texts: b, c"),
                ('{"value": 1}', "return x.values or 3", ""), ('{"value": 1}', "if x.values then return 1 end return 2", ""),
                ('{"value": 1}', 'local k = "values" return {a = x[k]}', ""), ('{"value": 1}', "return x.colour", ""), ('{"value": 1}', "return x[3] == nil", ""),
                ("[1]", "for i = 1, 3 do local v = x[i] if v == nil then break end end return 1", ""), ("[]", "return x[1]", ""), ("[1, 2]", "return x.tokens", ""),
                ('{"value": 1}', "return 1 == x.values", ""),
                ('{"value": 1}', "local v = x.values\n  if v then return v end\n  return 1", ""), ('{"value": 1}', "local v = x.values\n  return {v}", "x.values is nil; did you mean 'value'?"),
                ("[1, 2]", "local n = 0\n  for i = 1, #x do\n    local behind = x[i + 1]\n    n = n + (behind or 0)\n  end\n  return n", ""),
                ("[1, 2]", "local i, n = 0, 0\n  local function each()\n    i = i + 1\n    return x[i]\n  end\n  for v in each do n = n + v end\n  return n", ""),
                ("[1, 2]", "return {first = x[#x], second = x[#x + 1]}", ""), ('{"value": 1}', "return {values = x.values}", ""), ('{"value": 1}', "return {tostring(x.values)}", ""),
                ('{"value": {"value": 1}}', "local r = {} r.values = x.value.values return r", ""), ('{"value": 1}', "local r = {} r.other = x.values return r", "x.values is nil; did you mean 'value'?"),
                ('{"next": 1}', "return {x.text}", "")]:
            with self.subTest(body, value=value):
                result = mrun(self.bundle("json", preprocess=stage(body)), value)
                self.assertEqual((result.returncode, result.stderr), (0, f"mrun: warn: preprocess.lua:2: {told}\n" if told else ""), result.stdout)
        short = self.bundle(preprocess=MODULES + 'local labels = bundle.lines "l.txt"\n' + stage("return {label = labels[x:len()]}"), files={"assets/l.txt": "a\nb\n"})
        result = mrun(short, "xy", "xyz", "wxyz", "--workers", "1")
        self.assertEqual(result.stdout, '{"label":"b"}\n[]\n[]\n')
        self.assertEqual(result.stderr.count("preprocess.lua:4: t[3] is nil: the list has 2 items"), 1, result.stderr)

    def test_a_place_of_a_text(self):
        place = "is nil: a text has no items; s:sub(i, i) is its byte i, text.characters(s) a list"
        for body, told in [
                ("return s[1]", f"s[1] {place}"), ('return {("abc")[2]}', f"t[2] {place}"), ("for i = 1, #s do local c = s[i] end return 1", f"s[1] {place}"),
                ('if s[1] == "a" then return 1 end return 2', f"s[1] {place}"), ('return s[1] ~= "a"', f"s[1] {place}"),
                ("return s.length", "s.length is nil: #s is the number of a text's bytes"),
                ("return s[1] or s", ""), ('if type(s) == "table" and s[1] then return 1 end return 2', ""), ("return s[1] == nil", ""), ("return s.length or 0", ""),
                ("return s.colour", ""), ("return string.pack == nil", ""), ("return pcall(function() return s:length() end)", "")]:
            with self.subTest(body):
                result = mrun(self.bundle("json", preprocess=stage("local s = x.s\n  " + body)), '{"s": "abc"}')
                self.assertEqual((result.returncode, result.stderr), (0, f"mrun: warn: preprocess.lua:3: {told}\n" if told else ""), result.stdout)

    def test_what_reads_a_file_is_given_a_text(self):
        for module, kind in [("image", "image"), ("audio", "audio")]:
            result = mrun(self.bundle(preprocess=f'local m = require "{module}"\n' + stage("return m.decode(x)")), "a.png")
            self.assertIn(f'an input is a text here: kind = \\"{kind}\\" below [input] in bundle.toml makes it a file', result.stdout)

    def test_what_lines_of_another_kind_want(self):
        (self.dir / "l").write_text('{"a": 1}\n')
        folder = self.bundle("json", preprocess=ECHO)
        self.refused(2, folder, "--lines", self.dir / "l", contains="this one takes json: --jsonl F")
        self.item_error("INPUT", "input", folder, "--paths", self.dir / "l", contains="--jsonl takes lines of JSON")
        self.item_error("INPUT", "input", folder, "in/none.json", contains="a file is read by @FILE, and none has this name")
        self.refused(2, self.bundle("image", preprocess=ECHO), "--jsonl", self.dir / "l", contains="this one takes image: --paths F")

    def test_a_list_has_no_item_0(self):
        for expression in 'bundle.lines("l.txt")[0]', "params.labels[0]":
            with self.subTest(expression):
                folder = self.bundle(preprocess=MODULES + stage("return " + expression), files={"assets/l.txt": "a\nb\n"},
                                     toml='[params]\nlabels = ["a"]\n')
                self.item_error("SCRIPT", "preprocess", folder, "x", contains=["preprocess.lua:3", "a list counts from 1", "position + 1"])


class Syntax(Case):
    def test_the_line_is_shown_and_how_lua_writes_it(self):
        for body, advice in [("x += 1 return x", "write n = n + 1"), ('if x != "a" then return 1 end', "not equal is ~="),
                             ("return x[1:3]", "t:at({1, 3})"), ("return [1, 2]", "a list is written {1, 2}"),
                             ('return {"a": 1}', "a table is written {name = value}"), ("return x(1, dim=0)", "{dim = 0}"),
                             ("return x ? 1 : 2", "c and a or b"), ("// note", "a comment begins with --"),
                             ("return x ** 2", "a ^ b"), ("return x[0, 1]", "t:at(0, 1)"), ("const y = x", "local x = …"),
                             ("if x return 1 end", "an if wants then"), ("local n = x:len return n", "called with parentheses"), ("return x[:, 1]", "t:at({}, {1, 3})"),
                             ("import torch", 'local torch = require "torch"'), ("return x:repeat(2)", "t:tile(2)")]:
            with self.subTest(body):
                self.refused(3, self.bundle(preprocess=stage(body)), "x", contains=["preprocess.lua:", f"in `{body}", advice])

    def test_python_has_words_that_lua_has_not(self):
        for body, advice in [('if "a" in {x} then return 1 end', "there is no in"), ("if x is None then return 1 end", "x == nil"),
                             ("return 1 if x else 2", "c and a or b"), ("for i in range(10): x = 1", "for i = 0, n - 1 do"),
                             ("return [v for v in x]", "a loop fills a list"), ("for i = 1, 3 do if i == 2 then continue end end", "goto continue"),
                             ("local function f(a, n=5) return a end", "n = n or 5"), ("return ~x", "mask:logical_not()"),
                             ('return "abc":upper()', "wants parentheses"), ('return "a b".split(" ")', "wants parentheses"),
                             ("if (n := 5) > 3 then return n end", "local n = 5"), ('return """a"""', "[[ … ]]"),
                             ("return x(*{1, 2})", "unpack(list)"), ("return x:gsub('\\s', '')", "%s"), ("return x[1:2]", "{unpack(list, 1, 3)}")]:
            with self.subTest(body):
                result = mrun(self.bundle(preprocess=stage(body)), "x")
                self.assertEqual((result.returncode, result.stdout), (3, ""))
                self.assertIn(advice, result.stderr.splitlines()[-1])  # names that are nil are told before
        self.refused(3, self.bundle(preprocess=stage("return x\n  local y = 2")), "x", contains="nothing may follow return")

    def test_blocks(self):
        self.refused(3, self.bundle(preprocess=stage("if x then\n    return 1\n  else if x then\n    return 2\n  end")), "x",
                     contains="elseif is one word")
        self.refused(3, self.bundle(preprocess="return function(x) {\n  return x\n}\n"), "x", contains="no braces")


    def test_what_a_script_returns(self):
        for file, parameters in [("preprocess", "(input, params)"), ("forward", "(model, x, params, context)"),
                                 ("postprocess", "(output, params, context)")]:
            self.refused(3, self.bundle(**{file: "local x = 1\n"}), "x",
                         contains=f"{file}.lua: must return one function, it returned nothing; return function{parameters} … end")

    def test_what_is_required_and_is_not_there(self):
        folder = self.bundle(preprocess='local x = require "lib.a"\nreturn function(x) return x end\n', files={
            "lib/a.lua": 'return require "lib.b"\n', "lib/b.lua": 'return require "lib.a"\n'})
        self.refused(3, folder, "x", contains="lib.a requires lib.b requires lib.a")
        self.refused(3, "pack", self.bundle(postprocess='local x = require "nope"\nreturn function(x) return x end\n'), "-o", self.dir / "x.mb",
                     contains='postprocess.lua: require "nope": no such module')

    def test_keys_of_sections(self):
        folder = self.bundle()
        (folder / "bundle.toml").write_text('[bundle]\nname = "x"\n[input]\nkind = "text"\ntop_k = 3\n')
        self.refused(3, folder, "x", contains=["bundle.toml:5: [input] top_k: no such key", "a parameter of the scripts belongs into [params]"])
        self.refused(3, self.bundle(toml="[batch.step]\nmax_size = 3\n"), "x", contains="[batch.step]: no model that this is for has a method step")


class Errors(Case):
    def test_methods_of_texts_and_lists(self):
        for body, advice in [("return x:strip()", "x is a string; s:match("), ('return x:split(" ")', "text.regex"),
                             ("return string.split(x)", "text.regex"), ("return math.round(1.5)", "math.floor(x + 0.5)"),
                             ("return len(x)", "#x"), ("return math.max({1})", "to 'math.max'"), ("return json.dumps(x)", "json.encode"),
                             ("for i in range(3) do end return 1", "for i = 0, n - 1 do")]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess="local json = require 'json'\n" + stage(body)), "x",
                                contains=["preprocess.lua:3", advice])

    def test_operators_and_loops(self):
        for body, code, advice in [("return x + 'b'", "SCRIPT", "a .. b joins texts"), ("return x * 3", "SCRIPT", "s:rep(n)"),
                                   ("for v in {1} do end return 1", "SCRIPT", "for i, v in ipairs(list)"),
                                   ("local n = 3 if 0 < n < 5 then return 1 end", "SCRIPT", "a < b and b < c"),
                                   ("local l = {} l:append(1) return l", "SCRIPT", "table.insert(list, value)"),
                                   ("local l = {} l.append(1) return l", "SCRIPT", "table.insert(list, value)"),
                                   ("local l = {} table.insert(l, x:gsub('x', 'y')) return l", "ARGUMENT", "(s:gsub(…))"),
                                   ("local n = tonumber(x:gsub('x', '1')) return n", "SCRIPT", "tonumber((s:gsub(…)))"),
                                   ("table.insert(params.list, 3) return 1", "ARGUMENT", "got a list of 2, which is read-only: copy")]:
            with self.subTest(body):
                self.item_error(code, "preprocess", self.bundle(preprocess=stage(body), toml="[params]\nlist = [1, 2]\n"), "x", contains=advice)

    def test_what_is_no_text_no_answer_and_no_range(self):
        for body, code, advice in [("return 'x is ' .. (x == 'x')", "SCRIPT", 'a boolean value; tostring(x) is "true" or "false"'),
                                   ("return torch.zeros(3).tolist", "SCRIPT", "is a function; f() is what it gives, of a method t:NAME()"),
                                   ("return torch.zeros(3)[':2']", "SCRIPT", "a tensor has no method :2; a range is t:at({1, 3})"),
                                   ("return torch.zeros(3, {dtype = 'np.float32'})", "ARGUMENT", 'a dtype is written without np: "int64"'),
                                   ("return torch.zeros({2, 2}):matmul(torch.zeros(2, {dtype = 'int64'}))", "ARGUMENT",
                                    't:to "float32" converts')]:
            with self.subTest(body):
                self.item_error(code, "preprocess", self.bundle(preprocess=MODULES + stage(body)), "x", contains=advice)
        self.refused(3, self.bundle(preprocess="local torch = require 'torch'\nreturn torch.zeros(3)\n"), "x",
                     contains="must return one function, it returned a float32 tensor [3]")

    def test_words_of_other_languages(self):
        for body, code, advice in [("for c in x do end return 1", "SCRIPT", "ipairs(text.characters(s)) of module text"), ("return x.upper()", "ARGUMENT", "called with a colon: x:upper(…)"),
                                   ("return math.clamp(1, 0, 5)", "SCRIPT", "math.max(low, math.min(x, high))"), ("return text.lowercase(x)", "SCRIPT", "text has no lowercase; text.lower(s)"),
                                   ("return x:lenght()", "SCRIPT", "#s is its bytes")]:
            with self.subTest(body):
                self.item_error(code, "preprocess", self.bundle(preprocess=MODULES + stage(body)), "x", contains=advice)
        self.refused(3, self.bundle(preprocess=stage("return 'a' in x")), "x", contains="there is no in: ")
        for body, advice in [("local log = require 'log' log('x') return 1", "log.info(…) writes a line"), ("raise('no') return 1", 'error("message") raises one'), ("return tonumber('a') + 1", "tonumber(s) is nil where s is no number")]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage(body)), "x", contains=advice)
        result = mrun(self.bundle(preprocess=stage("if x == 'y' then pass end return x")), "x")
        self.assertEqual(result.returncode, 3)
        self.assertEqual(result.stderr.count("; a block may be empty: if a then end"), 2, result.stderr)
        for call, advice in [("model:eval()", "runs in the mode that it was saved in"), ("model:to('cuda')", "models run where --device"),
                             ("model:predict(x)", "model(x) calls forward"), ("model:state_dict()", "mrun inspect lists")]:
            with self.subTest(call):
                folder = self.bundle(preprocess=MODULES + stage("return torch.zeros(4)"), forward=f"return function(model, x) {call} return x end\n",
                                     files={"model.pt": scripted()})
                self.item_error("ARGUMENT", "forward", folder, "x", contains=["model main has no method", advice])

    def test_modules_of_python_and_paths(self):
        files = {"lib/util.lua": "return {}"}
        for name, advice in [("Torch", "did you mean 'torch'"), ("pytorch", 'require "torch"'), ("numpy", 'require "torch"'), ("cv2", 'require "image"'),
                             ("torchvision.transforms", 'require "image"'), ("transformers", 'require "text"'), ("re", "regex"),
                             ("torch.nn", 'module torch is one: require "torch"'), ("os", "no clock, files or environment"),
                             ("./util", 'require "lib.util" runs that file'), ("lib/util", 'require "lib.util" runs that file'),
                             ("util.lua", 'require "lib.util" runs that file'), ("lib/util.lua", 'require "lib.util" runs that file'),
                             ("lib.utl", "did you mean 'lib.util'")]:
            with self.subTest(name):
                self.refused(3, self.bundle(preprocess=f'require "{name}"\n' + ECHO, files=files), "x", contains=["no such module", advice])

    def test_words_of_tokenizers(self):
        vocabulary = {"assets/vocab.txt": "[UNK]\n[CLS]\n[SEP]\nx"}
        make = MODULES + 'local tokenizer = text.wordpiece(bundle.asset "vocab.txt")\n'
        for body, code, advice in [("return tokenizer(x)", "SCRIPT", "it has methods"), ("return tokenizer.encode(x)", "ARGUMENT", "tokenizer:encode(…)"),
                                   ("return tokenizer.stream()", "SCRIPT", "tokenizer:stream(…)"),
                                   ("local s = tokenizer:stream() return s.push(1)", "SCRIPT", "colon: stream:push(…)"),
                                   ("local s = tokenizer:stream() return s.flush()", "SCRIPT", "colon: stream:flush(…)"),
                                   ("local r = text.regex 'b' return r.match(x)", "SCRIPT", "colon: regex:match(…)"),
                                   ("local r = text.regex 'b' return r.gsub(x, 'c')", "SCRIPT", "colon: regex:gsub(…)"),
                                   ("local r = text.regex 'b' for m in r.gmatch(x) do end", "SCRIPT", "colon: regex:gmatch(…)"),
                                   ("return tokenizer[1]", "SCRIPT", "a text.Tokenizer is no list or table; it has decode, encode"),
                                   ("return tokenizer:encode(x).input_ids", "SCRIPT", "tokenizer:tokenize(s"),
                                   ("return tokenizer:encode(x, {truncation = true})", "ARGUMENT", "max_length alone"),
                                   ("return tokenizer:encode(x, {add_special_tokens = false})", "ARGUMENT", "it is special"),
                                   ("return tokenizer:decode({1}, {skip_special_tokens = true})", "ARGUMENT", "it is skip_special")]:
            with self.subTest(body):
                self.item_error(code, "preprocess", self.bundle(preprocess=make + stage(body), files=vocabulary), "x", contains=advice)

    def test_words_of_searches(self):
        make = 'local decode, torch = require "decode", require "torch"\nlocal function step(t) return torch.zeros({t:size(0), 5}) end\n'
        for option, code, advice in [("max_new_tokens = 3", "ARGUMENT", "max_new is how many tokens"), ("num_beams = 4", "ARGUMENT", "beam_search and ctc_beam have beam"),
                                     ("seed = 1", "ARGUMENT", "the run's seed (--seed"),
                                     ("eos_token_id = 4", "ARGUMENT", "eos is the last token's number"), ("do_sample = true", "ARGUMENT", "decode.sample draws"),
                                     ("maxnew = 3", "ARGUMENT", "did you mean 'max_new'"),
                                     ("pieces = {}", "SCRIPT", "pieces is no option: tokenizer is what they are made of"),
                                     ("parameters = {}", "SCRIPT", "parameters is no option: they are the step's own")]:
            with self.subTest(option):
                body = stage("return decode.greedy(step, {bos = 0, eos = 4, max_new = 3, " + option + "})")
                self.item_error(code, "preprocess", self.bundle(preprocess=make + body), "x", contains=["preprocess.lua:4", advice])

    def test_options_by_the_names_of_other_libraries(self):
        make = 'local decode, audio, image, text, torch = require "decode", require "audio", require "image", require "text", require "torch"\n'
        make += 'local scores, img = torch.zeros({2, 3}), torch.zeros({4, 4, 3}):to("uint8")\n'
        for body, advice in [("decode.ctc_beam(scores, {blank_id = 0})", "; it is blank"), ("decode.ctc_beam(scores, {lm = 1})", "lm_weight what they count"), ("decode.ctc_beam(scores, {lexicon = {}})", "it is words"),
                             ("decode.ctc_beam(scores, {beta = 1})", "it is word_bonus"), ("decode.ctc_beam(scores, {beam_width = 4})", "ctc_beam have beam"),
                             ("decode.nms(torch.zeros({1, 4}), torch.zeros(1), 0.5, {max_det = 3})", "it is max"),
                             ("audio.mel_spectrogram(torch.zeros(999), 8000, {sample_rate = 8000})", "second argument"),
                             ("audio.fbank(torch.zeros(999), 8000, {n_mels = 80})", "it is num_mel_bins"),
                             ("audio.mfcc(torch.zeros(999), 8000, {melkwargs = {}})", "beside the others"),
                             ("audio.resample(torch.zeros(9), 8000, 16000, {orig_freq = 8000})", "(x, from, to)"),
                             ("image.rotate(img, 5, {fillcolor = 1})", "it is fill"), ("image.resize(img, 5, {longest_edge = 9})", "max_size the longer"),
                             ("image.decode(img, {grayscale = true})", "mode says what is read"),
                             ("text.regex('a', {case_insensitive = true})", "flags stand in it: (?i)"),
                             ("text.tiktoken(img, {pat_str = 'a'})", "it is pattern")]:
            with self.subTest(body):
                self.item_error("ARGUMENT", "preprocess", self.bundle(preprocess=make + stage("return " + body)), "x", contains=["no parameter is called", advice])

    def test_a_module_that_was_not_required(self):
        self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage("return json.encode(x)")), "x",
                        contains=["global 'json'", 'local json = require "json" loads it'])

    def test_a_module_under_another_name(self):
        outside = 'local b, j = require("bundle"), require "json"\n'
        for make, body, advice in [("", 'local b = require "bundle" return b.read("l.txt")', "bundle has no read; bundle.text, lines"),
                                   (outside, 'return b.assets["l.txt"]', 'bundle has no assets; bundle.asset("NAME")'),
                                   (outside, "return b.path()", "a script sees the parameters"),
                                   (outside, "return j.loads(x)", "json has no loads; json.decode"),
                                   (outside, "b = nil return b.read(x)", "attempt to index upvalue 'b'")]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=make + stage(body)), "x", contains=advice)

    def test_tensors(self):
        make = MODULES + "return function(x, params)\n  local t = torch.rand(2, 3)\n  "
        for body, code, advice in [("return t.shape[0]", "SCRIPT", "t:size(0)"), ("return t.size(0)", "ARGUMENT", "with a colon: t:size("),
                                   ("return t.sum({dim = 0})", "ARGUMENT", "with a colon: t:sum("), ("return t.view(3, 2)", "ARGUMENT", "with a colon: t:view("),
                                   ("return torch.ones(4).float()", "ARGUMENT", "with a colon: (…):float("),
                                   ("return torch.empty(3)", "SCRIPT", "torch.zeros(2, 3)"),
                                   ("return t.sigmoid()", "ARGUMENT", "t:sigmoid("), ("return t.mean()", "ARGUMENT", "t:mean("),
                                   ("return t:numpy()", "SCRIPT", "t:tolist()"), ("return t[0][1][0]", "SCRIPT", "no batch dimension"),
                                   ("return t[0][1]:sum()", "SCRIPT", "no batch dimension"), ("return t[0]:softmax(1)", "ARGUMENT", "0 is its last"),
                                   ("return t:argmax(2)", "ARGUMENT", "no batch dimension, so 1 is its last"), ("return t.float()", "ARGUMENT", "t:float("),
                                   ("return torch.tensor(x)", "ARGUMENT", "nested lists of them, got a string"),
                                   ("return torch.tensor({1, x})", "ARGUMENT", "of equal length, got a string"),
                                   ('return "a" .. t', "SCRIPT", "t:item()"), ("return math.floor(t)", "SCRIPT", "t:item()"),
                                   ("for v in t do end", "SCRIPT", "for i = 0, t:size(0) - 1"),
                                   ("for i, v in ipairs(t) do end", "ARGUMENT", "for i = 0, t:size(0) - 1"),
                                   ("return torch.nn.functional.softmax(t, 0)", "SCRIPT", "torch.F"),
                                   ("return torch.load(x)", "SCRIPT", "bundle.tensors"), ("return torch.cat(t, t)", "SCRIPT", "torch.cat({a, b}, dim)"),
                                   ("for k, v in pairs(t) do end", "ARGUMENT", "for i = 0, t:size(0) - 1"),
                                   ('return torch.zeros(2, {dtype = "torch.int64"})', "ARGUMENT", "without torch"),
                                   ('return image.resize(t, 5, {interpolation = "bilinear"})', "ARGUMENT", "it is filter"),
                                   ('return image.resize(t, 5, {mode = "bilinear"})', "ARGUMENT", "it is filter"),
                                   ("return t:resize(2)", "SCRIPT", "it is module image's"),
                                   ("return image.resize(t, 5, 5)", "ARGUMENT", "by name, in a table at the end: {filter = …"),
                                   ("return package.loaded", "SCRIPT", 'require "lib.NAME"'), ("return module('a')", "SCRIPT", 'require "lib.NAME"'),
                                   ("return arg[1]", "SCRIPT", "function(input, params)"), ("return newproxy(true)", "SCRIPT", "setmetatable(t, {…})"),
                                   ("return image.normalize(t, params.mean, 1)", "ARGUMENT", "params has no mean"),
                                   ("return image.ToTensor(t)", "SCRIPT", "image.to_float")]:
            with self.subTest(body):
                self.item_error(code, "preprocess", self.bundle(preprocess=make + body + "\nend\n"), "x", contains=advice)

    def test_results_as_long_as_the_batch(self):
        models = self.enterContext(tempfile.TemporaryDirectory())
        code = "import sys, torch\nclass M(torch.nn.Module):\n    def forward(self, x):\n        return x + 0\ntorch.jit.trace(M(), torch.rand(1, 3)).save(sys.argv[1])\n"
        subprocess.run(["/usr/bin/python3", "-c", code, models + "/m.pt"], check=True, capture_output=True)
        stages = {"preprocess": MODULES + stage("return {x = torch.ones(#x)}, {mask = torch.ones(#x)}"),
                  "postprocess": "return function(output, params, context) return output * context.mask end\n", "files": {"model.pt": pathlib.Path(models, "m.pt").read_bytes()}}
        (self.dir / "l").write_text("abcd\nabcd\nab\nab\n")
        answers = self.answers(self.bundle(toml="[batch]\npad = {x = {dims = [0]}}\n", **stages), "--lines", self.dir / "l", status=1)
        self.assertIn("must match the size of tensor b (2)", answers[2]["error"]["message"])
        self.assertIn("[batch] unpad cuts them back", answers[2]["error"]["message"])
        folder = self.bundle(toml='[batch]\npad = {x = {dims = [0]}}\nunpad = {"1" = {like = "x"}}\n', **stages)
        self.assertEqual(self.answers(folder, "--lines", self.dir / "l"), [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1], [1, 1]])

    def test_lengths_that_nothing_fills_in(self):
        code = """import sys, torch
from typing import List
class Listed(torch.nn.Module):
    def forward(self, xs: List[torch.Tensor], lengths: torch.Tensor) -> torch.Tensor:
        return xs[0]
class Numbers(torch.nn.Module):
    def forward(self, xs: torch.Tensor, lengths: List[int]) -> torch.Tensor:
        return xs
for name, model in ("listed", Listed()), ("numbers", Numbers()):
    torch.jit.script(model).save(f"{sys.argv[1]}/{name}.pt")
"""
        models = self.enterContext(tempfile.TemporaryDirectory())
        script = pathlib.Path(models, "make.py")  # TorchScript reads its source
        script.write_text(code)
        subprocess.run(["/usr/bin/python3", script, models], check=True, capture_output=True)
        for name, given, advice in [("listed", "{torch.ones(2)}", "by a padded argument that is a tensor, and this call has none: the script gives it"),
                                    ("numbers", "torch.ones(2)", "the script gives it: what [batch] pad fills in is a Tensor")]:
            folder = self.bundle(toml="[batch]\npad = {xs = {dims = [0]}}\n", preprocess=MODULES + stage(f"return {{xs = {given}}}"),
                                 files={"model.pt": pathlib.Path(models, f"{name}.pt").read_bytes()})
            self.item_error("ARGUMENT", "forward", folder, "x", contains=["lengths: is missing", advice])

    def test_what_the_model_was_called_with(self):
        models = self.enterContext(tempfile.TemporaryDirectory())
        code = ("import sys, torch\nclass M(torch.nn.Module):\n    def forward(self, x, mask):\n        return x + mask\n"
                "torch.jit.trace(M(), (torch.rand(1), torch.rand(1))).save(sys.argv[1])\n")
        subprocess.run(["/usr/bin/python3", "-c", code, models + "/m.pt"], check=True, capture_output=True)
        model = pathlib.Path(models, "m.pt").read_bytes()
        for body, advice in [("return {1, 2, 3}", "torch.tensor(list)"), ("return nil", "preprocess returned nothing"),
                             ("return torch.rand(3), torch.rand(3)", "{a, b}")]:
            with self.subTest(body):
                folder = self.bundle(preprocess=MODULES + stage(body), files={"model.pt": model})
                self.item_error("ARGUMENT", "forward", folder, "x", contains=advice)
        alone = self.bundle(preprocess=MODULES + stage("return {x = torch.rand(3)}"), files={"model.pt": model})
        called = self.bundle(preprocess=MODULES + stage("return torch.rand(3)"), files={"model.pt": model},
                             forward="return function(model, x) return model(x) end\n")
        for folder in (alone, called):
            self.item_error("ARGUMENT", "forward", folder, "x", contains="mask: is missing; want Tensor; [batch] pad in bundle.toml")
        operation = self.bundle(preprocess=MODULES + stage("return torch.aten.masked_scatter(torch.rand(3))"))
        (answer,) = self.answers(operation, "x", status=1)
        self.assertTrue(answer["error"]["message"].endswith("aten.masked_scatter: mask: is missing; want Tensor"), answer)
        self.item_error("SCRIPT", "forward", self.bundle(forward="return function(model, x) return model(x) end\n"), "x",
                        contains="the bundle has no model: model.pt beside bundle.toml")

    def test_an_input_of_another_dtype_or_layout(self):
        models = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        code = ("import sys, torch\nfor name, m in [('conv', torch.nn.Conv2d(3, 4, 3)), ('linear', torch.nn.Linear(10, 2)), "
                "('norm', torch.nn.BatchNorm2d(3)), ('table', torch.nn.Embedding(10, 2))]:\n"
                "    torch.jit.script(m.eval()).save(f'{sys.argv[1]}/{name}.pt')\n")
        subprocess.run(["/usr/bin/python3", "-c", code, models], check=True, capture_output=True)
        for model, x, advice in [("conv", 'zeros({3, 8, 8}, {dtype = "uint8"})', 'x:to "float32" converts, image.to_float'),
                                 ("conv", 'zeros({3, 8, 8}, {dtype = "float64"})', 'x:to "float32"'),
                                 ("conv", "zeros({8, 8, 3})", "x:permute(2, 0, 1)"), ("norm", "zeros({8, 8, 3})", "x:permute(2, 0, 1)"),
                                 ("conv", "zeros({1, 8, 8})", 'image.convert(img, "RGB")'),
                                 ("conv", "zeros({1, 3, 8, 8})", "x:squeeze(0)"), ("linear", 'zeros({10}, {dtype = "int64"})', 'x:to "float32"'),
                                 ("linear", "zeros({12})", "must have 10 elements, it has 12"), ("table", "zeros({4})", 'x:to "int64"')]:
            with self.subTest(f"{model}: {x}"):
                folder = self.bundle(preprocess=MODULES + stage(f"return torch.{x}"), files={"model.pt": (models / f"{model}.pt").read_bytes()})
                self.item_error("MODEL", "forward", folder, "x", contains=["the model was given (", advice])

    ARCHIVES = [("data/aotinductor/model/c3po.so", "AOTInductor"), ("m/serialized_exported_program.json", "torch.export"),
                ("m/models/model.json", "torch.export"), ("m/.data/extern_modules", "torch.package"), ("model.weights.h5", "Keras"),
                ("MAR-INF/MANIFEST.json", "TorchServe"), ("weights.npy", "NumPy's .npz"), ("notes.txt", "ZIP archive")]

    @staticmethod
    def archive(name):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as z:
            z.writestr("m/version", "3")
            z.writestr(name, "{}")
        return archive.getvalue()

    def test_models_of_others_for_a_bundle(self):
        header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        for name, data, what in [(f"m{i}.pt2", self.archive(name), what) for i, (name, what) in enumerate(self.ARCHIVES)] + [
                ("m.onnx", b"\x08\x08\x12\x07pytorch" + bytes(60), "an ONNX model"), ("m.onnx", bytes(80), "an ONNX model"),
                ("m.mlmodel", b"\x08\x05\x12\x10\x0a\x02\x12\x00" + bytes(60), "a Core ML model"), ("m.bin", b"\x1c\0\0\0TFL3" + bytes(60), "TensorFlow Lite"),
                ("m.plan", b"ftrt" + bytes(60), "TensorRT"), ("m.xml", b'<?xml version="1.0"?>\n<net name="m" version="11">\n', "OpenVINO"),
                ("m.gguf", b"GGUF\3" + bytes(60), "GGUF"), ("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(60), "HDF5"), ("m.pb", b"\x0a\x10" + bytes(60), "a TensorFlow graph"),
                ("m.joblib", b"\x80\4\x95" + bytes(60), "a pickle"), ("m.bin", len(header).to_bytes(8, "little") + header + bytes(4), "a safetensors file")]:
            with self.subTest(f"{name}: {what}"):
                file = self.dir / name
                file.write_bytes(data)
                advice = [] if what in ("NumPy's .npz", "ZIP archive") else ["torch.jit.script(model.eval())"]
                self.refused(3, file, "x", contains=[f"{name}: is no bundle but ", what] + advice)
                self.refused(3, "pack", file, contains=[f"{name}: is no bundle but ", what])
        saved = "what torch.save writes (a state_dict or a whole Python object)"
        for name, data, what in [("m.pt", self.archive("m/data.pkl"), saved), ("m.ckpt", b"\x80\2\x8a\x0al" + bytes(60), saved),
                                 ("m.pth", self.archive("m/constants.pkl"), "a model by itself; `mrun new NAME"),
                                 ("m.jit", self.archive("m/constants.pkl"), "a model by itself; `mrun new NAME")]:
            with self.subTest(f"{name}: {what}"):
                (self.dir / name).write_bytes(data)
                self.refused(3, self.dir / name, "x", contains=f"{name}: is no bundle but {what}")
        folder = self.dir / "saved"
        folder.mkdir()
        (folder / "saved_model.pb").write_bytes(bytes(9))
        self.refused(3, folder, "x", contains=["no bundle.toml in this folder", "it is a model of TensorFlow"])
        (self.dir / "m.onnx").write_bytes(b"\x08\x08\x12\x07pytorch" + bytes(60))
        self.refused(3, "scan", self.dir / "m.onnx", contains="is of no kind that is known (it is an ONNX model): want")

    def test_files_that_are_no_models(self):
        header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        for data, what in [(b"", "empty"), (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 4\n", "git lfs pull"),
                           (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>", "a web page"), (b"\x1f\x8b\x08" + bytes(60), "gzip"),
                           (b"\x08\x07\x12\x07pytorch" + bytes(60), "ONNX"), (len(header).to_bytes(8, "little") + header + bytes(4), "safetensors"),
                           (b"\x89HDF\r\n\x1a\n" + bytes(60), "HDF5")] + [(self.archive(name), what) for name, what in self.ARCHIVES]:
            with self.subTest(what):
                self.refused(3, self.bundle(files={"model.pt": data}), "x",
                             contains=["model.pt: this is no TorchScript file: it is ", what, "torch.jit.script(model.eval())"])


if __name__ == "__main__":
    unittest.main()
