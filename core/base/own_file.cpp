#include "base/own_file.h"

#include <dlfcn.h>
#include <link.h>

#include <system_error>

namespace mrun {

namespace fs = std::filesystem;

fs::path own_file() {
  Dl_info info{};
  link_map *map = nullptr;
  void *extra = nullptr;
  if (dladdr1(reinterpret_cast<const void *>(&own_file), &info, &extra, RTLD_DL_LINKMAP) != 0) {
    map = static_cast<link_map *>(extra);
  }
  std::error_code error;
  const bool program = map == nullptr || map->l_name == nullptr || map->l_name[0] == '\0';
  const fs::path path = program ? fs::path("/proc/self/exe") : fs::path(map->l_name);
  return fs::canonical(path, error);
}

}  // namespace mrun
