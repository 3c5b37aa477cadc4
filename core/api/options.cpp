#include "api/options.h"

#include "base/error.h"
#include "base/text.h"

namespace mrun::api {

MapOptions::MapOptions(Value options, std::string function)
    : options_(std::move(options)), function_(std::move(function)) {
  if (!options_.is_nil() && !options_.is_map()) {
    fail(MRUN_USAGE, "{}: options: want a map, got {}", function_, describe(options_.c()));
  }
}

const Value *MapOptions::take(const std::string &name) {
  known_.insert(name);
  const Value *v = options_.find(name);
  return v == nullptr || v->is_nil() ? nullptr : v;
}

bool MapOptions::flag(const std::string &name) {
  const Value *v = take(name);
  if (v != nullptr && !v->is_bool())
    fail(MRUN_USAGE, "{}: option {}: want a boolean, got {}", function_, name, describe(v->c()));
  return v != nullptr && v->as_bool();
}

std::string MapOptions::text(const std::string &name) {
  const Value *v = take(name);
  if (v != nullptr && !v->is_string())
    fail(MRUN_USAGE, "{}: option {}: want a string, got {}", function_, name, describe(v->c()));
  return v == nullptr ? "" : std::string(v->as_string());
}

void MapOptions::finish() const {
  if (!options_.is_map()) return;
  const std::vector<std::string> names(known_.begin(), known_.end());
  for (const Entry &e : options_.as_map()) {
    const std::string key(e.key());
    if (known_.count(key) == 0)
      fail(MRUN_USAGE, "{}: no such option \"{}\"{}", function_, printable(key), did_you_mean(key, names));
  }
}

}  // namespace mrun::api
