// The std modules without native code: each lua/NAME_test.lua is run as a bundle's preprocess.lua.
#include "base/file.h"
#include "script/bridge/core.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

TEST_CASE("Every lua/NAME.lua has a NAME_test.lua, which passes") {
  size_t modules = 0;
  for (const auto &entry : fs::directory_iterator(MRUN_TEST_LUA)) {
    const std::string file = entry.path().filename().string();
    if (entry.path().extension() != ".lua" || file.ends_with("_test.lua")) continue;
    CAPTURE(file);
    ++modules;
    Script s(Script::Files{
        {"preprocess.lua", read_file(fs::path(MRUN_TEST_LUA) / (entry.path().stem().string() + "_test.lua"))},
        {"assets/text.txt", "one\r\ntwo\n"},
        {"assets/data.json", R"({"a": [1, 3]})"},
        {"bundle.toml",
         "[bundle]\nname = \"t\"\n[input]\nkind = \"json\"\n[params]\nk = 5\nlist = [1, 2]\nsizes = {a = [1, 2]}\n"}});
    CHECK(s.preprocess().as_string() == "ok");
  }
  CHECK(modules >= 3);
}
TEST_CASE("The log reaches the item with its levels") {
  Script s(Script::Files{{"preprocess.lua", read_file(fs::path(MRUN_TEST_LUA) / "log_test.lua")}});
  std::vector<std::string> lines;
  s.item->log = [&](int level, const std::string &text) { lines.push_back(fmt::format("{} {}", level, text)); };
  s.preprocess();
  CHECK(lines == std::vector<std::string>{"0 a", R"(1 1 and [1,{"a":"b"}])", "2 nil", "3 true", "2 table",
                                          R"(2 {"a":[1,2]})", "1 score 0.5 [1] nil", "1 [1] of %d", "1 1 of % more"});
}
TEST_CASE("The core's own functions are those of the script interface that a lock names") {
  // A bundle that was packed with another one would open on an older mrun and fail at its first call: who adds one
  // raises script_interface, and adds a line here.
  const std::map<int, std::vector<std::string_view>> since = {
      {1,
       {"core.asset@1", "core.text@1", "core.lines@1", "core.json@1", "core.tensors@1", "core.vocab@1", "core.params@1",
        "core.shared@1", "core.json_encode@1", "core.json_decode@1", "core.json_null@1", "core.json_object@1",
        "core.log@1"}}};
  CHECK(since.rbegin()->first == script_interface);
  std::vector<std::string_view> wanted, found;
  for (const auto &[version, names] : since) wanted.insert(wanted.end(), names.begin(), names.end());
  for (const auto &[name, f] : core_functions()) found.push_back(name);
  CHECK(found == wanted);
}
