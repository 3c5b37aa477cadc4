"""What people bring along from JSON, Python and other Luas: the error names it and says how it is done here."""
import unittest

from command import Case, mrun


def stage(body):
    """A script whose third line is the body, with the modules that this names."""
    modules = [m for m in ["torch", "image", "text", "json", "audio", "decode"] if m + "." in body]
    head = f"local {', '.join(modules)} = " + ", ".join(f'require "{m}"' for m in modules) if modules else "-- no module"
    return f"{head}\nreturn function(x)\n  {body}\nend\n"


class Null(Case):
    """A null of JSON is one value in a script, json.null, which can do nothing; LuaJIT calls it userdata."""

    def run_on_null(self, body):
        return self.bundle("json", preprocess=stage(body)), '{"a": null}'

    def test_each_operator_names_it(self):
        for body, attempt in [("return x.a + 1", "perform arithmetic on"), ("return 2 ^ x.a", "perform arithmetic on"), ("return -x.a", "perform arithmetic on"),
                              ("return x.a % 2", "perform arithmetic on"), ("return x.a.b", "index json.null with 'b'"),
                              ("return x.a:upper()", "index json.null with 'upper'"), ("return x.a[1]", "index json.null with the number 1"),
                              ("x.a.b = 1 return 1", "set 'b' of"), ("return 'v' .. x.a", "concatenate"), ("return x.a .. 'v'", "concatenate"),
                              ("return #x.a", "get the length of"), ("return x.a()", "call"), ("return x.a < x.a", "compare json.null with json.null")]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", *self.run_on_null(body),
                                contains=["preprocess.lua:3: attempt to " + attempt, "json.null", "x ~= json.null asks for a value"])

    def test_it_has_no_order(self):
        for body in ["return x.a < 3", "return 3 <= x.a", "table.sort({x.a, 1}) return 1"]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", *self.run_on_null(body), contains=["preprocess.lua:3", "json.null, which is null in the JSON, has no order"])
        self.item_error("SCRIPT", "preprocess", *self.run_on_null("return torch.ones(1) < 3"), contains="t:lt(x)")

    def test_it_stays_a_value(self):
        body = "local ok, e = pcall(function() return x.a.b end) return {x.a == json.null, getmetatable(x.a) == nil, tostring(x.a), type(e), {x.a}}"
        self.assertEqual(self.answer(*self.run_on_null(body)), [True, True, "null", "string", [None]])

    def test_no_tensor_is_made_of_it(self):
        for call in ["torch.tensor(x.a)", "torch.as_tensor(x.a)"]:
            self.item_error("ARGUMENT", "preprocess", *self.run_on_null("return " + call), contains="torch.tensor: data: want a number")


class Answers(Case):
    def test_an_object_whose_keys_are_taken_out_stays_one(self):
        folder = self.bundle("json", preprocess=stage("x.a = nil x.l[1] = nil return {x, json.encode(x), json.encode(json.decode('{\"a\": {}}'))}"))
        self.assertEqual(self.answer(folder, '{"a": 1, "l": [1]}'), [{"l": []}, '{"l":[]}', '{"a":{}}'])
        folder = self.bundle("json", preprocess=stage("local y = json.decode('{\"k\": 1}') x.a, y.k = nil, nil return {x, y, json.encode(y)}"))
        self.assertEqual(self.answer(folder, '{"a": 1}'), [{}, {}, "{}"])
        folder = self.bundle("json", preprocess=stage("x.a = nil x[1] = 2 return x"))
        self.assertEqual(self.answer(folder, '{"a": 1}'), [2])

    def test_a_hole_is_named(self):
        for body, first in [("return {1, nil, 3}", 2), ("local t = {1, 2, 3} t[7] = 1 return t", 4), ("local t = {1, 2, 3} t[2] = nil return t", 2),
                            ("return {{1}, {1, 2, nil, 4}}", 3)]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage(body)), "x", contains=f"is a list with holes, the first at {first}; json.null")

    def test_nothing_is_called_so(self):
        self.refused(3, self.bundle(preprocess='local a = require "lib.a"\nreturn function(x) return a end\n', files={"lib/a.lua": "local x = 1\n"}), "x",
                     contains="lib/a.lua must return a value, it returned nothing")
        for call, came in [("error()", "nil"), ("error(true)", "true"), ("error(torch.ones(2))", "a float32 tensor [2]")]:
            self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage("return " + call)), "x", contains=f"the error is {came}; raise a string")

    def test_a_text_that_was_cut(self):
        for body in ["return ('äö'):sub(1, 1)", "return ('äö'):reverse()"]:
            self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage(body)), "x", contains=["not valid UTF-8", "text.characters(s)"])


