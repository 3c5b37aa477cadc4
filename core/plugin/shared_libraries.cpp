#include "plugin/shared_libraries.h"

#include <elf.h>
#include <gnu/libc-version.h>
#include <link.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/mutex.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

struct Object {
  std::string path;                 // as the loader has it
  std::string soname;               // what others ask for it by; empty: none
  std::vector<std::string> needed;  // names of the libraries that it was linked with
};

// The names in an object's dynamic section. The loader has put real addresses there.
Object read_dynamic(const std::string &path, const ElfW(Dyn) * dynamic) {
  const char *strings = nullptr;
  for (const ElfW(Dyn) *d = dynamic; d->d_tag != DT_NULL; ++d) {
    if (d->d_tag == DT_STRTAB) strings = reinterpret_cast<const char *>(d->d_un.d_ptr);
  }
  Object object{path, {}, {}};
  for (const ElfW(Dyn) *d = dynamic; strings != nullptr && d->d_tag != DT_NULL; ++d) {
    if (d->d_tag == DT_NEEDED) object.needed.emplace_back(strings + d->d_un.d_val);
    if (d->d_tag == DT_SONAME) object.soname = strings + d->d_un.d_val;
  }
  return object;
}

int add_object(dl_phdr_info *info, size_t, void *out) {
  const std::string name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  if (name.find('/') == std::string::npos) return 0;  // the program itself, and the kernel's page
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) &header = info->dlpi_phdr[i];
    if (header.p_type != PT_DYNAMIC) continue;
    const auto *dynamic = reinterpret_cast<const ElfW(Dyn) *>(info->dlpi_addr + header.p_vaddr);
    static_cast<std::vector<Object> *>(out)->push_back(read_dynamic(name, dynamic));
  }
  return 0;
}

bool of_the_language(const std::string &name) {
  static const std::set<std::string> stems{"libc", "libm", "libdl", "librt", "libpthread", "libstdc++", "libgcc_s"};
  return stems.count(name.substr(0, name.find(".so"))) != 0 || name.starts_with("ld-linux");
}

bool is_algebra(const std::string &name) { return name.find("blas") != std::string::npos; }

// Whether a library that one of a plugin's own is linked with makes values, and not only moves them: tensors' kernels, sound
// and picture formats.
bool computes(const std::string &name) {
  static const std::vector<std::string> stems{"lapack", "mkl",    "dnnl", "XNNPACK", "sleef", "FLAC",
                                              "vorbis", "mpg123", "opus", "ogg",     "Lerc",  "jbig"};
  return is_algebra(name) || std::any_of(stems.begin(), stems.end(),
                                         [&](const std::string &stem) { return name.find(stem) != std::string::npos; });
}

bool same_file(const fs::path &a, const fs::path &b) {
  std::error_code error;
  return a == b || (a.filename() == b.filename() && fs::equivalent(a, b, error));
}

std::string real_name(const std::string &path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return (error ? fs::path(path) : real).filename().string();
}

std::vector<Object> all_objects() {
  std::vector<Object> objects;
  ::dl_iterate_phdr(add_object, &objects);
  return objects;
}

// Loaded objects, by what others ask for them by.
using ByName = std::map<std::string, const Object *>;

void add_needed(const Object &o, const ByName &objects, bool (*wanted)(const std::string &), ByName &found) {
  for (const std::string &name : o.needed) {
    const auto at = objects.find(name);
    if (at != objects.end() && !of_the_language(name) && wanted(name)) found.emplace(name, at->second);
  }
}

std::map<std::string, std::string> look_up(const std::vector<std::string> &files) {
  const std::vector<Object> objects = all_objects();
  ByName by_name, own, all;
  for (const Object &o : objects) by_name.emplace(fs::path(o.path).filename().string(), &o);
  for (const Object &o : objects) {
    const bool given =
        std::any_of(files.begin(), files.end(), [&](const std::string &f) { return same_file(f, o.path); });
    if (given)
      add_needed(
          o, by_name, [](const std::string &) { return true; }, own);
    add_needed(o, by_name, is_algebra, all);
    if (o.soname.starts_with("libluajit")) all.emplace(o.soname, &o);
  }
  for (const auto &[name, o] : own) add_needed(*o, by_name, computes, all);
  all.insert(own.begin(), own.end());
  std::map<std::string, std::string> found{{"libm.so.6", std::string("glibc ") + ::gnu_get_libc_version()}};
  for (const auto &[name, o] : all) found.emplace(name, real_name(o->path));
  return found;
}

}  // namespace

std::map<std::string, std::string> shared_libraries(const std::vector<std::string> &files) {
  static struct {
    Mutex mutex;
    std::vector<std::string> files GUARDED_BY(mutex);
    std::map<std::string, std::string> libraries GUARDED_BY(mutex);
  } last;
  const ExclusiveLock lock(last.mutex);
  if (files != last.files) last.libraries = look_up(files);
  last.files = files;
  return last.libraries;
}

std::string other_version(const std::string &soname) {
  const std::string stem = soname.substr(0, soname.find(".so"));
  for (const Object &o : all_objects()) {
    if (o.soname != soname && o.soname.starts_with(stem + ".so")) return o.path;
  }
  return {};
}

}  // namespace mrun
