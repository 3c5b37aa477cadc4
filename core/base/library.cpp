#include "base/library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace mrun {
namespace {

// The file whose definition of a symbol the process uses; empty: nobody's.
std::string_view definer(const char *symbol) {
  Dl_info info{};
  void *const address = dlsym(RTLD_DEFAULT, symbol);
  if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) return {};
  const std::string_view path = info.dli_fname;
  return path.substr(path.rfind('/') + 1);
}

// Whose dlopen refuses RTLD_DEEPBIND.
bool is_sanitized() {
  return dlsym(RTLD_DEFAULT, "__asan_init") != nullptr || dlsym(RTLD_DEFAULT, "__tsan_init") != nullptr;
}

// The identities of locale facets, which GCC's headers use inline from 13 on: an executable then has copies of its own, and
// libstdc++ finds no facet under the originals that a library bound at home would ask for.
bool has_copied_locales() {
  constexpr const char *identities[] = {"_ZNSt5ctypeIcE2idE",
                                        "_ZNSt5ctypeIwE2idE",
                                        "_ZNSt7collateIcE2idE",
                                        "_ZNSt8numpunctIcE2idE",
                                        "_ZNSt7codecvtIcc11__mbstate_tE2idE",
                                        "_ZNSt7num_putIcSt19ostreambuf_iteratorIcSt11char_traitsIcEEE2idE",
                                        "_ZNSt7num_getIcSt19istreambuf_iteratorIcSt11char_traitsIcEEE2idE"};
  return std::ranges::any_of(identities, [](const char *symbol) {
    const std::string_view file = definer(symbol);
    return !file.empty() && !file.starts_with("libstdc++");
  });
}

bool binds_at_home(bool own_memory) {
  if (is_sanitized() || has_copied_locales()) return false;
  const std::string_view allocator = definer("malloc"), maker = definer("_Znwm");
  const bool libc = allocator.starts_with("libc.so");
  const bool language = maker.empty() || maker.starts_with("libstdc++");
  if (libc) return language;
  return own_memory && (language || maker == allocator);
}

}  // namespace

int library_flags(bool own_memory) { return RTLD_NOW | RTLD_LOCAL | (binds_at_home(own_memory) ? RTLD_DEEPBIND : 0); }

void *open_at_home(const std::string &file) {
  void *const handle = dlopen(file.c_str(), library_flags(true));
  if (handle == nullptr) fail(MRUN_MISSING, "{}: cannot be loaded: {}", file, printable(dlerror(), 1000));
  return handle;
}

}  // namespace mrun
