#include "isolate/hand_over.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "catch.h"
#include "plugin/registry.h"

using namespace mrun;
namespace fs = std::filesystem;

TEST_CASE("a worker's address space has room for what its items may hold, whatever limits the host gives") {
  std::string folder = (fs::temp_directory_path() / "mrun-hand-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  std::ofstream(fs::path(folder) / "bundle.toml") << "[bundle]\nname = \"test\"\n[input]\nkind = \"text\"\n";
  const auto bundle = Bundle::open(folder);
  const HandedFiles files = hand_over(*bundle);
  fs::remove_all(folder);
  Registry registry(std::vector<fs::path>{});
  EngineOptions options;
  options.registry = &registry;
  constexpr int64_t gib = int64_t{1} << 30, most = std::numeric_limits<int64_t>::max();
  for (const int workers : {1, 2, 3, 4096}) {
    for (const int64_t memory : {gib, int64_t{1} << 50, int64_t{1} << 61, int64_t{1} << 62, most - 1, most}) {
      options.workers = workers;
      options.lua_memory = options.tensor_memory = memory;
      const uint64_t space = prepare_for(*bundle, options, files).lockdown.address_space;
      CHECK(space >=
            static_cast<uint64_t>(std::min(memory, int64_t{1} << 57)));  // all that a processor has addresses for
      CHECK(space <= static_cast<uint64_t>(most));                       // what is mapped already is added to it
    }
  }
}
