// What NAME.json beside a plugin says to the loader alone: {"only": ["libtorch_cpu.so.1.13"], "own_memory": true}.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace mrun {

struct LoadRules {
  std::vector<std::string> only;  // libraries of which a process may hold one version
  bool own_memory = false;        // see library_flags (base/library.h)
};

// Nothing where there is no such file or key. Throws USAGE where the file is no JSON object, or one of these is of another kind.
LoadRules load_rules(const std::filesystem::path &plugin);

}  // namespace mrun
