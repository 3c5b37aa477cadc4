#include "report/plugins.h"
#include "api/handles.h"
#include "plugin/registry.h"
#include "report/conformance.h"
#include "value/json.h"

#include <atomic>

using mrun::Registry;
using mrun::Value;
using mrun::api::copy_string;
using mrun::api::default_registry;
using mrun::api::guard;
using mrun::api::usage;

// Engines may still use it while the process ends: it is never destroyed.
Registry &mrun::api::default_registry() {
  static Registry *const registry = new Registry;
  return *registry;
}

namespace {

std::atomic<bool> started{false};

// An engine that runs has looked for its operations: what came later would count for some of its items alone.
Registry &registry_to_change() {
  if (started) mrun::fail(MRUN_USAGE, "plugins are loaded, and their folders set, before the first engine starts");
  return default_registry();
}

}  // namespace

void mrun::api::note_start() { started = true; }

extern "C" {

int mrun_load_plugin(const char *path, mrun_error *error) {
  if (path == nullptr) return usage(error, "mrun_load_plugin: path must not be NULL");
  return guard(error, [&] { registry_to_change().load(path); });
}

int mrun_add_plugin(int (*init)(const mrun_host *, mrun_plugin *), mrun_error *error) {
  if (init == nullptr) return usage(error, "mrun_add_plugin: init must not be NULL");
  return guard(error, [&] { registry_to_change().add(init); });
}

int mrun_plugin_folders(const char *const *folders, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (folders == nullptr || folders[i] == nullptr) return usage(nullptr, "mrun_plugin_folders: a folder is NULL");
  }
  return guard(nullptr, [&] { registry_to_change().set_folders({folders, folders + count}); });
}

int mrun_operations(const char *name, char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_operations: json must not be NULL");
  return guard(error, [&] {
    *json = copy_string(mrun::to_json(mrun::report_operations(default_registry(), name == nullptr ? "" : name)));
  });
}

int mrun_plugins(char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_plugins: json must not be NULL");
  return guard(error, [&] { *json = copy_string(mrun::to_json(mrun::report_plugins(default_registry()))); });
}

int mrun_call_operation(const char *name, const mrun_value *args, mrun_value *results, mrun_error *error) {
  if (results == nullptr) return usage(error, "mrun_call_operation: results must not be NULL");
  *results = mrun_value{};
  if (name == nullptr || args == nullptr || args->kind != MRUN_LIST) {
    return usage(error, "mrun_call_operation: name must not be NULL, args must be a list");
  }
  return guard(error, [&] {
    const Value given = mrun::api::host_value(args);
    *results = mrun::call_by_itself(default_registry(), name, given).release();
  });
}

int mrun_check_plugin(const char *path, const mrun_bundle *bundle, void (*about)(void *, const char *), void *user,
                      char **json, mrun_error *error) {
  if (path == nullptr || json == nullptr) return usage(error, "mrun_check_plugin: path and json must not be NULL");
  return guard(error, [&] {
    const auto models = bundle == nullptr ? nullptr : mrun::api::bundle_of(bundle);
    const auto note = [&](const std::string &text) {
      mrun::api::call_host([&] {
        if (about != nullptr) about(user, text.c_str());
      });
    };
    *json = copy_string(mrun::to_json(mrun::check_conformance(registry_to_change(), path, models, note)));
  });
}

}  // extern "C"
