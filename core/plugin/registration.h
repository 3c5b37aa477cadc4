// What one plugin has said of itself before all of it is accepted: nothing of a plugin that fails is ever seen.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "plugin/registry.h"

namespace mrun {

// The sizes of ABI 1.0, where each struct ended with this member. Plugins of then give them for ever.
template <class T>
inline constexpr size_t first_size = 0;
#define MRUN_FIRST_END(type, last) \
  template <>                      \
  inline constexpr size_t first_size<type> = offsetof(type, last) + sizeof(type::last)
MRUN_FIRST_END(mrun_op, user);
MRUN_FIRST_END(mrun_type, to_tensor);
MRUN_FIRST_END(mrun_namespace, list);
MRUN_FIRST_END(mrun_backend, clone);
MRUN_FIRST_END(mrun_await, destroy);
MRUN_FIRST_END(mrun_plugin, registry);
#undef MRUN_FIRST_END

// What native code passes, as this host knows it: no more is read than it gave, what it did not give is zero. A size
// below ABI 1.0's is nonsense.
template <class T>
T known(const T *given, const char *what) {
  static_assert(first_size<T> > 0 && first_size<T> <= sizeof(T));
  if (given == nullptr) fail(MRUN_USAGE, "{}: NULL was given", what);
  const size_t size = given->size;
  if (size < first_size<T>) fail(MRUN_USAGE, "{}: its size is {}, at least {} is wanted", what, size, first_size<T>);
  if (size % alignof(T) != 0) fail(MRUN_USAGE, "{}: its size is {}, which is no size of such a struct", what, size);
  T copy{};
  std::memcpy(&copy, given, std::min(size, sizeof(T)));
  copy.size = sizeof(T);
  return copy;
}

}  // namespace mrun

// Named by plugin.h.
struct mrun_registry {
  mrun::Plugin *plugin = nullptr;
  std::vector<std::unique_ptr<mrun::Operation>> operations;
  std::vector<std::unique_ptr<const mrun_op>> ops;
  std::map<std::string, const mrun_type *> types;
  std::vector<std::unique_ptr<const mrun_namespace>> namespaces;
  std::vector<std::unique_ptr<const mrun_backend>> backends;
  mrun_code code = MRUN_USAGE;  // of `error`
  std::string error;            // the first that was wrong
};

namespace mrun {

// Why the mrun_plugin_init that runs on this thread fails, as it says by host->fail without a call.
void note_init_failure(mrun_code, std::string message);

// An operation from what a plugin registered or a namespace found; checked. The plugin's own mrun_op is copied into
// `kept`.
std::unique_ptr<Operation> make_operation(const mrun_op *, const Plugin &,
                                          std::vector<std::unique_ptr<const mrun_op>> &kept);

void register_op(mrun_registry &, const mrun_op *);
void register_type(mrun_registry &, const mrun_type *);
void register_namespace(mrun_registry &, const mrun_namespace *);
void register_backend(mrun_registry &, const mrun_backend *);

// Runs mrun_plugin_init. Fills in `plugin` and checks everything that it registered. Throws Error.
using PluginInit = int (*)(const mrun_host *, mrun_plugin *);
void initialize(PluginInit, const std::string &what, Plugin &, mrun_registry &);

// The Lua module of a plugin that brings none.
std::string lua_module(const Plugin &, const mrun_registry &);

}  // namespace mrun
