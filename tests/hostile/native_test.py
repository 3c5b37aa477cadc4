"""What a script can do through native operations. Numbers 31 to 39 of core/SECURITY.md: the code is asserted, the host goes on, the next item
is answered, no process is left and memory is bounded."""
import struct
import unittest
import zlib

from attack import Case as AttackCase

# What each expression gives: its error's code, or false where it gave none; for texts of Lua's own libraries SCRIPT.
TRIED = """
local function tried(...)
  local codes = {}
  for i, f in ipairs {...} do
    local ok, e = pcall(f)
    codes[i] = not ok and (type(e) == "string" and "SCRIPT" or e.code or "?")
  end
  return codes
end
"""
MODULES = "".join(f'local {m} = require "{m}"\n' for m in ("torch", "text", "image", "decode"))
LARGE_IMAGE = 'torch.zeros({1700, 2000, 3}, {dtype = "uint8"})'  # 10 MB


def png(width, height):
    """The beginning of a PNG of that size, in a few bytes."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(bytes(1000)))


class Case(AttackCase):
    def refused(self, codes, *expressions, **more):
        """Each of the expressions raises an error of one of these codes, which the script can catch; and it goes on."""
        functions = ", ".join(f"function() return {e} end" for e in expressions)
        head = MODULES + TRIED + "\nlocal image_of = function(h, w) return torch.zeros({h, w, 3}, {dtype = 'uint8'}) end"
        folder = self.attacker(f"return tried({functions})", head)
        for isolation in ("none", "process"):
            with self.subTest(isolation=isolation):
                (answer,) = self.answers_of(folder, isolation, time="30", **more)
                self.assertIsInstance(answer, list, answer)
                for expression, code in zip(expressions, answer, strict=True):
                    self.assertIn(code, codes, expression)

    def test_31_wrong_and_foreign_handles(self):
        self.refused(["ARGUMENT", "SCRIPT"], 'text.regex("a").find(torch.zeros({1}), "a")', 'text.regex("a").find(decode.constraint{choices = {{1}}}, "a")',
                     'decode.constraint{choices = {{1}}}.accepts(text.regex("a"), {1})', 'torch.relu(text.regex("a"))', "torch.relu(torch.relu)",
                     "image.flip({}, 'horizontal')", "torch.zeros({1}).shape(true)", 'text.regex("a").find(nil, "a")')

    def test_31_freed_handles(self):
        # What a script keeps of an item's input has gone with the item.
        head = 'local torch = require "torch"\nlocal kept = {}'
        body = "kept[#kept + 1] = bad\nif #kept == 1 then return 1 end\nreturn kept[1]:sum():item()"
        folder = self.bundle(kind="tensor", name="keeps", preprocess=f"{head}\nreturn function(bad)\n{body}\nend\n")
        header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), }".ljust(117) + "\n"
        files = [self.dir / f"{i}.npy" for i in range(5)]
        for file in files:
            file.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(4000))
        for isolation in ("none", "process"):
            status, out, err = self.ran(folder, *files, "--isolation", isolation, "--workers", "1")
            self.assertEqual(status, 1, err)
            self.assertIn('"code":"ARGUMENT"', out.splitlines()[-1], out)

    def test_32_holding_many_images(self):
        self.held(["QUOTA"], f"local held, img = {{}}, {LARGE_IMAGE}\nfor i = 1, 400 do held[i] = image.pad(img, {{1, 1, 1, 1}}) end\nreturn #held", MODULES, time="60")

    def test_33_dropping_many_images(self):
        self.gives("dropped", f"""
