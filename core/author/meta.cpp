#include "author/meta.h"

#include "author/version.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

Value bundle_of(const Bundle &bundle) {
  const Manifest &m = bundle.manifest();
  std::error_code error;
  const fs::path path = fs::absolute(bundle.origin(), error);
  const Value lock = bundle.lock();
  const Value *revision = lock.find("revision");
  return Value::map(
      {{"path", Value::string(printable(error ? bundle.origin() : path.lexically_normal().string(), SIZE_MAX))},
       {"name", Value::string(m.name)},
       {"version", Value::string(m.version)},
       {"digest", bundle.packed() ? Value::string(bundle.digest()) : Value()},
       {"revision", revision == nullptr ? Value() : *revision->find("number")}});
}

Value versions() {
  const Registry &registry = Registry::get();
  std::vector<std::pair<std::string, Value>> plugins, libraries;
  for (const Plugin *p : registry.loaded()) plugins.emplace_back(p->name, Value::string(p->version));
  for (const auto &[prefix, library] : registry.libraries()) libraries.emplace_back(prefix, Value::string(library));
  return Value::map({{"mrun", Value::string(version)},
                     {"script", Value::integer(script_interface)},
                     {"plugins", Value::map(std::move(plugins))},
                     {"libraries", Value::map(std::move(libraries))}});
}

}  // namespace

Value meta_of(const Engine &engine, uint64_t item) {
  const Loaded &loaded = engine.loaded();
  const EngineOptions &o = loaded.options;
  return Value::map({{"bundle", bundle_of(*loaded.bundle)},
                     {"item", Value::integer(static_cast<int64_t>(item))},
                     {"seed", Value::integer(static_cast<int64_t>(o.seed))},
                     {"params", o.params.is_nil() ? Value::map({}) : o.params},
                     {"device", Value::string(o.device)},
                     {"threads", Value::integer(loaded.threads)},
                     {"one_shot", Value::boolean(o.one_shot)},
                     {"versions", versions()}});
}

}  // namespace mrun