class Arguments(Case):
    def test_what_makes_one_of_the_kind_that_is_wanted(self):
        pixels = "torch.zeros({4, 4, 3}, {dtype = 'uint8'})"
        for call, advice in [("torch.softmax({1, 2}, -1)", "torch.tensor(list)"), ("torch.zeros({2, 3}, 'int64')", '{dtype = "int64"}'),
                             ("audio.decode('x.wav')", 'bundle.asset "NAME"'), ("image.decode('x.png')", 'bundle.asset "NAME"'),
                             (f"image.crop({pixels}, {{0, 0, 2, 2}})", "unpack(list)"), (f"image.warp({pixels}, torch.eye(3), {{4, 4}})", "t:tolist()"),
                             (f"image.rotate({pixels}, '90')", "tonumber(s)"), (f"image.resize({pixels}, 2, 2)", "{height, width}"),
                             (f"image.center_crop({pixels}, 2, 2)", "{height, width}"), (f"image.letterbox({pixels}, 2, 2)", "{height, width}"),
                             (f"{pixels}:mean()", "t:float()"), ("torch.ones(3):topk(5)", "math.min(k, t:size(-1))"), ("table.concat(torch.ones(2))", "t:tolist()"), ("torch.ones(2):to('gpu')", '"cuda"'),
                             ("text.regex('b', 'i')", "(?i)"), ("text.regex('b', {flags = 'i'})", "(?i)"),
                             ("decode.nms(torch.ones({2, 4}), torch.ones(2), 0.5, {score_threshold = 0.2})", "it is score"),
                             (f"image.letterbox({pixels}, 8, {{fill = 0}})", "it is value"),
                             ("audio.resample(torch.ones(9), 8, 16, {lowpass_filter_width = 6})", "audio.sinc_resample"),
                             ("decode.greedy(function() end, {bos = 0, eos = 1, constrain = 'a+'})", "{regex =")]:
            with self.subTest(call):
                self.item_error("ARGUMENT", "preprocess", self.bundle(preprocess=stage("return " + call)), "x", contains=["preprocess.lua:3", advice])

    def test_what_module_image_takes(self):
        (self.dir / "t.png").write_bytes(b"no picture")
        for call, advice in [("image.resize(x, 8)", "image.decode(bytes)"), ("image.encode(torch.rand(4, 4, 3), 'png')", '(img * 255):round():clamp(0, 255):to("uint8")'),
                             ("image.encode(torch.rand(3, 9, 9), 'png')", "t:permute(1, 2, 0)")]:
            with self.subTest(call):
                self.item_error("ARGUMENT", "preprocess", self.bundle("bytes", preprocess=stage("return " + call)), self.dir / "t.png", contains=advice)

    def test_functions_of_modules_and_items_of_lists(self):
        for body, code, advice in [("return torch:zeros(3) -- torch.", "ARGUMENT", "with a point: torch.zeros("), ("return text:lower(x) -- text.", "ARGUMENT", "with a point: text.lower("),
                                   ("return torch.F:relu(torch.ones(2))", "ARGUMENT", "with a point: F.relu("), ("return torch.ones(2, 3):size()[1]", "SCRIPT", "t:size(0)"),
                                   ("return torch.ones(4):split(2):shape()", "SCRIPT", "it is a list, not a tensor"), ("return text.normalize(x)", "SCRIPT", "text.nfc(s)")]:
            with self.subTest(body):
                self.item_error(code, "preprocess", self.bundle(preprocess=stage(body)), "x", contains=["preprocess.lua:3", advice])

    def test_a_vocabulary_is_no_table(self):
        script = 'local bundle = require "bundle"\nreturn function(x) for k in pairs(bundle.vocab "v.txt") do return k end end\n'
        self.item_error("ARGUMENT", "preprocess", self.bundle(preprocess=script, files={"assets/v.txt": "a\nb\n"}), "x", contains='bundle.lines("NAME")')

    def test_bytes_are_no_text(self):
        (self.dir / "t.json").write_text("[1]")
        for call, code in [("json.decode(x)", "ARGUMENT"), ("text.nfc(x)", "ARGUMENT"), ("string.byte(x)", "SCRIPT"), ("string.len(x)", "SCRIPT")]:
            with self.subTest(call):
                self.item_error(code, "preprocess", self.bundle("bytes", preprocess=stage("return " + call)), self.dir / "t.json", contains="text.repair(t) makes a text")
        self.assertEqual(self.answer(self.bundle("bytes", preprocess=stage("return json.decode(text.repair(x))")), self.dir / "t.json"), [1])

    def test_positions_are_whole_numbers(self):
        for call in ["torch.ones(3):take(torch.tensor({0, 1}))", "torch.ones(3):index_select(0, torch.tensor({0}))", "torch.ones(3):gather(0, torch.tensor({0}))",
                     "torch.F.embedding(torch.tensor({0}), torch.ones({3, 2}))", "torch.bincount(torch.tensor({0}))", "torch.F.one_hot(torch.tensor({1}))",
                     "torch.F.cross_entropy(torch.ones({1, 3}), torch.tensor({0}))", "torch.F.nll_loss(torch.ones({1, 3}), torch.tensor({0}))"]:
            with self.subTest(call):
                self.item_error("ARGUMENT", "preprocess", self.bundle(preprocess=stage("return " + call)), "x", contains='{dtype = "int64"}), or t:long()')

    def test_options_of_json(self):
        self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage("return json.encode({}, {indent = 2})")), "x", contains="no option indent; it has pretty")


