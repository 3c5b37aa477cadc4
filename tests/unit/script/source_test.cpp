// Lua source as text: literals, modules, operations.
#include "script/lua/source.h"
#include "script/lua/doubts.h"

#include <lua.hpp>
#include <random>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

TEST_CASE("Literals behind a name are found wherever Lua would see them") {
  const auto found = literals_after(
      "local a = require 'x'\nlocal b = require(\"y\") -- require 'no'\n--[[ require 'no' ]] local c = require[[z]]\n"
      "local s = \"require 'no'\" t.require 'no' require 'x' require(name) local q = required 'no'",
      "require");
  CHECK(found == std::vector<std::string>{"x", "y", "z"});
}
TEST_CASE("The operations that a text names") {
  CHECK(
      named_operations("local f = native 'b.y@1' return {native \"a.x@2\", native 'core.log@1', native.lookup 'no'}") ==
      std::vector<std::string>{"a.x@2", "b.y@1"});
}
TEST_CASE("Required modules are found through lib and std modules") {
  Script s(Script::Files{{"preprocess.lua", "require 'lib.a' return function() end"},
                         {"lib/a.lua", "return require 'log'"},
                         {"std/log.lua", "local json = require 'json' return {}"}});
  const auto modules = required_modules(*s.options.bundle, nullptr);
  REQUIRE(modules.size() == 2);
  CHECK(modules[0].first == "json");
  CHECK(modules[1].first == "log");
  CHECK(modules[1].second == "local json = require 'json' return {}");
}
TEST_CASE("What a file of lib/ requires may be missing, what a stage requires may not") {
  Script s(Script::Files{{"preprocess.lua", "require 'a' return function() end"},
                         {"lib/a.lua", "pcall(function() return require 'debug' or require 'json' end) return 1"}});
  const auto modules = required_modules(*s.options.bundle, nullptr);
  REQUIRE(modules.size() == 1);
  CHECK(modules[0].first == "json");
  Script stage(Script::Files{{"preprocess.lua", "pcall(function() return require 'debug' end) return function() end"}});
  CHECK(error_of([&] { required_modules(*stage.options.bundle, nullptr); }).code == MRUN_MISSING);
}
TEST_CASE("Any text can be looked at") {
  std::string text = "local x = [==[ 'a\\'b' \"c\" ]==] 1.5e-3 0x1p-4 .. --[[ x";
  for (size_t i = 0; i <= text.size(); ++i) {
    for (const char c : {'[', ']', '\'', '\\', '-', '1', '\n'}) {
      std::string changed = text.substr(0, i) + c + text.substr(i);
      literals_after(changed, "x");
      literals_after(text.substr(0, i), "x");
      CHECK_NOTHROW(check_source("x.lua", text.substr(0, i)));
    }
  }
}

namespace {

// What LuaJIT itself makes of a text: whether its value is C data. The text holds comments and literals only.
bool is_cdata(const std::string &text) {
  static lua_State *const L = luaL_newstate();  // never closed: C data without LuaJIT's ffi ends it badly
  const bool cdata = luaL_loadbufferx(L, text.data(), text.size(), "=fuzz", "t") == 0 && lua_pcall(L, 0, 1, 0) == 0 &&
                     lua_type(L, -1) > LUA_TTHREAD;
  lua_settop(L, 0);
  return cdata;
}

bool is_refused(const std::string &text) {
  try {
    check_source("fuzz", text);
    return false;
  } catch (const Error &) { return true; }
}

}  // namespace

