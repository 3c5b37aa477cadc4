// Several registries in one process, and the catalog that needs no code.
#include <unistd.h>

#include <fstream>

#include "plugin/catalog.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::filesystem::path> none_searched;
int times_started = 0;

int count_start(const mrun_host *, mrun_plugin *plugin) {
  ++times_started;
  plugin->name = "counted";
  plugin->version = "1";
  return MRUN_OK;
}

}  // namespace

TEST_CASE("two registries have plugins of their own, and their code is started once a process") {
  Registry a(none_searched), b(none_searched), c({MRUN_OUT_OF_TREE_PLUGINS});
  const Plugin &counted = a.add(count_start);
  CHECK(a.plugin("counted") == &counted);
  CHECK(b.plugin("counted") == nullptr);
  CHECK(&b.add(count_start) == &counted);
  CHECK(times_started == 1);
  CHECK(a.plugin("kit") == nullptr);
  CHECK_THROWS_WITH(a.require("kit.sum@2"), ContainsSubstring("the plugin kit that would bring it is not there"));
  CHECK(c.plugin("kit") == registry().plugin("kit"));
  CHECK(c.type("counter.Vocabulary") == registry().type("counter.Vocabulary"));
  CHECK(a.loaded().size() == 1);
}

TEST_CASE("an operation finds others in the registry that it comes from") {
  Registry alone(none_searched);
  alone.load(out_of_tree("kit"));
  Runner r;
  const auto call_by_name = [&](Registry &from, const char *name) {
    mrun_call call(r.item, &r.host);
    return call_operation(from.require("kit.call_by_name@1"), call, raw(values(name, floats({1, 2})))).values.at(0);
  };
  CHECK(call_by_name(alone, "kit.half@1").is_tensor());
  CHECK_THROWS_WITH(call_by_name(alone, "hello.negate@1"), ContainsSubstring("hello that would bring it is not there"));
  CHECK(call_by_name(registry(), "hello.negate@1").is_tensor());
}

TEST_CASE("a plugin that fails to start fails in every registry") {
  for (int i = 0; i < 2; ++i) {
    Registry r(none_searched);
    CHECK_THROWS_WITH(r.load(out_of_tree("init_throws")), ContainsSubstring("on purpose"));
  }
}

TEST_CASE("a catalog knows files that are no libraries, and loads none") {
  const Catalog catalog({MRUN_OUT_OF_TREE_PLUGINS, "/nothing/there"});
  REQUIRE(catalog.find("text") != nullptr);  // tests/plugins: a text called text.so
  CHECK(catalog.find("nothing") == nullptr);
  CHECK(catalog.providers("kitns.pick") == std::vector<std::string>{"kit"});
  CHECK(catalog.providers("aten.add").empty());
  CHECK(catalog.openers("models/a.kit") == std::vector<std::string>{"kit"});
  CHECK(catalog.openers("a.kit2").empty());
  CHECK_FALSE(catalog.find("kit")->tensor_methods);
}

TEST_CASE("who gives tensors their methods is known without loading it, and where it was loaded by its path") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("mrun-methods-" + std::to_string(getpid()));
  fs::create_directories(folder);
  fs::copy_file(out_of_tree("hello"), folder / "hello.so");
  std::ofstream(folder / "hello.json") << "{\"tensor_methods\": true}";
  Registry found({folder}), loaded(none_searched), none({MRUN_OUT_OF_TREE_PLUGINS});
  CHECK(found.tensor_module() == "hello");
  CHECK(found.loaded().empty());
  loaded.load(folder / "hello.so");
  CHECK(loaded.tensor_module() == "hello");
  CHECK(none.tensor_module().empty());
  std::ofstream(folder / "hello.json") << "{\"tensor_methods\": 1}";
  CHECK_THAT(Catalog({folder}).find("hello")->broken, ContainsSubstring("\"tensor_methods\" must be a boolean"));
  fs::remove_all(folder);
}
