-- Random calls of Lua's library functions, a line each with what it gave: the same seed makes the same calls in any Lua.
-- What INTERFACE.md lists as different is not asked for: zero bytes in patterns, `%` at a replacement's end, addresses,
-- places of tables that are no integers, numbers halfway between two that string.format can write.
local floor, concat, fmt = math.floor, table.concat, string.format
local state

local function up_to(n)
  state = (state * 16807) % 2147483647
  return floor(state / 2147483647 * n) + 1
end

local function pick(list) return list[up_to(#list)] end

-- So many of what `make` gives, joined.
local function joined(count, make)
  local parts = {}
  for i = 1, count do parts[i] = make() end
  return concat(parts)
end

-- ---- numbers and texts

local borders = {
  0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e14, 1e15, 1e16, 123456789012345, 2 ^ 31, 2 ^ 31 - 1, -2 ^ 31, -2 ^ 31 - 1,
  2 ^ 32, 2 ^ 32 - 1, 2 ^ 32 + 1, -2 ^ 32, 2 ^ 51, 2 ^ 52, 2 ^ 53, -2 ^ 53, 2 ^ 62, 2 ^ 63, -2 ^ 63, 2 ^ 64, 1e100, 1e300,
  1e308 * 10, -1e308 * 10, 0 / 0, -(0 / 0), 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 1e-5, 1e-4,
  123456.789, 99999999999999, 999999999999999, 0x7fffffff + 0.5, -0x80000000 - 0.5, 6755399441055744, 31, 32, 33, -32,
}

local function number()
  local kind = up_to(6)
  if kind <= 3 then return pick(borders) end
  if kind == 4 then return up_to(200) - 100 end
  local sign = up_to(2) * 2 - 3
  if kind == 5 then return sign * up_to(2 ^ 31 - 2) / 2 ^ 31 * 10 ^ (up_to(40) - 20) end
  return sign * math.ldexp(up_to(2 ^ 31 - 2) + up_to(2 ^ 31 - 2) / 2 ^ 31, up_to(2200) - 1130)
end

local number_parts = {
  "0", "1", "2", "7", "9", "a", "f", "e", "E", "x", "X", "p", ".", "+", "-", " ", "\n", "z", "_", "b", "inf", "nan", "0x", "1e",
  "10", "255", "\t", "\0", "i", "L", "1e308", "0x1p", "99999999999999999999", "infinity",
}
local function number_text()
  return joined(up_to(5), function() return pick(number_parts) end)
end
local function number_or_text() return up_to(12) == 1 and number_text() or number() end

local characters = {
  "a", "b", "c", "x", "1", "2", " ", "-", ".", "%", "(", ")", "[", "]", "_", "A", "Z", "\n", "\0", "\255", "\200", "^", "$",
}
local function text()
  return joined(up_to(16) - 1, function() return pick(characters) end)
end

-- A place in a text or list, at times as a text or left out.
local function place()
  local kind = up_to(8)
  if kind == 1 then return tostring(up_to(8)) end
  if kind == 2 then return nil end
  return up_to(9) - 2
end
local function any_place() return up_to(5) == 1 and number() or place() end

-- ---- patterns

local letters = {"a", "b", "c", "x", "1", " ", "-", "A", "_"}
local escapes = {
  "%a", "%d", "%s", "%w", "%x", "%p", "%c", "%l", "%u", "%g", "%z", "%A", "%D", "%S", "%W", "%P", "%U", "%L", "%G", "%X", "%C",
  "%Z", "%.", "%%", "%-", "%(", "%)", "%[", "%]", "%$", "%^", "%q", "%e", "%1", "%b()", "%b[]", "%bab", "%baa",
}
local repeats = {"", "", "*", "+", "-", "?"}
local set_parts = {"^", "-", ".", "$", "[", "a-", "\255", "\128-\255", "%a", "%d", "%w", "%s", "%]", "%-", "%^", "%%", "%S"}

local function set_part()
  local kind = up_to(4)
  if kind == 1 then return pick(letters) end
  return kind == 2 and pick(letters) .. "-" .. pick(letters) or pick(set_parts)
end

local function set()
  return "[" .. pick{"", "", "^"} .. pick{"", "", "", "]", "-"} .. joined(up_to(3), set_part) .. pick{"", "", "", "-"} ..
           (up_to(40) == 1 and "" or "]")
end

local function item(depth)
  local kind = up_to(12)
  if kind <= 3 then return pick(letters) .. pick(repeats) end
  if kind == 4 then return "." .. pick(repeats) end
  if kind <= 6 then return pick(escapes) .. pick(repeats) end
  if kind <= 8 then return set() .. pick(repeats) end
  if kind == 9 then return "%f" .. (up_to(20) == 1 and "" or set()) end
  if kind == 10 then return pick{"%1", "%2", "%3", "$", "^", "*", "+", "-", "?"} end
  if depth == 3 or up_to(4) == 1 then return "()" end
  return "(" .. joined(up_to(2), function() return item(depth + 1) end) .. (up_to(30) == 1 and "" or ")")
end

local function pattern()
  return pick{"", "", "", "", "^"} .. joined(up_to(4), function() return item(1) end) .. pick{"", "", "", "", "$"}
end

local replacements = {
  "%0", "%1", "<%1>", "%2%1", "%%", "x", "", "[%0]", 5, 1.5, {a = "A", b = false, ["1"] = 7, [1] = "p", [2] = 0.1},
  function(a, b) return b or a end, function() return nil end, function(a) return #tostring(a) end,
}

-- ---- formats

local flags = {
  "", "", "-", "+", " ", "#", "0", "-+", "0#", "--", "5", "05", "-5", "+5", " 05", ".3", ".0", "10.4", "+.2", ".", "20.10", "99",
  "30.99", "100", "5.100", ".14", ".17", "#.0", "-20.3", "020.3", "+020.3", "0-5", "5.", "00005",
}
local conversions = {"d", "i", "u", "x", "X", "o", "e", "E", "f", "F", "g", "G", "a", "A", "c", "q", "s"}
local odd_values = {"12", "0x1F", "abc", "", "a\0b", "x\r\n\"\\", "\0011", "\127\1272", "hello world, hello", true, false}

local function value(conversion)
  if up_to(20) == 1 then return pick(odd_values) end
  if conversion == "c" then return up_to(300) - 20 end
  if ("eEfFgG"):find(conversion, 1, true) then
    local x = number() * (1 + 2 ^ -30)
    return x > -2 ^ -20 and x < 2 ^ -20 and x + 1 / 3 or x  -- smaller ones end where 99 decimals do
  end
  if conversion ~= "q" and conversion ~= "s" then return number() end
  local kind = up_to(3)
  return kind == 1 and number() or kind == 2 and pick(odd_values) or text()
end

local function formatted()
  local pieces, arguments = {}, {}
  for i = 1, up_to(2) do
    local conversion = pick(conversions)
    pieces[i] = pick{"", "a", "%%"} .. "%" .. pick(flags) .. conversion
    arguments[i] = value(conversion)
  end
  return {concat(pieces), arguments[1], arguments[2], n = #pieces + 1}
end

-- ---- lists

local function list()
  local made = {}
  for i = 1, up_to(9) - 1 do made[i] = up_to(30) end
  return made
end

local function list_with_holes()
  local made = list()
  for i = 1, #made do
    if up_to(5) == 1 then made[i] = nil elseif up_to(4) == 1 then made[i] = pick(letters) end
  end
  return made
end

local orders = {function(a, b) return a > b end, function(a, b) return tostring(a) < tostring(b) end}

-- ---- calls: a name, a function, and what makes its arguments

local calls = {
  {"find", string.find, function() return {text(), pattern(), place(), n = up_to(2) + 1} end},
  {"find", string.find, function() return {text(), pattern(), any_place(), up_to(2) == 1, n = 4} end},
  {"match", string.match, function() return {text(), pattern(), any_place(), n = up_to(2) + 1} end},
  {"gsub", string.gsub, function() return {text(), pattern(), pick(replacements), place(), n = up_to(2) + 2} end},
  {"gsub", string.gsub, function() return {text(), pattern(), pick(replacements), n = 3} end},
  {"format", string.format, formatted},
  {"format", string.format, formatted},
  {"tonumber", tonumber, function() return {number_text(), pick{2, 8, 10, 16, 36, 10.5, "16"}, n = up_to(2)} end},
  {"tostring", tostring, function() return {number(), n = 1} end},
  {"rep", string.rep, function() return {text(), place(), text(), n = up_to(2) + 1} end},
  {"sub", string.sub, function() return {text(), any_place(), any_place(), n = 3} end},
  {"byte", string.byte, function() return {text(), any_place(), place(), n = up_to(3)} end},
  {"char", string.char, function() return {up_to(270) - 8, up_to(256) - 1, number(), n = up_to(3)} end},
  {"lower", string.lower, function() return {text(), n = 1} end},
  {"upper", string.upper, function() return {text(), n = 1} end},
  {"concat", concat, function() return {list_with_holes(), pick{"", ",", 7, 1.5}, any_place(), any_place(), n = up_to(4)} end},
  {"insert", table.insert, function() return {list(), place(), up_to(9), n = up_to(3)} end},
  {"remove", table.remove, function() return {list(), place(), n = up_to(2)} end},
  {"move", table.move, function() return {list_with_holes(), place(), place(), place(), list(), n = up_to(2) + 3} end},
  {"sort", table.sort, function() return {list(), pick(orders), n = up_to(2)} end},
  {"unpack", unpack, function() return {list(), any_place(), any_place(), n = up_to(3)} end},
  {"select", select, function() return {pick{"#", 1, -1, 2.5, place()}, 1, nil, 3, n = 4} end},
  {"getmetatable", getmetatable, function() return {number(), n = up_to(2) - 1} end},
  {"rawset", rawset, function() return {list(), number(), up_to(9), n = up_to(3)} end},
  {"xpcall", xpcall, function() return {error, pick{error, tostring, type, "x", 5, false}, n = up_to(2)} end},
  {"%", function(a, b) return a % b end, function() return {number_or_text(), number_or_text(), n = 2} end},
  {"^", function(a, b) return a ^ b end, function() return {number_or_text(), number_or_text(), n = 2} end},
  {"..", function(a, b) return a .. b end, function() return {number(), number(), n = 2} end},
  {"<", function(a, b) return a < b, a <= b, a == b end, function() return {text(), text(), n = 2} end},
}

local written_here = #calls  -- half of what is called; the rest is mostly LuaJIT's own

local function add(library, prefix, names, count)
  for name in names:gmatch "%w+" do
    calls[#calls + 1] = {prefix .. name, library[name], function() return {number_or_text(), number_or_text(), n = count} end}
  end
end
add(math, "math.", "abs acos asin atan ceil cos cosh deg exp floor frexp log log10 modf rad sin sinh sqrt tan tanh", 1)
add(math, "math.", "atan2 fmod pow ldexp max min", 2)
add(bit, "bit.", "bnot bswap tobit tohex", 1)
add(bit, "bit.", "band bor bxor lshift rshift arshift rol ror tohex", 2)

-- ---- what came of them, as text

local function byte_number(c) return "\\" .. c:byte() end

local function show(v)
  if type(v) == "number" then
    if v ~= v then return "nan" end
    return v == 0 and 1 / v < 0 and "-0" or fmt("%a", v)  -- exact, as decimals are rounded in two ways
  end
  if type(v) == "string" then return (fmt("%q", v):gsub("[\128-\255%z\r\n]", byte_number)) end
  if type(v) ~= "table" then return type(v) == "function" and "function" or tostring(v) end
  local fields = {}
  for k, field in pairs(v) do fields[#fields + 1] = show(k) .. "=" .. show(field) end
  table.sort(fields)
  return "{" .. concat(fields, ",") .. "}"
end

local function shown(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = show((select(i, ...))) end
  return concat(parts, ", ")
end

local function outcome(ok, ...) return ok and shown(...) or "error " .. type((...)) end

-- The list may have changed, so it is shown again.
local function line(name, f, arguments)
  local before = shown(unpack(arguments, 1, arguments.n))
  local after = outcome(pcall(f, unpack(arguments, 1, arguments.n)))
  local first = type(arguments[1]) == "table" and "; " .. show(arguments[1]) or ""
  return name .. "(" .. before .. ") -> " .. after .. first
end

return function(seed, count)
  state = seed
  local lines = {}
  for i = 1, count do
    local call = up_to(2) == 1 and calls[up_to(written_here)] or pick(calls)
    lines[i] = line(call[1], call[2], call[3]())
  end
  return lines
end
