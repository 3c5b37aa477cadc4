// The std modules without native code: lua/NAME_test.lua, each run as a bundle's preprocess.lua.
#include "base/file.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

void run_module_test(const std::string &name, Script::Files files = {}) {
  files["preprocess.lua"] = read_file(fs::path(MRUN_TEST_LUA) / (name + "_test.lua"));
  Script s(files);
  CHECK(s.preprocess().as_string() == "ok");
}

}  // namespace

TEST_CASE("lua/bundle_test.lua") {
  run_module_test("bundle", {{"assets/text.txt", "one\r\ntwo\n"},
                             {"assets/data.json", R"({"a": [1, 3]})"},
                             {"bundle.toml",
                              "[bundle]\nname = \"t\"\n[input]\nkind = \"json\"\n[params]\nk = 5\nlist = [1, 2]\n"}});
}
TEST_CASE("lua/json_test.lua") { run_module_test("json"); }
TEST_CASE("lua/log_test.lua") {
  run_module_test("log");
  Script s(Script::Files{{"preprocess.lua", read_file(fs::path(MRUN_TEST_LUA) / "log_test.lua")}});
  std::vector<std::string> lines;
  s.item->log = [&](int level, const std::string &text) { lines.push_back(fmt::format("{} {}", level, text)); };
  s.preprocess();
  CHECK(lines == std::vector<std::string>{"0 a", "1 1 and table", "2 nil", "3 true"});
}