class Command(Case):
    def test_subcommands_of_other_programs(self):
        folder = self.bundle(preprocess="return function(x) return x end\n")
        for word, meant in [("test", "mrun verify BUNDLE"), ("validate", "mrun verify BUNDLE"), ("build", "mrun pack DIR"), ("info", "mrun inspect BUNDLE"),
                            ("init", "mrun new NAME"), ("predict", "mrun BUNDLE INPUT"), ("extract", "mrun unpack BUNDLE")]:
            with self.subTest(word):
                self.refused(3, word, folder, contains=f"{word}: no such file or subcommand; it is {meant}")
        self.refused(3, "words", folder, contains="the bundle comes first")

    def test_names_are_of_ascii_letters(self):
        self.refused(2, "record", self.bundle(preprocess="return function(x) return x end\n"), "größe", "x", contains="the letters a to z and A to Z")
        self.refused(3, self.bundle(preprocess="return function(x) return x end\n", files={"lib/größe.lua": "return 1"}), "x",
                     contains=["lib/größe.lua", "the letters a to z and A to Z"])


class Methods(Case):
    def test_advice_names_the_function_that_was_asked_for(self):
        for body, advice in [("return torch.ones(2):gelu()", "torch.F.gelu(t, …)"), ("return torch.ones(2):resize(1)", "image.resize(img, …)"),
                             ("local t = {1} t:insert(2)", "write table.insert(list, …)"), ("local t = {1} return t:unpack()", "unpack(list) gives a list's values")]:
            with self.subTest(body):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage(body)), "x", contains=advice)


