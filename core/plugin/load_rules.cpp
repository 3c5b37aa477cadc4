#include "plugin/load_rules.h"

#include "base/file.h"
#include "value/json.h"

namespace mrun {

LoadRules load_rules(const std::filesystem::path &plugin) {
  LoadRules rules;
  std::filesystem::path facts = plugin;
  facts.replace_extension(".json");
  std::error_code none;
  if (!std::filesystem::exists(facts, none)) return rules;
  constexpr size_t most = 1 << 20;
  const Value json = parse_json(read_file(facts, MRUN_USAGE, most), {facts.string(), MRUN_USAGE, 8});
  const auto want = [&facts](bool right, const char *what) {
    if (!right) fail(MRUN_USAGE, "{}: {}", facts.string(), what);
  };
  want(json.is_map(), "want a JSON object");
  if (const Value *own = json.find("own_memory")) {
    want(own->is_bool(), "\"own_memory\" must be a boolean");
    rules.own_memory = own->as_bool();
  }
  if (const Value *only = json.find("only")) {
    want(only->is_list(), "\"only\" must be a list of strings");
    for (const Value &name : only->as_list()) {
      want(name.is_string(), "\"only\" must be a list of strings");
      rules.only.emplace_back(name.as_string());
    }
  }
  return rules;
}

}  // namespace mrun