local img = {LARGE_IMAGE}
for i = 1, 400 do local dropped = image.pad(img, {{1, 1, 1, 1}}) end
for i = 1, 400 do local dropped = torch.zeros({{10 * 2^20}}, {{dtype = "uint8"}}) end
return "dropped" """, MODULES, time="60")

    def test_34_image_of_any_size(self):
        sizes = ["2^31", "{2^31, 2^31}", "{2^53, 1}", "{1, 1e9}", "-1", "0", "0/0", "1/0", "{}", "{1, 2, 3}", "2^53 + 2"]
        self.refused(["ARGUMENT", "QUOTA"], *[f"image.resize(image_of(2, 2), {size}):shape()" for size in sizes],
                     "image.crop(image_of(2, 2), 2^31, 2^31, 2^31, 2^31):shape()", "image.pad(image_of(2, 2), {2^30, 2^30, 2^30, 2^30}):shape()",
                     "image.warp(image_of(2, 2), {1, 0, 0, 0, 1, 0}, {2^31, 2^31}):shape()", "image.rotate(image_of(2, 2), 0/0):shape()",
                     "torch.zeros({2^31, 2^31, 2^31})", "torch.zeros({2^40})")

    def test_35_odd_indices(self):
        indices = ("0/0", "-4", "2^53 + 2", "1/0", "1e300", "2^63")
        self.refused(["ARGUMENT", "SCRIPT"], *[e.format(i) for i in indices for e in (
            "torch.arange(3)[{}]", "torch.arange(3):at({})", "torch.select(torch.arange(3), 0, {})",
            "torch.arange(3):index_select(0, torch.tensor({{{}}}, {{dtype = 'int64'}}))")],
            "torch.arange(3)[0.5]", "torch.arange(3):at(0.5)", "torch.select(torch.arange(3), 0, 0.5)")

    def test_36_beam_of_any_width(self):
        options = ("beam = 1e9", "beam = 1024, n_best = 1e9", "beam = 2^53", "max_new = 2^53", "alternatives = 1e9", "no_repeat_ngram = 2^53")
        searches = ", ".join(f"function() return decode.beam_search(step, {{bos = 0, eos = 1, {o}}}) end" for o in options)
        folder = self.bundle(kind="json", forward=f"""{MODULES}{TRIED}
local function step(tokens) return torch.zeros({{tokens:size(0), 4}}), {{}} end
return function(model, bad)
  if not bad then return "well" end
  return tried({searches})
end""")
        for isolation in ("none", "process"):
            (answer,) = self.answers_of(folder, isolation, time="30")
            self.assertLessEqual(set(answer), {"ARGUMENT", "QUOTA", "SCRIPT"}, answer)
        self.refused(["ARGUMENT", "QUOTA"], "decode.ctc_beam(torch.zeros({3, 4}), {beam = 1e9})", "decode.ctc_beam(torch.zeros({3, 4}), {n_best = 2^53})",
                     "decode.topk(torch.zeros({3}), -1)")

    def test_37_texts_that_are_none(self):
        bad = ('"\\255"', '"a\\0\\192\\128"', '"\\237\\160\\128"', '"\\244\\144\\128\\128"')
        self.refused(["ARGUMENT", "INPUT"], *[f"{f}({s})" for s in bad for f in ("text.nfc", "text.lower", 'text.regex("a"):find', "text.regex")])

    def test_37_token_of_a_gigabyte(self):
        tokenizer = '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}}'
        head = MODULES + 'local bundle = require "bundle"\nlocal t = text.tokenizer_json(bundle.asset "t.json")'
        files = {"assets/t.json": tokenizer}
        self.held(["MEMORY"], 'return t:encode(("x"):rep(1e9)):numel()', head, files=files, time="30")
        self.gives(1, 'return t:encode(("x"):rep(1e5)):numel()', head, files=files, time="30")

    def test_38_calling_again_from_a_callback(self):
        self.gives("bbb", 'local r = text.regex("a")\nreturn (r:gsub("aaa", function(m) return (r:gsub(m, "b")) end))', MODULES)
        head = 'local decode, torch = require "decode", require "torch"'
        folder = self.bundle(kind="json", forward=f"""{head}
local function step(tokens)
  decode.greedy(step, {{bos = 0, eos = 1, max_new = 3}})
  return torch.zeros({{tokens:size(0), 4}})
end
return function(model, bad)
  if not bad then return "well" end
  return decode.greedy(step, {{bos = 0, eos = 1, max_new = 3}})
end""".replace("local function step(tokens)", "local step\nstep = function(tokens)"))
        for isolation in ("none", "process"):
            (answer,) = self.answers_of(folder, isolation, time="30")
            self.assertEqual(answer["error"]["code"], "SCRIPT")
            self.assertIn("stack overflow", answer["error"]["message"])

    def test_39_picture_that_claims_to_be_huge(self):
        for width, height in ((60000, 60000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (0, 1)):
            files = {"assets/p.png": png(width, height)}
            head = MODULES + 'local bundle = require "bundle"'
            self.held(["ARGUMENT", "INPUT"], 'return image.decode(bundle.asset "p.png"):sum():item()', head, files=files, time="30")


if __name__ == "__main__":
    unittest.main()
