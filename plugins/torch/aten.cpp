#include "aten.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>
#include <mrun/plugin.hpp>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "aten_overload.h"
#include "aten_rules.h"
#include "aten_tensor.h"

namespace mrun_torch {
namespace {

// Names are read once; overloads are made when a script first asks for their name, and kept for ever.
class Catalog {
 public:
  static Catalog &get() {
    static auto *catalog = new Catalog;  // never destroyed: scripts may run while the process exits
    return *catalog;
  }

  int find(const std::string &name, const mrun_op *const **overloads, size_t *count) {
    const std::lock_guard lock(mutex_);
    const auto it = entries_.find(name);
    *overloads = nullptr;
    *count = 0;
    if (it == entries_.end()) return MRUN_OK;
    Entry &entry = it->second;
    if (!entry.made) make(it->first, entry);
    *overloads = entry.ops.data();
    *count = entry.ops.size();
    return MRUN_OK;
  }

  const char *name(size_t index) {
    const std::lock_guard lock(mutex_);
    if (!listed_) list();
    return index < names_.size() ? names_[index] : nullptr;
  }

 private:
  struct Entry {
    std::vector<std::string> registered;  // the names of overloads
    std::vector<std::unique_ptr<Overload>> overloads;
    std::vector<const mrun_op *> ops;
    bool made = false;
  };

  static constexpr std::string_view prefix = "aten::";

  Catalog() {
    for (const c10::OperatorName &op : c10::Dispatcher::singleton().getAllOpNames()) {
      const std::string_view name = op.name;
      if (name.substr(0, prefix.size()) != prefix) continue;
      entries_[std::string(name.substr(prefix.size()))].registered.push_back(op.overload_name);
    }
  }

  static void make(const std::string &name, Entry &entry) {
    entry.made = true;
    if (denied_name(name)) return;
    std::sort(entry.registered.begin(), entry.registered.end());
    for (const std::string &overload : entry.registered) {
      const auto handle = c10::Dispatcher::singleton().findSchema({std::string(prefix) + name, overload});
      if (!handle) continue;
      if (auto made = make_overload(*handle)) entry.overloads.push_back(std::move(made));
    }
    for (const auto &overload : entry.overloads) entry.ops.push_back(&overload->info);
  }

  void list() {
    listed_ = true;
    for (auto &[name, entry] : entries_) {
      if (!entry.made) make(name, entry);
      if (!entry.ops.empty()) names_.push_back(name.c_str());
    }
    std::sort(names_.begin(), names_.end(), [](const char *a, const char *b) { return std::string_view(a) < b; });
  }

  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::vector<const char *> names_;
  bool listed_ = false;
};

int find_aten(const char *name, const mrun_op *const **overloads, size_t *count) {
  try {
    return Catalog::get().find(name, overloads, count);
  } catch (...) { return MRUN_INTERNAL; }
}

const char *list_aten(size_t index) {
  try {
    return Catalog::get().name(index);
  } catch (...) { return nullptr; }
}

const mrun_namespace aten = {sizeof(mrun_namespace), 0, "aten.", "libtorch " TORCH_VERSION, &find_aten, &list_aten};

}  // namespace

int register_aten(mrun_registry *registry) {
  if (const int code = register_tensor(registry)) return code;
  return mrun::host->add_namespace(registry, &aten);
}

}  // namespace mrun_torch
