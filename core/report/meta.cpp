#include "report/meta.h"

#include "author/version.h"
#include "script/state.h"

namespace mrun {
namespace {

Value bundle_of(const Bundle &bundle) {
  const Manifest &m = bundle.manifest();
  const std::string &path = bundle.file().native();
  const Value lock = bundle.lock();
  const Value *revision = lock.find("revision");
  return Value::map({{"path", path.empty() ? Value() : Value::string(printable(path, SIZE_MAX))},
                     {"name", Value::string(m.name)},
                     {"version", Value::string(m.version)},
                     {"digest", bundle.packed() ? Value::string(bundle.digest()) : Value()},
                     {"revision", revision == nullptr ? Value() : *revision->find("number")}});
}

Value strings(const std::map<std::string, std::string> &from) {
  std::vector<std::pair<std::string, Value>> entries;
  for (const auto &[key, value] : from) entries.emplace_back(key, Value::string(value));
  return Value::map(std::move(entries));
}

Value versions(const Facts &facts) {
  return Value::map({{"mrun", Value::string(version)},
                     {"script", Value::integer(script_interface)},
                     {"plugins", strings(facts.plugins)},
                     {"libraries", strings(facts.libraries)}});
}

}  // namespace

Value meta_of(const Session &session, uint64_t item) {
  const Facts facts = session.facts();
  const EngineOptions &o = facts.options;
  return Value::map({{"bundle", bundle_of(*facts.bundle)},
                     {"item", Value::integer(static_cast<int64_t>(item))},
                     {"seed", Value::integer(static_cast<int64_t>(o.seed))},
                     {"params", o.params.is_nil() ? Value::map({}) : o.params},
                     {"device", Value::string(o.device)},
                     {"threads", Value::integer(o.threads)},
                     {"one_shot", Value::boolean(o.one_shot)},
                     {"isolation", strings(facts.isolation)},
                     {"versions", versions(facts)}});
}

}  // namespace mrun
