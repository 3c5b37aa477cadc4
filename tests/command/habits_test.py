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

    def test_a_text_that_was_cut(self):
        for body in ["return ('äö'):sub(1, 1)", "return ('äö'):reverse()"]:
            self.item_error("SCRIPT", "preprocess", self.bundle(preprocess=stage(body)), "x", contains=["not valid UTF-8", "text.characters(s)"])


if __name__ == "__main__":
    unittest.main()
