#include "isolate/hand_over.h"

#include <fcntl.h>

#include <cerrno>
#include <set>

#include "bundle/folder.h"
#include "bundle/packed.h"
#include "isolate/shared_memory.h"
#include "plugin/registry.h"

namespace mrun {
namespace {

constexpr uint64_t spare_descriptors = 64;
// What libraries map beyond what items and weights take: arenas and stacks of threads, code that is made.
constexpr uint64_t spare_address_space = uint64_t{16} << 30;

UniqueFd descriptor_of(const Source &source) {
  if (source.fd() < 0) return share({source.map(0, source.size(), false)}, source.size());
  UniqueFd copy(::fcntl(source.fd(), F_DUPFD_CLOEXEC, 3));
  if (!copy) fail_errno(errno, source.name(), "hand over");
  return copy;
}

using Names = std::set<std::string>;

void add_all(Names &names, const std::vector<std::string> &more) { names.insert(more.begin(), more.end()); }

// Of each operation in the lock: the plugin of that name, or who provides the namespace.
void add_operations(Names &names, const Catalog &catalog, const Value &lock) {
  const Value *operations = lock.find("operations");
  if (operations == nullptr) return;
  for (const Value &operation : operations->as_list()) {
    const std::string_view name = operation.as_string();
    names.emplace(name.substr(0, name.find('.')));
    add_all(names, catalog.providers(name));
  }
}

void add_backends(Names &names, const Catalog &catalog, const Bundle &bundle) {
  for (const ModelConfig &model : bundle.manifest().models) {
    if (!model.backend.empty()) names.insert(model.backend);
    add_all(names, catalog.openers(model.file));
    add_all(names, catalog.openers(bundle.model_files(model).graph));
  }
}

// Every plugin there is, but for those that cannot be loaded.
Names of_a_folder(const Catalog &catalog) {
  Names names;
  for (const auto &[name, file] : catalog.files()) {
    if (file.broken.empty()) names.insert(name);
  }
  return names;
}

Names of_a_file(const Catalog &catalog, const Bundle &bundle) {
  Names names;
  add_operations(names, catalog, bundle.lock());
  add_backends(names, catalog, bundle);
  for (const EntryInfo &e : bundle.entries()) {
    if (e.path.starts_with("std/")) names.insert(e.path.substr(4, e.path.size() - 8));
  }
  std::erase_if(names, [&](const std::string &n) { return catalog.find(n) == nullptr; });
  return names;
}

// Weights are mapped and may be laid out anew; each worker's thread has a heap and an item. A host that wants no limits gives
// sizes whose sum is beyond all numbers: the limit is then one that nothing reaches.
uint64_t address_space(uint64_t size, const EngineOptions &o) {
  constexpr uint64_t most = uint64_t{1} << 62;
  const auto lua = static_cast<uint64_t>(o.lua_memory), tensors = static_cast<uint64_t>(o.tensor_memory);
  uint64_t items = 0;
  const bool beyond = __builtin_add_overflow(lua, tensors, &items) || __builtin_add_overflow(items, tensors, &items) ||
                      __builtin_mul_overflow(items, static_cast<uint64_t>(o.workers), &items) || items > most;
  return beyond ? most : spare_address_space + 3 * size + items;
}

}  // namespace

HandedFiles hand_over(const Bundle &bundle) {
  HandedFiles handed;
  for (const EntryInfo &e : bundle.entries()) handed.size += e.size;
  if (const auto *packed = dynamic_cast<const Packed *>(&bundle)) {
    handed.fds.push_back(descriptor_of(packed->container().source()));
    handed.revision = packed->digest();
  } else if (const auto *folder = dynamic_cast<const Folder *>(&bundle)) {
    for (const EntryInfo &e : folder->entries()) {
      handed.entries.push_back(e.path);
      handed.fds.push_back(open_file(folder->path_of(e.path), MRUN_MISSING));
    }
  }
  return handed;
}

Preparation prepare_for(const Bundle &bundle, const EngineOptions &options, const HandedFiles &files) {
  Preparation p;
  Registry &registry = *options.registry;
  const auto catalog = registry.catalog();
  const Names names = bundle.packed() ? of_a_file(*catalog, bundle) : of_a_folder(*catalog);
  p.plugins.assign(names.begin(), names.end());
  p.all_needed = bundle.packed();
  p.folders = registry.folders();
  for (const Plugin *plugin : registry.loaded()) {
    if (!plugin->path.empty()) p.files.push_back(plugin->path.native());
  }
  p.lockdown.descriptors = spare_descriptors + files.fds.size();
  p.lockdown.address_space = address_space(files.size, options);
  return p;
}

}  // namespace mrun