class Records(Case):
    def test_a_field_that_there_is_not(self):
        toml = '[input.fields]\nphoto = "text"\ncaption = {kind = "text", optional = true}\n'
        for body, told in [("return x.photo .. (x.captoin or '')", "x.captoin is nil: the record in bundle.toml has no such field; did you mean 'caption'?"),
                           ("return {x.photo, x.size}", "x.size is nil: the record in bundle.toml has no such field\n"),
                           ("return x.photo .. (x.caption or x.size or '')", "")]:
            with self.subTest(body):
                result = mrun(self.bundle("record", toml, preprocess=stage(body)), "photo=a")
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                self.assertEqual(result.stderr.partition("preprocess.lua:3: ")[2], told if told.endswith("\n") or not told else told + "\n")

    def test_groups_in_a_replacement(self):
        result = mrun(self.bundle(preprocess=stage("return (x:gsub('(%a+)', '<\\\\1>'))")), "a")
        self.assertEqual((result.returncode, result.stdout), (0, '"<\\\\1>"\n'))
        self.assertIn("preprocess.lua:3: a replacement of gsub's writes a group as %1: \\1 goes into the text as it is", result.stderr)
        for pattern in ["(a)", "a"]:  # a dollar is money where there is no group
            result = mrun(self.bundle(preprocess=f'local re = require("text").regex "{pattern}"\n' + stage("return (re:gsub(x, 'US$1'))")), "a")
            self.assertEqual((result.returncode, result.stdout), (0, '"US$1"\n'))
            self.assertEqual("a replacement of gsub's writes a group as %1: $1 goes into the text as it is" in result.stderr, pattern == "(a)", result.stderr)
        result = mrun(self.bundle(preprocess='local re = require("text").regex "(a)"\n' + stage("local name = 'PRICE' return x:gsub(name, '$5') .. (re and '' or 'x')")), "PRICE")
        self.assertNotIn("gsub", result.stderr)


