// Lua as people know it: what public libraries rely on. Right values are those of Lua 5.1 and LuaJIT.
#include <cmath>
#include "support.h"

using namespace mrun;
using namespace mrun::test;

TEST_CASE("What pairs returns is an iterator over whatever it is given") {
  CHECK(result("local g = pairs{a = 0} return {g({x = 5})}") == R"(["x",5])");
  CHECK(result("local g, t = pairs{a = 1, b = 2} return {g(t, 'a')}") == R"(["b",2])");
  CHECK(result("local g, t, k = pairs{7, 8, z = 9} local out = {} for i, v in g, t, k do out[#out + 1] = v end return "
               "out") == "[7,8,9]");
}
TEST_CASE("pairs visits 1..n, then keys in byte order, whatever is removed meanwhile") {
  CHECK(result("local t = {b = 1, a = 2, 10, 20} local out = {} for k, v in pairs(t) do out[#out + 1] = tostring(k) "
               "t[k] = nil end return {out, next(t) == nil}") == R"([["1","2","a","b"],true])");
  CHECK(result("local t = {} for i = 1, 5 do t['k' .. i] = i end local out = {} for k in pairs(t) do t.k3 = nil "
               "out[#out + 1] = k end return out") == R"(["k1","k2","k4","k5"])");
}
TEST_CASE("next visits all, in order, also of large tables, and what is set between two visits") {
  for (const char *size : {"5", "1000"}) {
    CAPTURE(size);
    CHECK(
        result("local t, n = {}, " + std::string(size) +
               " for i = 1, n do t[string.format('k%04d', i)] = i end local k, v, sum, last = nil, nil, 0, ''\n"
               "local function visit() local c = 0 k, v = next(t) while k do c = c + 1 sum = sum + v k, v = next(t, k) "
               "end return c end local a = visit() t.a = 0 t.z = 0 local b = visit() t.k0002 = nil "
               "return {a == n, b == n + 2, visit() == n + 1}") == "[true,true,true]");
  }
  CHECK(result("local t = {b = 1} local k = next(t) t.a = 1 return {k, (next(t))}") == R"(["b","a"])");
  CHECK(failure("next({}, {})").code == MRUN_SCRIPT);
}
TEST_CASE("Emptying a large table with next, or looking at its first key, does not cost its square") {
  Script s(
      Script::body("local t = {} for i = 1, 20000 do t['k' .. i] = i end local n = 0\n"
                   "while true do local k = next(t) if k == nil then break end t[k] = nil n = n + 1 end\n"
                   "for i = 1, 20000 do t['k' .. i] = i end for i = 1, 50 do for k in pairs(t) do break end end\n"
                   "return n"));
  const auto start = std::chrono::steady_clock::now();
  CHECK(s.preprocess().as_number() == 20000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
}
TEST_CASE("So does emptying a list from its front, or a table in LuaJIT's own order") {
  Script s(
      Script::body("local n = 0\n"
                   "for _, key in ipairs{function(i) return i end, function() return {} end} do\n"
                   "local t = {} for i = 1, 150000 do t[key(i)] = i end\n"
                   "while true do local k = next(t) if k == nil then break end t[k] = nil n = n + 1 end\n"
                   "for i = 1, 150000 do t[key(i)] = i end\n"
                   "while true do local k for x in pairs(t) do k = x break end\n"
                   "if k == nil then break end t[k] = nil n = n + 1 end end return n"));
  const auto start = std::chrono::steady_clock::now();
  CHECK(s.preprocess().as_number() == 600000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
}
TEST_CASE("A loop of next that removes what it sees leaves nothing, and sees nothing twice") {
  for (const char *n : {"3", "10", "700"}) {  // 0, negative numbers and fractions come behind 1..n
    CAPTURE(n);
    CHECK(result("local t, c, left = {}, 0, 0 for i = 1, " + std::string(n) +
                 " do t[i] = i end for i = 0, 9 do t[-i] = 1 t[i + 0.5] = 1 end t.x, t[true] = 1, 1\n"
                 "local k = next(t) while k ~= nil do t[k] = nil c = c + 1 k = next(t, k) end\n"
                 "for _ in pairs(t) do left = left + 1 end return {c - " +
                 n + ", left}") == "[22,0]");
  }
  // What is set again in front of the first that is left is visited, too.
  CHECK(result("local t = {} for i = 1, 2000 do t[i] = i end for i = 1, 900 do t[(next(t))] = nil end\n"
               "t[5], t[700], t.x = 1, 1, 1 local a, b, sum = 0, 0, 0 local k = next(t)\n"
               "while k ~= nil do a = a + 1 k = next(t, k) end\n"
               "for key in pairs(t) do b = b + 1 end return {a, b}") == "[1103,1103]");
  // Keys that were others when their order was remembered belong to 1..n now.
  CHECK(
      result("local t = {} for i = 1, 300 do t['k' .. i] = i end for i = 2, 9 do t[i] = i end\n"
             "local k = next(t) while k ~= nil do k = next(t, k) end t[1] = 1\n"
             "local seen = {} k = next(t) while k ~= nil do assert(not seen[k], k) seen[k] = true k = next(t, k) end\n"
             "return 1") == "1");
}
TEST_CASE("A list whose front is gone and comes back is visited as pairs visits it, each key once") {
  const auto visits = [](const std::string &before) {
    return result("local t = {} for i = 1, 2000 do t[i] = i end for i = 1, 900 do t[(next(t))] = nil end\n" + before +
                  "\nlocal a, b = {}, {} local k = next(t) while k ~= nil do a[#a + 1] = k k = next(t, k) end\n"
                  "for key in pairs(t) do b[#b + 1] = key end\n"
                  "for i = 1, math.max(#a, #b) do assert(a[i] == b[i], i) end return #a");
  };
  CHECK(visits("for i = 1, 5000 do t[i] = i end t[0] = 0") == "5001");
  CHECK(visits("local k = next(t) t[1] = 1 while k ~= nil do k = next(t, k) end") == "1101");
  CHECK(visits("for i = 1, 300 do t[i] = i end local k = next(t) while k ~= nil do k = next(t, k) end\n"
               "for i = 1, 400 do t[(next(t))] = nil end t[1] = 1") == "1001");
  CHECK(
      result("local t = {1, 2, 3, 4, 5, 6, 7, 8} assert(next(t)) for i = 8, 4, -1 do t[i] = nil end t[0], t[7] = 1, 1\n"
             "local a, k = {}, next(t) while k ~= nil do a[#a + 1] = k k = next(t, k) end return a") == "[1,2,3,0,7]");
}
TEST_CASE("Basic functions answer odd arguments as Lua's") {
  CHECK(result("return {select('#', getmetatable(8)), select('#', getmetatable({})), pcall(getmetatable)}") ==
        R"([1,1,false,"preprocess.lua:1: getmetatable: want a value"])");
  CHECK(result("return {getmetatable(setmetatable({}, {__metatable = false})), string.format(5), pcall(rawset, {}, 1)}")
            .starts_with("[false,\"5\",false,"));
  CHECK(result("local t = setmetatable({}, {__tostring = function(x) return x.name end}) local a = tostring(t)\n"
               "local b = string.format('%s %s', t, setmetatable({}, {__tostring = function() return {} end}))\n"
               "t.name = 'x' return {a == nil, b, tostring(t)}") == R"([true,"nil table","x"])");
}
TEST_CASE("Libraries ask which Lua it is") {
  CHECK(result("return {_VERSION, _VERSION == 'Lua 5.1', #_VERSION:match('%d.%d')}") == R"(["Lua 5.1",true,3])");
}
TEST_CASE("xpcall wants a handler, and an error in it has Lua's own words") {
  CHECK(result("return {pcall(xpcall, error)}").starts_with("[false,\"preprocess.lua:1: xpcall: want a function"));
  CHECK(result("return {pcall(xpcall, error, 'b')}").starts_with("[false,\"preprocess.lua:1: xpcall: want a function"));
  CHECK(result("return {xpcall(error, error)}") == R"([false,"error in error handling"])");
  CHECK(result("return {xpcall(error, function() return nil end)}") == "[false]");
}
TEST_CASE("Integer arguments are taken as LuaJIT takes them") {
  CHECK(result("return {('aaaa'):gsub('a', 'b', 1.5), ('aaa'):gsub('a', 'b', 2^31), ('aaa'):gsub('(', 'b', -1/0)}") ==
        R"(["baaa","aaa","aaa",0])");
  CHECK(
      result("return {('abcabc'):find('b', 2.9), ('abc'):find('b', 0/0), ('abc'):match('.', -1/0), ('abc'):match('.', "
             "2^32), ('abc'):find('b', 'nan')}") == R"([2,2,"a","a",2,2])");
  CHECK(result("return {unpack({1, 2, 3}, 1.5, 2.9), pcall(unpack, {}, 2^31, 2)}") ==
        R"([1,false,"preprocess.lua:1: unpack: too many results"])");
  CHECK(result("local t = {1, 2, 3} table.insert(t, 1.5, 0) return {table.concat(t, ' '), table.remove(t, 2.7), "
               "table.remove(t, 1/0) == nil, table.concat(t, '', 1, 1/0), table.concat(t, '', 1.9, 2.1)}") ==
        R"(["0 1 2 3",1,true,"","02"])");
  CHECK(result("return {table.move({1, 2, 3}, 2.5, 3.5, 1), table.move({1, 2}, 1, -1/0, 1)}") == "[[2,3,3],[1,2]]");
  CHECK(result("local x = math.random(1.5) return x == 1 or x == 2") == "true");
}
TEST_CASE("next goes on behind a removed key: a table, or one of 1..n, whose end moves meanwhile") {
  for (const char *n : {"100", "1000", "100000"}) {
    CHECK(result("local t, c = {}, 0 for i = 1, " + std::string(n) +
                 " do t[i] = i end local k = next(t)\n"
                 "while k do t[k] = nil c = c + 1 k = next(t, k) end return c") == n);
  }
  CHECK(result("local t, n = {}, 0 for i = 1, 50 do t[{}] = i end local k = next(t)\n"
               "while k do t[k] = nil n = n + 1 k = next(t, k) end return {n, next(t) == nil}") == "[50,true]");
}
TEST_CASE("Public libraries name their own parts without lib., and a folder's init.lua") {
  Script s(Script::Files{
      {"preprocess.lua",
       "local a, b = require 'pl.a', require 'lib.pl.a' return function() return {a == b, a.name, require 'pl', "
       "a.init, require 'lib.pl.init'} end"},
      {"lib/pl/a.lua", "return {name = (...), init = require 'pl'}"},
      {"lib/pl/init.lua", "return 7"},
      {"lib/json.lua", "return {mine = true}"}});
  CHECK(to_json(s.preprocess()) == R"([true,"pl.a",7,7,7])");
  Script std_first(
      Script::Files{{"preprocess.lua", "local json = require 'json' return function() return json.mine end"},
                    {"lib/json.lua", "return {mine = 5}"}});
  CHECK(to_json(std_first.preprocess()) == "null");
  Script cycle(Script::Files{
      {"preprocess.lua", "require 'a'"}, {"lib/a.lua", "require 'lib.b'"}, {"lib/b.lua", "require 'lib.a'"}});
  CHECK(error_of([&] { cycle.state(); }).message.find("a cycle: lib.a requires lib.b requires lib.a") !=
        std::string::npos);
}
TEST_CASE("A loop over a large table that ends early does not sort all of it, and the order is that of all") {
  CHECK(result("local t, all = {}, {} for i = 1, 3000 do t['k' .. i * 7919 % 3001] = i t[i * 1.5] = i end\n"
               "t[true] = 1 t[false] = 2 t[print or t] = 3\n"
               "for k in pairs(t) do all[#all + 1] = k end for i = 2, #all - 3 do\n"
               "local a, b = all[i - 1], all[i] assert(type(a) == type(b) and a < b or type(a) == 'number') end\n"
               "assert(all[#all - 2] == false and all[#all - 1] == true and all[#all] == t)\n"
               "for _, n in ipairs{2, 64, 65, 66, 1024, 1025, 2000} do local i = 0\n"
               "for k in pairs(t) do i = i + 1 assert(k == all[i]) if i == n then break end end end\n"
               "return #all") == "6003");
}
TEST_CASE("Errors of library functions are texts") {
  CHECK(result("return {type(select(2, pcall(ipairs, nil))), type(select(2, pcall(string.rep))), "
               "type(select(2, pcall(table.concat, {{}}))), type(select(2, pcall(string.gsub, 'a', '(', '')))}") ==
        R"(["string","string","string","string"])");
  CHECK(result("local ok, e = pcall(function() ipairs(nil) end) return e") ==
        R"("preprocess.lua:1: ipairs: want a table, got nil")");
  CHECK(failure("table.insert(math, 1)").code == MRUN_ARGUMENT);
}
TEST_CASE("table functions do as Lua's") {
  CHECK(result("local t = {1, 2} table.insert(t, 5, 9) return {t[3] == nil, t[5]}") == "[true,9]");
  CHECK(result("local t = {1, 2} table.insert(t, '1', 0) return t") == "[0,1,2]");
  CHECK(
      result("return {table.concat({1, 'a', 2.5}, ', '), table.concat({}, ','), table.concat({1, 2, 3}, '-', 2, 3)}") ==
      R"(["1, a, 2.5","","2-3"])");
  CHECK(
      result(
          "return {table.move({1, 2, 3}, 1, 3, 2), table.move({1, 2, 3}, 2, 3, 1), table.move({5, 6}, 1, 2, 1, {})}") ==
      "[[1,1,2,3],[2,3,3],[5,6]]");
}
TEST_CASE("string.format writes numbers as C does, also those halfway between two") {
  const char *formats[] = {"%.0f", "%.1f",  "%.2f",  "%.3e",  "%g",    "%.14g",    "%+.1f",  "%08.2f", "%#.0g",
                           "%.3G", "%.17g", "%.20f", "%#.3g", "%#.0e", "%-12.0fx", "% 9.1e", "%+09.2G"};
  std::string script = "local f, out = {";
  for (const char *format : formats) script += fmt::format("'{}',", format);
  std::vector<double> numbers = {0.0, -0.0, 5e-324, 1e300, 1.0 / 3};
  for (int eighths = -40; eighths <= 40; ++eighths) numbers.push_back(eighths / 8.0);
  for (const double x : {1234565.0, 1234575.0, 1125.0, 1135.0, 0.00048828125, 123456789012345.0, 2.675,
                         1 + std::ldexp(1, -17), 1125899906842624.25, std::ldexp(3, -21)})
    numbers.push_back(x);
  Script s(Script::body(script +
                        "}, {} for i = 1, #f do for j = 1, #input do out[#out + 1] = f[i]:format(input[j]) end "
                        "end return out"));
  std::vector<Value> input;
  for (const double x : numbers) input.push_back(Value::number(x));
  const Value answer = s.preprocess(Value::list(std::move(input)));
  size_t at = 0;
  for (const char *format : formats) {
    for (const double x : numbers) {
      std::array<char, 400> wanted{};
      std::snprintf(wanted.data(), wanted.size(), format, x);
      CHECK(answer.as_list()[at++].as_string() == wanted.data());
    }
  }
}
TEST_CASE("The libraries can be required, and a module's ... is its name") {
  CHECK(result("return {require 'string' == string, require 'bit' == bit, require 'math' == math, require 'table' == "
               "table, require 'coroutine' == coroutine}") == "[true,true,true,true,true]");
  Script s(Script::Files{{"preprocess.lua", "local a = require 'lib.a' return function() return a.name end"},
                         {"lib/a.lua", "return {name = (...)}"}});
  CHECK(s.preprocess().as_string() == "lib.a");
}
TEST_CASE("A file's top-level code sets its globals whenever it runs, nothing else does") {
  Script s(Script::Files{
      {"preprocess.lua", "return function(x) local a = require 'lib.a' if x then a.set() end return a.get() end"},
      {"lib/a.lua", "count = 3 return {get = function() return count end, set = function() count = 4 end}"}});
  CHECK(s.preprocess().as_number() == 3);
  CHECK(error_of([&] { s.preprocess(Value::integer(1)); }).message.find("global 'count' is set after") !=
        std::string::npos);
}
TEST_CASE("No table is weak") {
  CHECK(result("local t = setmetatable({}, {__mode = 'k'}) for i = 1, 10 do t[{}] = i end\n"
               "local s = '' for i = 1, 20000 do s = s .. 'xxxxxxxx' if #s > 100000 then s = '' end end\n"
               "local n = 0 for _ in pairs(t) do n = n + 1 end return n") == "10");
  Script late(Script::Files{{"preprocess.lua", "local mt = {}\nmt.__mode = 'k'\nreturn function() end"}});
  CHECK(error_of([&] { late.state(); }).line == 2);
  for (const char *set : {"mt['__mode'] = 'k'", "mt [ [[__mode]] ] = 'k'", "list[1][\"__mode\"] = 'v'"}) {
    Script key(Script::Files{{"preprocess.lua", std::string("local mt, list = {}, {{}}\n") + set + "\nreturn 1"}});
    CHECK(error_of([&] { key.state(); }).message.find("there are no weak tables") != std::string::npos);
  }
  CHECK(result("local mt = {} return mt.__mode == nil") == "true");
  CHECK(result("local mt = {['__mode'] = 'k'} return mt['__mode'] == 'k'") == "true");
}

TEST_CASE("Loops that end at their first key do not look through a large table each time") {
  CHECK(result("local t = {} for i = 1, 50000 do t['k' .. i] = i end\n"
               "local n = 0\n"
               "while true do local k for key in pairs(t) do k = key break end\n"
               "if k == nil then break end t[k] = nil n = n + 1 end return n") == "50000");
  // What was set since comes once, behind the first that is remembered; the others are in order.
  CHECK(result("local t = {} for i = 1, 300 do t['k' .. i] = i end\n"
               "for i = 1, 3 do for k in pairs(t) do t[k] = nil break end end t.a = 1\n"
               "local all = {} for k in pairs(t) do all[#all + 1] = k end\n"
               "local first = table.remove(all, 1)\n"
               "for i = 2, #all do assert(all[i - 1] < all[i]) end\n"
               "return {first, all[1], #all}") == R"(["k101","a",297])");
}
TEST_CASE("Errors say what may be meant") {
  const auto says = [](const std::string &body, const char *what) {
    CAPTURE(body);
    CHECK(failure(body).message.find(what) != std::string::npos);
  };
  says("local json = require 'json'\nlocal x = json.decoed('1')", "json has no decoed; did you mean 'decode'");
  says("local x = string.fnd('a', 'b')", "string has no fnd; did you mean 'find'");
  says("return {[1] = 2, [5] = 3}",
       "is a list with holes, the first at 2; json.null stands for nothing, and a map's keys are strings");
  says("return {[5] = 3}", "the number 5 is one; a map's keys are strings");
  says("local x = utf8.char(233)", "module text's");
  says("local x = ('a b'):split ' '", "text.regex(pattern):split(s)");
  Script s(Script::body("local json = require 'json'\nreturn 1 > params.treshold"));
  s.options.params = Value::map({{"threshold", Value::number(1)}});
  CHECK(error_of([&] { s.preprocess(); }).message.find("params has no treshold; did you mean 'threshold'") !=
        std::string::npos);
  Script tensor(Script::body("return input > 0.5"));
  const Value x = tensor_value({1.5f});
  CHECK(error_of([&] { tensor.preprocess(x); }).message.find("t:gt(x)") != std::string::npos);
  Script item(Script::body("return input[0]:item()"));
  CHECK(error_of([&] { item.preprocess(x); }).message.find("without :item()") != std::string::npos);
  Script format(Script::body("local s = string.format('%d', input) return s"));
  CHECK(error_of([&] { format.preprocess(x); }).message.find("of a tensor t:item()") != std::string::npos);
  Script key(Script::Files{{"preprocess.lua",
                            "local labels = require('bundle').lines 'l.txt'\n"
                            "return function(input) return labels[input] end"},
                           {"assets/l.txt", "a\nb\n"}});
  CHECK(error_of([&] { key.preprocess(x); }).message.find("t:item()") != std::string::npos);
}
TEST_CASE("A path of an asset that begins with assets/ is told what is enough") {
  Script s(Script::Files{{"preprocess.lua", "return function() return require('bundle').text 'assets/l.txt' end"},
                         {"assets/l.txt", "a\n"}});
  CHECK(error_of([&] { s.preprocess(); }).message.find("below assets/ it is called \"l.txt\"") != std::string::npos);
}
TEST_CASE("An error in a tail call is found among several returns by what failed") {
  Script s(Script::Files{{"preprocess.lua",
                          "local json = require 'json'\nreturn function(input)\n  if input then\n    return 1\n  end\n"
                          "  return json.decode('{')\nend"}});
  const Error e = error_of([&] { s.preprocess(); });
  CHECK(e.script == "preprocess.lua");
  CHECK(e.line == 6);
}
TEST_CASE("Where several returns may have made the tail call that failed, all of them are named") {
  const std::string text =
      "local function check(x)\n  if x == 'a' then return error('bad thing') end\nend\nreturn function(input)\n"
      "  if input == nil then return 1 end\n  if input == 'a' then return check(input) end\n  return %s\nend";
  const auto failed = [&](const std::string &last, const char *input) {
    std::string own = text;
    own.replace(own.find("%s"), 2, last);
    Script s(Script::Files{{"preprocess.lua", own}});
    return error_of([&] { s.preprocess(Value::string(input)); });
  };
  CHECK(failed("check(input)", "a").message == "preprocess.lua: in what line 6 or 7 returns: bad thing");
  CHECK(failed("setmetatable(input, 3)", "b").message.starts_with("preprocess.lua:7: setmetatable: "));
  CHECK(failed("1", "a").message == "preprocess.lua:6: bad thing");
  CHECK(failed("error{message = 'check: no'}", "b").message ==
        "preprocess.lua: in what line 6 or 7 returns: check: no");
}
TEST_CASE("What a stage returned is no call's fault, and what functions within it return is not its own") {
  Script s(Script::Files{
      {"preprocess.lua",
       "return function(input)\n  local f = function(x) return g(x) end\n  local h = function(x) return f(x) + 1 end\n"
       "  local out = {x = f}\n  if input == 'a' then return error 'no' end\n  return out\nend"}});
  CHECK(error_of([&] { s.preprocess(Value::string("b")); }).message.starts_with("what preprocess returned"));
  CHECK(error_of([&] { s.preprocess(Value::string("a")); }).message == "preprocess.lua:5: no");
}
TEST_CASE("An endless loop's own line is named, also in a coroutine; the limit names its option") {
  Script s(Script::Files{{"preprocess.lua",
                          "return function()\n  local f = coroutine.wrap(function()\n    while true do "
                          "end\n  end)\n  f()\nend"}});
  s.state();
  s.item->stop = MRUN_TIMEOUT;
  const Error e = error_of([&] { s.preprocess(); });
  CHECK(e.code == MRUN_TIMEOUT);
  CHECK(e.line == 3);
  CHECK(e.message.find("--timeout") != std::string::npos);
  Script top(Script::Files{{"preprocess.lua", "local x = 1\nwhile true do end"}});
  top.options.timeout = 0.05;
  const Error t = error_of([&] { top.state(); });
  CHECK(t.line == 2);
  CHECK(t.message.find("0.05 s") != std::string::npos);
}
