"""Attacks that were found on what was built, each one of a kind. Numbers 66 to 90 of core/SECURITY.md: the outcome is asserted, the host goes
on, the next item is answered, no process is left and memory is bounded."""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time
import unittest

from attack import ISOLATIONS, MEMORY, WELL
from attack import Case as AttackCase

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "command"))
for plugin in ("audio", "image"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "plugins" / plugin / "tests"))
import command  # noqa: E402
import history_test  # noqa: E402
import ogg  # noqa: E402
import webp  # noqa: E402

TORCH = 'local torch = require "torch"'
TEXT = 'local text, bundle = require "text", require "bundle"'
IMAGE = 'local image, bundle = require "image", require "bundle"'
# Whether a call comes back, with a result or an error that the script can catch.
BACK = TORCH + "\nlocal function back(...)\n  for _, f in ipairs {...} do pcall(f) end\n  return 'back'\nend\n"
ROBUST = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}


def tiff(side, bits, compression, strip):
    """One strip of that compression; with 8 bits in three channels, else grey."""
    channels = 3 if bits == 8 else 1
    tags = ((256, side), (257, side), (258, bits), (259, compression), (262, channels // 3 + 1), (273, 8), (277, channels), (278, side), (279, len(strip)))
    return (b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(tags)) +
            b"".join(struct.pack("<HHII", tag, 4 if tag in (256, 257, 273, 278, 279) else 3, 1, value) for tag, value in tags) + bytes(4))


class Case(AttackCase):
    def come_back(self, *calls):
        """None of these calls ends the process or goes on for ever."""
        self.gives("back", "return back(" + ", ".join(f"function() return {c} end" for c in calls) + ")", BACK, time="30")

    def test_66_numbers_that_trap(self):
        least = "torch.full({3}, -2^53, {dtype = 'int64'}) * 1024"
        self.come_back(*[f"torch.{f}({least}, {d})" for f in ("remainder", "fmod", "floor_divide", "div") for d in ("-1", "0", "torch.tensor({-1, 0, 1}, {dtype = 'int64'})")],
                       f"({least}) % -1", f"torch.div({least}, -1, {{rounding_mode = 'trunc'}})", f"torch.gcd({least}, 0)", f"torch.lcm({least}, {least})",
                       "torch.pixel_shuffle(torch.zeros({1, 4, 2, 2}), 2^32)", "torch.aten.pixel_unshuffle(torch.zeros({1, 4, 2, 2}), 2^32)",
                       "torch.aten.channel_shuffle(torch.zeros({1, 4, 2, 2}), 0)", f"torch.aten.__rshift__({least}, 200)")

    def test_67_native_code_that_does_not_return(self):
        odd = "torch.tensor({{1, 2, 3, 4}, {5, 1/0, 7, 8}, {9, 10, 11, 0/0}})"
        self.come_back(f"torch.linalg.svd({odd})", f"torch.linalg.pinv({odd})", f"torch.linalg.eigvals({odd}:at({{}}, {{0, 3}}))", f"torch.linalg.lstsq({odd}, {odd})",
                       *[f"torch.aten.special_{p}(torch.ones({{2}}), 2^40)" for p in ("hermite_polynomial_h", "hermite_polynomial_he", "chebyshev_polynomial_t",
                                                                                       "laguerre_polynomial_l", "legendre_polynomial_p")])

    def test_68_regular_expression_verbs(self):
        head = f"{TEXT}\nlocal function back(p, s) return (pcall(function() return text.regex(p):find(s) end)) end"
        patterns = ["(*NO_START_OPT)a", "(*NO_AUTO_POSSESS)a+b", "(*LIMIT_MATCH=4294967295)(a+)+b", "(*UCP)(*UTF)a", "(?C1)a", "((a?){300}){300}b", "(a|a?)+$b"]
        self.gives([False] * 5, f"local r = {{}}\nfor i, p in ipairs {{{', '.join(map(json.dumps, patterns[:5]))}}} do r[i] = back(p, ('a'):rep(100000)) end\nreturn r", head,
                   time="30")
        self.gives("back", f"for _, p in ipairs {{{', '.join(map(json.dumps, patterns[5:]))}}} do back(p, ('a'):rep(100000)) end\nreturn 'back'", head, time="30")

    def test_69_searches_that_cost_the_square(self):
        self.held(["TIMEOUT"], 'local a, n = ("a"):rep(1e6), 0\nwhile true do n = n + (a:find(("a"):rep(5e5) .. "b", 1, true) or 0) end')
        self.gives(400000, 'return #text.nfd(("\\204\\163\\204\\129"):rep(100000))', TEXT, time="20")  # U+0323 below, U+0301 above

    def test_70_shapes_that_are_believed(self):
        x, i = "torch.zeros({1, 1, 4, 4})", "torch.zeros({1, 1, 2, 2}, {dtype = 'int64'})"
        self.come_back(f"torch.aten.max_unpool2d({x}, {i}, {{}})", f"torch.aten.max_unpool2d({x}, {i}, {{2}})", f"torch.aten.reflection_pad1d({x}, {{}})",
                       f"torch.aten.reflection_pad2d({x}, {{1}})", f"torch.aten.replication_pad3d({x}, {{1, 2}})", f"torch.aten.im2col({x}, {{}}, {{}}, {{}}, {{}})",
                       "torch.aten.gru_cell(torch.zeros({2, 3}), torch.zeros({2, 4}), torch.zeros({1, 1}), torch.zeros({1, 1}))",
                       "torch.aten.lstm_cell(torch.zeros({2, 3}), {torch.zeros({2, 4})}, torch.zeros({1, 1}), torch.zeros({1, 1}))",
                       *[f"torch.aten.embedding_bag(torch.zeros({{3, 2}}), torch.tensor({{0, 9}}, {{dtype = 'int64'}}), torch.tensor({{0}}, {{dtype = 'int64'}}), false, {mode})"
                         for mode in (0, 1, 2, 8)])

    def test_71_one_long_text_many_times(self):
        self.held(["MEMORY", "QUOTA"], 'local s, t = ("x"):rep(1e7), {}\nfor i = 1, 1000 do t[i] = s end\nreturn t', time="30")
        self.held(["MEMORY", "QUOTA"], 'local s, t = ("x"):rep(1e7), {}\nfor i = 1, 2000 do t[i] = {[s] = i} end\nreturn t', time="30")
        self.held(["MEMORY"], 'local t = {}\nfor i = 1, 2000 do t[("k"):rep(1e7) .. i] = i end\nreturn t', time="30")

    def test_72_errors_that_are_kept(self):
        self.held(["MEMORY", "TIMEOUT"], 'local kept = {}\nfor i = 1, 1e9 do kept[i] = select(2, pcall(json.decode, "{")) end', 'local json = require "json"', time="30")

    def test_73_what_is_shared(self):
        head = 'local bundle = require "bundle"'
        folder = self.attacker('for i = 1, 1e9 do bundle.shared("n" .. i, function() return ("x"):rep(1e7) end) end', head)
        for isolation in ISOLATIONS:
            with self.subTest(isolation=isolation):
                (answer,) = self.answers_of(folder, isolation, time="3", resident=5 << 20)
                self.assertIn(answer["error"]["code"], ("QUOTA", "MEMORY", "TIMEOUT"), answer)

    def test_74_results_of_library_functions(self):
        self.held(["MEMORY"], 'return #(("x"):rep(1e6):gsub("(.*)", ("%1"):rep(5000)))', time="30")
        self.held(["MEMORY"], 'return #(("x"):rep(3e7):upper() .. ("x"):rep(3e7):lower())', time="30")
        self.held(["MEMORY"], 'return #string.format(("%s"):rep(100), unpack(setmetatable({}, {__index = function() return "" end}), 1, 0), unpack(t))',
                  'local t = {}\nfor i = 1, 100 do t[i] = ("x"):rep(1e6) end', time="30")
        self.held(["MEMORY", "QUOTA"], 'local s = json.encode(("\\1"):rep(3e7))\nreturn #s', 'local json = require "json"', time="30")

    def test_75_normalizers_that_double(self):
        tokenizer = {"version": "1.0", "normalizer": {"type": "Sequence", "normalizers": [ROBUST] * 40},
                     "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}}
        self.held(["QUOTA", "MEMORY", "INPUT"], 'return t:encode("aaaa"):numel()', f'{TEXT}\nlocal t = text.tokenizer_json(bundle.asset "t.json")',
                  files={"assets/t.json": json.dumps(tokenizer)}, time="60")

    def test_76_no_way_to_a_raw_table(self):
        self.gives([True, True, True, True, True, 3], """
local function whole() return #("x"):rep(3) end
local refused = {}
for _, attack in ipairs {
  function() local _, raw = pairs(string) raw.rep = nil end,
  function() table.move({1}, 1, 1, 1, string) end,
  function() local step, raw = ipairs(string) raw.rep = nil end,
  function() rawset(string, "rep", nil) end,
  function() for k in next, string do string[k] = nil end end,
} do refused[#refused + 1] = not pcall(attack) end
refused[#refused + 1] = whole()
return refused""", attacks=("true", "true"))

    def test_77_no_c_data_in_any_spelling(self):
        for source in (b"return function() return 1LL end", b"-- x\rreturn function() return 1LL end", b"\xef\xbb\xbf# x\nreturn function() return 0x1ULL end",
                       b"# x\nreturn function() return 1i end", b"--[==[ ]]\n]==]return function() return 12ll end", b"return function() return 0x.8p1LL, 1Ull end"):
            folder = self.bundle(kind="json", files={"preprocess.lua": source})
            for isolation in ISOLATIONS:
                with self.subTest(isolation=isolation, source=source):
                    status, out, err = self.ran(folder, "true", "--isolation", isolation)
                    self.assertEqual((status, out), (3, ""), err)

    def test_78_history_of_5000_revisions(self):
        path = self.dir / "long.mb"
        path.write_bytes(history_test.history(5000))
        begin = time.monotonic()
        status, out, err = self.ran("log", path, "--json", seconds=120, resident=400 << 10)
        self.assertEqual((status, len(json.loads(out))), (0, 5000), err)
        self.assertLess(time.monotonic() - begin, 60)

    def test_79_escape_sequences(self):
        evil = "\x1b]0;owned\x07\x1b[2J"
        folders = [self.bundle(name=name, files={"assets/a.txt": content, "lib/a.lua": f"-- {content}\nreturn 1\n"},
                               preprocess=f'-- {content}\nreturn function(x) error("{content}") end\n') for name, content in (("one", evil), ("two", evil + evil))]
        file = self.dir / "one.mb"
        self.assertEqual(command.mrun("pack", folders[0], "-o", file).returncode, 0)
        for args in (("log", file), ("inspect", file), ("inspect", folders[0]), ("pack", folders[1]), ("scan", file),
                     (file, evil), ("commit", file, folders[1], "-m", evil), ("log", file), ("verify", file), (folders[0], evil), ("unpack", file, "-C", self.dir / "out")):
            _, out, err = self.ran(*args)
            self.assertNotRegex(out + err, "[\x00-\x08\x0b-\x1f\x7f]", args)

    def test_80_pipes_and_devices(self):
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        piped = self.bundle(name="piped")
        (piped / "bundle.toml").unlink()
        os.mkfifo(piped / "bundle.toml")
        plain = self.bundle(name="plain", kind="bytes", preprocess="return function(x) return x:numel() end\n")
        for args in (("inspect", fifo), (fifo, "x"), ("inspect", "/dev/zero"), ("/dev/zero", "x"), (piped, "x"), ("pack", piped), ("verify", fifo), ("scan", fifo), ("diff", fifo, fifo),
                     ("log", fifo), ("unpack", fifo), (plain, "/dev/zero"), (plain, "@/dev/zero"), ("sign", plain, "--key", "/dev/zero"), ("unpack", plain, "-C", "")):
            with self.subTest(args):
                status, _, err = self.ran(*args, seconds=20, resident=200 << 10)
                self.assertNotEqual(status, 0, err)

    def test_81_killed_while_it_commits(self):
        folder = self.bundle(preprocess="return function(x) return x end\n", files={"assets/large": os.urandom(20 << 20)})
        file = self.dir / "b.mb"
        self.assertEqual(command.mrun("pack", folder, "-o", file).returncode, 0)
        for kill in range(8):
            (folder / "preprocess.lua").write_text(f"return function(x) return {kill} end\n")
            commit = subprocess.Popen([command.MRUN, "commit", file, folder, "-m", str(kill)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.01 * kill)
            commit.send_signal(signal.SIGKILL)
            commit.wait()
            self.assertEqual(command.mrun("verify", file, "--hashes").returncode, 0)
        (folder / "preprocess.lua").write_text("return function(x) return 'last' end\n")
        self.assertEqual(command.mrun("commit", file, folder, "-m", "last").returncode, 0)
        self.assertEqual(sorted(p.name for p in self.dir.iterdir()), ["b.mb", "bundle"])
        self.assertEqual(self.answer(file, "x"), "last")

    def test_82_partial_answers_without_end(self):
        for body in ('local s = ("x"):rep(2^20)\nwhile true do emit(s) end', "while true do emit(1) end", "local t = torch.zeros({2^18})\nwhile true do emit(t) end"):
            folder = self.bundle(kind="json", postprocess=f"{TORCH}\nreturn function(bad)\nif not bad then return {json.dumps(WELL)} end\n{body}\nend\n")
            for isolation in ISOLATIONS:
                with self.subTest(isolation=isolation, body=body):
                    (answer,) = self.answers_of(folder, isolation, time="3", resident=600 << 10)
                    self.assertIn(answer["error"]["code"], ("TIMEOUT", "QUOTA", "MEMORY"), answer)

    def test_82_partial_answers_that_nobody_reads(self):
        # What waits for a slow reader must not fill the host's memory.
        folder = self.bundle(kind="json", postprocess='return function()\nlocal s = ("x"):rep(2^20)\nfor i = 1, 1000 do emit(s) end\nreturn 1\nend\n')
        for isolation in ISOLATIONS:
            with subprocess.Popen([command.MRUN, folder, "1", "--stream", "--isolation", isolation, "--memory", MEMORY, "--timeout", "60"], stdout=subprocess.PIPE) as host:
                time.sleep(3)
                status = pathlib.Path(f"/proc/{host.pid}/status").read_text()
                host.kill()
            peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
            self.assertLess(peak, 300 << 10, isolation)

    def test_83_long_texts_everywhere(self):
        self.held(["SCRIPT"], 'error(("x"):rep(1e7))', time="20")
        self.held(["SCRIPT"], 'error({code = "INPUT" .. ("x"):rep(1e7), message = ("y"):rep(1e7)})', time="20")
        self.held(["MISSING"], 'return require(("x"):rep(1e7))', time="20")
        self.held(["SCRIPT"], 'return torch[("x"):rep(1e7)]()', TORCH, time="20")
        self.held(["SCRIPT", "ARGUMENT"], 'return torch.zeros({1}, {dtype = ("x"):rep(1e7)})', TORCH, time="20")
        self.held(["SCRIPT", "ARGUMENT"], 'return torch.zeros({1}, {[("x"):rep(1e7)] = 1})', TORCH, time="20")
        self.held(["ARGUMENT", "SCRIPT", "MISSING", "BUNDLE"], 'return bundle.asset(("x"):rep(1e7))', TEXT, time="20")

    def test_85_small_things_that_are_kept(self):
        self.held(["QUOTA"], 'local kept = {}\nfor i = 1, 1e9 do kept[i] = text.regex("(\\\\p{L}+|\\\\p{N})" .. i) end', TEXT, time="30")
        self.held(["MEMORY"], "local kept = {}\nfor i = 1, 1e9 do kept[i] = torch.zeros(0) end", TORCH, time="30")
        self.held(["MEMORY"], "local x, kept = torch.zeros(10), {}\nfor i = 1, 1e9 do kept[i] = x:at({0, 1}) end", TORCH, time="30")

    def test_86_scripts_of_a_million_tokens(self):
        # What the author of a folder is told of its scripts is looked for in the host's own process.
        for long in ("local t\nlocal function f() return t" + ".a" * 300000 + " end", "local function f() return {" + "a," * 60000 + "} end",
                     "".join(f"do local a{i} = 1 end " for i in range(60000)), "repeat local x = 1 until x " * 30000,
                     "local function f(params)\n" + "".join(f"if params.p{i} then return nil end " for i in range(8000)) + "end"):
            folder = self.attacker("", long)
            for isolation in ISOLATIONS:
                with self.subTest(isolation=isolation, long=long[:60]):
                    status, out, err = self.ran(folder, "false", "--isolation", isolation, seconds=60)
                    self.assertEqual((status, json.loads(out)), (0, WELL), err[:2000])

    def test_88_sounds_that_ask_for_gigabytes(self):
        # Codebooks of four million entries, of which libvorbis sorts each on the stack; many of a size that is allowed; metadata that is not there.
        head = 'local audio, bundle = require "audio", require "bundle"'
        flac = b"fLaC\0\0\0\x22" + bytes(34) + b"\x82\xff\xff\xff"
        for codes, sound in ((["INPUT"], ogg.vorbis((1 << 22,))), (["INPUT"], ogg.vorbis(*[(1 << 22,)] * 256)), (["INPUT"], ogg.vorbis(*[(1 << 14, 300, 1)] * 256)),
                             (["QUOTA"], ogg.vorbis(*[(1 << 15,)] * 50)), (["INPUT"], flac)):
            self.assertLess(len(sound), 20000)
            self.held(codes, 'return audio.decode(bundle.asset "a"):numel()', head, files={"assets/a": sound}, memory="48M", time="30")

    def test_89_a_decoder_that_aborts(self):
        # JBIG that says 2^20 x 2^19 pixels.
        strip = struct.pack(">BBBBIIIBBBB", 0, 0, 1, 0, 1 << 20, 1 << 19, 128, 0, 0, 0, 0) + bytes(40)
        self.held(["INPUT"], 'return image.decode(bundle.asset "a"):sum():item()', IMAGE, contains="JBIG", files={"assets/a": tiff(64, 1, 34661, strip)})

    def test_90_a_picture_of_many_codes(self):
        # 18 KB; each group of blocks has prefix codes of its own, for which libwebp takes 12 KB.
        picture = webp.many_codes(4096)
        for file in (picture, tiff(256, 8, 50001, picture)):
            self.held(["QUOTA"], 'return image.decode(bundle.asset "a"):sum():item()', IMAGE, files={"assets/a": file}, memory="32M")


if __name__ == "__main__":
    unittest.main()
