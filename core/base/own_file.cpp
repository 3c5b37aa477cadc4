#include "base/own_file.h"

#include <dlfcn.h>
#include <link.h>

#include <system_error>

namespace mrun {

namespace fs = std::filesystem;

namespace {

fs::path find_own_file() {
  Dl_info info{};
  link_map *map = nullptr;
  void *extra = nullptr;
  if (dladdr1(reinterpret_cast<const void *>(&find_own_file), &info, &extra, RTLD_DL_LINKMAP) != 0) {
    map = static_cast<link_map *>(extra);
  }
  std::error_code error;
  const bool program = map == nullptr || map->l_name == nullptr || map->l_name[0] == '\0';
  const fs::path path = program ? fs::path("/proc/self/exe") : fs::path(map->l_name);
  return fs::canonical(path, error);
}

// Found while it is loaded: a path that is relative, as by LD_LIBRARY_PATH=lib, leads elsewhere once the host has changed its folder.
const fs::path &loaded_from = own_file();

}  // namespace

const fs::path &own_file() {
  static const auto *const path = new fs::path(find_own_file());  // for good: engines may start while the process ends
  return *path;
}

}  // namespace mrun
