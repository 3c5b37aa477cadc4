"""What a script can do to the process that runs it, by Lua alone. Numbers 1 to 30 of core/SECURITY.md: the code
is asserted, the host goes on, the next item is answered, no process is left and memory is bounded."""
import json
import unittest

import attack
from attack import ISOLATIONS

GONE = "io os debug package ffi jit load loadstring loadfile dofile getfenv setfenv newproxy collectgarbage gcinfo print rawlen _G module".split()


class Case(attack.Case):
    def test_01_endless_loop(self):
        self.held(["TIMEOUT"], "while true do end")

    def test_02_endless_loop_under_pcall(self):
        self.held(["TIMEOUT"], "while true do pcall(function() while true do end end) end")

    def test_03_xpcall_with_an_endless_handler(self):
        self.held(["TIMEOUT"], "xpcall(error, function() while true do end end)")

    def test_04_endless_coroutine_under_pcall(self):
        self.held(["TIMEOUT"], "while true do pcall(coroutine.resume, coroutine.create(function() while true do end end)) end")

    def test_05_endless_index(self):
        self.held(["TIMEOUT"], "return setmetatable({}, {__index = function() while true do end end}).x")

    def test_06_tail_calling_tostring(self):
        self.held(["TIMEOUT"], "local function f(t) return f(t) end\nreturn tostring(setmetatable({}, {__tostring = f}))")

    def test_07_error_object_with_an_endless_tostring(self):
        self.held(["SCRIPT"], "error(setmetatable({}, {__tostring = function() while true do end end}))")

    def test_08_pattern_that_backtracks_over_a_megabyte(self):
        self.held(["TIMEOUT"], 'return ("a"):rep(1e6):find(".-b")')

    def test_09_balanced_brackets_that_nest(self):
        self.held(["TIMEOUT"], 'return ("("):rep(2e5):find("%b()")')

    def test_10_coroutine_that_wraps_itself(self):
        self.held(["SCRIPT"], "local function f() coroutine.wrap(f)() end\nf()", contains="stack overflow")

    def test_11_gsub_within_gsub(self):
        self.held(["SCRIPT"], 'local function f() return (("x"):gsub("x", f)) end\nf()', contains="stack overflow")

    def test_12_sort_within_sort(self):
        self.held(["SCRIPT"], "local function f() table.sort({3, 2, 1}, f) return false end\nf()", contains="stack overflow")

    def test_13_tostring_within_tostring(self):
        self.held(["SCRIPT"], 'local t\nt = setmetatable({}, {__tostring = function() return ("%s"):format(t) end})\ntostring(t)', contains="stack overflow")

    def test_14_growing_table(self):
        self.held(["MEMORY"], "local t = {}\nfor i = 1, 1e9 do t[i] = {} end", time="20")

    def test_15_doubling_string(self):
        self.held(["MEMORY"], 'local s = "x"\nwhile true do s = s .. s end', time="20")

    def test_16_string_of_a_gigabyte(self):
        self.held(["MEMORY"], 'return #("x"):rep(1e9)', time="20")

    def test_17_no_memory_swallowed_again_and_again(self):
        self.gives("bounded", 'for i = 1, 2000 do pcall(string.rep, "x", 1e9) end\nreturn "bounded"', time="20")

    def test_18_concat_with_a_huge_separator(self):
        self.held(["MEMORY"], 'local t = {}\nfor i = 1, 1000 do t[i] = "a" end\nreturn #table.concat(t, ("x"):rep(1e7))', time="20")

    def test_19_coroutines_without_end(self):
        self.held(["MEMORY", "TIMEOUT"], "local t = {}\nfor i = 1, 1e9 do t[i] = coroutine.create(function() end) end", time="20")

    def test_20_a_million_brackets(self):
        self.refused_source("return " + "(" * 1000000 + "1" + ")" * 1000000, "preprocess.lua")

    def test_21_unpack_of_everything(self):
        self.held(["SCRIPT"], "return unpack({}, 0, 2^31 - 1)")

    def test_22_bytecode(self):
        self.refused_source(b"\x1bLJ\x02\x0a" + bytes(100), "bytecode")

    def test_23_no_library_that_reaches_out(self):
        self.gives([], f"""
local there = {{}}
for _, name in ipairs({{{", ".join(map(json.dumps, GONE))}}}) do
  if pcall(require, name) then there[#there + 1] = name end
end
for _, value in ipairs({{{", ".join(f"(pcall(function() return {n}.x end))" for n in GONE)}}}) do
  if value then there[#there + 1] = "global" end
end
return there""")

    def test_24_no_dump_and_no_metatable_of_strings(self):
        self.gives([False, False], 'return {("").dump ~= nil, getmetatable("") ~= nil}')

    def test_25_libraries_are_read_only(self):
        self.gives([False, False, False, False, 3], """
return {(pcall(function() string.rep = nil end)), (pcall(rawset, string, "rep", nil)), (pcall(table.insert, string, 1)),
        (pcall(setmetatable, string, {})), #("x"):rep(3)}""", attacks=("true", "true"))

    def test_26_metatables_of_handles_are_out_of_reach(self):
        self.gives([False, False, 2], """
local t = torch.zeros({2})
return {(pcall(setmetatable, t, {})), getmetatable(t) ~= nil, t:numel()}""", 'local torch = require "torch"')

    def test_27_no_addresses(self):
        self.gives([], """
local shown = {}
for _, value in ipairs {{}, print or tostring, function() end, coroutine.create(function() end), torch.zeros({1}), text.regex("a"), string} do
  for _, s in ipairs {tostring(value), ("%s"):format(value), select(2, pcall(error, value)) and "", select(2, pcall(function() return value .. "" end))} do
    if tostring(s):find("0x") or tostring(s):find("%x%x%x%x%x%x") then shown[#shown + 1] = s end
  end
end
if pcall(string.format, "%p", {}) then shown[#shown + 1] = "%p" end
return shown""", 'local torch, text = require "torch", require "text"')

    def test_28_flood_of_the_log(self):
        folder = self.attacker('for i = 1, 1e5 do log.warn(("x"):rep(1000)) end\nreturn "flooded"', 'local log = require "log"')
        inputs = self.dir / "inputs"
        inputs.write_text("true\nfalse\n")
        for isolation in ISOLATIONS:
            status, out, err = self.ran(folder, "--jsonl", inputs, "--isolation", isolation, "--memory", attack.MEMORY)
            self.assertEqual((status, [json.loads(line) for line in out.splitlines()]), (0, ["flooded", "well"]))
            self.assertLess(len(err), 4 << 20)

    def test_29_answers_without_end(self):
        self.held(["SCRIPT"], "local t = {}\nt[1] = t\nreturn t")
        self.held(["SCRIPT", "MEMORY"], "local t = {}\nfor i = 1, 2e5 do t = {t} end\nreturn t", time="20")

    def test_30_memory_ends_anywhere(self):
        folder = self.attacker('local t = {}\nfor i = 1, 200 do t[i] = ("x"):rep(i) .. tostring(i) end\nreturn #table.concat(t)')
        for isolation in ISOLATIONS:
            for kib in range(1, 400, 40 if isolation == "none" else 130):
                status, out, err = self.ran(folder, "true", "--isolation", isolation, "--memory", f"{kib}K")
                self.assertIn(status, (0, 1, 3), err)
                self.assertRegex(out + err, "MEMORY|heap is full|not enough memory" if status else "20592")
            self.assertEqual(self.answer(folder, "false", "--isolation", isolation), attack.WELL)


if __name__ == "__main__":
    unittest.main()