class Quiet(Case):
    """What gives nil, or another answer, without an error: a line of the log tells of it, and of what is right nothing."""

    def said(self, body, files=None, head="", **more):
        text = head + stage(body)
        result = mrun(self.bundle(preprocess=text, files=files or {}, **more), "ab 12", "--workers", "1")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stderr.replace("mrun: warn: ", "").replace("mrun: ", "")

    def test_a_name_beside_other_entries_of_a_table(self):
        for body, name in [("local best = 1 return {label = bset, score = best}", "bset"), ("return {ok = True, b = 2}", "True"), ("return {label = label, n = 1}", "label"),
                           ("return ({f = function() return lable end, label = 1}).label", "lable")]:
            self.assertIn(f"preprocess.lua:3: {name} is nil: nothing sets it", self.said(body))
        for body in ["local a, b = 1, 2 return {a = b, b = a}", "local t = {f = function() local z, y = 1, 2 return y + z end, y = x} return {t.f(), t.y}"]:
            self.assertEqual(self.said(body), "")
        self.assertEqual(self.said("return {x = shift, y = scale}", head="shift, scale = 1, 2\n"), "")

    def test_a_list_that_is_one_label_short(self):
        head, files = 'local labels = require("bundle").lines "l.txt"\n', {"assets/l.txt": "cat\ndog\n"}
        for body in ["local ids, out = {1, 2}, {}\n for i = 1, 2 do\n out[i] = {label = labels[ids[i] + 1], score = i} end return out",
                     "local best = torch.tensor({1, 2, 3}):argmax():item()\n return {label = labels[best + 1], score = 1}",
                     "local best = torch.argmin(torch.tensor({3, 2, 1})):item() + 1\n return {label = labels[best], score = 1}"]:
            with self.subTest(body):
                self.assertIn("t[3] is nil: the list has 2 items", self.said(body, files, head))
        for body in ["local n = {} for i = 1, #labels do\n n[i] = labels[i + 1] end return n",
                     "local best = torch.tensor({1, 2, 3}):argmax():item()\n return {label = labels[best + 1] or 'other'}",
                     "local best = 2\n return {label = labels[best + 1]}"]:
            with self.subTest(body):
                self.assertEqual(self.said(body, files, head), "")

    def test_a_tensor_as_a_text_of_a_number(self):
        self.assertIn("tonumber reads a text, and is nil of a tensor: x:max(…):item() is its number", self.said("return {n = tonumber(torch.ones(2):max())}"))
        self.assertEqual(self.said("return {n = tonumber(torch.ones(2):max():item()), m = tonumber(math.max(1, 2))}"), "")

    def test_a_pattern_of_luas_as_a_regular_expression(self):
        self.assertIn("a regular expression writes %d as \\\\d; a pattern of Lua's is for s:match(pattern)", self.said("return {n = text.regex('%d+'):match(x)}"))
        self.assertIn("writes %s as", self.said("return text.regex '%s+':split(x)"))
        for body in ["return text.regex('\\\\d+%'):match('50%')", "return text.regex('%+'):split(x)", "return x:match('%d+')"]:
            self.assertEqual(self.said(body), "")

    def test_a_parameter_of_the_module(self):
        head = 'local bundle = require "bundle"\n'
        self.assertIn("params.topk is nil: bundle.toml has no such parameter; did you mean 'top_k'?",
                      self.said("return {n = bundle.params.topk}", head=head, toml="[params]\ntop_k = 3\n"))
        self.assertEqual(self.said("return {n = bundle.params.top_k}", head=head, toml="[params]\ntop_k = 3\n"), "")

    def test_the_mask_of_a_text(self):
        head, files = 'local text = require "text"\nlocal tok = text.wordpiece(require("bundle").asset "v.txt")\n', {"assets/v.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nab\n12\n"}
        self.assertIn("attention_mask is nil: it is asked for, tokenize(s, {attention_mask = true})",
                      self.said("local e = tok:tokenize(x) return {e.ids, e.attention_mask}", files, head))
        self.assertEqual(self.said("local e = tok:tokenize(x, {attention_mask = true}) return {e.ids, e.attention_mask}", files, head), "")

    def test_arguments_of_a_stage_in_another_order(self):
        for stages, told in [({"postprocess": "return function(params, output) return output end"}, "(output, params, context): the first is called params here"),
                             ({"postprocess": "return function(context, output) return 1 end"}, "(output, params, context): the first is called context here"),
                             ({"postprocess": "return function(model, output) return 1 end"}, "(output, params, context): the first is called model here"),
                             ({"preprocess": "return function(params, input) return 1 end"}, "(input, params): the first is called params here"),
                             ({"preprocess": "return function(context, question) return 1 end"}, "")]:
            result = mrun(self.bundle(**stages), "x")
            self.assertEqual(result.returncode, 0, result.stdout)
            self.assertEqual(result.stderr.partition("the function's arguments are ")[2].strip(), told)


class Classes(Case):
    def test_self_of_a_method_is_no_global(self):
        text = ("local A = {}\nA.__index = A\nfunction A.new(v)\n  return setmetatable({v = v}, A)\nend\nfunction A:get()\n  return self.v\nend\n"
                "return function(x)\n  return A.new(x):get()\nend\n")
        result = mrun(self.bundle(preprocess=text), "a")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, '"a"\n', ""))
        result = mrun(self.bundle(preprocess="return function(x)\n  return self and x\nend\n"), "a")
        self.assertIn("preprocess.lua:2: self is nil", result.stderr)


