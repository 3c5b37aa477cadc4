// What a script can name and change, and what it cannot.
#include "support.h"

using namespace mrun;
using namespace mrun::test;

TEST_CASE("Bytecode is refused before it is parsed") {
  Script s(Script::Files{{"preprocess.lua", "\x1bLJ\x02"}});
  CHECK(error_of([&] { s.state(); }).message.find("bytecode") != std::string::npos);
}
TEST_CASE("io, os, debug, package, ffi, jit, load and others are nil") {
  for (const char *name :
       {"io", "os", "debug", "package", "ffi", "jit", "load", "loadstring", "loadfile", "dofile", "getfenv", "setfenv",
        "newproxy", "collectgarbage", "gcinfo", "print", "_G", "module", "native"}) {
    CAPTURE(name);
    CHECK(result("return " + std::string(name) + " == nil") == "true");
  }
}
TEST_CASE("Strings have no dump and no metatable") {
  CHECK(result("return {(('').dump == nil), getmetatable('') == nil, string.dump == nil}") == "[true,true,true]");
}
TEST_CASE("Libraries cannot be changed") {
  CHECK(failure("string.rep = nil").message.find("read-only: 'rep'") != std::string::npos);
  CHECK(failure("rawset(string, 'rep', 1)").code == MRUN_ARGUMENT);
  CHECK(failure("setmetatable(string, {})").code == MRUN_SCRIPT);
  CHECK(failure("table.insert(math, 1)").code == MRUN_ARGUMENT);
  CHECK(failure("local json = require 'json' json.encode = 1").code == MRUN_SCRIPT);
  CHECK(result("return {getmetatable(string) == nil, ('ab'):rep(2), string.rep('x', 3)}") == R"([true,"abab","xxx"])");
}
TEST_CASE("A handle's metatable can neither be seen nor replaced") {
  CHECK(result("return getmetatable(params) == nil") == "true");
  CHECK(failure("setmetatable(params, {})").code == MRUN_SCRIPT);
}
TEST_CASE("Nothing shows an address") {
  CHECK(result("return {tostring({}), tostring(print), tostring(tostring), tostring(coroutine.create(tostring)), "
               "string.format('%s', {})}") == R"(["table","nil","function","thread","table"])");
  CHECK(failure("return string.format('%p', {})").code == MRUN_ARGUMENT);
  const std::string e = result("local ok, e = pcall(function() local x = {} + 1 end) return e");
  CHECK(e.find("0x") == std::string::npos);
}
TEST_CASE("C data literals are refused, numbers in strings and comments are not") {
  for (const char *number : {"1LL", "0x1ull", "2i", "1e3I", "0x2pLL"}) {
    CAPTURE(number);
    Script s(Script::Files{{"preprocess.lua", "\nlocal x = " + std::string(number)}});
    const Error e = error_of([&] { s.state(); });
    CHECK(e.line == 2);
    CHECK(e.message.find("C data") != std::string::npos);
  }
  CHECK(result("local s = '1LL' --[==[ 2ULL ]==] -- 3i\n local t = [[ 4LL ]] local e1i = 0x1p4 return s .. t .. e1i") ==
        R"("1LL 4LL 16")");
}
TEST_CASE("Globals are set by top-level code only, and seen by their file only") {
  Script s(Script::Files{
      {"preprocess.lua", "count = 3\nreturn function(x) if x then count = 4 end return {count, other == nil} end"},
      {"postprocess.lua", "other = 1\nreturn function() return count == nil end"}});
  CHECK(to_json(s.preprocess()) == "[3,true]");
  CHECK(error_of([&] { s.preprocess(Value::integer(1)); }).message.find("global 'count' is set after") !=
        std::string::npos);
  CHECK(s.run(Stage::postprocess, {Value()})[0].as_bool());
}
TEST_CASE("require finds lib and std modules, and says what is wrong") {
  Script s(Script::Files{{"preprocess.lua", "local a = require 'lib.a' return function() return a.b.x end"},
                         {"lib/a.lua", "return {b = require 'lib.sub.b'}"},
                         {"lib/sub/b.lua", "return {x = 7}"}});
  CHECK(s.preprocess().as_number() == 7);
  const auto refused = [](Script::Files files) {
    Script bad(std::move(files));
    return error_of([&] { bad.state(); });
  };
  const Error missing = refused({{"preprocess.lua", "require 'lib.nmaes'"}, {"lib/names.lua", "return 1"}});
  CHECK(missing.code == MRUN_MISSING);
  CHECK(missing.message.find("did you mean") != std::string::npos);
  CHECK(missing.line == 1);
  CHECK(refused({{"preprocess.lua", "require 'jsno'"}}).message.find("json") != std::string::npos);
  CHECK(refused({{"preprocess.lua", "require '../x'"}}).code == MRUN_MISSING);
  const Error cycle = refused(
      {{"preprocess.lua", "require 'lib.a'"}, {"lib/a.lua", "require 'lib.b'"}, {"lib/b.lua", "require 'lib.a'"}});
  CHECK(cycle.message.find("lib.a requires lib.b") != std::string::npos);
  CHECK(cycle.script == "lib/b.lua");
  CHECK(refused({{"preprocess.lua", "require 'lib.a'"}, {"lib/a.lua", "local x = 1"}})
            .message.find("must return a value") != std::string::npos);
}
TEST_CASE("A folder's std text wins over what is installed") {
  Script s(Script::Files{{"preprocess.lua", "local json = require 'json' return function() return json.mine end"},
                         {"std/json.lua", "return {mine = 5}"}});
  CHECK(s.preprocess().as_number() == 5);
}
TEST_CASE("Scripts cannot reach the engine's side of a coroutine") {
  CHECK(failure("coroutine.yield(1)").message.find("outside of a coroutine") != std::string::npos);
  CHECK(result("return coroutine.running() == nil") == "true");
  CHECK(result("local co = coroutine.create(function(a, b) local c = coroutine.yield(a + b) return c * 2 end) "
               "local _, x = coroutine.resume(co, 1, 2) local _, y = coroutine.resume(co, 10) "
               "return {x, y, coroutine.status(co), coroutine.resume(co)}") ==
        R"([3,20,"dead",false,"cannot resume dead coroutine"])");
  CHECK(result("local t = {} for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do t[#t + "
               "1] = v "
               "end return t") == "[1,2,3]");
}
TEST_CASE("xpcall runs its handler after unwinding") {
  CHECK(result("return {xpcall(function(a) error('x' .. a, 0) end, function(m) return m .. '!' end, 1)}") ==
        R"([false,"x1!"])");
  CHECK(result("return {xpcall(function(...) return ... end, error, 1, 2)}") == "[true,1,2]");
}
TEST_CASE("Errors of native code can be caught, read and raised again") {
  CHECK(result("local json = require 'json' local ok, e = pcall(json.decode, '{') return {ok, e.code, type(e.message), "
               "'x' .. e == 'x' "
               ".. tostring(e)}") == R"([false,"INPUT","string",true])");
  const Error e = failure("local json = require 'json'\nlocal ok, e = pcall(json.decode, '{')\nerror(e)");
  CHECK(e.code == MRUN_INPUT);
  CHECK(e.line == 2);
}
TEST_CASE("math.random follows the item") {
  const std::string body = "local t = {} for i = 1, 5 do t[i] = math.random(1, 1000) end return t";
  Script a(Script::body(body)), b(Script::body(body));
  b.item->number = 1;
  const std::string first = to_json(a.preprocess());
  CHECK(to_json(b.preprocess()) != first);
  a.item = std::make_shared<ItemContext>();
  CHECK(to_json(a.preprocess()) == first);
  CHECK(result("for i = 1, 1000 do local x = math.random() assert(x >= 0 and x < 1) x = math.random(3) assert(x == 1 "
               "or x == 2 or "
               "x == 3) end return 1") == "1");
  CHECK(failure("math.random(2, 1)").code == MRUN_ARGUMENT);
  CHECK(failure("math.randomseed(1)").code == MRUN_SCRIPT);
}
TEST_CASE("pairs never gives out the table behind a frozen one") {
  CHECK(result("local _, t = pairs(string) return t == string") == "true");
  CHECK(failure("local _, t = pairs(string) t.rep = nil").message.find("read-only") != std::string::npos);
  CHECK(failure("local json = require 'json' local _, t = pairs(json) t.x = 1").message.find("read-only") !=
        std::string::npos);
  CHECK(result("local _, p = pairs(params) return type(p)") == R"("table")");
}
TEST_CASE("No library function writes a frozen table") {
  for (const char *write : {"table.move({1}, 1, 1, 1, string)", "table.insert(string, 1)", "table.sort(string)",
                            "table.remove(string)", "rawset(string, 'x', 1)", "setmetatable(string, nil)"}) {
    CAPTURE(write);
    CHECK(failure(write).code != MRUN_OK);
  }
}