TEST_CASE("C data is found in every spelling that LuaJIT reads") {
  for (const char *text :
       {"return 1LL", "return 1llu", "return 1ULL", "return 0x1uLL", "return 3i", "--\rreturn 1LL", "#!x\rreturn 1LL",
        "\xef\xbb\xbf#!x\nreturn 1LL", "\xef\xbb\xbfreturn 1LL", "local s = '\\z\n  ' return 1LL",
        "local s = '\\\r\n' return 1LL --'", "--[==[\n]]\n]==] return .5i", "return 1e+1i"}) {
    CAPTURE(text);
    CHECK(is_cdata(text));
    CHECK(is_refused(text));
  }
}
TEST_CASE("A text of more jumps than can be compiled in good time is refused") {
  const auto jumps = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "goto done\n";
    return text + "::done::";
  };
  check_source("lib/a.lua", jumps(10'000));
  const Error e = error_of([&] { check_source("lib/a.lua", jumps(10'001)); });
  CHECK(e.code == MRUN_SCRIPT);
  CHECK(e.message == "lib/a.lua:10001: the file has more than 10000 goto statements");
}
TEST_CASE("What a text cannot mean is told") {
  const KnownNames known{{"beam", "beam.width", "threshold", "top_k"}, {}};
  const auto told = [&](std::string_view text) { return doubts("f.lua", text, known); };
  for (const char *text :
       {"if #list then",
        "\nif list == {} then",
        "f(params.treshold)",
        "local k = params.topk or 5",
        "f(params.beam.widht)",
        "params.beam['size']",
        "s:gsub('(%a+)', '<\\\\1>')",
        "s:gsub('(%a+)', '$1', 1)",
        "word:gsub(s, '\\\\2')",
        "local image = require 'image' f {filter = image.BICUBIC}",
        "local s = table.sort(t)",
        "for i in ipairs(table.sort(t)) do end",
        "t:tolist()[0]",
        "local p = x:tolist() f(p[0])",
        "f(tostring(x:argmax()))",
        "f(math:floor(1))",
        "f(string:upper(s))",
        "local torch = require 'torch' f(torch:ones(2))",
        "local log, json = require 'log', require 'json' log:info('x')",
        "local p = x[1]:sum(0):tolist() f(p[0])",
        "local text = require 'text' f(t:tokenize(s).input_ids)",
        "local text = require 'text' local e = t:tokenize(s, {pair = p}) f(e.ids, e.offset_mapping)"}) {
    CAPTURE(text);
    REQUIRE(told(text).size() == 1);
    CHECK(told(text).front().starts_with(text[0] == '\n' ? "f.lua:2: " : "f.lua:1: "));
  }
  for (const char *text : {"if #list > 0 then",
                           "if #list",
                           "params.threshold",
                           "params.temperature or 1",
                           "self.params.treshold",
                           "params.beam.width",
                           "params.threshold.x",
                           "params.beam.size or 1",
                           "my.params.beam.widht",
                           "s:gsub('USD', '$1')",
                           "s:gsub('(%a+)', '%1')",
                           "s:gsub('x', '\\\\n')",
                           "f('(a)', '\\\\1')",
                           "local image = require 'image' local function f(image) return image:shape() end",
                           "local image = require 'image' image = image.decode(x) f(image:shape())",
                           "local text = 'a' f(text:upper())",
                           "local function f(string) return string:upper() end",
                           "local lib = require 'lib.a' f(lib:new())",
                           "local text = require 'text' local e = t:tokenize(s) e.input_ids = e.ids",
                           "local text = require 'text' local e = hf(t:tokenize(s)) f(e.input_ids)",
                           "local text = require 'text' local e = own.tokenize(s) f(e.tokens)",
                           "local own = require 'lib.own' local e = own:tokenize(s) f(e.tokens)",
                           "local function f(image) return image.WIDTH end",
                           "local image = require 'image' for _, image in ipairs(t) do f(image.WIDTH) end",
                           "f(x.input_ids)",
                           "f(torch.BICUBIC)",
                           "image.CONSTANT = 1",
                           "image.decode(x)",
                           "return table.sort(t)",
                           "t == table.sort",
                           "local p = x:tolist() f(p[i - 1])",
                           "local p = x:tolist() p[0] = 1 f(p[0])",
                           "local p = torch.tensor(x:tolist()) f(p[0])",
                           "local p = #x:tolist() > 1 and x or y f(p[0])",
                           "local p = x:tolist() f(p) local function g(p) return p[0] end",
                           "f(tostring(x:argmax():item()))",
                           "-- if #list then params.treshold",
                           "'if #list then'"}) {
    CAPTURE(text);
    CHECK(told(text).empty());
  }
  CHECK(told("params.treshold").front().ends_with("did you mean 'threshold'?"));
  CHECK(told("f(params.beam.widht)").front().ends_with("did you mean 'beam.width'?"));
}
TEST_CASE("A file of lib/ may call anything params") {
  const KnownNames known{{"threshold"}, {}};
  CHECK(doubts("lib/a.lua", "f(params.limit)", known).empty());
  CHECK(doubts("lib/a.lua", "f(params.treshold)", known).size() == 1);
  CHECK(doubts("preprocess.lua", "return function(x, params) return params.limit end", known).size() == 1);
}
TEST_CASE("Items and fields of a text are told of") {
  KnownNames known;
  const auto told = [&](const std::string &body) {
    return doubts("preprocess.lua", "return function(x, params)\n" + body + "\nend", known).size();
  };
  for (const char *body : {"return x[1]", "return x.text", "local i = 1 return x[i]"}) {
    known.text = true;
    CHECK(told(body) == 1);
    known.text = false;
    CHECK(told(body) == 0);
  }
  known.text = true;
  for (const char *body : {"return x:sub(1, 1)", "return x.upper(x)", "return #x", "x = {x} return x[1]",
                           "local t = {x = 1} return t.x", "return x .. ({1})[1]"}) {
    CAPTURE(body);
    CHECK(told(body) == 0);
  }
}
TEST_CASE("A record's field that there is not is told of") {
  const KnownNames known{{}, {"photo", "caption"}};
  const auto told = [&](const std::string &body) {
    return doubts("preprocess.lua",
                  "local function f(a) return a.foto end\nreturn function(x, params)\n" + body + "\nend", known);
  };
  const auto found = told("return f(x.captoin)");
  REQUIRE(found.size() == 1);
  CHECK(found.front() ==
        "preprocess.lua:3: x.captoin is nil: the record in bundle.toml has no such field; did you mean 'caption'?");
  CHECK(told("return x.size").size() == 1);
  for (const char *body :
       {"return x.photo", "return x.size or 1", "x.foto = 1 return x.foto", "if x.size then return 1 end",
        "local x = {} return x.foto", "x = f(x) return x.foto", "return f(function(x) return x.foto end)",
        "for x in pairs(f) do f(x.foto) end return 1", "return f.x.foto or 1", "return x:foto()"}) {
    CAPTURE(body);
    CHECK(told(body).empty());
  }
}
TEST_CASE("Texts are read as LuaJIT's lexer reads them (fuzzed against it)") {
  // No operators: what they make of C data where the library ffi was never opened is not asked here.
  const std::vector<std::string> starts = {"", "\xef\xbb\xbf", "#a", "\xef\xbb\xbf#a'", "--", "--[[", "--[=["};
  const std::vector<std::string> pieces = {
      "--", "\r",     "\n",  "\r\n",   "[[",   "]]",   "[=[",   "]=]",        "'",
      "\"", "\\\\",   "\\z", "\\\r\n", "\\\n", " ",    "\t",    "1LL",        "2ull",
      "1i", "0x2LLU", ";",   "\\065",  "\\'",  "--[[", "--[=[", "local s = ", "local t = 1LL "};
  std::mt19937 random(7);
  int cdata = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text = starts[random() % starts.size()];
    const size_t count = random() % 9;
    for (size_t k = 0; k < count; ++k) text += pieces[random() % pieces.size()];
    if (random() % 2 == 0) text += " return 1LL";
    if (!is_cdata(text)) continue;
    ++cdata;
    CAPTURE(text);
    REQUIRE(is_refused(text));
  }
  CHECK(cdata > 300);
}