class Words(Case):
    def test_functions_that_stand_elsewhere(self):
        for call, place in [("torch.gelu(x)", "torch.F.gelu"), ("torch.rfft(x)", "torch.fft.rfft"), ("torch.inv(x)", "torch.linalg.inv"), ("torch.F.matmul(x)", "torch.matmul"),
                            ("torch.linalg.softmax(x)", "torch.softmax"), ("torch.ones(3):one_hot()", "a function of torch.F"), ("torch.ones(3):cat()", "torch.cat({a, b}, dim)"),
                            ("torch.is_tensor(x)", 'type(x) is "userdata"'), ("torch.concatenate({x})", "torch.cat({a, b}, dim)"), ("torch.ones(2):expand_dims(0)", "t:unsqueeze(dim)"),
                            ("image.to_grayscale(x)", 'image.convert(img, "L")'), ("image.bgr(x)", 'image.convert(img, "BGR")'), ("audio.to_mono(x)", "audio.mono(x)"),
                            ("text.len(x)", "#text.characters(s)"), ("decode.batched_nms(x)", "{classes = classes}")]:
            with self.subTest(call):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage("return " + call)), "x", contains=["preprocess.lua:3", place])

    def test_lists_where_a_tensor_is_meant(self):
        for body, advice in [("return torch.softmax({torch.ones(2)}, -1)", "torch.stack(list) one of tensors"), ("return torch.ones(2) - {1, 2}", "torch.tensor(list) makes a tensor of numbers"),
                             ("return text.tokenizer_json({added_tokens = {}})", 'bundle.asset "NAME"'), ("return text.wordpiece({'a', 'b'})", 'bundle.asset "NAME"'),
                             ("return text.sentencepiece(3)", 'bundle.asset "NAME"'), ("return text.tiktoken(true)", 'bundle.asset "NAME"')]:
            self.item_error("ARGUMENT", "preprocess", self.bundle(preprocess=stage(body)), "x", contains=["preprocess.lua:3", advice])

    def test_functions_of_other_luas(self):
        for call, advice in [("table.foreach({}, x)", "pairs(t)"), ("string.gfind(x, 'a')", "s:gmatch(pattern)"), ("string.pack('i4', 1)", "s:byte(i)"), ("math.mod(3, 2)", "a % b"),
                             ("debug.traceback()", "log.info"), ("setfenv(1, {})", "globals"), ("collectgarbage()", "by itself")]:
            with self.subTest(call):
                self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage("return " + call)), "x", contains=["preprocess.lua:3", advice])

    def test_loops_and_comparisons(self):
        for body, advice in [("for i in 1, 3 do end return 1", "for i = 1, n do"), ("return x < 5", "tonumber(s)"), ("return 5 <= x", "tonumber(s)")]:
            self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage(body)), "x", contains=["preprocess.lua:3", advice])

    def test_syntax_of_other_luas(self):
        for body, advice in [("return 1 << 3", "bit.lshift(a, n)"), ("return 8 >> 1", "bit.rshift(a, n)"), ("local n <const> = 1 return n", "local x = …"),
                             ("return [[abc", "[[ ends with ]]"), ("--[==[ a ]=]\nreturn 1", "as many = on both sides"), ('return "abc', "the closing quote is missing"),
                             ("local f = tostring\n(function() end)()", "unless a ; ends that"), ("return ...", "function(...)"), ("for (i = 0; i < 3; i++) do end", "for i = 0, n - 1 do"),
                             ("for i = 1 do end", "for i = 1, n do"), ("return x.end", 't["end"] is a field'), ("local in = 3", "in is a word of Lua's"), ("return {a: 1}", "{name = value}"),
                             ("return x === 'a'", "equal is =="), ("return x <> 'a'", "not equal is ~="), ("return fn(x) -> x", "function(x) return x end"), ("return x == 1 \\\n or x", "without a backslash"),
                             ("return `abc`", "stands in quotes"), ("return x ?? 1", "where a is nil"), ("return x?.y", "where x is"), ("print x", "log.info(…)"),
                             ("return {'a' = 1}", '{["a"] = 1}'), ("return x[..., 0]", "t:at({}, 1)"), ("return x & 1", "a:logical_and(b)"), ("return x | 1", "a:logical_or(b)"),
                             ("return {\n 1\n 2}", "a comma stands between a table's entries"), ("return tostring(1\n 2)", "a comma stands between arguments")]:
            with self.subTest(body):
                result = mrun(self.bundle(preprocess=stage(body)), "x")
                self.assertEqual((result.returncode, result.stdout), (3, ""))
                self.assertIn(advice, result.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
