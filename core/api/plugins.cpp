#include "api/handles.h"
#include "author/plugin_report.h"
#include "plugin/registry.h"
#include "value/json.h"

using mrun::Registry;
using mrun::api::copy_string;
using mrun::api::guard;
using mrun::api::usage;

extern "C" {

int mrun_load_plugin(const char *path, mrun_error *error) {
  if (path == nullptr) return usage(error, "mrun_load_plugin: path must not be NULL");
  return guard(error, [&] { Registry::get().load(path); });
}

int mrun_add_plugin(int (*init)(const mrun_host *, mrun_plugin *), mrun_error *error) {
  if (init == nullptr) return usage(error, "mrun_add_plugin: init must not be NULL");
  return guard(error, [&] { Registry::get().add(init); });
}

int mrun_plugin_folders(const char *const *folders, size_t count) {
  if (folders == nullptr && count > 0) return MRUN_USAGE;
  return guard(nullptr, [&] { Registry::get().set_folders({folders, folders + count}); });
}

int mrun_operations(const char *name, char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_operations: json must not be NULL");
  return guard(error,
               [&] { *json = copy_string(mrun::to_json(mrun::report_operations(name == nullptr ? "" : name))); });
}

int mrun_plugins(char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_plugins: json must not be NULL");
  return guard(error, [&] { *json = copy_string(mrun::to_json(mrun::report_plugins())); });
}

}  // extern "C"
