// Lua source as text: literals, modules, operations.
#include "script/lua/source.h"

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
  const auto modules = required_modules(*s.options.bundle);
  REQUIRE(modules.size() == 2);
  CHECK(modules[0].first == "json");
  CHECK(modules[1].first == "log");
  CHECK(modules[1].second == "local json = require 'json' return {}");
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
